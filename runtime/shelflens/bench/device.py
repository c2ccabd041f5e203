"""What this device is: processor, features, clock, temperature, memory, versions."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

FEATURES = (
    "avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8",  # x86
    "asimd", "asimddp", "i8mm", "sve",  # Arm; asimddp is "dotprod"
)  # fmt: skip
"""Instructions that int8 networks and scans gain from, as /proc/cpuinfo names them."""

PACKAGES = (
    "shelflens", "numpy", "pillow", "ai-edge-litert", "tflite-runtime", "onnxruntime",
    "simsimd", "numkong",
)  # fmt: skip


def describe() -> dict[str, Any]:
    """The device, as JSON values; what a system does not say is left out."""
    values = {
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "board": _text("/proc/device-tree/model"),
        "processor": _cpuinfo("model name", "Model", "Hardware") or platform.processor(),
        "cores": os.cpu_count(),
        "features": [feature for feature in FEATURES if feature in _flags()],
        "memory_mib": _memory(),
        "governor": _text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "clock_mhz": _number("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", 1000),
        "python": platform.python_version(),
        "versions": {name: text for name in PACKAGES if (text := _version(name))},
        **state(),
    }
    return {key: value for key, value in values.items() if value not in (None, "", [])}


def state() -> dict[str, Any]:
    """What changes while a benchmark runs: load and temperature.

    A Raspberry Pi slows down from 80 °C (its firmware's soft limit), so the hotter of two states
    says whether to trust the figures.
    """
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    celsius = _number("/sys/class/thermal/thermal_zone0/temp", 1000)
    return {
        key: value for key, value in (("load", load), ("celsius", celsius)) if value is not None
    }


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip("\0 \n")
    except OSError:
        return ""


def _number(path: str, unit: int) -> float | None:
    text = _text(path)
    return int(text) / unit if text.lstrip("-").isdecimal() else None


def _cpuinfo(*names: str) -> str:
    for name in names:
        for line in _text("/proc/cpuinfo").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == name:
                return value.strip()
    return ""


def _flags() -> list[str]:
    return _cpuinfo("flags", "Features").split()


def _memory() -> int | None:
    for line in _text("/proc/meminfo").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) // 1024
    return None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
