"""The gate: what each file loses against the float model, measured as a device would see it."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens import Catalog, Embedder, load_image
from shelflens.dataset import LabelledImage
from shelflens.errors import DataError
from shelflens.evaluation.measure.metrics import recall_at_k
from shelflens.progress import Progress
from shelflens_export.config import ExportConfig
from shelflens_export.probe import trouble
from shelflens_export.quiet import quiet
from shelflens_export.run_folder import RunFolder, read_pixels, sample
from shelflens_export.suspect import LayerError, blame, layer_errors

_BATCH = 32
_TIMED = 60
_COMPARED = 12
"""Photos on which the layers of two files are compared."""


@dataclass(frozen=True)
class GateRow:
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
    """Why the file failed, and which layers to suspect."""
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
        return {**values, "layers": [asdict(one) for one in self.layers]}


@dataclass(frozen=True)
class Gate:
    """Photos, products and the float model's embeddings of them."""

    pixels: NDArray[np.uint8]
    """uint8 [n, size, size, 3]: the gallery first, then the queries."""
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

    @property
    def queries(self) -> list[str]:
        """The product of each query."""
        return self.labels[self.gallery :]


def open_gate(run: RunFolder, network: Any, config: ExportConfig) -> Gate:
    """Choose the photos, decode them, and embed them with the float model.

    Raises:
        DataError: no photos that can be read.
    """
    searched, looked_up, protocol = _split(run, config)
    pixels, kept, _ = read_pixels([*searched, *looked_up], run.card.size)
    there = {id(photo) for photo in searched}
    gallery = sum(id(photo) in there for photo in kept)
    labels = [photo.product for photo in kept]
    if not gallery:
        raise DataError(f"{run.path}: none of the gate's catalog photos can be read")
    if gallery == len(kept):
        pixels = np.concatenate([pixels, _closer(pixels)])
        labels, protocol = labels * 2, "no second photo of any product: its middle 80% looked up"
    with quiet():
        batches = [
            network.predict_on_batch(pixels[start : start + _BATCH].astype(np.float32))
            for start in range(0, len(pixels), _BATCH)
        ]
        vectors = np.concatenate(batches).astype(np.float32)
    catalog = Catalog(labels[:gallery], vectors[:gallery], space=run.card.space)
    recall = _recall(catalog, vectors[gallery:], labels[gallery:])
    protocol += (
        f"; {gallery} photos of {len(set(labels[:gallery]))} products in the catalog, "
        f"{len(labels) - gallery} looked up"
    )
    return Gate(pixels, labels, gallery, vectors, catalog, recall, protocol)


def judge(gate: Gate, path: Path, float_path: Path, kind: str, config: ExportConfig) -> GateRow:
    """Measure one file with the device's own code and hold it against the limits.

    Args:
        gate: From `open_gate`.
        path: The file.
        float_path: The float32 file of the same kind, to compare layers with.
        kind: The format's name.
        config: The limits.
    """
    threads = config.threads or min(4, os.cpu_count() or 1)
    reasons, engine, p50, p90 = [], "", 0.0, 0.0
    vectors = np.zeros_like(gate.vectors)
    recall = mixed = 0.0
    if broken := trouble(path):
        reasons.append(broken)
    else:
        with quiet():
            embedder = Embedder.open(path, threads=threads)
        vectors = _embed(embedder, gate.pixels, path.name)
        queries = vectors[gate.gallery :]
        own = Catalog(
            gate.labels[: gate.gallery], vectors[: gate.gallery], space=gate.catalog.space
        )
        recall = _recall(own, queries, gate.queries)
        mixed = _recall(gate.catalog, queries, gate.queries)
        engine, (p50, p90) = embedder.engine, _latency(embedder, gate.pixels[:1])
    cosines = np.einsum("nd,nd->n", vectors, gate.vectors)
    if not broken and gate.recall - recall > config.max_recall_drop:
        reasons.append(
            f"recall@1 {recall:.3f} is {gate.recall - recall:.3f} below float "
            f"({round((gate.recall - recall) * len(gate.queries))} of {len(gate.queries)} photos), "
            f"allowed {config.max_recall_drop:g}"
        )
    if not broken and not float(cosines.mean()) >= config.min_cosine:
        reasons.append(f"mean cosine {cosines.mean():.3f}, needed {config.min_cosine:g}")
    layers: list[LayerError] = []
    if path != float_path:
        # Spread over all photos: the first dozen may show one product.
        chosen = np.linspace(0, len(gate.pixels) - 1, min(_COMPARED, len(gate.pixels)), dtype=int)
        layers = layer_errors(float_path, path, gate.pixels[chosen])
    if reasons:
        reasons.append(
            blame(layers) if layers else "suspect the conversion itself: not a layer's rounding"
        )
    return GateRow(
        format=kind,
        file=path.name + (".rejected" if reasons else ""),
        bytes=path.stat().st_size,
        cosine_mean=float(cosines.mean()),
        cosine_p5=float(np.percentile(cosines, 5)),
        cosine_min=float(cosines.min()),
        recall_float=gate.recall,
        recall=recall,
        recall_mixed=mixed,
        latency_p50_ms=p50,
        latency_p90_ms=p90,
        engine=engine,
        threads=threads,
        passed=not reasons,
        reason="; ".join(reasons),
        cosines=cosines.astype(np.float32),
        layers=layers,
    )


def _split(
    run: RunFolder, config: ExportConfig
) -> tuple[list[LabelledImage], list[LabelledImage], str]:
    """What is searched, what is looked up, and that in words."""
    most = config.gate_photos
    if run.held_out:
        known = {photo.product for photo in run.train}
        looked_up = [photo for photo in run.held_out if photo.product in known]
        if looked_up:
            queries = sample(looked_up, max(most // 4, 1), config.seed)
            gallery = sample(run.train, max(most - len(queries), 1), config.seed)
            return gallery, queries, "held-out photos looked up among the train photos"
    photos = sample(run.train, most, config.seed)
    seen: dict[str, int] = {}
    searched: list[LabelledImage] = []
    held: list[LabelledImage] = []
    for photo in photos:  # every fifth of a product, beginning with its second
        count = seen[photo.product] = seen.get(photo.product, 0) + 1
        (held if count % 5 == 2 else searched).append(photo)
    return searched, held, "no held-out photos: a fifth of the train photos looked up"


def _closer(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Photos as if taken from nearer by."""
    size = pixels.shape[1]
    edge = size // 10
    return np.stack([load_image(one[edge:-edge, edge:-edge], size=size) for one in pixels])


def _embed(embedder: Embedder, pixels: NDArray[np.uint8], what: str) -> NDArray[np.float32]:
    vectors = np.empty((len(pixels), embedder.card.dim), np.float32)
    with Progress(what, len(pixels)) as progress:
        for place, photo in enumerate(pixels):
            vectors[place] = embedder.embed_pixels(photo[np.newaxis])[0]
            progress.update(place + 1)
    return vectors


def _recall(catalog: Catalog, queries: NDArray[np.float32], labels: list[str]) -> float:
    return recall_at_k([[catalog.match(query, k=1)[0].id] for query in queries], labels)


def _latency(embedder: Embedder, photo: NDArray[np.uint8]) -> tuple[float, float]:
    times = []
    for turn in range(_TIMED + 5):
        start = time.perf_counter()
        embedder.embed_pixels(photo)
        if turn >= 5:  # the first ones allocate
            times.append((time.perf_counter() - start) * 1e3)
    return float(np.percentile(times, 50)), float(np.percentile(times, 90))
