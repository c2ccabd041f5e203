"""The API of those who may edit: list, check, add, confirm, change, delete, undo."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from shelflens.catalog.catalog import Catalog
from shelflens.catalog.history import can_undo
from shelflens.serve.api import Api, as_json, known, switch, wrong
from shelflens.serve.body import receive_form, receive_json
from shelflens.serve.editor import Edited, Editor
from shelflens.serve.photo_barcodes import photo_barcodes
from shelflens.serve.problem import Problem, busy, quoted
from shelflens.serve.product_texts import checked_attributes
from shelflens.serve.uploads import Upload
from shelflens.serve.worker_pool import Resources, WorkerPool

PAGE_SIZE = 50
"""Products of one answer of the list."""

FEW_IMAGES = 2
"""A product with fewer images needs more photos: k-shot figures in docs/measured.md."""


class EditApi:
    """The handlers."""

    def __init__(self, api: Api, edits: WorkerPool, editor: Editor) -> None:
        """Take what the handlers work with.

        Args:
            api: For what both share: limits, metrics, the bytes that are held.
            edits: Of one thread, so that changes come one after the other.
            editor: Changes the catalog.
        """
        self._api, self._edits, self._editor = api, edits, editor

    def routes(self) -> list[BaseRoute]:
        """All paths, below `/edit`."""
        product = "/edit/products/{id:path}"
        return [
            Route("/edit/products", self.listed, methods=["GET"]),
            Route("/edit/products", self.add, methods=["POST"]),
            Route(product, self.add_photos, methods=["POST"]),
            Route(product, self.describe, methods=["PATCH"]),
            Route(product, self.remove, methods=["DELETE"]),
            Route("/edit/confirm/{id:path}", self.confirm, methods=["POST"]),
            Route("/edit/check", self.check, methods=["POST"]),
            Route("/edit/barcodes", self.barcodes, methods=["POST"]),
            Route("/edit/undo", self.undo, methods=["POST"]),
        ]

    async def listed(self, request: Request) -> Response:
        """`GET /edit/products`: products in the order of the catalog, a page of them."""
        options = request.query_params
        known(options, "search", "from", "few")
        words = options.get("search", "").casefold().split()
        start, few = options.get("from", "0"), switch(options, "few", False)
        if not (start.isascii() and start.isdecimal() and len(start) < 11):
            raise wrong("from", "a whole number", quoted(start))

        def work(resources: Resources) -> Response:
            return as_json(_page(resources.catalog, words, int(start), few))

        return await self._api.catalog_work.run(work)

    async def check(self, request: Request) -> Response:
        """`POST /edit/check`: whether the photos of a form suit to enrol a product."""
        known(request.query_params)
        async with receive_form(request, self._api.settings, self._api.budget) as form:
            photos = form.photos
            checks = await self._api.lookups.run(
                lambda resources: self._editor.check(resources, photos)
            )
        return as_json({"photos": [check.to_dict() for check in checks]})

    async def barcodes(self, request: Request) -> Response:
        """`POST /edit/barcodes`: the barcodes of a photo, and whose they are."""
        known(request.query_params)
        async with receive_form(request, self._api.settings, self._api.budget) as form:
            photo = _single(form.photos)
            found = await self._api.lookups.run(lambda resources: photo_barcodes(resources, photo))
        return as_json(found.to_dict())

    async def add(self, request: Request) -> Response:
        """`POST /edit/products`: a form with photos, and texts by column, `name` among them."""

        def change(resources: Resources, photos: list[Upload], texts: dict[str, str]) -> Edited:
            given = checked_attributes({"name": "", **texts})
            attributes = {column: text for column, text in given.items() if text}
            return self._editor.add(resources, photos, attributes)

        return await self._with_photos(request, change, status=201)

    async def add_photos(self, request: Request) -> Response:
        """`POST /edit/products/{id}`: a form with further photos of a product."""
        product = request.path_params["id"]

        def change(resources: Resources, photos: list[Upload], _: dict[str, str]) -> Edited:
            return self._editor.add_photos(resources, product, photos)

        return await self._with_photos(request, change)

    async def confirm(self, request: Request) -> Response:
        """`POST /edit/confirm/{id}`: a form with a photo that shows this product."""
        product = request.path_params["id"]

        def change(resources: Resources, photos: list[Upload], _: dict[str, str]) -> Edited:
            return self._editor.confirm(resources, product, _single(photos))

        return await self._with_photos(request, change)

    async def describe(self, request: Request) -> Response:
        """`PATCH /edit/products/{id}`: `{"set": {column: text}, "was": {column: text}}`."""
        known(request.query_params)
        product, given = request.path_params["id"], await receive_json(request, self._api.settings)
        texts = checked_attributes(_object(given, "set"))
        was = {key: str(text) for key, text in _object(given, "was").items()}
        return await self._edit(
            lambda resources: self._editor.describe(resources, product, texts, was)
        )

    async def remove(self, request: Request) -> Response:
        """`DELETE /edit/products/{id}`."""
        known(request.query_params)
        product = request.path_params["id"]
        return await self._edit(lambda resources: self._editor.remove(resources, product))

    async def undo(self, request: Request) -> Response:
        """`POST /edit/undo`: `{"fingerprint": ...}` of the catalog whose last change goes."""
        known(request.query_params)
        given = await receive_json(request, self._api.settings)
        fingerprint = str(given.get("fingerprint", ""))
        return await self._edit(lambda _: self._editor.undo(fingerprint))

    async def _with_photos(
        self,
        request: Request,
        change: Callable[[Resources, list[Upload], dict[str, str]], Edited],
        status: int = 200,
    ) -> Response:
        known(request.query_params)
        if self._edits.full:  # answered before the photos are received
            raise busy("a full queue")
        async with receive_form(request, self._api.settings, self._api.budget) as form:
            return await self._edit(
                lambda resources: change(resources, form.photos, form.texts), status
            )

    async def _edit(self, change: Callable[[Resources], Edited], status: int = 200) -> Response:
        edited = await self._edits.run(change)
        self._api.metrics.count_edit(edited.act)
        return as_json(edited.to_dict(), status)


def _single(photos: list[Upload]) -> Upload:
    if len(photos) != 1:
        raise wrong("photos", "one", str(len(photos)))
    return photos[0]


def _page(catalog: Catalog, words: list[str], start: int, few: bool) -> dict[str, Any]:
    """The products that hold all words in id or texts, and how many they are."""
    products = catalog.contents.products
    indices: Sequence[int] = range(len(catalog))
    if few:
        indices = [index for index in indices if len(catalog.rows_of(index)) < FEW_IMAGES]
    if words:
        indices = [index for index in indices if _holds(products.record(index), words)]
    listed = [_described(catalog, index) for index in indices[start : start + PAGE_SIZE]]
    path = catalog.path or ""
    return {
        "fingerprint": catalog.fingerprint,
        "undo": can_undo(path, catalog.fingerprint),
        "found": len(indices),
        "from": start,
        "products": listed,
    }


def _holds(record: dict[str, Any], words: list[str]) -> bool:
    text = "\n".join([record["id"], *record["attributes"].values()]).casefold()
    return all(word in text for word in words)


def _described(catalog: Catalog, index: int) -> dict[str, Any]:
    match, rows = catalog.at(index), catalog.rows_of(index)
    confirmed = sum(number > 0 for number in catalog.provenance.numbers(rows))
    return {
        "id": match.id,
        "name": match.name,
        "attributes": match.attributes,
        "images": len(rows) - confirmed,
        "confirmed": confirmed,
        "few": len(rows) < FEW_IMAGES,
    }


def _object(given: dict[str, Any], key: str) -> dict[str, Any]:
    found = given.get(key, {})
    if not isinstance(found, dict):
        raise Problem(
            400, key, expected="an object of texts", got=quoted(json.dumps(found)), do="send that"
        )
    return found
