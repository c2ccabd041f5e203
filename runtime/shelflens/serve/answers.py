"""From the photos of a request to answers, in a thread of the worker pool."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from shelflens.catalog.barcodes import reads_barcodes
from shelflens.catalog.lookup import EmbeddedQuery, TimedAnswer, answer_queries, embed_query
from shelflens.errors import CatalogError, PhotoError
from shelflens.model.budget import Cost, cost_of
from shelflens.model.formats import BASE_FORMATS, HEAD_BYTES, format_of, why_unread
from shelflens.model.image import open_picture
from shelflens.serve.problem import Problem, bad_photo, busy
from shelflens.serve.uploads import Upload
from shelflens.serve.worker_pool import Resources

LARGE_DECODE_BYTES = 64 << 20
"""Bytes of decoding from which photos are decoded one at a time, whatever the number of threads: a
JPEG of 67 megapixels, a PNG of 11."""

MAX_DECODE_BYTES = 640 << 20
"""Bytes that decoding one photo may take: a PNG of 100 KB can claim 50 megapixels, which take 1 GB
with transparency."""


def answer_photos(
    resources: Resources, photos: list[Upload], k: int, fused: bool, *, barcodes: bool = True
) -> list[TimedAnswer]:
    """Look photos up: one answer each, or one for all.

    Args:
        resources: Catalog and model.
        photos: Of the request.
        k: Matches of an answer.
        fused: Whether all photos show one thing.
        barcodes: Whether those of products decide, where they can be read.

    Raises:
        Problem: 422 a photo that does not open, 503 too little memory for it.
    """
    barcodes = barcodes and reads_barcodes(resources.catalog)
    queries = [_embed(resources, photo, barcodes=barcodes) for photo in photos]
    groups = [queries] if fused else [[query] for query in queries]
    try:
        return [answer_queries(resources.catalog, group, k=k, fused=fused) for group in groups]
    except CatalogError as error:  # photos without a common direction
        raise Problem(
            422, "photos", expected="photos of one thing", got=str(error), do="send them singly"
        ) from error


def _embed(resources: Resources, photo: Upload, *, barcodes: bool) -> EmbeddedQuery:
    with decoding(resources, photo):
        return embed_query(
            resources.embedder,
            photo.content,
            photo.name,
            turn=resources.inference_lock,
            barcodes=barcodes,
        )


@contextmanager
def decoding(resources: Resources, photo: Upload) -> Iterator[None]:
    """A block that decodes a photo: what would take too much is refused, one large one at a time.

    Raises:
        Problem: 422 a photo that does not open, 503 too little memory for it.
    """
    kind = format_of(photo.content[:HEAD_BYTES])
    if kind and kind not in BASE_FORMATS:  # its decoder has no budget here
        raise Problem(
            422,
            photo.name,
            expected="a JPEG, PNG or WebP image",
            got=why_unread(kind).partition(": ")[0],
            do="let the phone or program send JPEG",
        )
    cost = _cost(photo)
    if cost is not None and cost.bytes > MAX_DECODE_BYTES:
        raise Problem(
            422,
            photo.name,
            expected=f"at most {MAX_DECODE_BYTES // cost.pixel_bytes:,} pixels in this kind of "
            "image",
            got=f"{cost.pixels:,}",
            do="make it smaller, or send it as JPEG",
        )
    try:
        large = cost is not None and cost.bytes > LARGE_DECODE_BYTES
        with resources.large_photo_lock if large else nullcontext():
            yield
    except PhotoError as error:
        raise bad_photo(error, photo.name) from error
    except MemoryError as error:
        raise busy(f"too little memory for {photo.name}") from error


def _cost(photo: Upload) -> Cost | None:
    """What decoding takes; None where the header cannot be read: decoding reports the reason."""
    stream = io.BytesIO(photo.content)
    try:
        with open_picture(stream, photo.name) as picture:
            return cost_of(picture, stream, scaled=True)
    except (PhotoError, OSError):
        return None
