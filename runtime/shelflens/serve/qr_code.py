"""QR codes for a screen and for a terminal: the only module that imports `segno`."""

from __future__ import annotations

import io
from typing import Any

from shelflens.errors import ServeError

_QUIET = 4
"""Modules of white around a code, as ISO/IEC 18004 wants it."""


def svg(text: str) -> bytes:
    """A code as an SVG document, dark on white."""
    stream = io.BytesIO()
    _code(text).save(
        stream, kind="svg", border=_QUIET, light="#fff", omitsize=True, xmldecl=False, nl=False
    )
    return stream.getvalue()


def terminal(text: str) -> list[str]:
    """A code as lines of half blocks: white modules are drawn in white on black.

    The colours are set by escape sequences, so that a terminal's own do not matter.
    """
    rows = [list(row) for row in _code(text).matrix_iter(border=_QUIET)]
    rows += [[0] * len(rows[0])] * (len(rows) % 2)
    lines = []
    for upper, lower in zip(rows[::2], rows[1::2], strict=True):
        blocks = "".join(_BLOCKS[bool(up), bool(low)] for up, low in zip(upper, lower, strict=True))
        lines.append(f"\x1b[97;40m{blocks}\x1b[0m")
    return lines


_BLOCKS = {(True, True): " ", (True, False): "▄", (False, True): "▀", (False, False): "█"}
"""By whether the upper and the lower module are dark."""


def _code(text: str) -> Any:
    try:
        import segno
    except ImportError as missing:
        raise ServeError("--phone needs segno: pip install 'shelflens[phone]'") from missing
    return segno.make(text, error="m", micro=False)
