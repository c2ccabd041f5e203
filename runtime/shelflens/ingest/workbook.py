"""Excel workbooks (.xlsx) through openpyxl, the extra [xlsx].

Numbers are read as they are stored, so that a barcode shown as 7.61E+12 keeps its digits; what a
spreadsheet changed beyond that, dates and formulas, is marked for the table to say.
"""

from __future__ import annotations

import datetime
import io
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from shelflens.errors import DataError
from shelflens.ingest.rows import A_DATE, NO_RESULT, Row
from shelflens.model.archive import MAX_MEMBER_BYTES, Archive

MAX_COLUMNS = 512
"""Further cells of a row are not read."""

_WORKBOOK = "xl/workbook.xml"
_NEIGHBOURS = {
    "mimetype": "an OpenDocument file (.ods)",
    "Index/Document.iwa": "a Numbers file",
    "word/document.xml": "a Word document (.docx)",
    "xl/workbook.bin": "a binary workbook (.xlsb)",
}
_SAVE = "save it as CSV UTF-8 or .xlsx"


def is_workbook(archive: Archive, name: str) -> bool:
    """Whether a zip file is a workbook that is read here.

    Raises:
        DataError: a document of another program.
    """
    for member, what in _NEIGHBOURS.items():
        if member in archive.members:
            raise DataError(f"{name}: is {what}, which is not read; {_SAVE}")
    return _WORKBOOK in archive.members


def read_workbook(
    archive: Archive, name: str, fits: Callable[[list[str]], bool]
) -> tuple[list[Row], list[str]]:
    """The rows of the first sheet whose header has the columns that are needed.

    Args:
        archive: The workbook.
        name: What the person called it, for messages.
        fits: Whether a header has the columns.

    Returns:
        The rows, of which the first is the header, and notes for a person.

    Raises:
        DataError: openpyxl is not installed, or the workbook is damaged or too large.
    """
    try:
        import openpyxl
    except ModuleNotFoundError as error:
        raise DataError(
            f"{name}: is an Excel workbook: pip install 'shelflens[xlsx]', or save it as CSV UTF-8"
        ) from error
    _check(archive, name)
    content = archive.path.read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # styles and extensions that do not matter here
            written, shown = (  # of bytes: openpyxl leaves a damaged file open
                openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=data_only)
                for data_only in (False, True)
            )
            try:
                return _first_that_fits(written, shown, name, fits)
            finally:
                written.close()
                shown.close()
    except DataError:
        raise
    except Exception as error:  # a damaged workbook raises almost anything
        raise DataError(f"{name}: a damaged workbook ({error}); save it again") from error


def _check(archive: Archive, name: str) -> None:
    if sum(info.file_size for info in archive.members.values()) > MAX_MEMBER_BYTES:
        raise DataError(f"{name}: unpacks to more than {MAX_MEMBER_BYTES >> 20} MiB; {_SAVE}")
    for member in archive.members:
        if member.endswith((".xml", ".rels")) and b"<!DOCTYPE" in archive.read(member):
            raise DataError(f"{name}: declares a document type in {member}; save it again")


def _first_that_fits(
    written: Any, shown: Any, name: str, fits: Callable[[list[str]], bool]
) -> tuple[list[Row], list[str]]:
    read = []
    for worksheet in written.worksheets:
        rows = list(_rows(worksheet, shown[worksheet.title]))
        if rows and fits(rows[0].cells):
            count = len(written.worksheets)
            note = f"{name}: sheet {worksheet.title!r} of {count} is read"
            return rows, [note] if count > 1 else []
        read.append(rows)
    filled = [rows for rows in read if rows]
    return (filled[0] if filled else []), []


def _rows(written: Any, shown: Any) -> Iterator[Row]:
    for worksheet in (written, shown):
        worksheet.reset_dimensions()  # a header may claim any
    pairs = zip(
        written.iter_rows(max_col=MAX_COLUMNS),
        shown.iter_rows(max_col=MAX_COLUMNS, values_only=True),
        strict=True,
    )
    for line, (cells, values) in enumerate(pairs, 1):
        texts, marks = [], {}
        for index, (cell, value) in enumerate(zip(cells, values, strict=True)):
            mark = ""
            if cell.data_type == "f":
                mark = NO_RESULT if value is None else "a formula's last result"
            elif isinstance(value, datetime.date | datetime.time | datetime.timedelta):
                mark = A_DATE
            texts.append(cell_text(value, getattr(cell, "number_format", "") or ""))
            if mark:
                marks[index] = mark
        if any(map(str.strip, texts)) or marks:
            yield Row(line, texts, marks)


def cell_text(value: Any, number_format: str = "") -> str:
    """A cell as a person would type it.

    Args:
        value: As openpyxl gives it.
        number_format: Of the cell; one of zeros alone, such as `0000`, shows leading zeros.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        whole = int(value) if float(value).is_integer() else None
        text = f"{value:.15g}" if whole is None else str(whole)
        zeros = re.fullmatch("0{2,}", number_format)
        return text.zfill(len(number_format)) if zeros and whole is not None else text
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value)
