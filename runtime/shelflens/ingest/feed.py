"""A Google Merchant feed as XML: RSS or Atom, with the fields of the `g:` namespace.

The products of the feed become the rows of a table. Parsed by Expat alone, with every document
type refused: entities, which can grow without end or name other files, cannot be declared.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from shelflens.errors import DataError
from shelflens.ingest.rows import Row

_GOOGLE = "http://base.google.com/ns/1.0"
_ITEMS = frozenset({"item", "entry"})
_MAX_DEPTH = 100
_SEVERAL = ","
"""Between several values of a field, as in a feed that is a table."""


def read_feed(content: bytes, name: str) -> list[Row]:
    """The products of a feed as rows, the first of which is the header.

    Args:
        content: The bytes of the file.
        name: What the person called it, for messages.

    Raises:
        DataError: no feed, or damaged; names the line.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    reader = _Reader(parser, name)
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.refuse_document_type
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        what = expat.errors.messages.get(error.code, "damaged")
        raise DataError(
            f"{name} line {error.lineno}: no well-formed XML ({what}); export the feed again"
        ) from error
    except (LookupError, UnicodeError, ValueError) as error:
        raise DataError(f"{name}: XML in an encoding that is not read; save it as UTF-8") from error
    if not reader.items:
        raise DataError(
            f"{name}: XML without products (<item> or <entry>); expected a Google Merchant feed, "
            "or export the products as CSV"
        )
    header = list(dict.fromkeys(key for _, values in reader.items for key in values))
    rows = [Row(1, header)]
    for line, values in reader.items:
        rows.append(Row(line, [values.get(key, "") for key in header]))
    return rows


@dataclass
class _Reader:
    """What Expat calls."""

    parser: Any
    name: str
    items: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """The line of each product, and its fields."""
    depth: int = 0
    item_depth: int = 0
    """Depth of the product that is being read; 0 for none."""
    parts: list[str] = field(default_factory=list)
    ours: dict[str, str] = field(default_factory=dict)
    """Fields of Google's namespace, which count before others of the same name."""

    def start(self, tag: str, _: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            line = self.parser.CurrentLineNumber
            raise DataError(f"{self.name} line {line}: XML nested more than {_MAX_DEPTH} deep")
        if not self.item_depth and tag.rpartition(" ")[2] in _ITEMS:
            self.item_depth = self.depth
            self.items.append((self.parser.CurrentLineNumber, {}))
            self.ours = {}
        elif self.item_depth and self.depth == self.item_depth + 1:
            self.parts = []

    def end(self, tag: str) -> None:
        if self.item_depth and self.depth == self.item_depth + 1:
            space, _, key = tag.rpartition(" ")
            self._keep(key, "".join(self.parts).strip(), space == _GOOGLE)
        elif self.depth == self.item_depth:
            self.items[-1][1].update(self.ours)
            self.item_depth = 0
        self.depth -= 1

    def _keep(self, key: str, text: str, is_google: bool) -> None:
        fields = self.ours if is_google else self.items[-1][1]
        if key in fields and key != "additional_image_link":
            return
        fields[key] = f"{fields[key]}{_SEVERAL}{text}" if fields.get(key) else text

    def text(self, text: str) -> None:
        if self.item_depth and self.depth == self.item_depth + 1:
            self.parts.append(text)

    def refuse_document_type(self, *_: Any) -> None:
        line = self.parser.CurrentLineNumber
        raise DataError(
            f"{self.name} line {line}: declares a document type (<!DOCTYPE), which no feed needs "
            "and which may hold anything; remove it"
        )
