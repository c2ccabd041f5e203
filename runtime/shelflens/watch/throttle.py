"""Limits the frame rate: a rate that people set, and a lower one while the device is hot."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

HOT_CELSIUS = 80.0
"""Degrees Celsius from which a Raspberry Pi's firmware throttles; for sensors without a limit of
their own."""

CHECK_EVERY_S = 5.0
"""Seconds between two readings of the sensors."""

_FLAGS = {0: "under-voltage", 1: "clock capped", 2: "throttled", 3: "soft temperature limit"}
"""Bits of the Raspberry Pi's get_throttled for the present; bits 16 to 19 are for the past."""


def throttle_reason(root: Path = Path("/")) -> str:
    """Why the device should slow down now, or nothing.

    Reads the temperatures of the kernel, and the throttling flags of a Raspberry Pi's firmware.

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


class RateLimiter:
    """When the next frame may be processed."""

    def __init__(
        self,
        max_fps: float,
        hot_fps: float,
        *,
        root: Path = Path("/"),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set the rates.

        Args:
            max_fps: Frames per second at most; 0 for no limit.
            hot_fps: The same while the device is hot, throttled or short of power.
            root: Where `sys` lies.
            clock: Seconds, rising.
        """
        self._max_fps, self._hot_fps, self._root, self._clock = max_fps, hot_fps, root, clock
        self._last = self._checked = -float("inf")
        self.throttle_reason = ""
        """Why the lower rate holds now, or nothing."""

    def wait_s(self) -> float:
        """Seconds until the next frame may be processed; 0 when it may now."""
        now = self._clock()
        if now - self._checked >= CHECK_EVERY_S:
            self._checked, self.throttle_reason = now, throttle_reason(self._root)
        max_fps = self._max_fps
        if self.throttle_reason:
            max_fps = min(max_fps, self._hot_fps) if max_fps else self._hot_fps
        return max(self._last + 1 / max_fps - now, 0.0) if max_fps else 0.0

    def start(self) -> None:
        """A frame is processed now."""
        now = self._clock()
        # Evenly, also after a late frame, but never two at once to catch up.
        ideal = self._last + (1 / self._max_fps if self._max_fps else 0.0)
        self._last = ideal if 0 <= now - ideal < 0.05 else now


def _limit(zone: Path) -> float:
    """The temperature from which this sensor's kernel driver throttles the device, Celsius."""
    limits = []
    for kind in zone.glob("trip_point_*_type"):
        if _text(kind) == "passive":
            celsius = _celsius(kind.with_name(kind.name.replace("_type", "_temp")))
            if celsius is not None and celsius > 0:
                limits.append(celsius)
    return min(limits, default=HOT_CELSIUS)


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
