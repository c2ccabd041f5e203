"""Product ids: what may be one."""

from __future__ import annotations

from shelflens.errors import CatalogError

ID_LIMIT = 200
"""Characters in a product id: it is printed on one line of a screen, and typed."""


def check_id(product: str) -> None:
    """Refuse a product id that cannot be shown on one line.

    Raises:
        CatalogError: empty, longer than `ID_LIMIT`, surrounded by blanks, or with characters
            that do not print.
    """
    if not isinstance(product, str) or not product:
        raise CatalogError(f"product id: expected a text, got {product!r}")
    if len(product) > ID_LIMIT:
        raise CatalogError(
            f"product id {product[:20]!r}...: {len(product):,} characters, at most {ID_LIMIT}"
        )
    if product != product.strip() or not product.isprintable():
        raise CatalogError(
            f"product id {product!r}: has line breaks, control characters or blanks at its ends; "
            "use characters that print on one line"
        )
