"""fleet: OTA-grade updates for ordinary Linux fleets over plain SSH."""

__version__ = "0.1.0"
