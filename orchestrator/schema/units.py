"""Durations, sizes and amounts: text that people write ↔ numbers."""

from __future__ import annotations

import re

from orchestrator.model.plan import Amount

_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_BYTES = {"B": 1} | {
    prefix + unit: base**power
    for unit, base in (("iB", 1024), ("B", 1000))
    for power, prefix in enumerate("KMGT", start=1)
}
_BYTES["kB"] = 1000

NUMBER = r"[0-9]{1,12}(?:\.[0-9]{1,6})?"
DURATION = rf"(?:{NUMBER}(?:d|h|ms|m|s))+|{NUMBER}"
SIZE = rf"{NUMBER} ?(?:{'|'.join(_BYTES)})|[0-9]{{1,18}}"
AMOUNT = rf"{NUMBER}%|[0-9]{{1,9}}"


def seconds(text: str) -> float | None:
    """Return the seconds in ``90s``, ``10m``, ``1h30m``, ``2d`` or ``90``; None if it is none."""
    if not re.fullmatch(DURATION, text):
        return None
    parts = re.findall(rf"({NUMBER})(ms|[dhms])", text)
    return sum(float(number) * _SECONDS[unit] for number, unit in parts) if parts else float(text)


def spell_seconds(value: float) -> str:
    """Return the shortest usual spelling, e.g. ``1h30m``."""
    parts = []
    rest = round(value * 1000)
    for unit, factor in _SECONDS.items():
        count, rest = divmod(rest, round(factor * 1000))
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def size(text: str) -> int | None:
    """Return the bytes in ``500MiB``, ``2 GB`` or ``4096``; None if it is none."""
    if not re.fullmatch(SIZE, text):
        return None
    number, unit = re.findall(rf"({NUMBER}) ?([A-Za-z]*)", text)[0]
    return round(float(number) * _BYTES[unit]) if unit else int(text)


def spell_size(value: int) -> str:
    """Return bytes in the largest binary unit that divides them, e.g. ``500MiB``."""
    for prefix in "TGMK":
        factor = _BYTES[prefix + "iB"]
        if value and value % factor == 0:
            return f"{value // factor}{prefix}iB"
    return str(value)


def amount(text: str) -> Amount | None:
    """Return ``10%`` or ``3`` as an amount; None if it is neither."""
    if not re.fullmatch(AMOUNT, text):
        return None
    return Amount(float(text.rstrip("%")), percent=text.endswith("%"))
