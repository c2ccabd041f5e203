"""How much an installation takes on the disk."""

from __future__ import annotations

import re
from pathlib import Path

from tests.device.machines import Machine

NOT_OURS = (
    "pip",
    "setuptools",
    "pkg_resources",
    "_distutils_hack",
    "wheel",
    "distutils-precedence",
)
"""What a fresh virtual environment holds already."""


def installed(machine: Machine) -> int:
    """Bytes of what pip installed."""
    (folder,) = machine.outside(".venv/lib").glob("python3.*/site-packages")
    return sum(
        file.stat().st_size
        for top in folder.iterdir()
        if not top.name.startswith(NOT_OURS)
        for file in ([top] if top.is_file() else top.rglob("*"))
        if file.is_file()
    )


def from_apt(machine: Machine, packages: tuple[str, ...]) -> int:
    """Bytes of Debian packages and what they need, beside what python3-venv needs anyway."""
    status = (machine.root / "var/lib/dpkg/status").read_text(encoding="utf-8")
    sizes: dict[str, int] = {}
    needs: dict[str, set[str]] = {}
    for entry in status.split("\n\n"):
        fields = dict(re.findall(r"^(\S+): (.*)$", entry, re.M))
        if "Installed-Size" in fields:
            name = fields["Package"]
            sizes[name] = int(fields["Installed-Size"]) * 1024
            lists = f"{fields.get('Depends', '')},{fields.get('Pre-Depends', '')}"
            needs[name] = set(re.findall(r"(?:^|[,|])\s*([a-z0-9.+-]+)", lists))
    there = closure({"python3-venv"}, needs)
    return sum(sizes[name] for name in closure(set(packages), needs) - there)


def closure(names: set[str], needs: dict[str, set[str]]) -> set[str]:
    """Packages and all that they need, of those that are installed."""
    found: set[str] = set()
    waiting = [name for name in names if name in needs]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [package for package in needs[name] if package in needs]
    return found


def mib(count: float) -> float:
    """Bytes as MiB."""
    return round(count / 2**20, 1)


def wheel_of(folder: Path) -> Path:
    """The one wheel in a folder."""
    (wheel,) = folder.glob("shelflens-*.whl")
    return wheel
