"""One lookup, timed step by step: what `shelflens lookup --json` prints and `serve` answers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.answer import Answer
from shelflens.catalog.barcodes import CodedAnswer, answer_by_barcode
from shelflens.catalog.catalog import Catalog
from shelflens.catalog.fuse import fuse
from shelflens.model.embedder import Embedder
from shelflens.model.image import Photo


@dataclass(frozen=True)
class EmbeddedQuery:
    """A photo as the catalog is asked with it."""

    name: str
    vector: NDArray[np.float32]
    decode: float
    """Milliseconds."""
    embed: float
    barcodes: tuple[str, ...] = ()
    """Codes in the photo, 14 digits each."""


@dataclass(frozen=True)
class TimedAnswer:
    """An answer, whose it is, and what it took."""

    names: list[str]
    answer: Answer
    fused: bool
    spent: dict[str, float]
    """Milliseconds: decode (with the barcodes), embed, match, total."""
    coded: CodedAnswer | None = None
    """Where a barcode decided."""

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON values: `photo` or, of several fused, `photos`; then the answer."""
        photos = {"photos": self.names} if self.fused else {"photo": self.names[0]}
        ms = {step: round(value, 2) for step, value in self.spent.items()}
        coded = self.coded.to_dict() if self.coded is not None else {}
        return {**photos, **self.answer.to_dict(), **coded, "ms": ms}


def embed_query(
    embedder: Embedder,
    photo: Photo,
    name: str,
    *,
    turn: AbstractContextManager[Any] | None = None,
    barcodes: bool = False,
) -> EmbeddedQuery:
    """Decode and embed a photo, with the milliseconds of each step.

    Args:
        embedder: The model.
        photo: What `Embedder.embed` takes.
        name: What the answer calls it.
        turn: Held while the model runs; a lock, where several threads share the embedder. The
            wait for it is not counted.
        barcodes: Whether to read those of products; needs the extra [barcode].

    Raises:
        PhotoError: it cannot be read as a picture.
        OSError: it cannot be read at all.
    """
    start = time.perf_counter()
    pixels = embedder.load(photo)
    numbers: list[str] = []
    if barcodes:
        from shelflens.barcode.reader import (  # a lookup without starts sooner
            grey_of,
            read_barcodes,
        )

        numbers = read_barcodes(grey_of(photo))
    decode = time.perf_counter() - start
    with turn or nullcontext():
        start = time.perf_counter()
        vector = embedder.embed_pixels(pixels[np.newaxis])[0]
        embed = time.perf_counter() - start
    return EmbeddedQuery(name, vector, decode * 1e3, embed * 1e3, tuple(numbers))


def times_of(queries: Sequence[EmbeddedQuery], start: float) -> dict[str, float]:
    """Milliseconds of each step and of all, when matching began at `start` (`perf_counter`)."""
    match = (time.perf_counter() - start) * 1e3
    decode = sum(query.decode for query in queries)
    embed = sum(query.embed for query in queries)
    return {"decode": decode, "embed": embed, "match": match, "total": decode + embed + match}


def answer_queries(
    catalog: Catalog, queries: Sequence[EmbeddedQuery], *, k: int, fused: bool
) -> TimedAnswer:
    """Answer one photo, or with `fused` one or more photos of one thing.

    Raises:
        CatalogError: the vectors do not fit the catalog, or have no mean.
    """
    start = time.perf_counter()
    if fused:
        answer = fuse(catalog, [query.vector for query in queries], k)
    else:
        answer = catalog.answer(queries[0].vector, k)
    numbers = list(dict.fromkeys(number for query in queries for number in query.barcodes))
    coded = answer_by_barcode(catalog, numbers, answer, queries[0].vector) if numbers else None
    spent = times_of(queries, start)
    names = [query.name for query in queries]
    return TimedAnswer(names, answer if coded is None else coded.answer, fused, spent, coded)
