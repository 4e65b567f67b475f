"""Randomised fault schedules against the host program: what goes wrong, and when, by a seed."""
