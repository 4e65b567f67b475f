"""Engines: what carries out the core's instructions on hosts."""
