"""The commands of the report's advice, with the paths of this evaluation, to paste as they are."""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

ENROL_FILE, NEW_PRODUCTS_FILE = "enrol.csv", "new-products.csv"
"""Beside the report: the test photos worth enrolling, and those of products not enrolled."""


@dataclass(frozen=True)
class Sources:
    """Where an evaluation took its photos from; paths become absolute."""

    out: Path
    """The report's folder."""
    queries: str
    catalog: str | None = None
    """The file; None where the catalog was made for this report."""
    gallery: str | None = None
    """The images that it was made from, or shown with it."""
    unknowns: str | None = None
    model: str | None = None
    """None for the bundled one."""
    options: tuple[str, ...] = field(default=())
    """How tables are read: `--columns`."""
    adapt: str = "auto"

    def _store(self) -> str:
        return (
            _absolute(self.catalog) if self.catalog else str(_absolute(self.out / "store.catalog"))
        )

    def build(self) -> str:
        """Keeps the catalog that was made for this report; empty where there is a file."""
        if self.catalog or not self.gallery:
            return ""
        words = ["catalog", "build", _absolute(self.gallery), "--out", self._store()]
        words += ["--adapt", self.adapt] if self.adapt != "auto" else []
        return self._command(words, self.options)

    def calibrate(self) -> str:
        """Measures a calibration with these photos."""
        words = ["catalog", "calibrate", self._store(), "--queries", _absolute(self.queries)]
        words += ["--unknowns", _absolute(self.unknowns)] if self.unknowns else []
        return self._command(words, self.options)

    def enrol(self, name: str) -> str:
        """Adds photos that a file beside the report lists."""
        return self._command(["catalog", "add", self._store(), _absolute(self.out / name)])

    def train(self) -> str:
        """Trains on the enrolled images, where their files are known, and on the test photos."""
        known = [self.gallery, self.queries] if self.gallery else [self.queries]
        words = ["train", *map(_absolute, known), "--out", _absolute(self.out / "run")]
        start = self.model if self.model and self.model.endswith(".tflite") else None
        words += ["--weights", _absolute(start) if start else "bundled", *self.options]
        return _quoted(words)

    def _command(self, words: list[str], options: tuple[str, ...] = ()) -> str:
        model = ["--model", _absolute(self.model)] if self.model else []
        return _quoted([*words, *options, *model])


def _absolute(path: str | Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100 a link stays what it is called


def _quoted(words: list[str]) -> str:
    join = subprocess.list2cmdline if os.name == "nt" else shlex.join
    return join(["shelflens", *words])
