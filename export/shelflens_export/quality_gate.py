"""The quality gate: what a file loses against the float model, measured as on a device."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens import Catalog, Embedder
from shelflens.dataset import LabelledImage
from shelflens.evaluation.measure.metrics import recall_at_k
from shelflens.progress import Progress
from shelflens_export import crash_probe
from shelflens_export.layer_errors import LayerError, blame, layer_errors
from shelflens_export.quiet import quiet

_TIMED = 60
_COMPARED = 12
"""Photos on which the layers of two files are compared."""


@dataclass(frozen=True)
class GateResult:
    """One file, measured."""

    format: str
    file: str
    """Name in the output folder; ends in `.rejected` when the gate failed."""
    bytes: int
    cosine_mean: float
    """Cosine to the float model's embedding of the same photo."""
    cosine_p5: float
    cosine_min: float
    recall_float: float
    """Recall@1 of the float model: its queries in its own catalog."""
    recall: float
    """Recall@1 of this file: its queries in the catalog it built."""
    recall_mixed: float
    """Recall@1 of this file's queries in the float model's catalog: a mixed fleet."""
    latency_p50_ms: float
    latency_p90_ms: float
    engine: str
    """Empty when no engine runs the file; its figures are then 0."""
    threads: int
    passed: bool
    reason: str = ""
    """Why the file failed, and which layers add most error."""
    cosines: NDArray[np.float32] = field(
        default_factory=lambda: np.empty(0, np.float32), repr=False, compare=False
    )
    layers: list[LayerError] = field(default_factory=list, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """JSON values, without the cosine of each photo."""
        values = {
            name: round(value, 5) if isinstance(value, float) else value
            for name, value in self.__dict__.items()
            if name not in ("cosines", "layers")
        }
        return {**values, "layers": [asdict(layer) for layer in self.layers]}


@dataclass(frozen=True)
class QualityGate:
    """Photos, products and the float model's embeddings of them."""

    pixels: NDArray[np.uint8]
    """uint8 [n, size, size, 3]: the gallery first, then the queries."""
    photos: list[LabelledImage]
    """The files that they were read from; fewer where the queries were cut from the gallery."""
    labels: list[str]
    gallery: int
    """How many of them are the gallery."""
    vectors: NDArray[np.float32]
    """The float model's embeddings, float32 [n, d]."""
    catalog: Catalog
    """The float model's catalog."""
    recall: float
    protocol: str
    """How recall was measured, in words."""
    held_out: str
    """What the queries are, in words; "" for photos that may have been trained on."""

    @property
    def queries(self) -> list[str]:
        """The product of each query."""
        return self.labels[self.gallery :]


@dataclass(frozen=True)
class _Measured:
    """What a file does with the gate's photos; nothing when no engine runs it."""

    vectors: NDArray[np.float32]
    recall: float = 0.0
    recall_mixed: float = 0.0
    latency: tuple[float, float] = (0.0, 0.0)
    engine: str = ""


def judge(
    gate: QualityGate,
    path: Path,
    float_path: Path,
    name: str,
    *,
    max_recall_drop: float,
    min_cosine: float,
    threads: int,
) -> GateResult:
    """Measure one file with the device's own code and hold it against the limits.

    Args:
        gate: From `open_gate`.
        path: The file.
        float_path: The float32 file of the same engine, to compare layers with.
        name: The format's name.
        max_recall_drop: Largest loss of recall@1 that passes.
        min_cosine: Smallest mean cosine that passes.
        threads: For one inference; 0 for one per core, at most four.
    """
    threads = threads or min(4, os.cpu_count() or 1)
    failure = crash_probe.failure(path)
    nothing = _Measured(np.zeros_like(gate.vectors))
    measured = nothing if failure else _measure(gate, path, threads)
    cosines = np.einsum("nd,nd->n", measured.vectors, gate.vectors)
    reasons = [failure] if failure else []
    if not failure:
        reasons += _recall_lost(gate, measured.recall, max_recall_drop)
        if not float(cosines.mean()) >= min_cosine:
            reasons.append(f"mean cosine {cosines.mean():.3f}, needed {min_cosine:g}")
    layers: list[LayerError] = []
    if path != float_path:
        # Spread over all photos: the first dozen may show one product.
        chosen = np.linspace(0, len(gate.pixels) - 1, min(_COMPARED, len(gate.pixels)), dtype=int)
        layers = layer_errors(float_path, path, gate.pixels[chosen])
    if reasons:
        reasons.append(
            blame(layers) if layers else "look at the conversion itself: not a layer's rounding"
        )
    return GateResult(
        format=name,
        file=path.name + (".rejected" if reasons else ""),
        bytes=path.stat().st_size,
        cosine_mean=float(cosines.mean()),
        cosine_p5=float(np.percentile(cosines, 5)),
        cosine_min=float(cosines.min()),
        recall_float=gate.recall,
        recall=measured.recall,
        recall_mixed=measured.recall_mixed,
        latency_p50_ms=measured.latency[0],
        latency_p90_ms=measured.latency[1],
        engine=measured.engine,
        threads=threads,
        passed=not reasons,
        reason="; ".join(reasons),
        cosines=cosines.astype(np.float32),
        layers=layers,
    )


def recall(catalog: Catalog, queries: NDArray[np.float32], labels: list[str]) -> float:
    """Recall@1 of queries, float32 [m, d], with the product of each."""
    return recall_at_k([[catalog.match(query, k=1)[0].id] for query in queries], labels)


def _measure(gate: QualityGate, path: Path, threads: int) -> _Measured:
    with quiet():
        embedder = Embedder.open(path, threads=threads)
    vectors = _embed(embedder, gate.pixels, path.name)
    gallery, queries = vectors[: gate.gallery], vectors[gate.gallery :]
    own = Catalog(gate.labels[: gate.gallery], gallery, space=gate.catalog.space)
    return _Measured(
        vectors,
        recall=recall(own, queries, gate.queries),
        recall_mixed=recall(gate.catalog, queries, gate.queries),
        latency=_latency(embedder, gate.pixels[:1]),
        engine=embedder.engine,
    )


def _recall_lost(gate: QualityGate, found: float, max_drop: float) -> list[str]:
    """Why the recall does not pass, if it does not."""
    drop = gate.recall - found
    if drop <= max_drop:
        return []
    count = len(gate.queries)
    return [
        f"recall@1 {found:.3f} is {drop:.3f} below float "
        f"({round(drop * count)} of {count} photos), allowed {max_drop:g}"
    ]


def _embed(embedder: Embedder, pixels: NDArray[np.uint8], what: str) -> NDArray[np.float32]:
    vectors = np.empty((len(pixels), embedder.card.dim), np.float32)
    with Progress(what, len(pixels)) as progress:
        for index, photo in enumerate(pixels):
            vectors[index] = embedder.embed_pixels(photo[np.newaxis])[0]
            progress.update(index + 1)
    return vectors


def _latency(embedder: Embedder, photo: NDArray[np.uint8]) -> tuple[float, float]:
    times = []
    for turn in range(_TIMED + 5):
        start = time.perf_counter()
        embedder.embed_pixels(photo)
        if turn >= 5:  # the first ones allocate
            times.append((time.perf_counter() - start) * 1e3)
    return float(np.percentile(times, 50)), float(np.percentile(times, 90))
