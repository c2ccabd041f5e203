"""A Debian userland of another architecture, kept between runs.

`mmdebstrap` makes it: debootstrap in one process, with the machine's own apt. The full one is
configured by Debian's scripts, under emulation (about five minutes). The quick one holds the same
packages unpacked and not configured: Python needs no more, and it takes seconds.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.device.machines import Machine, connect
from tests.device.needs import NeedError, call, prepare

SUITES: dict[str, tuple[str, ...]] = {"bookworm": (), "trixie": ("base-files",)}
"""Debian's releases that Raspberry Pi OS is made of, and the packages with the link from /lib to
/usr/lib where it is in one."""
SUITE = "bookworm"


@dataclass(frozen=True)
class Architecture:
    """One that we support."""

    qemu: str
    """As QEMU names it."""
    cpu: str
    """The oldest processor of a Raspberry Pi that has it."""
    packages: tuple[str, ...]
    """From apt, beside what every Debian has; the README names them."""
    engines: tuple[str, ...]


ARCHITECTURES = {
    "arm64": Architecture("aarch64", "cortex-a53", ("python3-venv",), ("litert", "onnxruntime")),
    "armhf": Architecture(
        "arm", "cortex-a7", ("python3-venv", "python3-numpy", "python3-pil"), ("tflite-runtime",)
    ),
}

ESSENTIAL = ("dash", "coreutils", "libstdc++6")
"""What an unpacked userland lacks of a Debian; every Raspberry Pi OS has them."""


def cache() -> Path:
    """Where userlands are kept: SHELFLENS_CACHE, or ~/.cache/shelflens."""
    return Path(os.environ.get("SHELFLENS_CACHE") or Path.home() / ".cache" / "shelflens")


def userland(
    name: str,
    *,
    quick: bool,
    cpu: str | None = None,
    suite: str = SUITE,
    more: tuple[str, ...] = (),
) -> Machine:
    """The userland of an architecture, made when there is none, or none that works.

    Args:
        name: One of `ARCHITECTURES`.
        quick: Unpacked, not configured.
        cpu: For QEMU; default: that of the oldest Pi that fits.
        suite: One of `SUITES`.
        more: Further packages.

    Raises:
        NeedError: it cannot be made.
    """
    architecture = ARCHITECTURES[name]
    prepare(architecture.qemu)
    variant = "extract" if quick else "essential"
    packages = (*ESSENTIAL, *SUITES[suite], *architecture.packages, *more)
    recipe = f"{suite} {name} {variant} {' '.join(packages)}\n"
    kind = [suite] * (suite != SUITE) + ["quick"] * quick + ["more"] * bool(more)
    root = cache() / "device" / "-".join((name, *kind))
    machine = Machine(name, root, "/home/pi", cpu or architecture.cpu)
    if not complete(machine, recipe):
        make(root, recipe)
    connect(root)
    machine.outside().mkdir(parents=True, exist_ok=True)
    if not complete(machine, recipe):
        raise NeedError(f"{root}: Python does not start in it; delete it and run again")
    return machine


def complete(machine: Machine, recipe: str) -> bool:
    """Whether a userland was made to its end, by this recipe, and starts Python."""
    stamp = machine.root / "recipe"
    if not stamp.is_file() or stamp.read_text() != recipe:
        return False
    machine.outside().mkdir(parents=True, exist_ok=True)
    try:
        machine.run("python3", "-c", "import venv, ssl, sqlite3")
    except NeedError:
        return False
    return True


def make(root: Path, recipe: str) -> None:
    """Make a userland beside its place, then move it there: half of one is never taken."""
    suite, name, variant, *packages = recipe.split()
    print(f"making a Debian {suite} userland of {name} in {root}", flush=True)
    part = root.with_name(f"{root.name}.part")
    for old in (part, root):
        shutil.rmtree(old, ignore_errors=True)
    root.parent.mkdir(parents=True, exist_ok=True)
    options = [f"--arch={name}", f"--variant={variant}", f"--include={','.join(packages)}"]
    call("mmdebstrap", "--quiet", *options, suite, part, *mirror(suite))
    for folder in ("proc", "dev", "tmp", "home/pi"):
        (part / folder).mkdir(parents=True, exist_ok=True)
    (part / "recipe").write_text(recipe)
    part.rename(root)


def mirror(suite: str) -> list[str]:
    """The one that this machine's apt takes the suite from, else its own suite; none leaves it to
    mmdebstrap."""
    try:
        lines = call("apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)")
    except NeedError:
        return []
    found = {}
    for address, codename, component in map(str.split, sorted(set(lines.splitlines()))):
        if component == "main" and codename in SUITES:
            found[codename] = address
    return [found[name] for name in (suite, *SUITES) if name in found][:1]
