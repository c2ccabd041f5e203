"""From the photos of a request to what is enrolled of them: rows, and a small picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.nearest import unit_queries
from shelflens.render.thumbnail import thumbnail
from shelflens.serve.answers import decoding
from shelflens.serve.uploads import Upload
from shelflens.serve.worker_pool import Resources

PICTURE_SIDE = 320
"""Pixels of the longer side of a product's picture."""

Floats = NDArray[np.float32]


def seen(resources: Resources, photos: list[Upload]) -> tuple[list[NDArray[np.uint8]], Floats]:
    """Photos as the model sees them, uint8 [h, w, 3] each, and their embeddings [n, d]."""
    pixels = []
    for photo in photos:
        with decoding(resources, photo):
            pixels.append(resources.embedder.load(photo.content))
    with resources.inference_lock:
        vectors = [resources.embedder.embed_pixels(image[np.newaxis])[0] for image in pixels]
    return pixels, np.stack(vectors)


def small_copy(resources: Resources, photo: Upload) -> bytes:
    """A small copy of a photo, a JPEG without metadata."""
    with decoding(resources, photo):
        return thumbnail(photo.content, PICTURE_SIDE, "JPEG", quality=85)


def rows_of(resources: Resources, photos: list[Upload]) -> Floats:
    """What `Catalog.add` takes of photos of one product: with views, if the catalog is adapted."""
    pixels, vectors = seen(resources, photos)
    if not resources.catalog.adaptation:
        return vectors
    from shelflens.catalog.enrol import with_views

    vectors = unit_queries(resources.catalog.contents, vectors)
    with resources.inference_lock:
        return with_views(pixels, vectors, [""] * len(pixels), resources.embedder)
