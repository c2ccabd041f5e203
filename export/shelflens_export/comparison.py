"""The exported model beside the bundled one: is it worth shipping?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shelflens import Catalog, Embedder
from shelflens.progress import Progress
from shelflens_export.quality_gate import GateResult, QualityGate, recall
from shelflens_export.quiet import quiet

_SHIPPED = "int8"
"""The format that devices get, where it was made."""


@dataclass(frozen=True)
class Comparison:
    """A file and the bundled model on the same held-out photos, each with a catalog of its own."""

    file: str
    recall: float
    """Recall@1 of the file."""
    bundled: float
    """Recall@1 of the bundled model."""
    queries: str
    """What was looked up, in words."""

    @property
    def better(self) -> bool:
        """Whether the file finds more."""
        return self.recall > self.bundled

    def __str__(self) -> str:
        found = (
            f"of {self.queries} {self.file} finds {self.recall:.3f}, "
            f"the bundled model {self.bundled:.3f}"
        )
        return found if self.better else f"warning: {found}: no better than what needs no export"


def compare(gate: QualityGate, results: Sequence[GateResult]) -> Comparison | None:
    """The file that is shipped, int8 if it is among them, beside the bundled model.

    Args:
        gate: Its photos are looked up.
        results: The files, measured on it.

    Returns:
        None where no file passed, or where the photos that are looked up were trained on.
    """
    passed = [row for row in results if row.passed]
    if not passed or not gate.held_out:
        return None
    shipped = next((row for row in passed if row.format == _SHIPPED), passed[0])
    with quiet():
        embedder = Embedder.open()
    with Progress("bundled model", len(gate.photos)) as bar:
        _, vectors = embedder.embed_many([photo.path for photo in gate.photos], on_done=bar.update)
    catalog = Catalog(
        gate.labels[: gate.gallery], vectors[: gate.gallery], space=embedder.card.space
    )
    found = recall(catalog, vectors[gate.gallery :], gate.queries)
    return Comparison(shipped.file, shipped.recall, found, f"{len(gate.queries)} {gate.held_out}")
