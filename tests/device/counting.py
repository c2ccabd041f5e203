"""Instructions of decoding, embedding and scanning, as QEMU runs them: no time, and no luck.

Each act is done once and seventeen times in a new process; a sixteenth of the difference is its
cost, the start left out: two starts differ by some millions. QEMU counts instructions on every
architecture alike, x86-64 too, where it plays a processor with AVX2. An instruction of one
architecture does not do the work of one of another, nor take its time.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.speed.instructions import ACTS, ALONE, ROWS, each, script
from tests.device.machines import Machine
from tests.device.needs import NeedError, call, install

ROWS_SCANNED, DIM = 100_000, 256
_SCAN = f"scan {ROWS_SCANNED:,} x {DIM}"
_ROWS = ROWS.format(n=ROWS_SCANNED, dim=DIM)
EMBED = """
from shelflens import Embedder
embedder = Embedder.open(threads=1)
pixels = embedder.load(synthetic_photo(348, 348))[np.newaxis]
"""

COUNTED = {
    "decode 12 MP to 224 pixels": (
        "photo = synthetic_photo(4032, 3024)",
        ACTS["decode 12 MP to 224 pixels"],
    ),
    "decode 348 pixels to 224": (
        "photo = synthetic_photo(348, 348)",
        ACTS["decode 348 pixels to 224"],
    ),
    "embed": (EMBED, "embedder.embed_pixels(pixels)"),
    f"{_SCAN}, kernel": (_ROWS, ACTS["scan 20,000 x 128, kernel"]),
    f"{_SCAN}, NumPy": (_ROWS, ACTS["scan 20,000 x 128, NumPy"]),
}
"""Act -> what prepares it, and what is counted."""

CPUS = {
    "amd64": {"max": "x86-64 with AVX2"},
    "arm64": {"cortex-a72": "Pi 4", "cortex-a76": "Pi 5"},
    "armhf": {"cortex-a7": "Pi 2, 32-bit"},
}
"""The processors that QEMU plays, and who has them."""

QEMU = {"amd64": "qemu-x86_64", "arm64": "qemu-aarch64", "armhf": "qemu-arm"}
"""Those of Debian's qemu-user, which loads plugins; the static ones cannot."""

LIBRARIES = ("/lib64", "/usr/lib/x86_64-linux-gnu")
"""What QEMU needs of this machine inside a userland, which has no such folders of its own."""


def count(machine: Machine) -> dict[str, dict[str, int]]:
    """Processor -> act -> instructions, on a machine where ShelfLens is installed.

    Raises:
        NeedError: QEMU or a compiler is missing, or an act failed.
    """
    qemu = shutil.which(QEMU[machine.name])
    if qemu is None or shutil.which("cc") is None:
        install({QEMU[machine.name]: "qemu-user", "cc": "gcc"})
        qemu = shutil.which(QEMU[machine.name]) or ""
    tools = machine.outside("count")
    tools.mkdir(exist_ok=True)
    shutil.copy(qemu, tools / "qemu")
    source = Path(__file__).with_name("count.c")
    call("cc", "-O2", "-shared", "-fPIC", "-o", tools / "count.so", source)
    # Without a kernel `top_products` scans with NumPy: that row would say nothing of its own.
    kernel = "from shelflens.catalog.simd import kernel; print(kernel(False) is not None)"
    has_kernel = machine.run(".venv/bin/python", "-c", kernel).strip() == "True"
    acts = [name for name in COUNTED if has_kernel or not name.endswith("kernel")]
    return {
        cpu: {
            name: cost(replace(machine, cpu=cpu, settings=ALONE, binds=LIBRARIES), name)
            for name in acts
        }
        for cpu in CPUS[machine.name]
    }


def cost(machine: Machine, name: str) -> int:
    """Instructions of one act."""
    return each(partial(counted, machine, name))


def counted(machine: Machine, name: str, times: int) -> int:
    """Instructions of a process that does the act so often.

    Raises:
        NeedError: the process failed, or QEMU did not count.
    """
    tools = f"{machine.home}/count"
    program = script(*COUNTED[name], times)
    command = [f"{tools}/qemu", "-plugin", f"{tools}/count.so", ".venv/bin/python", "-c", program]
    found = re.search(r"^instructions: (\d+)$", machine.run(*command), re.M)
    if not found:
        raise NeedError(f"{machine.name}: QEMU did not count: the plugin said nothing")
    return int(found[1])
