"""The table: JSON for programs, Markdown for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.device.counting import CPUS

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"

HEAD = (
    "architecture", "engine", "model", "doctor", "selftest, cosine", "demo", "same answers",
    "least cosine (at least)", "installed, MiB", "memory, MiB",
)  # fmt: skip

NOTES = """\
Debian bookworm, under QEMU's emulation of user programs: what is answered, never how fast.
`selftest`: cosine with the vector in the package. `demo`: photos of enrolled products that have the
right product first; rounding may move one or two across a threshold. Same answers: decision and
first product of `lookup`, in a catalog that was built, added to and removed from on that machine.
Cosine: of each photo's vector with that of x86-64 (of LiteRT for tflite-runtime); tolerance in
brackets. Installed: what pip installs; for ONNX Runtime what it and the `[fast]` kernels add.
Memory: the most that a `lookup` held, QEMU's own left out."""


def write(rows: list[dict[str, Any]], name: str, folder: Path, *, quick: bool) -> str:
    """Write NAME.json and NAME.md; gives the table."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{name}-quick" if quick else name
    command = f"tests/device/run {name}" + (" --quick" if quick else "")
    command += " --onnx model.onnx" if any(row["model"] == "model.onnx" for row in rows) else ""
    report = {"schema": "shelflens-device/1", "command": command, "quick": quick, "rows": rows}
    (folder / f"{stem}.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    table = markdown(rows)
    versions = "\n".join(f"- {line}" for line in dict.fromkeys(map(described, rows)))
    text = f"# {name}\n\n`{command}`\n\n{NOTES}\n\n{table}\n\n{versions}\n"
    (folder / f"{stem}.md").write_text(text, encoding="utf-8")
    return table


def described(row: dict[str, Any]) -> str:
    """Versions, in words."""
    cpu = f", played by QEMU as {row['cpu']}" if row["cpu"] else ""
    return (
        f"{row['architecture']} ({row['machine']}{cpu}): Python {row['python']}, numpy "
        f"{row['numpy']}, Pillow {row['pillow']}, {row['engine']} {row['version']}, "
        f"scan: {row['scan']}"
    )


def markdown(rows: list[dict[str, Any]]) -> str:
    """One line a row."""
    lines = [f"| {' | '.join(HEAD)} |", f"|{' --- |' * len(HEAD)}"]
    return "\n".join([*lines, *(f"| {' | '.join(cells(row))} |" for row in rows)])


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
        f"{row['least_cosine']:.4f} ({row['tolerance']})",
        ("+" if row["engine"] == "onnxruntime" else "") + f"{row['installed_mib']:.0f}" + apt,
        f"{row['held_mib']:.0f}",
    ]


COUNTED = """\
Instructions that QEMU counted, one thread, the start of the process left out: a cost that does not
depend on what else runs. Not time: an instruction of one processor does not do the work of one of
another. x86-64 with AVX2 and no more, which is what this QEMU plays; Cortex-A76 has dot product
instructions (`asimddp`), which A72 lacks; where both counts are equal they were not used, and
whether a real Pi 5 uses them is not known from here: engines read `/proc/cpuinfo` too, which is
x86-64's under QEMU. A scan's count differs by a few per cent from run to run, as the starts do that
are taken off it. Kernel: `shelflens[fast]`."""


def write_counts(counts: dict[str, dict[str, dict[str, int]]], folder: Path) -> str:
    """Write instructions.json and .md, beside what was counted on others; gives the table."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "instructions.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known |= counts
    path.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    table = counts_table(known)
    commands = "`tests/device/run arm64 --instructions`, `tests/device/run armhf --instructions`"
    text = f"# Instructions, in millions\n\n{commands}\n\n{COUNTED}\n\n{table}\n"
    (folder / "instructions.md").write_text(text, encoding="utf-8")
    return table


def counts_table(counts: dict[str, dict[str, dict[str, int]]]) -> str:
    """A column for each processor, a line for each act, in millions."""
    columns = [(name, cpu) for name, cpus in counts.items() for cpu in cpus]
    acts = dict.fromkeys(act for name, cpu in columns for act in counts[name][cpu])
    head = [f"{name}, {CPUS[name][cpu]}" for name, cpu in columns]
    lines = [f"| millions | {' | '.join(head)} |", f"|{' --- |' * (len(head) + 1)}"]
    for act in acts:
        numbers = [counts[name][cpu].get(act) for name, cpu in columns]
        shown = ["-" if number is None else f"{number / 1e6:.1f}" for number in numbers]
        lines.append(f"| {act} | {' | '.join(shown)} |")
    return "\n".join(lines)


def shown_demo(row: dict[str, Any]) -> str:
    """The demo's cell: right product first, of how many photos."""
    if row["demo"] is None:
        return "-"
    first, photos = row["demo_first"]
    return f"{first} of {photos}" + ("" if row["demo"] else " **differs**")
