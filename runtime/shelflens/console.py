"""What a console can show: no character ends the program, and none steers the terminal."""

from __future__ import annotations

import codecs
import io
import sys
import warnings
from typing import TextIO

from shelflens.errors import PhotoWarning


def show_everything() -> None:
    """Make sure that no character ends the program because a stream cannot encode it.

    Such characters, and bytes of file names that are no text, are written as \\uXXXX, which keeps
    lines of JSON valid. A `PhotoWarning` is shown as one line.
    """
    codecs.register_error("shelflens.escape", _escape)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors != "surrogateescape":
            stream.reconfigure(errors="shelflens.escape")
    if warnings.showwarning is _show_any_warning:
        warnings.showwarning = _show_warning


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A photo that was read although it was cut short is one line; the rest is as ever."""
    if issubclass(category, PhotoWarning):
        print(printable(f"note: {message}"), file=sys.stderr)
    else:
        _show_any_warning(message, category, filename, lineno, file, line)


_show_any_warning = warnings.showwarning


def printable(text: str) -> str:
    """A text without characters that steer a terminal: they are shown as escapes."""
    return "".join(
        ascii(character)[1:-1] if _steers(character) else character for character in text
    )


def _steers(character: str) -> bool:
    code = ord(character)
    return (
        code < 0x20 or 0x7F <= code < 0xA0 or 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069
    )


def _escape(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    pairs = (units[index : index + 2].hex() for index in range(0, len(units), 2))
    return "".join(f"\\u{pair}" for pair in pairs), error.end
