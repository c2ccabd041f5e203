"""The rows of a CSV with their line numbers: RFC 4180, and no damage passed over in silence.

The `csv` module reads a cell whose quote is never closed to the end of the file, and a text behind
a closing quote as part of the cell; both lose rows. Here both are errors that name the line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from shelflens.errors import DataError

DELIMITERS = (",", ";", "\t", "|")
NO_RESULT, A_DATE = "a formula without a result", "a date"
"""Marks of a workbook's cells: not worked out by any spreadsheet; changed by one."""
_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True)
class Row:
    """A row, and the line of the file in which it begins."""

    line: int
    cells: list[str]
    marks: Mapping[int, str] = field(default_factory=dict)
    """What a workbook says of a cell beside its text, such as that it is a date, by index."""


def split_rows(
    text: str, delimiter: str, name: str, *, line: int = 1, max_rows: int | None = None
) -> list[Row]:
    """The rows of a text; those whose cells are all blank are left out.

    Quotes inside a cell that does not begin with one are ordinary characters.

    Args:
        text: The whole file, or what is left of it.
        delimiter: The character between cells.
        name: What the person called the file, for messages.
        line: The line in which the text begins.
        max_rows: Stop there.

    Raises:
        DataError: a quote that is not closed, or text behind a closing one; names the line in
            which it was opened.
    """
    plain = re.compile(f"[^{re.escape(delimiter)}\r\n]*")
    rows: list[Row] = []
    cells: list[str] = []
    position, first_line = 0, line
    while position < len(text):
        if text[position] == '"':
            cell, end = _quoted(text, position, line, name)
            after = text[end : end + 1]
            if after and after not in (delimiter, "\r", "\n"):
                raise DataError(
                    f"{name} line {line}: a cell begins with a quote, and text follows the next "
                    f"quote ({_near(text, end)}): close the quote, or double the quotes inside "
                    "the cell"
                )
            line += len(_LINE_END.findall(cell))
        else:
            found = plain.match(text, position)
            assert found is not None
            cell, end = found[0], found.end()
        cells.append(cell)
        if text[end : end + 1] == delimiter:
            position = end + 1
            if position < len(text):
                continue
            cells.append("")
            end = position
        if any(map(str.strip, cells)):
            rows.append(Row(first_line, cells))
            if len(rows) == max_rows:
                break
        cells = []
        line_end = _LINE_END.match(text, end)
        position = line_end.end() if line_end else end
        line += bool(line_end)
        first_line = line
    return rows


def _quoted(text: str, start: int, line: int, name: str) -> tuple[str, int]:
    """The cell that a quote opens, and the index behind its closing quote."""
    end = start + 1
    while True:
        end = text.find('"', end)
        if end < 0:
            raise DataError(
                f"{name} line {line}: a cell begins with a quote that is never closed "
                f"({_near(text, start)}); close it, or remove it"
            )
        if text[end + 1 : end + 2] != '"':
            return text[start + 1 : end].replace('""', '"'), end + 1
        end += 2


def _near(text: str, position: int) -> str:
    return repr(_LINE_END.split(text[position : position + 20])[0])


def find_delimiter(text: str, name: str, fits: Callable[[list[str]], bool]) -> str:
    """The delimiter with which the header has the columns that are needed.

    Args:
        text: The whole file, without a `sep=` line.
        name: What the person called the file, for messages.
        fits: Whether a header has the columns.

    Returns:
        The first that fits, else the one that cuts the header into the largest number of cells.

    Raises:
        DataError: a quote that is not closed in the header, and no delimiter that fits.
    """
    headers = {}
    trouble = None
    for delimiter in DELIMITERS:
        try:
            first = next(iter(split_rows(text, delimiter, name, max_rows=1)), None)
        except DataError as error:  # of a quote that only another delimiter lets begin a cell
            trouble = trouble or error
            continue
        headers[delimiter] = first.cells if first else []
    if trouble is not None and not any(map(fits, headers.values())):
        raise trouble
    fitting = [delimiter for delimiter, cells in headers.items() if fits(cells)]
    return (fitting or sorted(headers, key=lambda delimiter: -len(headers[delimiter])))[0]


def separator_line(text: str) -> tuple[str, str]:
    """The delimiter that a first line `sep=;` names, or "", and the text behind that line."""
    found = re.match(r'"?sep=([^\r\n"])"?(\r\n|\n|\r|$)', text, re.I)
    return (found[1], text[found.end() :]) if found else ("", text)
