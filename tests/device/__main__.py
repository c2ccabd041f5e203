"""The package on a Raspberry Pi's userland, under emulation.

    tests/device/run arm64                 64-bit: LiteRT and ONNX Runtime
    tests/device/run armhf                 32-bit: tflite-runtime, Debian's NumPy and Pillow
    tests/device/run arm64 --quick         the smallest form that runs our code: what CI runs
    tests/device/run arm64 --appliance     what docs/how-to/appliance.md says; --suite trixie
    tests/device/run arm64 --instructions  after a full run: instructions of decode, embed, scan

Builds the wheel, makes a Debian userland, installs as the README says, runs doctor, selftest, demo,
catalog, embed and lookup there and here, and compares. Emulation proves what is answered, never
how fast.
"""

from __future__ import annotations

import argparse
import fcntl
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.device.appliance import try_appliance
from tests.device.checks import Answers, Model, ask
from tests.device.compare import compare, failures
from tests.device.counting import count
from tests.device.installing import add_extras, build_wheel, install
from tests.device.machines import Machine
from tests.device.needs import NeedError
from tests.device.results import RESULTS, write, write_counts
from tests.device.sizes import from_apt, installed, mib, wheel_of
from tests.device.userland import ARCHITECTURES, SUITE, SUITES, cache, userland

EXTRA = ("onnxruntime",)
"""The engine of an extra, which comes with the SIMD kernels."""


def main() -> int:
    """Run on one architecture; 1 when something differs from x86-64."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("run", description=__doc__, formatter_class=raw)
    parser.add_argument("architecture", choices=ARCHITECTURES)
    parser.add_argument("--quick", action="store_true", help="one engine, few photos, no demo")
    parser.add_argument("--cpu", help="for QEMU; default: that of the oldest Pi that fits")
    parser.add_argument("--onnx", type=Path, metavar="FILE", help="a whole model, not the probe")
    parser.add_argument("--suite", choices=SUITES, default=SUITE, help="default: %(default)s")
    parser.add_argument("--appliance", action="store_true", help="the guide, of this suite")
    parser.add_argument("--out", type=Path, default=RESULTS, help="default: %(default)s")
    parser.add_argument("--instructions", action="store_true", help="count them, of what is there")
    args = parser.parse_args()
    try:
        with alone():
            if args.instructions:
                write_counts(counts(args.architecture), args.out)
                return 0
            if args.appliance:
                with tempfile.TemporaryDirectory() as folder:
                    wheel = build_wheel(Path(folder))
                    try_appliance(args.architecture, args.suite, wheel)
                return 0
            there = userland(args.architecture, quick=args.quick, cpu=args.cpu, suite=args.suite)
            rows = measure(there, args.onnx, quick=args.quick)
    except (NeedError, OSError) as error:
        print(f"tests/device/run: {error}", file=sys.stderr)
        return 1
    write(rows, args.architecture, args.out, quick=args.quick)
    wrong = [line for row in rows for line in failures(row)]
    print(
        "\n".join(wrong)
        if wrong
        else f"{args.architecture}: the answers are those of x86-64, but for rounding"
    )
    return 1 if wrong else 0


def measure(there: Machine, onnx: Path | None, *, quick: bool) -> list[dict[str, Any]]:
    """Rows of the table: x86-64's engines, then the architecture's."""
    here = this_machine()
    with tempfile.TemporaryDirectory() as folder:
        wheel = build_wheel(Path(folder))
        engines = ARCHITECTURES[there.name].engines[: 1 if quick else None]
        ours = examine(here, wheel, ("litert", *engines[1:]), onnx, quick=quick)
        theirs = examine(there, wheel, engines, onnx, quick=quick)
    by_engine = {row["engine"]: answers for row, answers in ours}
    rows = []
    for row, answers in [*ours, *theirs]:
        # tflite-runtime runs the same file as LiteRT, which is what x86-64 has.
        base = by_engine.get(row["engine"], by_engine["litert"])
        rows.append({**row, **compare(row["engine"], base, answers)})
    return rows


def this_machine() -> Machine:
    """This one, with a folder in the cache as its home."""
    return Machine("amd64", Path("/"), str(cache() / "device" / "amd64"))


def counts(name: str) -> dict[str, dict[str, dict[str, int]]]:
    """Architecture -> processor -> act -> instructions, of what the last run installed."""
    found = {}
    for machine in (this_machine(), userland(name, quick=False)):
        if not machine.outside(".venv/bin/shelflens").exists():
            raise NeedError(
                f"{machine.name}: nothing installed; first type: tests/device/run {name}"
            )
        engines = ARCHITECTURES[machine.name].engines if machine.name in ARCHITECTURES else EXTRA
        if EXTRA[0] in engines:  # 32-bit systems have no wheels of the extras
            add_extras(machine, wheel_of(machine.outside()))
        tell(f"{machine.name}: counting")
        found[machine.name] = count(machine)
    return found


@contextmanager
def alone() -> Iterator[None]:
    """The cache belongs to one run at a time; the next one waits."""
    lock = cache() / "device" / "lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell(f"another run uses {lock.parent}; waiting for its end")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def examine(
    machine: Machine, wheel: Path, engines: tuple[str, ...], onnx: Path | None, *, quick: bool
) -> list[tuple[dict[str, Any], Answers]]:
    """Install on a machine and ask each engine; a row of figures for each, with its answers."""
    found: list[tuple[dict[str, Any], Answers]] = []
    tell(f"{machine.name}: installing as the README says")
    install(machine, wheel)
    size = installed(machine)
    for engine in engines:
        model = Model(engine)
        if engine == "onnxruntime":
            before = installed(machine)
            add_extras(machine, wheel)
            size = installed(machine) - before
            model = Model(engine, "probe.onnx" if onnx is None else "model.onnx")
            if onnx is not None:
                shutil.copy(onnx, machine.outside(model.file))
        tell(f"{machine.name}: {engine}")
        answers = ask(machine, model, quick=quick)
        versions = {found["name"]: found.get("version") for found in answers.doctor["engines"]}
        apt = ARCHITECTURES[machine.name].packages[1:] if machine.name in ARCHITECTURES else ()
        extra = from_apt(machine, apt) if apt else 0
        row = {
            "architecture": machine.name,
            "machine": answers.doctor["machine"],
            "cpu": machine.cpu,
            "engine": engine,
            "version": versions[engine],
            "model": model.file or "model.tflite",
            "python": answers.doctor["python"],
            "numpy": answers.doctor["numpy"],
            "pillow": answers.doctor["pillow"],
            "scan": answers.doctor["scan"],
            "installed_mib": mib(size),
            "apt_mib": mib(extra),
            "total_mib": mib(size + extra),
            "held_mib": mib(answers.held),
        }
        found.append((row, answers))
    return found


def tell(what: str) -> None:
    """A line for who waits."""
    print(f"{time.strftime('%H:%M:%S')} {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
