"""The description of the API of those who may edit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shelflens.serve.editor import MAX_PHOTOS, MIN_PHOTOS
from shelflens.serve.schemas import Schema
from shelflens.serve.uploads import MULTIPART

Operation = Callable[..., Schema]

_PHOTO: Schema = {"type": "string", "contentMediaType": "image/jpeg"}
_TEXTS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}


def edit_paths(operation: Operation, product: Schema, content: Callable[[str], Schema]) -> Schema:
    """The paths below `/edit`.

    Args:
        operation: Makes an operation of summary, content, statuses of problems, parameters.
        product: The parameter that is a product's id.
        content: Makes the content of an answer of a schema's name.
    """
    edited, upload = content("Edited"), (400, 404, 408, 413, 415, 422, 503, 507)
    texts = (400, 404, 408, 409, 413, 415, 422, 503, 507)
    options = [
        _option("search", "words in id, name or attributes", {"type": "string"}),
        _option("from", "index of the first among those found", {"type": "integer", "minimum": 0}),
        _option("few", "only products that need more photos", {"type": "boolean"}),
    ]
    paths: dict[str, Any] = {
        "/edit/products": {
            "get": operation("Products, 50 at a time.", content("Products"), (400, 503), options),
            "post": {
                **operation("Add a product.", edited, (*upload, 409)),
                "requestBody": _form(MIN_PHOTOS, MAX_PHOTOS, "`name` and further columns: texts"),
            },
        },
        "/edit/products/{id}": {
            "post": {
                **operation("Add photos to a product.", edited, upload, [product]),
                "requestBody": _form(1, None, ""),
            },
            "patch": {
                **operation("Set or take away attributes.", edited, texts, [product]),
                "requestBody": _json(
                    {
                        "set": {**_TEXTS, "description": "by column; an empty text takes it away"},
                        "was": {**_TEXTS, "description": "as seen: 409 if any differs by now"},
                    },
                    ["set"],
                ),
            },
            "delete": operation("Delete a product.", edited, (404, 503, 507), [product]),
        },
        "/edit/confirm/{id}": {
            "post": {
                **operation("A photo shows this product.", edited, upload, [product]),
                "requestBody": _form(1, 1, ""),
            }
        },
        "/edit/check": {
            "post": {
                **operation(
                    "Whether photos suit to enrol a product: sharp, other sides, not there yet.",
                    content("Checks"),
                    (400, 408, 413, 415, 422, 503),
                ),
                "requestBody": _form(1, None, ""),
            }
        },
        "/edit/barcodes": {
            "post": {
                **operation(
                    "The barcodes of a photo, and the products that have them.",
                    content("PhotoBarcodes"),
                    (400, 408, 413, 415, 422, 503),
                ),
                "requestBody": _form(1, 1, ""),
            }
        },
        "/edit/undo": {
            "post": {
                **operation("Take back the last change.", edited, (400, 408, 409, 413, 415, 503)),
                "requestBody": _json(
                    {"fingerprint": {"type": "string", "description": "of the catalog as seen"}},
                    ["fingerprint"],
                ),
            }
        },
    }
    created = paths["/edit/products"]["post"]["responses"]
    created["201"] = created.pop("200")
    return paths


def _option(name: str, description: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _form(low: int, high: int | None, texts: str) -> Schema:
    photos = {"type": "array", "items": _PHOTO, "minItems": low}
    if high is not None:
        photos["maxItems"] = high
    form: Schema = {"type": "object", "properties": {"photo": photos}, "required": ["photo"]}
    if texts:
        form |= {"description": texts, "additionalProperties": {"type": "string"}}
    return {"required": True, "content": {MULTIPART: {"schema": form}}}


def _json(properties: Schema, required: list[str]) -> Schema:
    body = {"type": "object", "properties": properties, "required": required}
    return {"required": True, "content": {"application/json": {"schema": body}}}
