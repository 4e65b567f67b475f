"""Drivers around the pure core: what happens to a run while a controller holds it."""
