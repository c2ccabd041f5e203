"""Product ids and their vectors: what may go into a catalog."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shelflens.errors import CatalogError

ID_LIMIT = 200
"""Characters in a product id: it is printed on one line of a screen, and typed."""

_BLANKS = (
    " \t\r\n\v\f\x1c\x1d\x1e\x1f\x85\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006"
    "\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\u200b\u2060\ufeff"
)
"""What looks like nothing at the ends of a text."""

ROW_LIMIT = 1 << 31
"""A catalog has fewer rows than this."""

_JOINERS = frozenset("\u200b\u200c\u200d\u200e\u200f\u2060\u061c\u180e")
"""Invisible characters that scripts need inside words: joiners, and marks of direction."""


def strip_blanks(text: str) -> str:
    """A text without what looks like nothing at its ends."""
    return text.strip(_BLANKS)


def clean_id(text: str) -> str:
    """A text as a product id: Unicode normal form C, without blanks at its ends."""
    return strip_blanks(unicodedata.normalize("NFC", text))


def check_id(product_id: str) -> None:
    """Refuse a product id that cannot be shown on one line.

    Letters, spaces and joiners of any script are allowed.

    Raises:
        CatalogError: empty, longer than `ID_LIMIT`, surrounded by blanks, or with characters
            that do not print; names the first of them.
    """
    if not isinstance(product_id, str) or not product_id:
        raise CatalogError(f"product id: expected a text, got {product_id!r}")
    if len(product_id) > ID_LIMIT:
        raise CatalogError(
            f"product id {product_id[:20]!r}...: {len(product_id):,} characters, at most {ID_LIMIT}"
        )
    if product_id != product_id.strip(_BLANKS):
        raise CatalogError(f"product id {product_id!r}: has blanks at its ends; remove them")
    if found := unprintable(product_id):
        raise CatalogError(
            f"product id {product_id!r}: {found}, which does not print on one line (line breaks, "
            "control characters); remove it"
        )


def unprintable(text: str) -> str:
    """The first character that does not print on one line, as "character 3 is U+0007"; or ""."""
    if text.isprintable():  # at once, for the ids of a large catalog are checked too
        return ""
    for index, character in enumerate(text):
        if not (character.isprintable() or character in _JOINERS or _is_space(character)):
            return f"character {index + 1} is {_name(character)}"
    return ""


def _is_space(character: str) -> bool:
    return unicodedata.category(character) == "Zs"


def _name(character: str) -> str:
    name = unicodedata.name(character, "")
    return f"U+{ord(character):04X}" + (f" {name}" if name else "")


def check_rows(
    ids: Sequence[str], vectors: NDArray[np.float32], space: str, *, dim: int | None = None
) -> None:
    """Refuse ids and vectors that do not fit each other, and vectors that are no direction.

    Raises:
        CatalogError: saying which.
    """
    if vectors.ndim != 2 or not vectors.shape[1] or len(vectors) >= ROW_LIMIT:
        raise CatalogError(f"vectors: expected float32 [n, d], got {list(vectors.shape)}")
    if dim is not None and vectors.shape[1] != dim:
        raise CatalogError(f"vectors: expected {dim} dimensions per row, got {vectors.shape[1]}")
    if len(ids) != len(vectors):
        raise CatalogError(f"{len(ids)} ids for {len(vectors)} vectors; expected one for each")
    if not space:
        raise CatalogError("space: expected the name of the embedding space, got nothing")
    for product_id in dict.fromkeys(ids):
        check_id(product_id)
    lengths = np.einsum("nd,nd->n", vectors, vectors)
    if len(bad := np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))):
        raise CatalogError(
            f"vector {bad[0]} (product {ids[bad[0]]!r}): expected finite numbers that are not "
            "all zero; embed its photo again"
        )
