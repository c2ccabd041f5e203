"""The file that a catalog was opened from: checked once, and again before anything is written."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.container import (
    Container,
    Identity,
    damaged,
    open_container,
    verify_container,
)
from shelflens.catalog.contents import Contents
from shelflens.errors import CatalogError
from shelflens.files import Check

CHECKED_PRODUCTS = 256
"""Records of so many products are checked when a file is opened. Parsing a million takes seconds,
so those of larger catalogs are checked one by one when they are asked for, and all of them before
a catalog is written, replaced in use, or verified."""

_MAX_REMEMBERED = 64
_verified: dict[Identity, None] = {}
"""Mapped files whose bytes were checked in this process; by device, inode, times and size."""

_REFUSED = (CatalogError, ValueError, KeyError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True)
class Source:
    """An opened file and what it holds; both stay as they are when the path gets another file."""

    path: Path
    content: NDArray[np.uint8]
    """The bytes of the file."""
    container: Container
    contents: Contents

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the content."""
        return self.container.metadata["fingerprint"]

    def verify(self) -> None:
        """Read everything: checksums, rows, and the record of every product.

        Raises:
            CatalogError: the file is damaged.
        """
        self._check(None)

    def _check(self, max_products: int | None) -> None:
        try:
            self.contents.check(max_products)
        except _REFUSED as error:
            # A checksum that differs says more than what the damage did.
            verify_container(self.path, *self.container)
            raise damaged(self.path, _reason(error)) from error
        verify_container(self.path, *self.container)


def open_source(path: str | os.PathLike[str], check: Check | None = None) -> Source:
    """Open a catalog file by one descriptor, and check it.

    Header, tables, calibration, rows and checksums are checked at once, the records of products up
    to `CHECKED_PRODUCTS`. A mapped file (above 4 MiB) that this process has checked already is not
    read again while it is the same.

    Args:
        path: The file.
        check: Called with the path and the bytes before anything else looks at them.

    Raises:
        CatalogError: not a catalog, cut short, damaged, or of a newer format.
        FileNotFoundError: no such file.
        ShelfLensError: what `check` raises.
    """
    file = Path(path)
    container, content, identity = open_container(file, check)
    try:
        contents = Contents.read(*container)
    except _REFUSED as error:
        verify_container(file, *container)
        raise damaged(file, _reason(error)) from error
    source = Source(file, content, container, contents)
    if identity is None or identity not in _verified:
        source._check(CHECKED_PRODUCTS)
        if identity is not None:
            if len(_verified) >= _MAX_REMEMBERED:
                _verified.clear()
            _verified[identity] = None
    return source


def _reason(error: Exception) -> str:
    text = f"no {error}" if isinstance(error, KeyError) else str(error)
    return " ".join(text.split())[:120] or type(error).__name__
