"""From images to a catalog: the one way from a dataset and a model to a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.adaptation import Adaptation
from shelflens.catalog.calibration import Calibration
from shelflens.catalog.catalog import Catalog
from shelflens.catalog.category_axes import CategoryAxes
from shelflens.catalog.default_calibration import default_calibration
from shelflens.catalog.neighbours import Neighbour, product_neighbours
from shelflens.catalog.prefix import check_dim, prefix, prefix_space
from shelflens.dataset import Dataset, LabelledImage
from shelflens.errors import DataError
from shelflens.model.embedder import Embedder

if TYPE_CHECKING:  # a lookup needs none of it
    from shelflens.catalog.enrol import Adapt, Verdict


def build_catalog(
    dataset: Dataset,
    embedder: Embedder,
    *,
    adapt: Adapt = "auto",
    dim: int | None = None,
    on_error: Callable[[LabelledImage, Exception], None] | None = None,
    on_step: Callable[[str, int, int], None] = lambda name, done, total: None,
    on_embedded: Callable[[NDArray[np.float32]], None] | None = None,
    on_verdict: Callable[[Verdict], None] | None = None,
    on_neighbours: Callable[[list[Neighbour]], None] | None = None,
) -> Catalog:
    """Embed the images of a dataset into a new catalog, with all that the model's card brings.

    Args:
        dataset: Images and their products; attributes go into the catalog.
        embedder: The model; its space, calibration and category axes go into the catalog.
        adapt: "auto" adapts the catalog to its shop where that helps (`catalog.enrol`); "off"
            enrols the embeddings of the images as they are.
        dim: Numbers per row: the first of each embedding. None for all; fewer make a smaller file
            of the embedding space `SPACE:dim`, which queries of the model are cut for.
        on_error: Called with an image that cannot be read, which is then left out, and why;
            without it the error is raised.
        on_step: Called with the step, the number of images it has finished, and of how many.
        on_embedded: Called with the embeddings of the images that were read, float32 [m, d].
        on_verdict: Called with whether the catalog was adapted, and why.
        on_neighbours: Called with products and the nearest product of each.

    Raises:
        CatalogError: `dim` is out of its range.
        PhotoError, OSError: an image cannot be read, and there is no `on_error`.
        DataError: no image could be read.
    """

    def skip(index: int, error: Exception) -> None:
        if on_error is None:
            raise error
        on_error(dataset.items[index], error)

    def done(count: int) -> None:
        on_step("embedding", count, len(dataset.items))

    card, labels, adaptation = embedder.card, dataset.labels, Adaptation()
    space, category_axes = card.space, CategoryAxes.from_card(card.category_axes)
    dim = card.dim if dim is None else dim
    check_dim(dim, card.dim)
    kept, vectors = embedder.embed_many(dataset.paths, on_error=skip, on_done=done)
    if not len(kept):
        raise DataError(f"none of {len(dataset.items)} photos could be read")
    if dim < card.dim:
        space, category_axes = prefix_space(space, dim), category_axes.prefix(dim)
    if on_embedded is not None:
        on_embedded(vectors)
    calibration = Calibration.from_dict(card.calibration)
    products = [labels[index] for index in kept]
    if adapt == "auto":
        from shelflens.catalog.enrol import adapted_rows

        photos = [dataset.paths[index] for index in kept]
        vectors, adaptation, verdict = adapted_rows(
            photos, vectors, products, embedder, dim=dim, on_step=on_step
        )
        calibration = replace(calibration, view_similarity=round(verdict.similarity, 4))
        if on_verdict is not None:
            on_verdict(verdict)
    else:
        vectors = prefix(vectors, dim)
    catalog = Catalog(
        products,
        vectors,
        space=space,
        attributes=dataset.attributes,
        calibration=calibration,
        category_axes=category_axes.adapted(adaptation),
        adaptation=adaptation,
    )
    neighbours = product_neighbours(catalog)
    if on_neighbours is not None:
        on_neighbours(neighbours)
    return catalog.with_calibration(default_calibration(catalog, card.calibration, neighbours))


def in_row_order(images: Sequence[LabelledImage]) -> list[LabelledImage]:
    """The images that a catalog was built from, in the order of its rows: grouped by product."""
    groups: dict[str, list[LabelledImage]] = {}
    for image in images:
        groups.setdefault(image.product, []).append(image)
    return [image for group in groups.values() for image in group]
