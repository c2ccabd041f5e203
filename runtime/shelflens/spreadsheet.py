"""Cells of a CSV that a spreadsheet may open: a text that begins a formula is quoted."""

from __future__ import annotations

import re

_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_NUMBER = re.compile(r"[-+]?[0-9]+([.,][0-9]+)?")


def cell(text: str) -> str:
    """A text with an apostrophe before it where a spreadsheet would compute it.

    OWASP's advice against CSV injection; numbers stay. `uncell` takes the apostrophe off.
    """
    unquoted = text.lstrip("'")
    if unquoted.startswith(_BEGINS_A_FORMULA) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def uncell(text: str) -> str:
    """The text that `cell` was given."""
    return text[1:] if text.startswith("'") and cell(text[1:]) == text else text
