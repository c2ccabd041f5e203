"""Receiving photos: bounded in bytes, time and number, and never written to a file."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser

from starlette.requests import Request

from shelflens.serve.problem import Problem, busy, shown
from shelflens.serve.settings import Settings

PHOTO_TYPES = ("image/jpeg", "image/png", "image/webp")
MULTIPART = "multipart/form-data"


@dataclass(frozen=True)
class Sent:
    """A photo of a request."""

    name: str
    content: bytes


class Budget:
    """Bytes that all requests together hold; used in the event loop's thread only."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0

    def take(self, count: int) -> None:
        """Count further bytes.

        Raises:
            Problem: 503, there would be too many.
        """
        if self.held + count > self.most:
            raise busy("too many photos at once")
        self.held += count


@asynccontextmanager
async def received(request: Request, settings: Settings, budget: Budget) -> AsyncIterator[bytes]:
    """The body of a request; its bytes count in the budget as long as the block runs.

    Raises:
        Problem: 408 too slow, 413 too large, 503 too much at once.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > settings.most_bytes:
        raise too_large(settings, f"{int(announced):,} bytes")
    parts: list[bytes] = []
    size = 0
    try:
        async for part in _parts(request, settings):
            if size + len(part) > settings.most_bytes:
                raise too_large(settings, "more")
            budget.take(len(part))
            size += len(part)
            parts.append(part)
        body = b"".join(parts)
        parts.clear()
        yield body
    finally:
        budget.held -= size


async def _parts(request: Request, settings: Settings) -> AsyncIterator[bytes]:
    end = time.monotonic() + settings.upload_s
    stream = request.stream()
    while True:
        left = min(end - time.monotonic(), settings.idle_s)
        try:
            part = await asyncio.wait_for(stream.__anext__(), max(left, 0))
        except StopAsyncIteration:
            return
        except asyncio.TimeoutError:
            raise Problem(
                408,
                "upload",
                expected=f"the whole body within {settings.upload_s:g} s, without a pause of "
                f"{settings.idle_s:g} s",
                got="less",
                do="send a smaller photo, or over a faster network",
            ) from None
        yield part


def too_large(settings: Settings, got: str) -> Problem:
    """A body beyond the limit."""
    return Problem(
        413,
        "body",
        expected=f"at most {settings.most_bytes:,} bytes",
        got=got,
        do="send fewer or smaller photos",
    )


def check_type(header: str) -> str:
    """The media type of a request, without its parameters.

    Raises:
        Problem: 415, not a photo.
    """
    kind = header.partition(";")[0].strip().lower()
    if kind not in (*PHOTO_TYPES, MULTIPART):
        raise wrong_type("content-type", header)
    return kind


def wrong_type(what: str, got: str) -> Problem:
    """A body, or a part of one, of another type."""
    return Problem(
        415,
        what,
        expected=", ".join((*PHOTO_TYPES, MULTIPART)),
        got=shown(got) if got else "none",
        do="send a photo and say its type",
        headers={"accept": ", ".join((*PHOTO_TYPES, MULTIPART))},
    )


def split(body: bytes, header: str, *, most: int) -> list[Sent]:
    """The photos of a multipart body (RFC 7578), in their order.

    Written here because Starlette's parser puts large parts into temporary files.

    Args:
        body: The body.
        header: Content-Type, with the boundary.
        most: Photos.

    Raises:
        Problem: 400 not a multipart body, 413 too many photos, 415 a part that is no photo.
    """
    try:
        facts = Message()
        facts["content-type"] = header
        boundary = str(facts.get_param("boundary") or "").encode("utf-8", "replace")
    except Exception as error:  # `email` raises almost anything, as fuzzing shows
        raise _malformed("a content-type that cannot be read") from error
    if not 1 <= len(boundary) <= 70:
        raise _malformed("no boundary of 1 to 70 characters")
    first, later = b"--" + boundary, b"\r\n--" + boundary
    place = 0 if body.startswith(first) else body.find(later)
    if place < 0:
        raise _malformed("no part")
    place = body.find(boundary, place) + len(boundary)
    photos: list[Sent] = []
    while body[place : place + 2] != b"--":
        head = body.find(b"\r\n\r\n", place, place + 8192)
        end = body.find(later, max(head, place))
        if head < 0 or end < 0:
            raise _malformed("a part that does not end")
        # Parts differ in their boundary line's end only: blanks may stand before it.
        photo = _part(body[place : head + 2], body[head + 4 : end], len(photos) + 1)
        if photo is not None:
            photos.append(photo)
        if len(photos) > most:
            raise Problem(
                413, "photos", expected=f"at most {most}", got="more", do="send fewer of them"
            )
        place = end + len(later)
    if not photos:
        raise _malformed("no photo")
    return photos


def _part(head: bytes, content: bytes, number: int) -> Sent | None:
    try:
        facts = BytesHeaderParser().parsebytes(head.partition(b"\r\n")[2])
        name = " ".join((facts.get_filename() or "").split())
        kind = facts.get_content_type() if facts["content-type"] else ""
    except Exception as error:
        raise _malformed(f"headers of part {number} that cannot be read") from error
    if not content and not name:  # a form sent without choosing a file
        return None
    if kind not in PHOTO_TYPES:
        raise wrong_type(f"part {number}", kind)
    printable = name if name.isprintable() else ascii(name)
    return Sent(printable[:200] or f"photo {number}", content)


def _malformed(got: str) -> Problem:
    return Problem(
        400,
        "body",
        expected=f"{MULTIPART} with one or more photos",
        got=got,
        do="let your HTTP library make the body",
    )
