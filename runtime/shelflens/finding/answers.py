"""A photo's regions, each answered: what `shelflens lookup --find` prints."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.answer import Answer
from shelflens.catalog.catalog import Catalog
from shelflens.catalog.fuse import fuse
from shelflens.catalog.lookup import (
    EmbeddedQuery,
    TimedAnswer,
    answer_queries,
    embed_query,
    times_of,
)
from shelflens.finding.crop import crop
from shelflens.finding.finder import Finder
from shelflens.finding.regions import Region, main_region
from shelflens.finding.tiles import find_closely
from shelflens.model.embedder import Embedder
from shelflens.model.image import Photo, load_image, load_reduced

SURE = 0.45
"""Score from which the main region is asked with; chosen on the official validation photos of
Grocery."""
LARGE = 0.6
"""Share of the picture from which the whole is asked alone: a crop would bring nothing."""
CERTAIN = 0.4
"""Score from which what is said of one of several regions may be `match`. On 500 composites of a
seed that judges nothing, wrong matches per picture fall from 0.012 to 0.004, and right ones from
0.298 of the products to 0.290."""
SURER = 2.0
"""Log odds by which an answer to the crop must be surer than that to the whole photo, which most of
the queries that a crop makes worse do not reach; chosen on queries that judge nothing."""
DETAIL = 3
"""A product at a third of the width still gets all the pixels that the embedder takes."""


@dataclass(frozen=True)
class Search:
    """A photo in which products were looked for."""

    name: str
    pixels: NDArray[np.uint8]
    """uint8 [h, w, 3], upright, reduced."""
    regions: list[Region]
    decode: float
    """Milliseconds."""
    find: float


@dataclass(frozen=True)
class FoundAnswer:
    """An answer, and the part of the picture that it is about."""

    timed: TimedAnswer
    region: Region | None
    """None: nothing was found, and the answer is about the whole picture."""

    def to_dict(self) -> dict[str, Any]:
        """As `TimedAnswer`, with `region`: its box and score, or null."""
        values = self.timed.to_dict()
        region = None if self.region is None else self.region.to_dict()
        return {"photo": values.pop("photo"), "region": region, **values}


def search(
    finder: Finder, photo: Photo, name: str, *, detail: int, closely: bool = False
) -> Search:
    """Decode a photo and look for products.

    Args:
        finder: The model.
        photo: As `load_image` takes it.
        name: What the answer calls it.
        detail: Length in pixels that both sides keep at least, where the photo has it.
        closely: Look at tiles too (`find_closely`): for small products beside each other.

    Raises:
        PhotoError, OSError: as `load_image`.
    """
    start = time.perf_counter()
    pixels = load_reduced(photo, detail)
    decoded = time.perf_counter()
    regions = find_closely(finder, pixels) if closely else finder.find(pixels)
    ended = time.perf_counter()
    return Search(name, pixels, regions, (decoded - start) * 1e3, (ended - decoded) * 1e3)


def answer_main(
    finder: Finder, embedder: Embedder, catalog: Catalog, photo: Photo, name: str, *, k: int
) -> FoundAnswer:
    """One answer for a photo of one product: about its main region, or the whole picture.

    Where a region is cut out, the answer is the surest of three (`surest`): of a photo that a
    product fills, the crop alone finds less than the whole.

    Raises:
        PhotoError, OSError: as `load_image`.
        CatalogError: as `answer_queries`.
    """
    found = search(finder, photo, name, detail=DETAIL * embedder.card.size)
    region = main_region(found.regions)
    queries = [embed_query(embedder, part, name) for part in parts_of(found.pixels, region)]
    start = time.perf_counter()
    answer = surest(catalog, [query.vector for query in queries], k)
    timed = TimedAnswer([name], answer, False, times_of(queries, start))
    return FoundAnswer(_with_search(timed, found), region)


def surest(catalog: Catalog, vectors: Sequence[NDArray[np.float32]], k: int) -> Answer:
    """The answer to the whole photo, unless its crop, or both together, give a clearly surer one.

    Args:
        catalog: What is asked.
        vectors: float32 [d] each, from `parts_of`: the whole, or a crop and the whole.
        k: Matches of the answer.

    Raises:
        CatalogError: as `fuse`.
    """
    whole = catalog.answer(vectors[-1], k)
    if len(vectors) == 1:
        return whole
    answers = (fuse(catalog, vectors, k), catalog.answer(vectors[0], k))
    best = max(answers, key=lambda answer: answer.confidence)
    return best if _log_odds(best) > _log_odds(whole) + SURER else whole


def _log_odds(answer: Answer) -> float:
    share = min(max(answer.confidence, 1e-9), 1 - 1e-9)
    return math.log(share / (1 - share))


def answer_every(
    finder: Finder, embedder: Embedder, catalog: Catalog, photo: Photo, name: str, *, k: int
) -> list[FoundAnswer]:
    """One answer for each region of a photo, surest region first; none where none was found.

    Raises:
        PhotoError, OSError: as `load_image`.
        CatalogError: as `answer_queries`.
    """
    found = search(finder, photo, name, detail=DETAIL * embedder.card.size, closely=True)
    answers = []
    for region, query in embed_regions(embedder, found.pixels, found.regions, name):
        timed = answer_queries(catalog, [query], k=k, fused=False)
        timed = replace(timed, answer=not_surer(timed.answer, region))
        answers.append(FoundAnswer(_with_search(timed, found), region))
    return answers


def parts_of(
    pixels: NDArray[np.uint8], region: Region | None, *, large: float = LARGE
) -> list[NDArray[np.uint8]]:
    """What is embedded for a photo of one product: its crop where sure, and the whole picture.

    Args:
        pixels: uint8 [h, w, 3].
        region: Of it.
        large: Share of the picture from which there is no crop.
    """
    if region is None or region.score < SURE or region.area >= large:
        return [pixels]
    return [crop(pixels, region.box), pixels]


def not_surer(answer: Answer, region: Region) -> Answer:
    """The answer about a region: `ambiguous` in place of `match` where the box may be wrong."""
    if answer.decision != "match" or region.score >= CERTAIN:
        return answer
    return replace(answer, decision="ambiguous", candidates=answer.matches[:1])


def embed_regions(
    embedder: Embedder, pixels: NDArray[np.uint8], regions: list[Region], name: str
) -> Iterator[tuple[Region, EmbeddedQuery]]:
    """Each region with the embedding of its crop."""
    for region in regions:
        part = load_image(crop(pixels, region.box), size=embedder.card.size)
        yield region, embed_query(embedder, part, name)


def _with_search(timed: TimedAnswer, found: Search) -> TimedAnswer:
    """The same answer; its time has that of decoding and finding too."""
    spent = dict(timed.spent)
    spent["decode"] += found.decode
    spent["find"] = found.find
    spent["total"] += found.decode + found.find
    order = ("decode", "find", "embed", "match", "total")
    return TimedAnswer(timed.names[:1], timed.answer, False, {key: spent[key] for key in order})
