"""Whole datasets embedded for a command: progress bars, and what cannot be read is listed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.adaptation import Adaptation
from shelflens.catalog.build import build_catalog, in_row_order
from shelflens.catalog.catalog import Catalog
from shelflens.catalog.nearest import unit_queries
from shelflens.catalog.neighbours import Neighbour
from shelflens.catalog.prefix import prefix
from shelflens.console import printable
from shelflens.dataset import Dataset, LabelledImage
from shelflens.errors import DataError, EngineError
from shelflens.model.embedder import Embedder
from shelflens.model.quiet import without_greeting
from shelflens.progress import Progress, ProgressBars

if TYPE_CHECKING:
    from shelflens.catalog.enrol import Adapt, Verdict


_MAX_LISTED = 20
"""Unreadable photos that are listed one by one."""


def with_gpu(embedder: Embedder, dataset: Dataset) -> Embedder:
    """The embedder, on a GPU where there is one and it is worth starting; a GPU that ONNX Runtime
    cannot start is said on standard error."""
    from shelflens.model.batched import BATCH, on_gpu

    if len(dataset.items) < BATCH:
        return embedder
    try:
        with without_greeting():
            return on_gpu(embedder) or embedder
    except EngineError as error:
        note(f"{error}; embedding on the cores")
        return embedder


def note(line: str) -> None:
    """Say a line on standard error."""
    print(printable(f"note: {line}"), file=sys.stderr)


class Skipped:
    """Photos that cannot be read: kept, and the first of them listed on standard error."""

    def __init__(self) -> None:
        self.errors: dict[LabelledImage, str] = {}

    def add(self, image: LabelledImage, error: Exception) -> None:
        """Take a photo in."""
        text = str(error)
        if isinstance(error, OSError):
            text = f"{image.path}: {error.strerror or error}"
        self.errors[image] = text
        if len(self.errors) <= _MAX_LISTED:
            print(printable(f"skipped: {text}"), file=sys.stderr)
        elif len(self.errors) == _MAX_LISTED + 1:
            print("skipped: further photos are not listed", file=sys.stderr)


class Built(NamedTuple):
    """A catalog, and what it was made of."""

    catalog: Catalog
    images: list[LabelledImage]
    """The image of each of its rows."""
    vectors: NDArray[np.float32]
    """Their embeddings, not adapted, as long as its rows, float32 [n, d]."""
    how: str
    """In words, whether the catalog was adapted; "" where it was not asked for."""
    left_out: tuple[int, int]
    """Images that found their product when they were left out, and of how many."""
    neighbours: list[Neighbour]
    """Products of the catalog and the nearest product of each."""


def build_reported(
    embedder: Embedder,
    dataset: Dataset,
    *,
    source: str,
    adapt: Adapt,
    dim: int | None = None,
    skipped: Skipped | None = None,
) -> Built:
    """`build_catalog` with progress bars; unreadable photos are listed and skipped.

    Raises:
        DataError: not one photo could be read.
    """
    skipped = skipped or Skipped()
    verdicts: list[Verdict] = []
    embedded: list[NDArray[np.float32]] = []
    neighbours: list[Neighbour] = []
    try:
        with ProgressBars() as bars:
            catalog = build_catalog(
                dataset,
                embedder,
                adapt=adapt,
                dim=dim,
                on_error=skipped.add,
                on_step=bars.step,
                on_embedded=embedded.append,
                on_verdict=verdicts.append,
                on_neighbours=neighbours.extend,
            )
    except DataError as error:
        raise DataError(f"{source}: {error}, see above") from error
    read = [image for image in dataset.items if image not in skipped.errors]
    images, position = in_row_order(read), {image: index for index, image in enumerate(read)}
    vectors = prefix(embedded[0][[position[image] for image in images]], catalog.dim)
    return Built(
        catalog,
        images,
        vectors,
        "".join(map(str, verdicts)),
        _left_out(verdicts[0] if verdicts else None, images, vectors),
        neighbours,
    )


def _left_out(
    verdict: Verdict | None, images: Sequence[LabelledImage], vectors: NDArray[np.float32]
) -> tuple[int, int]:
    """As the catalog is, adapted or not."""
    if verdict is not None:
        recall = verdict.left_out
        return recall.adapted if verdict.adapted else recall.without, recall.asked
    from shelflens.catalog.adapt import left_out_recall

    recall = left_out_recall(vectors, [image.product for image in images], Adaptation())
    return recall.without, recall.asked


def embed_dataset(
    embedder: Embedder,
    dataset: Dataset,
    *,
    source: str,
    on_error: Callable[[LabelledImage, Exception], None] | None = None,
) -> tuple[list[LabelledImage], NDArray[np.float32]]:
    """Embed labelled photos with a progress bar; unreadable ones are skipped.

    Args:
        embedder: The model.
        dataset: The photos.
        source: What they are called in messages.
        on_error: Called with an unreadable photo and its error; without it the photo is listed.

    Returns:
        The m photos that were read, and their embeddings float32 [m, d].

    Raises:
        DataError: not one photo could be read.
    """
    count = len(dataset.items)
    on_error = on_error or Skipped().add
    with Progress("embedding", count) as bar:
        kept, vectors = embedder.embed_many(
            dataset.paths,
            on_error=lambda index, error: on_error(dataset.items[index], error),
            on_done=bar.update,
        )
    if not len(kept):
        raise DataError(f"{source}: none of {count} photos could be read, see above")
    return [dataset.items[index] for index in kept], vectors


def rows_to_enrol(
    embedder: Embedder,
    catalog: Catalog,
    images: Sequence[LabelledImage],
    vectors: NDArray[np.float32],
) -> NDArray[np.float32]:
    """What `catalog.add` takes of images and their embeddings: with views, if it is adapted."""
    if not catalog.adaptation:
        return vectors
    from shelflens.catalog.enrol import with_views

    paths, products = [image.path for image in images], [image.product for image in images]
    vectors = unit_queries(catalog.contents, vectors)
    with ProgressBars() as bars:
        return with_views(paths, vectors, products, embedder, on_step=bars.step)
