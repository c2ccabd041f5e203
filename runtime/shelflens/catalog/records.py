"""The record of a product: one JSON object with its id and attributes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from shelflens.errors import CatalogError
from shelflens.product_ids import check_id

_decoder = json.JSONDecoder()
_TEXTS = {str}


def encoded(product_id: str, attributes: Mapping[str, object]) -> bytes:
    """A product's record."""
    columns = {key: str(text) for key, text in attributes.items()}
    return _json({"id": product_id, "attributes": columns}).encode()


def record_start(product_id: str) -> bytes:
    """How a product's record begins, where `encoded` made it."""
    return _json({"id": product_id}).encode(errors="surrogatepass")[:-1]


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def parsed_record(data: bytes, index: int) -> dict[str, Any]:
    """A product: `id` and `attributes`, both texts.

    Args:
        data: Its record.
        index: Its index, for messages.

    Raises:
        CatalogError: the record is damaged, or was never one.
    """
    try:
        text = data.decode()
        record, end = _decoder.raw_decode(text)
        if end != len(text):
            record = _decoder.decode(text)  # blanks are allowed, anything else is refused
        check_id(record["id"])
        attributes = record["attributes"]
        if type(attributes) is not dict or not set(map(type, attributes.values())) <= _TEXTS:
            raise ValueError("attributes that are not texts")
        if b"\\u" in data:  # half a character cannot be shown
            "".join([*attributes, *attributes.values()]).encode()
    except (ValueError, KeyError, TypeError, RecursionError, CatalogError) as error:
        raise CatalogError(
            f"product {index} of the catalog: damaged ({_short(error)}); copy or build the "
            "catalog again"
        ) from error
    found: dict[str, Any] = record
    return found


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:80]
