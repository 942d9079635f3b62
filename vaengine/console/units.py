"""Formats and parses quantities: times, sizes, durations, counts."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from schemas.errors import UsageError

TIME_STEPS_S: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)

_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_QUANTITY: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)")
_DURATIONS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}
_SIZES: Final = {"b": 1} | {
    f"{p}{unit}": base**n for unit, base in (("b", 1000), ("ib", 1024)) for n, p in enumerate("kmgt", start=1)
}
_MINUTE: Final = 60
_HOUR: Final = 3600


def time_step_s(length_s: float, max_steps: int) -> float | None:
    """Seconds between two times on an axis, a round number that gives at most so many steps.

    None where the length is too long.
    """
    return next((step for step in TIME_STEPS_S if length_s / step <= max_steps), None)


def clock(seconds: float) -> str:
    """`0:07`, `12:34` or `1:02:03`."""
    whole = round(seconds)
    hours, minutes, rest = whole // _HOUR, whole % _HOUR // _MINUTE, whole % _MINUTE
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(count: float) -> str:
    """`512 B`, `3.4 GiB`."""
    for unit in _UNITS[:-1]:
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} {_UNITS[-1]}"


def counted(number: int, noun: str) -> str:
    """`1 video`, `3 videos`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def timestamp() -> str:
    """The current time in UTC, as events have it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def duration_of(text: str) -> timedelta:
    """The duration that a text means, such as `90d`, `12h`, `2w`; raises `UsageError`."""
    return timedelta(seconds=_quantity(text, _DURATIONS, "90d, 12h or 2w"))


def bytes_in(text: str) -> int:
    """The bytes that a text means: `10GB` in thousands, `512MiB` in 1024s; raises `UsageError`."""
    return int(_quantity(text, _SIZES, "10GB, 500MB or 2TiB"))


def _quantity(text: str, units: dict[str, int], forms: str) -> float:
    match = _QUANTITY.fullmatch(text.strip())
    factor = units.get(match.group(2).lower()) if match else None
    if match is None or factor is None:
        raise UsageError(f"{text!r} is no quantity of the form {forms}")
    return float(match.group(1)) * factor
