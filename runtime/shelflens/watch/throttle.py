"""Not too fast: a rate that people set, and a lower one while the device is hot."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

HOT = 80.0
"""Degrees Celsius from which a Raspberry Pi's firmware slows it down; for sensors that name no
limit of their own."""

EVERY = 5.0
"""Seconds between two looks at the sensors."""

_FLAGS = {0: "under-voltage", 1: "clock capped", 2: "throttled", 3: "soft temperature limit"}
"""Bits of the Raspberry Pi's get_throttled that hold now; bits 16 to 19 are of the past."""


def strain(root: Path = Path("/")) -> str:
    """Why the device should be spared just now, or nothing.

    Reads what the kernel tells of temperatures, and the Raspberry Pi's firmware of throttling.

    Args:
        root: Where `sys` lies.
    """
    flags = _text(root / "sys/devices/platform/soc/soc:firmware/get_throttled")
    try:
        value = int(flags, 16)
    except ValueError:
        value = 0
    for bit, why in _FLAGS.items():
        if value >> bit & 1:
            return why
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*")):
        celsius = _celsius(zone / "temp")
        if celsius is not None and celsius >= _limit(zone):
            return f"{celsius:.0f} °C"
    return ""


class Pace:
    """When the next frame may be looked at."""

    def __init__(
        self,
        most: float,
        spared: float,
        *,
        root: Path = Path("/"),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set the rates.

        Args:
            most: Frames a second at most; 0 for no limit.
            spared: As many while the device is under strain.
            root: Where `sys` lies.
            clock: Seconds, rising.
        """
        self._most, self._spared, self._root, self._clock = most, spared, root, clock
        self._last = self._looked = -float("inf")
        self.strain = ""
        """Why it goes slowly now, or nothing."""

    def left(self) -> float:
        """Seconds until the next frame may be looked at; 0 when it may now."""
        now = self._clock()
        if now - self._looked >= EVERY:
            self._looked, self.strain = now, strain(self._root)
        most = self._most
        if self.strain:
            most = min(most, self._spared) if most else self._spared
        return max(self._last + 1 / most - now, 0.0) if most else 0.0

    def start(self) -> None:
        """A frame is looked at now."""
        now = self._clock()
        # Evenly, also when one was late; but never two at once to make up for it.
        ideal = self._last + (1 / self._most if self._most else 0.0)
        self._last = ideal if 0 <= now - ideal < 0.05 else now


def _limit(zone: Path) -> float:
    """From where this sensor's kernel driver slows the device down."""
    limits = []
    for kind in zone.glob("trip_point_*_type"):
        if _text(kind) == "passive":
            celsius = _celsius(kind.with_name(kind.name.replace("_type", "_temp")))
            if celsius is not None and celsius > 0:
                limits.append(celsius)
    return min(limits, default=HOT)


def _celsius(path: Path) -> float | None:
    try:
        return int(_text(path)) / 1000
    except ValueError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
