"""From images to a catalog: the one way from a dataset and a model to a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shelflens.catalog.calibration import Calibration
from shelflens.catalog.catalog import Catalog
from shelflens.catalog.category_axes import CategoryAxes
from shelflens.dataset import Dataset, LabelledImage
from shelflens.errors import DataError
from shelflens.model.embedder import Embedder


def build_catalog(
    dataset: Dataset,
    embedder: Embedder,
    *,
    on_error: Callable[[LabelledImage, Exception], None] | None = None,
    on_done: Callable[[int], None] | None = None,
) -> Catalog:
    """Embed the images of a dataset into a new catalog, with all that the model's card brings.

    Args:
        dataset: Images and their products; attributes go into the catalog.
        embedder: The model; its space, calibration and category axes go into the catalog.
        on_error: Called with an image that cannot be read, which is then left out, and why;
            without it the error is raised.
        on_done: Called with the number of images finished so far.

    Raises:
        PhotoError, OSError: an image cannot be read, and there is no `on_error`.
        DataError: no image could be read.
    """

    def skip(index: int, error: Exception) -> None:
        if on_error is None:
            raise error
        on_error(dataset.items[index], error)

    kept, vectors = embedder.embed_many(dataset.paths, on_error=skip, on_done=on_done)
    if not len(kept):
        raise DataError(f"none of {len(dataset.items)} photos could be read")
    card, labels = embedder.card, dataset.labels
    return Catalog(
        [labels[index] for index in kept],
        vectors,
        space=card.space,
        attributes=dataset.attributes,
        calibration=Calibration.from_dict(card.calibration),
        category_axes=CategoryAxes.from_card(card.category_axes),
    )


def in_row_order(images: Sequence[LabelledImage]) -> list[LabelledImage]:
    """The images that a catalog was built from, in the order of its rows: grouped by product."""
    groups: dict[str, list[LabelledImage]] = {}
    for image in images:
        groups.setdefault(image.product, []).append(image)
    return [image for group in groups.values() for image in group]
