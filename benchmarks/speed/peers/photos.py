"""From a photo to its answer or its embedding, beside MediaPipe, LiteRT and ONNX Runtime."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.speed.peers import adapters
from benchmarks.speed.peers.ratios import Row, in_ms
from shelflens import Catalog, Embedder, load_image
from shelflens.bench.samples import PHOTOS, synthetic_photo
from shelflens.bench.timing import interleaved

SAME_VECTOR = 0.999
"""Cosine between two engines on the same pixels: one file, equal but for rounding."""


def photos(
    model: Path, embedder: Embedder, catalog: Catalog, seconds: float, folder: Path
) -> list[Row]:
    """File to answer, beside MediaPipe's file to embedding with the same model file."""
    theirs, close = adapters.mediapipe_embedder(model)
    size = embedder.card.size
    rows = []
    try:
        for name, (width, height) in PHOTOS.items():
            path = folder / f"{width}.jpg"
            path.write_bytes(synthetic_photo(width, height))
            small = folder / f"{width}.png"
            Image.fromarray(load_image(path, size=size)).save(small)
            same = float(theirs(str(small)) @ embedder.embed_pixels(load_image(small)[None])[0])
            assert same > SAME_VECTOR, f"MediaPipe on the same pixels: cosine {same}"
            times = interleaved(
                {
                    "answer": lambda path=path: catalog.answer(embedder.embed(path)),  # type: ignore[misc]
                    "full_decode": lambda path=path: load_image(load_image(path), size=size),  # type: ignore[misc]
                    "decode": lambda path=path: embedder.load(path),  # type: ignore[misc]
                    "mediapipe": lambda path=path: theirs(str(path)),  # type: ignore[misc]
                },
                seconds,
            )
            own_decoding = float(theirs(str(path)) @ embedder.embed(path))
            rows.append(
                {
                    "photo": name,
                    "bytes": path.stat().st_size,
                    "cosine_same_pixels": round(same, 5),
                    "cosine_own_decoding": round(own_decoding, 4),
                    **in_ms(times),
                }
            )
    finally:
        close()
    return rows


def embed(model: Path, onnx: Path | None, embedder: Embedder, seconds: float) -> list[Row]:
    """`Embedder.embed_pixels` beside the bare interpreter, the same file and threads."""
    pixels = embedder.load(synthetic_photo(348, 348))[np.newaxis]
    ours = embedder.embed_pixels(pixels)[0]
    rows = []
    for threads in sorted({1, min(4, os.cpu_count() or 1)}):
        acts: dict[str, Callable[[], Any]] = {
            "shelflens": partial(Embedder.open(model, threads=threads).embed_pixels, pixels),
            "litert": adapters.litert_invoke(model, threads, pixels),
        }
        assert float(acts["litert"]() @ ours) > SAME_VECTOR
        if onnx:
            acts["onnxruntime"] = adapters.onnx_run(onnx, threads, pixels)
            assert float(acts["onnxruntime"]() @ ours) > 0.9, "not of the same training"
        rows.append({"threads": threads, **in_ms(interleaved(acts, seconds / 2))})
    return rows
