"""JSON schemas of the answers, for the OpenAPI description and for the tests."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


def _count(description: str) -> Schema:
    return {"type": "integer", "minimum": 0, "description": description}


def _closed(properties: Schema, optional: tuple[str, ...] = ()) -> Schema:
    required = [name for name in properties if name not in optional]
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_MS: Schema = {"type": "number", "minimum": 0}
_ANSWER: Schema = {
    "decision": {"enum": ["match", "ambiguous", "unknown"]},
    "confidence": {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "description": "the probability that the first product is right, whatever the decision",
    },
    "basis": {
        "enum": ["measured", "default", "barcode"],
        "description": "whether thresholds and confidence were measured with this catalog; or a "
        "barcode in the photo decided",
    },
    "candidates": {
        "type": "array",
        "items": {"type": "string"},
        "minItems": 2,
        "description": "for ambiguous only: ids of the products that cannot be distinguished",
    },
    "matches": {"type": "array", "items": _ref("Match"), "description": "best first"},
    "barcodes": {
        "type": "array",
        "items": {"type": "string", "pattern": "^[0-9]{14}$"},
        "minItems": 1,
        "description": "for basis barcode only: those in the photo that a product has",
    },
    "vision": _text("for basis barcode only: the product that the picture shows, if another"),
    "ms": {
        **_closed({"decode": _MS, "embed": _MS, "match": _MS, "total": _MS}),
        "description": "milliseconds in the server, without the transfer",
    },
}
_OPTIONAL = ("candidates", "barcodes", "vision")

SCHEMAS: Schema = {
    "Match": _closed(
        {
            "id": _text("of the product"),
            "name": _text("to show"),
            "score": {"type": "number", "description": "how well it fits, -1 to 1"},
            "attributes": {"type": "object", "additionalProperties": {"type": "string"}},
        }
    ),
    "Answer": _closed({"photo": _text("name of the photo"), **_ANSWER}, _OPTIONAL),
    "FusedAnswer": _closed(
        {"photos": {"type": "array", "items": {"type": "string"}, "minItems": 1}, **_ANSWER},
        _OPTIONAL,
    ),
    "Answers": _closed({"answers": {"type": "array", "items": _ref("Answer"), "minItems": 2}}),
    "Similar": _closed(
        {
            "id": _text("of the product asked for"),
            "similar": {"type": "array", "items": _ref("Match"), "description": "best first"},
        }
    ),
    "Catalog": _closed(
        {
            "products": _count("how many"),
            "rows": _count("rows of the catalog"),
            "confirmed": _count("rows added by customers' photos"),
            "dim": _count("dimensions of an embedding"),
            "space": _text("the embedding space"),
            "adapted": {"type": "boolean", "description": "adapted to its shop's images"},
            "calibration": {"type": "object", "description": "thresholds, and how they were found"},
            "columns": {"type": "array", "items": {"type": "string"}},
            "fingerprint": _text("SHA-256 of the catalog's header"),
            "model": _closed(
                {"name": _text("model"), "variant": _text("int8 ..."), "engine": _text("engine")}
            ),
            "ids": {"type": "array", "items": {"type": "string"}},
        },
        ("ids",),
    ),
    "Health": _closed({"status": {"const": "ok"}}),
    "Problem": {
        **_closed(
            {
                "type": {"const": "about:blank"},
                "title": _text("the HTTP status in words"),
                "status": {"type": "integer", "minimum": 400, "maximum": 599},
                "detail": _text("one line: what, expected, got, what to do"),
                "what": _text("the thing that is wrong"),
                "expected": _text("what would be right"),
                "got": _text("what came"),
                "do": _text("what to do"),
            }
        ),
        "description": "RFC 9457",
    },
}
