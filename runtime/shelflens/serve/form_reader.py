"""The photos of a form: multipart/form-data (RFC 7578), parsed by python-multipart as it arrives.

Starlette's own form parser is built on the same library, and writes large parts to temporary files;
here photos stay in memory.
"""

from __future__ import annotations

import logging

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from shelflens.serve.problem import Problem
from shelflens.serve.uploads import MULTIPART, PHOTO_TYPES, Upload, wrong_type

# Its warnings about malformed bodies must not fill standard error: the client gets the reason.
logging.getLogger("python_multipart").addHandler(logging.NullHandler())

MAX_PARTS = 100
"""Parts of a form, those without a photo included: each costs time."""

MAX_HEADER_BYTES = 8192
"""Of all headers of a part."""


class FormReader:
    """Collects the photos of a form, in their order."""

    def __init__(self, content_type: str, *, max_photos: int) -> None:
        """Start with an empty form.

        Args:
            content_type: Of the request, with the boundary.
            max_photos: Photos of a form.

        Raises:
            Problem: 400, no boundary.
        """
        self._max_photos = max_photos
        self._photos: list[Upload] = []
        self._parts = 0
        self._ended = False
        try:
            boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
        except ValueError:  # beyond latin-1
            boundary = b""
        if not boundary:
            raise malformed("no boundary")
        callbacks = {
            "on_part_begin": self._part_begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._part_data,
            "on_part_end": self._part_end,
            "on_end": self._end,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]
        except FormParserError as error:
            raise malformed("a boundary that is too long") from error

    def write(self, chunk: bytes) -> None:
        """Take a further part of the body.

        Raises:
            Problem: 400 not a form, 413 too many photos, 415 a part that is no photo.
        """
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            got = f"a damaged part {self._parts}" if self._parts else "no part"
            raise malformed(got) from error

    def finish(self) -> list[Upload]:
        """The photos, at the end of the body.

        Raises:
            Problem: 400, cut short or without a photo.
        """
        if not self._ended:
            raise malformed("a part that does not end" if self._parts else "no part")
        if not self._photos:
            raise malformed("no photo")
        return self._photos

    def _part_begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise too_many("parts", MAX_PARTS)
        self._headers: dict[bytes, bytes] = {}
        self._field, self._value = bytearray(), bytearray()
        self._header_bytes = 0
        self._chunks: list[bytes] = []
        self._name = self._type = ""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._value += data[start:end]

    def _count_header(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > MAX_HEADER_BYTES:
            raise malformed(f"headers of part {self._parts} that are too long")

    def _header_end(self) -> None:
        self._headers[bytes(self._field).lower()] = bytes(self._value)
        self._field.clear()
        self._value.clear()

    def _headers_finished(self) -> None:
        options = parse_options_header(self._headers.get(b"content-disposition"))[1]
        name = " ".join(options.get(b"filename", b"").decode("utf-8", "replace").split())
        self._name = (name if name.isprintable() else ascii(name))[:200]
        kind = parse_options_header(self._headers.get(b"content-type"))[0]
        self._type = kind.decode("latin-1")
        if self._name:  # else it may be a file input without a chosen file
            self._check_photo()

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if not self._chunks:
            self._check_photo()
        self._chunks.append(data[start:end])

    def _part_end(self) -> None:
        content = b"".join(self._chunks)
        self._chunks.clear()
        if content or self._name:
            name = self._name or f"photo {len(self._photos) + 1}"
            self._photos.append(Upload(name, content))

    def _end(self) -> None:
        self._ended = True

    def _check_photo(self) -> None:
        if self._type not in PHOTO_TYPES:
            raise wrong_type(f"part {self._parts}", self._type)
        if len(self._photos) == self._max_photos:
            raise too_many("photos", self._max_photos)


def too_many(what: str, limit: int) -> Problem:
    """More parts or photos than a form may have."""
    return Problem(413, what, expected=f"at most {limit}", got="more", do="send fewer of them")


def malformed(got: str) -> Problem:
    """A body that is no form with photos."""
    return Problem(
        400,
        "body",
        expected=f"{MULTIPART} with one or more photos",
        got=got,
        do="let your HTTP library make the body",
    )
