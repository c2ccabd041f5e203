"""From the photos of a request to answers, in a thread of the desk."""

from __future__ import annotations

import io
from contextlib import nullcontext

from PIL import Image

from shelflens.catalog.lookup import EmbeddedQuery, TimedAnswer, answer_queries, embed_query
from shelflens.errors import CatalogError, PhotoError
from shelflens.model.image import FORMATS
from shelflens.serve.body import Sent
from shelflens.serve.desk import Hand
from shelflens.serve.problem import Problem, bad_photo, busy

LARGE = 64 << 20
"""Bytes of decoding from which photos are decoded one at a time, whatever the number of threads: a
JPEG of 11 million pixels, a PNG of 3."""

MOST = 640 << 20
"""Bytes that decoding one photo may take. A PNG of 100 KB can claim 50 million pixels, and with
transparency took 2 GB of a server that anyone may ask. With this limit no kind of picture that was
tried brings the process above 600 MiB."""

_SCALED, _PLAIN, _LAYERED = 6, 24, 40
"""Bytes a pixel, measured or more: a JPEG is decoded at a part of its size, but a progressive one
keeps all coefficients; others are decoded whole; what has transparency or 16 bits is copied often.
"""


def answers(hand: Hand, photos: list[Sent], k: int, fused: bool) -> list[TimedAnswer]:
    """Look photos up: one answer each, or one for all.

    Raises:
        Problem: 422 a photo that does not open, 503 too little memory for it.
    """
    seen = [_look(hand, photo) for photo in photos]
    groups = [seen] if fused else [[one] for one in seen]
    try:
        return [answer_queries(hand.catalog, group, k=k, fused=fused) for group in groups]
    except CatalogError as error:  # photos without a common direction
        raise Problem(
            422, "photos", expected="photos of one thing", got=str(error), do="send them singly"
        ) from error


def _look(hand: Hand, photo: Sent) -> EmbeddedQuery:
    pixels, each = _size(photo.content)
    if pixels * each > MOST:
        raise Problem(
            422,
            photo.name,
            expected=f"at most {MOST // each:,} pixels in this kind of picture",
            got=f"{pixels:,}",
            do="make it smaller, or send it as JPEG",
        )
    try:
        with hand.large if pixels * each > LARGE else nullcontext():
            return embed_query(hand.embedder, photo.content, photo.name, turn=hand.turn)
    except PhotoError as error:
        raise bad_photo(error, photo.name) from error
    except MemoryError as error:
        raise busy(f"too little memory for {photo.name}") from error


def _size(content: bytes) -> tuple[int, int]:
    """Pixels, and bytes a pixel to decode them, by the head of a file.

    0 pixels where it cannot be read: decoding will say why.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            pixels = picture.width * picture.height
            if picture.format in ("JPEG", "MPO"):
                return pixels, _SCALED
            plain = picture.mode in ("RGB", "L", "1", "P") and "transparency" not in picture.info
            return pixels, _PLAIN if plain else _LAYERED
    except Exception:  # a damaged head raises almost anything
        return 0, _PLAIN
