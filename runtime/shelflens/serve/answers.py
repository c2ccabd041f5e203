"""From the photos of a request to answers, in a thread of the desk."""

from __future__ import annotations

import io
from contextlib import nullcontext

from PIL import Image

from shelflens.errors import CatalogError, PhotoError
from shelflens.image import FORMATS
from shelflens.lookup import Seen, Told, look, tell
from shelflens.serve.body import Sent
from shelflens.serve.desk import Hand
from shelflens.serve.problem import Problem, bad_photo, busy

LARGE = 13_000_000
"""Pixels from which photos are decoded one at a time, whatever the number of threads: up to here
one takes 200 MiB at most (a PNG with transparency), a JPEG of a phone far less."""

MOST_PIXELS = 50_000_000
"""Of a photo. Below `image.MAX_PIXELS`: a stranger's PNG of this size takes 0.8 GiB to decode."""


def answers(hand: Hand, photos: list[Sent], k: int, fused: bool) -> list[Told]:
    """Look photos up: one answer each, or one for all.

    Raises:
        Problem: 422 a photo that does not open, 503 too little memory for it.
    """
    seen = [_look(hand, photo) for photo in photos]
    groups = [seen] if fused else [[one] for one in seen]
    try:
        return [tell(hand.catalog, group, k=k, fused=fused) for group in groups]
    except CatalogError as error:  # photos without a common direction
        raise Problem(
            422, "photos", expected="photos of one thing", got=str(error), do="send them singly"
        ) from error


def _look(hand: Hand, photo: Sent) -> Seen:
    pixels = _pixels(photo.content)
    if pixels > MOST_PIXELS:
        raise Problem(
            422,
            photo.name,
            expected=f"at most {MOST_PIXELS:,} pixels",
            got=f"{pixels:,}",
            do="make it smaller",
        )
    try:
        with hand.large if pixels > LARGE else nullcontext():
            return look(hand.embedder, photo.content, photo.name, turn=hand.turn)
    except PhotoError as error:
        raise bad_photo(error, photo.name) from error
    except MemoryError as error:
        raise busy(f"too little memory for {photo.name}") from error


def _pixels(content: bytes) -> int:
    """What the head of a file says, 0 where it cannot be read: decoding will say why."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            return picture.width * picture.height
    except Exception:  # a damaged head raises almost anything
        return 0
