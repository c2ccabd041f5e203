"""What is run on a machine, the same on each, and what it answered."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.device.machines import Machine

BIN = ".venv/bin"
MEMORY = Path(__file__).with_name("memory.py")


@dataclass(frozen=True)
class Model:
    """A model, the engine that runs it, and what can be asked of it."""

    engine: str
    file: str = ""
    """Below the home folder, or `probe.onnx`, the package's; empty is the bundled model."""

    @property
    def whole(self) -> bool:
        """Whether it knows products: the probe only shows that its engine computes."""
        return self.file != "probe.onnx"


@dataclass(frozen=True)
class Answers:
    """What one engine on one machine said."""

    doctor: dict[str, Any]
    selftest: float | None
    """Cosine with the known vector; None for a model that knows no products."""
    demo: str | None
    vectors: NDArray[np.float32]
    """float32 [photos, d]."""
    lookups: list[dict[str, Any]]
    ids: list[str]
    """Products of the catalog after it was built, added to and removed from."""
    rows: str
    """SHA-256 of the catalog file."""
    held: int
    """Bytes of memory that a lookup held."""


def ask(machine: Machine, model: Model, *, quick: bool) -> Answers:
    """Run doctor, selftest, demo, catalog, embed and lookup.

    Raises:
        NeedError: a command failed.
    """
    data = machine.run(f"{BIN}/python", "-c", "import shelflens; print(shelflens.__path__[0])")
    inside = Path(data.strip()) / "data"
    demo = machine.root / str(inside / "demo").lstrip("/")
    file = model.file if model.whole else str(inside / model.file)
    words = [*(["--model", file] if file else []), "--engine", model.engine]
    shelflens = f"{BIN}/shelflens"

    doctor = json.loads(machine.run(shelflens, "doctor", "--json"))
    known = None
    if model.whole:
        known = float(json.loads(machine.run(shelflens, "selftest", "--json", *words))["cosine"])
    shown = None if quick else machine.run(shelflens, "demo", "--out", "demo", *words)

    products = list(csv.DictReader((demo / "studio.csv").open(encoding="utf-8")))
    products = products[:: 4 if quick else 1]
    store = f"{model.engine}.catalog"
    write(machine.outside("first.csv"), products[:-2], inside / "demo")
    write(machine.outside("more.csv"), products[-2:], inside / "demo")
    machine.run(shelflens, "catalog", "build", "first.csv", "--out", store, "--force", *words)
    machine.run(shelflens, "catalog", "add", store, "more.csv", *words)
    machine.run(shelflens, "catalog", "remove", store, products[1]["product"])
    held = json.loads(machine.run(shelflens, "catalog", "info", store, "--json"))

    names = sorted(path.name for path in (demo / "photos").iterdir())[:: 20 if quick else 5]
    photos = [inside / "demo" / "photos" / name for name in names]
    machine.run(shelflens, "embed", *photos, "--out", "vectors.npy", *words)
    lines = machine.run(shelflens, "lookup", *photos, "--catalog", store, "--json", *words)
    shutil.copy(MEMORY, machine.outside("memory.py"))
    lookup = ["lookup", photos[0], "--catalog", store, *words]
    memory = machine.run(f"{BIN}/python", "memory.py", *lookup)
    return Answers(
        doctor=doctor,
        selftest=known,
        demo=None if shown is None else without_times(shown),
        vectors=np.load(machine.outside("vectors.npy")),
        lookups=[json.loads(line) for line in lines.splitlines()],
        ids=held["ids"],
        rows=hashlib.sha256(machine.outside(store).read_bytes()).hexdigest(),
        held=int(memory.rpartition("held ")[2]),
    )


def write(path: Path, products: list[dict[str, str]], folder: Path) -> None:
    """Products as a CSV whose paths are absolute."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(products[0]))
    writer.writeheader()
    writer.writerows({**row, "path": str(folder / row["path"])} for row in products)
    path.write_text(text.getvalue(), encoding="utf-8")


def without_times(shown: str) -> str:
    """The demo's answers: its lines but the engine's version, times, paths, and last digits."""
    lines = [line for line in shown.splitlines() if line.startswith(("✓", "~", "✗"))]
    counts = [line for line in shown.splitlines() if re.match(r"\d+ of|answered", line)]
    return "\n".join([*(re.sub(r"\s+\d\.\d\d$", "", line) for line in lines), *counts])
