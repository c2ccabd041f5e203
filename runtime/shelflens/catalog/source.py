"""The file that a catalog was opened from: checked once, and again before anything is written."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from shelflens.catalog.container import (
    Container,
    open_container,
    verify_container,
    write_container,
)
from shelflens.catalog.content import Content, Identity, damaged, overwritten
from shelflens.catalog.contents import Contents
from shelflens.catalog.id_index import INDEXED_PRODUCTS
from shelflens.catalog.row_check import RowCheck
from shelflens.catalog.sums import Sums
from shelflens.errors import CatalogError
from shelflens.files import Check

CHECKED_PRODUCTS = INDEXED_PRODUCTS
"""Records of so many products are checked when a file is opened. Parsing a million takes seconds,
so those of larger catalogs are checked one by one when they are asked for, and all of them before
a catalog is replaced in use, or verified."""

_MAX_REMEMBERED = 64
_verified: dict[Identity, Sums] = {}
"""Files that were checked in this process, and their checksums."""

REFUSED = (CatalogError, ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What reading odd contents raises."""


@dataclass(frozen=True)
class Source:
    """An opened file and what it holds; both stay as they are when the path gets another file."""

    path: Path
    content: Content
    """The bytes of the file."""
    container: Container
    contents: Contents

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the content."""
        return self.container.metadata["fingerprint"]

    @property
    def header(self) -> bytes:
        """The header as it stands in the file."""
        length = int.from_bytes(self.content.bytes[:8].tobytes(), "little")
        return self.content.bytes[8 : 8 + length].tobytes()

    def verify(self) -> None:
        """Read everything: checksums, rows, and the record of every product.

        Raises:
            CatalogError: the file is damaged.
        """
        self._check(everything=True)

    def require_unchanged(self) -> None:
        """Refuse a mapped file that somebody wrote into; cheap where nobody did.

        Raises:
            OSError: it got shorter, or differs from its checksums.
        """
        if not self.content.is_unchanged():
            try:
                verify_container(self.path, self.container, self.content)
            except CatalogError as error:
                raise overwritten(self.path) from error

    def _check(self, *, everything: bool) -> None:
        rows = RowCheck(self.content, self.contents.rows)
        # First: a checksum that differs says more than what the damage did.
        verify_container(self.path, self.container, self.content, visit=rows.visit)
        try:
            rows.require_sound()
            if everything:
                self.contents.products.check()
            else:
                self.contents.products.check_few(CHECKED_PRODUCTS)
        except REFUSED as error:
            raise damaged(self.path, _reason(error)) from error


def open_source(path: str | os.PathLike[str], check: Check | None = None) -> Source:
    """Open a catalog file by one descriptor, and check it.

    Header, tables, calibration, rows and checksums are checked at once, the records of products up
    to `CHECKED_PRODUCTS`. A file above 4 MiB that this process has checked already is not checked
    again while it is the same.

    Args:
        path: The file.
        check: Called with the path and the bytes before anything else looks at them.

    Raises:
        CatalogError: not a catalog, cut short, damaged, or of a newer format.
        FileNotFoundError: no such file.
        ShelfLensError: what `check` raises.
    """
    file = Path(path)
    container, content = open_container(file, check=check)
    try:
        contents = Contents.read(*container)
    except REFUSED as error:
        verify_container(file, container, content)
        raise damaged(file, _reason(error)) from error
    source, identity = Source(file, content, container, contents), content.identity
    if identity is not None and (sums := _verified.get(identity)) is not None:
        content.keep_sums(sums)
        return source
    source._check(everything=False)
    if identity is not None:
        if len(_verified) >= _MAX_REMEMBERED:
            _verified.clear()
        _verified[identity] = content.sums.detached()
    return source


def save_contents(path: str | os.PathLike[str], contents: Contents, source: Source | None) -> None:
    """Write a catalog file; an old one stays whole until the new one is complete.

    Args:
        path: The file.
        contents: What it shall hold.
        source: The opened file that parts of them lie in, which are copied from file to file.

    Raises:
        CatalogError: a record that no reader would take.
        OSError: that file was overwritten in place since it was opened; or no permission, no
            space, no such folder.
    """
    contents.products.check_few(CHECKED_PRODUCTS)  # a larger table that shrank was not parsed yet
    content = None
    if source is not None:
        source.require_unchanged()  # damage must not get checksums that fit it
        content = source.content
    tensors, metadata = contents.tensors(), contents.metadata()
    write_container(Path(path), tensors, metadata, content=content, version=contents.version)


def _reason(error: Exception) -> str:
    text = f"no {error}" if isinstance(error, KeyError) else str(error)
    return " ".join(text.split())[:120] or type(error).__name__
