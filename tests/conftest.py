"""What holds for all tests: hypothesis plays the same examples each time, wherever it runs."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("fixed", derandomize=True)
settings.load_profile("fixed")
