"""How much memory may be taken without taking it from another program."""

from __future__ import annotations

import os
from pathlib import Path

_UNKNOWN = 4 * 10**9
"""Where the system does not say."""
_CGROUP = "sys/fs/cgroup"


def free_memory(root: Path = Path("/")) -> int:
    """Bytes that this process may still take; the limit of a container counts too.

    Linux says what is available without swapping (`/proc/meminfo`), and what a container may have
    and has (cgroup v2, then v1). Elsewhere it is half of the machine's memory, if that is known.

    Args:
        root: Where `proc` and `sys` are.
    """
    available = _available(root / "proc" / "meminfo")
    limits = [
        limit - (_number(root / _CGROUP / used) or 0)
        for max_file, used in (
            ("memory.max", "memory.current"),
            ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
        )
        if (limit := _number(root / _CGROUP / max_file)) is not None
    ]
    return max(0, min([available, *limits]))


def _available(meminfo: Path) -> int:
    try:
        for line in meminfo.read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "MemAvailable":
                return int(value.split()[0]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):  # Windows
        return _UNKNOWN


def _number(file: Path) -> int | None:
    """The number in a file; None for another word, such as "max", and without the file."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None
