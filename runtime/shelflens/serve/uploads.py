"""Photos of a request, and the media types in which they come."""

from __future__ import annotations

from dataclasses import dataclass

from shelflens.model.formats import HEAD_BYTES, format_of
from shelflens.serve.problem import Problem, quoted

PHOTO_TYPES = ("image/jpeg", "image/png", "image/webp")
MULTIPART = "multipart/form-data"
LOOSE_TYPES = (
    "",
    "application/octet-stream",
    "binary/octet-stream",
    "application/x-www-form-urlencoded",
)
"""What clients say that do not know the type of what they send: the bytes decide."""


@dataclass(frozen=True)
class Upload:
    """A photo of a request."""

    name: str
    content: bytes


class SinglePhoto:
    """Collects a body that is one photo."""

    def __init__(self, content_type: str) -> None:
        self._content_type = content_type
        self._chunks: list[bytes] = []

    def write(self, chunk: bytes) -> None:
        """Take a further part of the body."""
        self._chunks.append(chunk)

    def finish(self) -> list[Upload]:
        """The photo, at the end of the body.

        Raises:
            Problem: 415, not a photo, and no type that says so.
        """
        content = b"".join(self._chunks)
        self._chunks.clear()
        if not is_photo(self._content_type, content):
            raise wrong_type("content-type", self._content_type)
        return [Upload("photo", content)]


def is_photo(content_type: str, content: bytes) -> bool:
    """Whether something is a photo: by its bytes, or because the client says so.

    Args:
        content_type: As it was sent, with its parameters; "" for none.
        content: At least the first bytes.
    """
    if _without_parameters(content_type).startswith("image/"):
        return True  # the decoder says what is wrong with it
    return bool(format_of(content[:HEAD_BYTES]))


def media_type(header: str) -> str:
    """The media type of a request, without its parameters.

    Raises:
        Problem: 415, nothing that can be a photo.
    """
    kind = _without_parameters(header)
    if kind != MULTIPART and kind not in LOOSE_TYPES and not kind.startswith("image/"):
        raise wrong_type("content-type", header)
    return kind


def _without_parameters(header: str) -> str:
    return header.partition(";")[0].strip().lower()


def wrong_type(what: str, got: str) -> Problem:
    """A body, or a part of one, of another type."""
    return Problem(
        415,
        what,
        expected=", ".join((*PHOTO_TYPES, MULTIPART)),
        got=quoted(got) if got else "none",
        do="send a photo and say its type",
        headers={"accept": ", ".join((*PHOTO_TYPES, MULTIPART))},
    )
