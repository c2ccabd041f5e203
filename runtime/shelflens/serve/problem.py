"""Errors as one clear line and as JSON (RFC 9457, `application/problem+json`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from shelflens.errors import PhotoError

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """An answer that is an error.

    Args:
        status: Of HTTP.
        what: The thing that is wrong: a parameter, a header, a photo.
        expected: What would be right.
        got: What came instead.
        do: What to do.
        headers: For the response.
    """

    def __init__(
        self,
        status: int,
        what: str,
        *,
        expected: str,
        got: str,
        do: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status, self.what = status, what
        self.expected, self.got, self.do = expected, got, do
        self.headers = dict(headers or {})
        super().__init__(f"{what}: expected {expected}, got {got}; {do}")

    def to_dict(self) -> dict[str, Any]:
        """The members of RFC 9457, then what, expected, got, do."""
        return {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": " ".join(str(self).split()),
            "what": self.what,
            "expected": self.expected,
            "got": self.got,
            "do": self.do,
        }

    def response(self) -> Response:
        """As a response; what was refused before its body was read ends the connection."""
        text = json.dumps(self.to_dict(), ensure_ascii=False)
        headers = {"cache-control": "no-store", **self.headers}
        return Response(text, self.status, headers=headers, media_type=MEDIA_TYPE)


def quoted(text: str, limit: int = 80) -> str:
    """What a client sent, in quotes, on one line, cut at a limit."""
    return ascii(text if len(text) <= limit else text[:limit] + "...")


def bad_photo(error: PhotoError, name: str) -> Problem:
    """A photo that does not open; its error is `photo: what is wrong; what to do`."""
    _, _, message = str(error).partition(": ")
    got, _, do = message.rpartition("; ")
    return Problem(
        422,
        name,
        expected="a JPEG, PNG or WebP image",
        got=" ".join((got or message).split()),
        do=do if do and not do.startswith("expected") else "send another photo",
    )


def busy(what: str) -> Problem:
    """Too much at once."""
    return Problem(
        503,
        "server",
        expected="a free place",
        got=what,
        do="ask again in a second",
        headers={"retry-after": "1"},
    )


async def on_problem(_: Request, error: Exception) -> Response:
    """Answer a `Problem`."""
    assert isinstance(error, Problem)
    return error.response()


async def on_http(request: Request, error: Exception) -> Response:
    """Answer what the router refuses: no such path, no such method."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "another method")
        problem = Problem(
            405,
            f"{request.method} {quoted(request.url.path)[1:-1]}",
            expected=allowed,
            got=quoted(request.method)[1:-1],
            do="see /docs",
            headers=error.headers,
        )
    else:
        problem = Problem(
            error.status_code,
            "path",
            expected="one of those in /docs",
            got=quoted(request.url.path),
            do="see /docs",
            headers=error.headers,
        )
    return problem.response()


async def on_crash(_: Request, error: Exception) -> Response:
    """Answer a defect of ours; Starlette raises the error again, so that it is logged."""
    problem = Problem(
        500,
        "server",
        expected="an answer",
        got=f"a defect ({type(error).__name__})",
        do="see the server's standard error and report it",
    )
    return problem.response()
