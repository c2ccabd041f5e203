"""Receiving photos and texts: bounded in bytes, time and number, and never written to a file."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from shelflens.serve.form_reader import FormReader
from shelflens.serve.problem import Problem, busy, quoted
from shelflens.serve.settings import Settings
from shelflens.serve.uploads import MULTIPART, SinglePhoto, Upload, media_type, wrong_type


class ByteBudget:
    """Bytes that all requests together hold; used in the event loop's thread only."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    def take(self, count: int) -> None:
        """Count further bytes.

        Raises:
            Problem: 503, there would be too many.
        """
        if self.held + count > self.limit:
            raise busy("too many photos at once")
        self.held += count


JSON_BYTES = 64 << 10
"""Of a JSON body: the texts of one product."""


@dataclass(frozen=True)
class Form:
    """A form of photos and texts."""

    photos: list[Upload]
    texts: dict[str, str]
    """By field."""


@asynccontextmanager
async def receive_photos(
    request: Request, settings: Settings, budget: ByteBudget
) -> AsyncIterator[list[Upload]]:
    """The photos of a request; its bytes count in the budget as long as the block runs.

    Raises:
        Problem: 400 not a form, 408 too slow, 413 too large or too many, 415 not a photo, 503 too
            much at once.
    """
    content_type = request.headers.get("content-type", "")
    reader: FormReader | SinglePhoto = SinglePhoto(content_type)
    if media_type(content_type) == MULTIPART:
        reader = FormReader(content_type, max_photos=settings.max_photos)
    async with _received(request, settings, budget, reader):
        yield reader.finish()


@asynccontextmanager
async def receive_form(
    request: Request, settings: Settings, budget: ByteBudget
) -> AsyncIterator[Form]:
    """The photos and texts of a form; its bytes count in the budget as long as the block runs.

    Raises:
        Problem: as `receive_photos`; 415 not a form.
    """
    content_type = request.headers.get("content-type", "")
    if media_type(content_type) != MULTIPART:
        raise wrong_type("content-type", content_type)
    reader = FormReader(content_type, max_photos=settings.max_photos, with_texts=True)
    async with _received(request, settings, budget, reader):
        photos = reader.finish()
        yield Form(photos, reader.texts)


async def receive_json(request: Request, settings: Settings) -> dict[str, Any]:
    """The object that a request holds as JSON.

    Raises:
        Problem: 400 not an object in JSON, 408 too slow, 413 too large, 415 another type.
    """
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        got = quoted(content_type) if content_type else "none"
        do = "send JSON and say its type"
        raise Problem(415, "content-type", expected="application/json", got=got, do=do)
    body = bytearray()
    async for chunk in _chunks(request, settings):
        body += chunk
        if len(body) > JSON_BYTES:
            do = "send fewer or shorter texts"
            raise Problem(413, "body", expected=f"at most {JSON_BYTES:,} bytes", got="more", do=do)
    try:
        found = json.loads(body.decode())
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        do = "let your JSON library make the body"
        raise Problem(400, "body", expected="an object in JSON", got="something else", do=do)
    return found


@asynccontextmanager
async def _received(
    request: Request, settings: Settings, budget: ByteBudget, reader: FormReader | SinglePhoto
) -> AsyncIterator[None]:
    """Let a reader take the whole body in, which counts as long as the block runs."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > settings.max_bytes:
        raise too_large(settings, f"{int(announced):,} bytes")
    size = 0
    try:
        async for chunk in _chunks(request, settings):
            if size + len(chunk) > settings.max_bytes:
                raise too_large(settings, "more")
            budget.take(len(chunk))
            size += len(chunk)
            reader.write(chunk)
        yield
    finally:
        budget.held -= size


async def _chunks(request: Request, settings: Settings) -> AsyncIterator[bytes]:
    end = time.monotonic() + settings.upload_s
    stream = request.stream()
    while True:
        left = min(end - time.monotonic(), settings.idle_s)
        try:
            chunk = await asyncio.wait_for(stream.__anext__(), max(left, 0))
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
        yield chunk


def too_large(settings: Settings, got: str) -> Problem:
    """A body beyond the limit."""
    return Problem(
        413,
        "body",
        expected=f"at most {settings.max_bytes:,} bytes",
        got=got,
        do="send fewer or smaller photos",
    )
