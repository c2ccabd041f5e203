"""Runs on the device: a lookup, and how much memory it held, without the emulator's.

    python memory.py lookup PHOTO --catalog STORE.catalog ...

Under QEMU the process is QEMU's: `/proc/self/smaps` has its memory too, while QEMU shows the guest
only the guest's part as `/proc/self/maps`. Pages that lie in both are counted, a hundred times a
second while the command runs.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path


def resident() -> int:
    """Bytes of this program in memory, the emulator's left out."""
    guest = [_range(line) for line in _lines("maps")]
    host = _lines("smaps")
    shift = _range(host[0])[0] - guest[0][0]  # 32-bit programs lie elsewhere in QEMU's memory
    program = guest[0][2]
    if shift:
        shift = next(_range(line)[0] for line in host if line.endswith(program)) - guest[0][0]
    total, inside = 0, False
    for line in host:
        if line.startswith("Rss:"):
            total += int(line.split()[1]) * 1024 if inside else 0
        elif "-" in line.split(" ")[0]:
            start, end, _ = _range(line)
            inside = any(first + shift < end and start < last + shift for first, last, _ in guest)
    return total


def _lines(name: str) -> list[str]:
    return Path(f"/proc/self/{name}").read_text(errors="replace").splitlines()


def _range(line: str) -> tuple[int, int, str]:
    span, *rest = line.split()
    start, _, end = span.partition("-")
    return int(start, 16), int(end, 16), rest[-1]


def main(words: list[str]) -> int:
    """Run a command of ShelfLens, then print the maximum that it held."""
    from shelflens.cli import main as shelflens

    held, ended = [0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.01):
            held.append(resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    status = shelflens(words)
    held.append(resident())
    ended.set()
    watcher.join()
    print(f"\nheld {max(held)}")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
