"""The text of a spreadsheet's export: its encoding by the bytes, and a clear word for the rest."""

from __future__ import annotations

from shelflens.errors import DataError
from shelflens.model.formats import HEAD_BYTES, format_of

_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_NOT_TEXT = (
    (b"PK\x03\x04", "a zip file"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook (.xls)"),
    (b"SQLite format 3", "a database"),
    (b"\x1f\x8b", "a compressed file (.gz)"),
)
_MARKUP = (("<!doctype html", "a web page"), ("<html", "a web page"))

CHOOSE = (
    "save it in the spreadsheet as 'CSV UTF-8 (Comma delimited)', in LibreOffice as 'Text CSV' "
    "with character set UTF-8"
)


def is_xml(content: bytes) -> bool:
    """Whether a file is XML in an encoding of ASCII's kind or UTF-16."""
    head = content[:400].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").lower()
    if head.startswith(b"<!doctype"):
        return not head[9:].lstrip().startswith(b"html")
    return head.startswith((b"<?xml", b"<rss", b"<feed", b"<rdf"))


def decode(content: bytes, name: str) -> str:
    """The text of a CSV in UTF-8, with or without byte-order mark, or UTF-16 or UTF-32 with one.

    Args:
        content: The bytes of the file.
        name: What the person called the file, for messages.

    Raises:
        DataError: another encoding, or no text at all; says what to choose in the spreadsheet.
    """
    head = content[:HEAD_BYTES]
    kind = format_of(head)
    if kind and (kind != "BMP" or b"\0" in head):  # a column's name may begin with BM
        raise DataError(
            f"{name}: is a picture ({kind}); expected a folder with a folder per product, or a CSV"
        )
    for start, what in _NOT_TEXT:
        if content.startswith(start):
            raise DataError(f"{name}: is {what}, not a CSV in UTF-8; {CHOOSE}")
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        where = f"line {line} is not" if encoding == "utf-8" else f"damaged {encoding.upper()},"
        raise DataError(f"{name}: not a CSV in UTF-8 ({where} UTF-8); {CHOOSE}") from error
    if "\0" in text:
        raise DataError(
            f"{name}: not a CSV in UTF-8 (has NUL characters, as UTF-16 without a byte-order "
            f"mark has); {CHOOSE}"
        )
    beginning = text[:100].lstrip().lower()
    for word, what in _MARKUP:
        if beginning.startswith(word):
            raise DataError(f"{name}: is {what}, not a CSV; export the products as CSV or TSV")
    return text
