"""What runs on a host, and the procedures that drive it over a session."""
