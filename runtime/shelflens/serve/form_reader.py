"""The photos of a form: multipart/form-data (RFC 7578), parsed by python-multipart as it arrives.

Starlette's own form parser is built on the same library, and writes large parts to temporary files;
here photos stay in memory.
"""

from __future__ import annotations

import logging

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from shelflens.model.formats import HEAD_BYTES
from shelflens.serve.problem import Problem
from shelflens.serve.uploads import LOOSE_TYPES, MULTIPART, Upload, is_photo, wrong_type

# Its warnings about malformed bodies must not fill standard error: the client gets the reason.
logging.getLogger("python_multipart").addHandler(logging.NullHandler())

MAX_PARTS = 100
"""Parts of a form, those without a photo included: each costs time."""

MAX_HEADER_BYTES = 8192
"""Of all headers of a part."""

MAX_TEXT_BYTES = 64 << 10
"""Of all texts of a form."""


class FormReader:
    """Collects the photos of a form, in their order, and its texts, where they are wanted."""

    def __init__(self, content_type: str, *, max_photos: int, with_texts: bool = False) -> None:
        """Start with an empty form.

        Args:
            content_type: Of the request, with the boundary.
            max_photos: Photos of a form.
            with_texts: A part without a file name is a text, whatever its bytes look like; else
                texts are passed over.

        Raises:
            Problem: 400, no boundary.
        """
        self._max_photos, self._with_texts = max_photos, with_texts
        self.texts: dict[str, str] = {}
        """By field; of a field that repeats, the last."""
        self._text_bytes = 0
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
        self._is_known = self._is_text = False

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
        if self._with_texts and not self._name and not self._type.startswith("image/"):
            self._is_known = self._is_text = True
            self._field_name = options.get(b"name", b"").decode("utf-8", "replace")

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_text:
            if self._with_texts:
                self._take_text(data[start:end])
            return
        self._chunks.append(data[start:end])
        if not self._is_known and sum(map(len, self._chunks)) >= HEAD_BYTES:
            self._decide()

    def _part_end(self) -> None:
        if not self._is_known and (self._chunks or self._name):
            self._decide()
        content = b"".join(self._chunks)
        self._chunks.clear()
        if self._is_text and self._with_texts:
            self.texts[self._field_name] = _decoded(content)
        if self._is_known and not self._is_text:
            name = self._name or f"photo {len(self._photos) + 1}"
            self._photos.append(Upload(name, content))

    def _take_text(self, data: bytes) -> None:
        self._text_bytes += len(data)
        if self._text_bytes > MAX_TEXT_BYTES:
            raise too_many("bytes of text", MAX_TEXT_BYTES)
        self._chunks.append(data)

    def _end(self) -> None:
        self._ended = True

    def _decide(self) -> None:
        """Say of the part at hand whether it is a photo or a text field, which is passed over."""
        self._is_known = True
        content = b"".join(self._chunks)
        if not is_photo(self._type, content) and (content or self._type not in LOOSE_TYPES):
            if self._name:
                raise wrong_type(f"part {self._parts}", self._type)
            self._is_text = True
            self._chunks.clear()
        elif len(self._photos) == self._max_photos:
            raise too_many("photos", self._max_photos)


def _decoded(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise malformed("a text that is not UTF-8") from None


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
