"""The API's description: OpenAPI 3.1 for programs, an HTML page for people."""

from __future__ import annotations

import html
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from shelflens import __version__
from shelflens.serve.metrics import METRICS_TYPE
from shelflens.serve.openapi_edits import edit_paths
from shelflens.serve.problem import MEDIA_TYPE
from shelflens.serve.schemas import SCHEMAS, Schema
from shelflens.serve.settings import Settings
from shelflens.serve.uploads import MULTIPART, PHOTO_TYPES

_WHY = {
    400: "a query option or the form cannot be used",
    401: "no token, or another",
    404: "no such product, image or path",
    409: "somebody else has changed it, or the name is there already",
    408: "the body came too slowly",
    413: "the body is too large, or has too many photos",
    415: "the body is no JPEG, PNG, WebP or form of these",
    422: "a photo does not open",
    507: "no space left for the catalog; nothing was changed",
    429: "too many wrong tokens from this address",
    503: "too much at once; Retry-After says when to ask again",
}


def describe(settings: Settings, *, images: bool) -> dict[str, Any]:
    """The OpenAPI 3.1 document of a server with these settings."""
    k = _query(
        "k", "products to show", {"type": "integer", "minimum": 1, "maximum": settings.max_k}, 5
    )
    paths: dict[str, Any] = {
        "/lookup": {"post": _lookup(settings, k)},
        "/similar/{id}": {
            "get": _operation(
                "Products like this one.",
                _json("Similar"),
                (400, 404, 503),
                [
                    _ID,
                    k,
                    {
                        **_query(
                            "where", "such as category=Milk or price<30; all must hold", _TEXTS
                        ),
                        "explode": True,
                    },
                    _query(
                        "diverse", "0 shows the nearest; towards 1, they differ more", _SHARE, 0
                    ),
                ],
            )
        },
        "/catalog": {
            "get": _operation(
                "What the catalog holds.",
                _json("Catalog"),
                (400, 503),
                [_query("ids", "list the products too", {"type": "boolean"}, False)],
            )
        },
        "/healthz": {
            "get": {**_operation("Lookups work.", _json("Health"), (503,)), "security": []}
        },
        "/metrics": {
            "get": _operation("Figures for a monitor, as Prometheus reads them.", _METRICS, ())
        },
    }
    if images:
        paths["/pictures/{id}"] = {
            "get": _operation("A small image of a product.", {"image/jpeg": {}}, (404, 503), [_ID])
        }
    if settings.edit_token:
        paths |= edit_paths(_operation, _ID, _json)
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "ShelfLens",
            "version": __version__,
            "summary": "Which product does this photo show?",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": SCHEMAS},
    }
    if settings.token or settings.edit_token:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    if settings.token:
        document["security"] = [{"token": []}]
    for path, methods in paths.items():
        for operation in methods.values():
            if path.startswith("/edit"):
                operation["security"] = [{"token": []}]
            elif not settings.token or "security" in operation:
                continue
            operation["responses"] |= _problems((401, 429))
    return document


_METRICS: Schema = {METRICS_TYPE.partition(";")[0]: {"schema": {"type": "string"}}}
_TEXTS: Schema = {"type": "array", "items": {"type": "string"}, "maxItems": 10}
_SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
_ID: Schema = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "of a product; / stays as it is",
    "schema": {"type": "string"},
}


def _lookup(settings: Settings, k: Schema) -> Schema:
    photo: Schema = {"type": "string", "contentMediaType": "image/jpeg"}
    form: Schema = {
        "type": "object",
        "properties": {"photo": {"type": "array", "items": photo, "maxItems": settings.max_photos}},
    }
    content: Schema = {kind: {} for kind in PHOTO_TYPES}
    content[MULTIPART] = {"schema": form}
    fuse = _query("fuse", "one answer for all photos; default: true for several", _SWITCH)
    operation = _operation(
        "Which product a photo shows.",
        {"application/json": {"schema": {"oneOf": [*map(_ref, _ANSWERS)]}}},
        (400, 408, 413, 415, 422, 503),
        [k, fuse],
    )
    operation["description"] = (
        f"The body is a photo, or a form with up to {settings.max_photos}; at most "
        f"{settings.max_bytes:,} bytes. Photos are not kept."
    )
    operation["requestBody"] = {"required": True, "content": content}
    return operation


_ANSWERS = ("Answer", "FusedAnswer", "Answers")
_SWITCH: Schema = {"type": "boolean"}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(name: str) -> Schema:
    return {"application/json": {"schema": _ref(name)}}


def _query(name: str, description: str, schema: Schema, default: object = None) -> Schema:
    schema = schema if default is None else {**schema, "default": default}
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _operation(
    summary: str, content: Schema, problems: Iterable[int], parameters: Iterable[Schema] = ()
) -> Schema:
    return {
        "summary": summary,
        "parameters": list(parameters),
        "responses": {"200": {"description": "the answer", "content": content}}
        | _problems(problems),
    }


def _problems(statuses: Iterable[int]) -> Schema:
    content = {MEDIA_TYPE: {"schema": _ref("Problem")}}
    return {
        str(status): {"description": f"{HTTPStatus(status).phrase}: {_WHY[status]}"}
        | {"content": content}
        for status in statuses
    }


def docs(document: dict[str, Any], base: str) -> str:
    """The description as a page for people, without scripts.

    Args:
        document: From `describe`.
        base: URL of the server, for the example.
    """
    escape = html.escape
    auth = escape(' -H "Authorization: Bearer $TOKEN"') if "security" in document else ""
    parts = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts.append(f"<h2><code>{method.upper()} {escape(path)}</code></h2>")
            parts.append(
                f"<p>{escape(operation['summary'])} {escape(operation.get('description', ''))}</p>"
            )
            rows = [(item["name"], item["description"]) for item in operation["parameters"]]
            rows += [(code, item["description"]) for code, item in operation["responses"].items()]
            cells = "".join(
                f"<tr><th scope=row><code>{escape(name)}</code></th><td>{escape(text)}</td></tr>"
                for name, text in rows
            )
            parts.append(f"<table>{cells}</table>")
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>ShelfLens: for programs</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><link rel="stylesheet" href="/docs.css"></head><body><main>
<h1>ShelfLens for programs</h1>
<pre>curl{auth} -H "Content-Type: image/jpeg" --data-binary @photo.jpg {escape(base)}/lookup
curl{auth} -F photo=@front.jpg -F photo=@side.jpg {escape(base)}/lookup</pre>
<p>Errors are one line in <code>detail</code>, as RFC 9457 problem JSON. All of this in the form of
OpenAPI 3.1: <a href="/openapi.json">openapi.json</a>.</p>
{"".join(parts)}
</main></body></html>
"""
