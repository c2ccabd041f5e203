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


_TEXTS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
_MS: Schema = {"type": "number", "minimum": 0}
_ANSWER: Schema = {
    "decision": {"enum": ["match", "ambiguous", "unknown"]},
    "confidence": {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "description": "the probability that the first product is right, whatever the decision",
    },
    "unknown_probability": {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "description": "the probability that the photo shows no enrolled product",
    },
    "basis": {
        "enum": ["measured", "default", "barcode"],
        "description": "whether the probabilities were measured with this catalog; or a barcode in "
        "the photo decided",
    },
    "candidates": {
        "type": "array",
        "items": {"type": "string"},
        "minItems": 1,
        "description": "for ambiguous only: ids of the products that it may be",
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
            "probability": {
                "type": "number",
                "minimum": 0,
                "maximum": 1,
                "description": "that the photo shows this product; absent where no photo was asked",
            },
            "attributes": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        ("probability",),
    ),
    "Answer": _closed({"photo": _text("name of the photo"), **_ANSWER}, _OPTIONAL),
    "FusedAnswer": _closed(
        {"photos": {"type": "array", "items": {"type": "string"}, "minItems": 1}, **_ANSWER},
        _OPTIONAL,
    ),
    "Answers": _closed({"answers": {"type": "array", "items": _ref("Answer"), "minItems": 2}}),
    "Edited": _closed(
        {
            "act": {"enum": ["add", "confirm", "update", "remove", "undo"]},
            "id": _text("of the product; empty for an undo"),
            "products": _count("in the catalog now"),
            "changed": {"type": "boolean", "description": "false: nothing new"},
            "fingerprint": _text("of the catalog now; an undo names it"),
            "undo": {"type": "boolean", "description": "whether the last change can be undone"},
        }
    ),
    "Products": _closed(
        {
            "fingerprint": _text("of the catalog"),
            "undo": {"type": "boolean", "description": "whether the last change can be undone"},
            "found": _count("how many"),
            "from": _count("index of the first one listed"),
            "products": {
                "type": "array",
                "items": _closed(
                    {
                        "id": _text("of the product"),
                        "name": _text("to show"),
                        "attributes": _TEXTS,
                        "images": _count("enrolled"),
                        "confirmed": _count("photos confirmed later"),
                        "few": {"type": "boolean", "description": "it needs more photos"},
                    }
                ),
            },
        }
    ),
    "Checks": _closed(
        {
            "photos": {
                "type": "array",
                "items": _closed(
                    {
                        "sharpness": {"type": "number", "minimum": 0},
                        "sharp": {"type": "boolean"},
                        "same_side_as": {
                            "type": ["integer", "null"],
                            "description": "index of the photo before that shows the same side",
                        },
                        "known": {
                            "description": "the product of the catalog that it looks like",
                            "oneOf": [_ref("Match"), {"type": "null"}],
                        },
                    }
                ),
            }
        }
    ),
    "PhotoBarcodes": _closed(
        {
            "reads": {
                "type": "boolean",
                "description": "whether the server can (the extra [barcode])",
            },
            "barcodes": {
                "type": "array",
                "items": _closed(
                    {
                        "number": _text("digits, as they are printed; the check digit is right"),
                        "known": {
                            "description": "the product of the catalog that has it",
                            "oneOf": [_ref("Match"), {"type": "null"}],
                        },
                    }
                ),
            },
        }
    ),
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
