"""Offline media, from the plan to the journal."""
