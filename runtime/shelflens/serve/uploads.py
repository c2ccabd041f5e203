"""Photos of a request, and the media types in which they come."""

from __future__ import annotations

from dataclasses import dataclass

from shelflens.serve.problem import Problem, quoted

PHOTO_TYPES = ("image/jpeg", "image/png", "image/webp")
MULTIPART = "multipart/form-data"


@dataclass(frozen=True)
class Upload:
    """A photo of a request."""

    name: str
    content: bytes


class SinglePhoto:
    """Collects a body that is one photo."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def write(self, chunk: bytes) -> None:
        """Take a further part of the body."""
        self._chunks.append(chunk)

    def finish(self) -> list[Upload]:
        """The photo, at the end of the body."""
        content = b"".join(self._chunks)
        self._chunks.clear()
        return [Upload("photo", content)]


def media_type(header: str) -> str:
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
        got=quoted(got) if got else "none",
        do="send a photo and say its type",
        headers={"accept": ", ".join((*PHOTO_TYPES, MULTIPART))},
    )
