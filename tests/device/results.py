"""The tables in `benchmarks/results/`: JSON for programs, Markdown for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.provenance import RESULTS, save, stamp, table
from tests.device.counting import CPUS

HEAD = (
    "architecture", "engine", "model", "doctor", "selftest, cosine", "demo", "same answers",
    "lowest cosine (at least)", "installed, MiB", "memory, MiB",
)  # fmt: skip

NOTES = """\
Debian bookworm, under QEMU's emulation of user programs: what is answered, never how fast.
`selftest`: cosine with the vector in the package. `demo`: photos of enrolled products that have the
right product first; rounding may move one or two across a threshold. Same answers: decision and
first product of `lookup`, in a catalog that was built, added to and removed from on that machine;
one decision of twelve may be moved by rounding, the first product may not.
Cosine: of each photo's vector with that of x86-64 (of LiteRT for tflite-runtime); tolerance in
brackets. Installed: what pip installs; for ONNX Runtime what it and the `[fast]` kernels add.
Memory: the maximum that a `lookup` held, QEMU's own left out."""

COUNTED = """\
Instructions that QEMU counted, one thread, the start of the process left out: a cost that does not
depend on what else runs. Not time: an instruction of one processor does not do the work of one of
another. x86-64 with AVX2 and no more, which is what this QEMU plays; Cortex-A76 has dot product
instructions (`asimddp`), which A72 lacks; where both counts are equal they were not used, and
whether a real Pi 5 uses them is not known from here: engines read `/proc/cpuinfo` too, which is
x86-64's under QEMU. A scan's count differs by a few per cent from run to run, as the starts do that
are taken off it. Kernel: `shelflens[fast]`."""


def write(rows: list[dict[str, Any]], name: str, folder: Path, *, quick: bool) -> None:
    """Write and print device-NAME.json and device-NAME.md."""
    stem = f"device-{name}" + ("-quick" if quick else "")
    command = f"tests/device/run {name}" + (" --quick" if quick else "")
    command += " --onnx model.onnx" if any(row["model"] == "model.onnx" for row in rows) else ""
    report = stamp(command=command) | {"quick": quick, "rows": rows}
    versions = "\n".join(f"- {line}" for line in dict.fromkeys(map(described, rows)))
    body = f"{NOTES}\n\n{markdown(rows)}\n\n{versions}"
    save(report, f"The package on {name}, emulated", body, stem, folder)


def described(row: dict[str, Any]) -> str:
    """Versions, in words."""
    cpu = f", played by QEMU as {row['cpu']}" if row["cpu"] else ""
    return (
        f"{row['architecture']} ({row['machine']}{cpu}): Python {row['python']}, numpy "
        f"{row['numpy']}, Pillow {row['pillow']}, {row['engine']} {row['version']}, "
        f"scan: {row['scan']}"
    )


def markdown(rows: list[dict[str, Any]]) -> str:
    """One line per row."""
    return table(HEAD, map(cells, rows)).strip()


def cells(row: dict[str, Any]) -> list[str]:
    """The cells of a row; what was not asked is a dash."""
    words = {True: "ok", False: "**differs**", None: "-"}
    known = "-" if row["selftest"] is None else f"{row['selftest']:.4f}"
    apt = f" + {row['apt_mib']:.0f} from apt" if row["apt_mib"] else ""
    return [
        row["architecture"],
        row["engine"],
        row["model"],
        words[row["doctor"]],
        known,
        shown_demo(row),
        f"{row['same_answers']} of {row['photos']}",
        f"{row['lowest_cosine']:.4f} ({row['tolerance']})",
        ("+" if row["engine"] == "onnxruntime" else "") + f"{row['installed_mib']:.0f}" + apt,
        f"{row['held_mib']:.0f}",
    ]


def shown_demo(row: dict[str, Any]) -> str:
    """The demo's cell: right product first, of how many photos."""
    if row["demo"] is None:
        return "-"
    first, photos = row["demo_first"]
    return f"{first} of {photos}" + ("" if row["demo"] else " **differs**")


def write_counts(counts: dict[str, dict[str, dict[str, int]]], folder: Path) -> None:
    """Write and print device-instructions, beside what was counted on other architectures."""
    path = folder / "device-instructions.json"
    known = json.loads(path.read_text(encoding="utf-8"))["counts"] if path.exists() else {}
    command = " and ".join(f"tests/device/run {name} --instructions" for name in ("arm64", "armhf"))
    report = stamp(seed="fixed, in shelflens.bench.samples", command=command)
    report["counts"] = known | counts
    body = f"{COUNTED}\n\n{counts_table(report['counts'])}"
    save(report, "Instructions under emulation", body, "device-instructions", folder)


def counts_table(counts: dict[str, dict[str, dict[str, int]]]) -> str:
    """A column for each processor, a line for each act, in millions."""
    columns = [(name, cpu) for name, cpus in counts.items() for cpu in cpus]
    acts = dict.fromkeys(act for name, cpu in columns for act in counts[name][cpu])

    def cell(name: str, cpu: str, act: str) -> str:
        count = counts[name][cpu].get(act)
        return "-" if count is None else f"{count / 1e6:.1f}"

    head = ("millions", *(f"{name}, {CPUS[name][cpu]}" for name, cpu in columns))
    rows = ((act, *(cell(name, cpu, act) for name, cpu in columns)) for act in acts)
    return table(head, rows).strip()


__all__ = ["RESULTS", "counts_table", "markdown", "write", "write_counts"]
