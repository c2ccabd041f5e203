"""The wheel, and its installation as the README tells a Pi's owner to."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.device.machines import Machine
from tests.device.needs import call
from tests.device.sizes import wheel_of
from tests.support.readme import block

ROOT = Path(__file__).parents[2]

BLOCKS = {"amd64": "pi", "arm64": "pi", "armhf": "pi32"}
"""The README's block for each architecture."""


def build_wheel(folder: Path) -> Path:
    """The wheel of the working tree, without what git ignores."""
    with tempfile.TemporaryDirectory() as name:
        source = Path(name)
        for file in call("git", "-C", ROOT, "ls-files", "-co", "--exclude-standard").splitlines():
            if (ROOT / file).is_file():
                (source / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / file, source / file)
        call(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, source)
    return wheel_of(folder)


def lines_to_install(architecture: str) -> list[str]:
    """The README's lines that install, but the one for apt, which made the userland."""
    lines = block(BLOCKS[architecture]).splitlines()
    return [line for line in lines if not line.startswith(("sudo apt ", ".venv/bin/shelflens "))]


def install(machine: Machine, wheel: Path) -> None:
    """Type the README's lines in a home folder where nothing was installed before.

    Raises:
        NeedError: a line failed, or what is installed does not fit together.
    """
    shutil.rmtree(machine.outside(".venv"), ignore_errors=True)
    machine.outside().mkdir(parents=True, exist_ok=True)
    shutil.copy(wheel, machine.outside(wheel.name))
    for line in lines_to_install(machine.name):
        machine.run("sh", "-c", line)
    machine.run(".venv/bin/pip", "check")


def add_extras(machine: Machine, wheel: Path) -> None:
    """ONNX Runtime and the SIMD kernels."""
    machine.run(".venv/bin/pip", "install", "-q", f"./{wheel.name}[onnx,fast]")
    machine.run(".venv/bin/pip", "check")
