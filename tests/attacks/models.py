"""Damaged model files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from shelflens import Embedder, ModelError
from shelflens.model.embedder import BUNDLED_MODEL


def tally_models(path: Path, damages: Iterator[bytes], whole: Path = BUNDLED_MODEL) -> Counter[str]:
    """Open damaged copies of a model one after another.

    Args:
        path: Where they are written.
        damages: Their contents.
        whole: The model; by default the bundled one.

    Returns:
        Counts of `refused`, `same answers`, `other answers`, `raw exception`.
    """
    expected = _seen(whole)
    counts: Counter[str] = Counter()
    for data in damages:
        path.write_bytes(data)
        try:
            counts["same answers" if _seen(path) == expected else "other answers"] += 1
        except ModelError as error:
            counts["refused"] += 1
            assert "\n" not in str(error)
        except Exception:
            counts["raw exception"] += 1
    return counts


def _seen(path: Path) -> tuple[str, bytes]:
    """All that a lookup takes from a model: its card, and the embedding of an image."""
    embedder = Embedder.open(path, threads=1)
    side = embedder.card.size
    pixels = np.arange(side * side * 3, dtype=np.uint32).reshape(1, side, side, 3).astype(np.uint8)
    return embedder.card.to_json(), embedder.embed_pixels(pixels).tobytes()
