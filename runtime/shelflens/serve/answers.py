"""From the photos of a request to answers, in a thread of the worker pool."""

from __future__ import annotations

import io
from contextlib import nullcontext

from PIL import Image

from shelflens.catalog.lookup import EmbeddedQuery, TimedAnswer, answer_queries, embed_query
from shelflens.errors import CatalogError, PhotoError
from shelflens.model.image import FORMATS
from shelflens.serve.problem import Problem, bad_photo, busy
from shelflens.serve.uploads import Upload
from shelflens.serve.worker_pool import Resources

LARGE_DECODE_BYTES = 64 << 20
"""Bytes of decoding from which photos are decoded one at a time, whatever the number of threads: a
JPEG of 11 megapixels, a PNG of 3."""

MAX_DECODE_BYTES = 640 << 20
"""Bytes that decoding one photo may take: a PNG of 100 KB can claim 50 megapixels, which take 2 GB
with transparency."""

_SCALED, _PLAIN, _LAYERED = 6, 24, 40
"""Bytes per pixel, at least those measured: a JPEG is decoded at a fraction of its size, but a
progressive one keeps all coefficients; other formats are decoded whole; images with transparency or
16 bits are copied several times."""


def answer_photos(
    resources: Resources, photos: list[Upload], k: int, fused: bool
) -> list[TimedAnswer]:
    """Look photos up: one answer each, or one for all.

    Raises:
        Problem: 422 a photo that does not open, 503 too little memory for it.
    """
    queries = [_embed(resources, photo) for photo in photos]
    groups = [queries] if fused else [[query] for query in queries]
    try:
        return [answer_queries(resources.catalog, group, k=k, fused=fused) for group in groups]
    except CatalogError as error:  # photos without a common direction
        raise Problem(
            422, "photos", expected="photos of one thing", got=str(error), do="send them singly"
        ) from error


def _embed(resources: Resources, photo: Upload) -> EmbeddedQuery:
    pixels, pixel_bytes = _size(photo.content)
    if pixels * pixel_bytes > MAX_DECODE_BYTES:
        raise Problem(
            422,
            photo.name,
            expected=f"at most {MAX_DECODE_BYTES // pixel_bytes:,} pixels in this kind of image",
            got=f"{pixels:,}",
            do="make it smaller, or send it as JPEG",
        )
    try:
        large = pixels * pixel_bytes > LARGE_DECODE_BYTES
        with resources.large_photo_lock if large else nullcontext():
            return embed_query(
                resources.embedder, photo.content, photo.name, turn=resources.inference_lock
            )
    except PhotoError as error:
        raise bad_photo(error, photo.name) from error
    except MemoryError as error:
        raise busy(f"too little memory for {photo.name}") from error


def _size(content: bytes) -> tuple[int, int]:
    """Pixels, and bytes per pixel to decode them, from the header of a file.

    0 pixels where it cannot be read: decoding reports the reason.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            pixels = image.width * image.height
            if image.format in ("JPEG", "MPO"):
                return pixels, _SCALED
            plain = image.mode in ("RGB", "L", "1", "P") and "transparency" not in image.info
            return pixels, _PLAIN if plain else _LAYERED
    except Exception:  # a damaged header raises almost anything
        return 0, _PLAIN
