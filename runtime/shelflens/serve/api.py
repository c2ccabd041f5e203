"""The JSON API: what each path answers."""

from __future__ import annotations

import json
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from shelflens.catalog.answer import Match
from shelflens.catalog.catalog import Catalog
from shelflens.catalog.summary import summarize
from shelflens.discovery.similar import similar
from shelflens.errors import CatalogError, DataError
from shelflens.serve.answers import answer_photos
from shelflens.serve.body import ByteBudget, receive_photos
from shelflens.serve.metrics import Metrics
from shelflens.serve.problem import Problem, busy, quoted
from shelflens.serve.settings import Settings
from shelflens.serve.uploads import MULTIPART, media_type
from shelflens.serve.worker_pool import Resources, WorkerPool

SWITCH = {"true": True, "1": True, "false": False, "0": False}


class Api:
    """The handlers, and what they share."""

    def __init__(
        self, lookups: WorkerPool, catalog_work: WorkerPool, settings: Settings, metrics: Metrics
    ) -> None:
        """Take what the handlers work with.

        Args:
            lookups: For photos.
            catalog_work: For what goes through the whole catalog, so that photos need not wait.
            settings: The limits.
            metrics: Gets the decisions.
        """
        self.lookups = lookups
        self.catalog_work = catalog_work
        self.settings = settings
        self.metrics = metrics
        self.budget = ByteBudget(settings.max_held_bytes)
        self._summary: tuple[Catalog, dict[str, Any]] | None = None

    async def lookup(self, request: Request) -> Response:
        """`POST /lookup`: one photo as the body, or several as a form."""
        options = request.query_params
        known(options, "k", "fuse")
        k = self._k(options)
        is_form = media_type(request.headers.get("content-type", "")) == MULTIPART
        fused = switch(options, "fuse", is_form)
        if self.lookups.full:  # answered before the photo is received
            raise busy("a full queue")
        async with receive_photos(request, self.settings, self.budget) as photos:
            # One photo of a form is answered singly, unless `fuse` is given.
            fused = fused and (len(photos) > 1 or "fuse" in options)
            answers = await self.lookups.run(
                lambda resources: answer_photos(
                    resources, photos, k, fused, barcodes=self.settings.barcodes
                )
            )
        for answer in answers:
            self.metrics.count_decision(answer.answer.decision)
        if len(answers) == 1:
            return as_json(answers[0].to_dict())
        return as_json({"answers": [answer.to_dict() for answer in answers]})

    async def similar(self, request: Request) -> Response:
        """`GET /similar/{id}`: products like this one."""
        product, options = request.path_params["id"], request.query_params
        known(options, "k", "where", "diverse")
        k, where = self._k(options), options.getlist("where")
        if len(where) > 10:
            raise wrong("where", "at most 10 conditions", str(len(where)))
        try:
            diverse = float(options.get("diverse", "0"))
        except ValueError:
            raise wrong("diverse", "a number from 0 to 1", quoted(options["diverse"])) from None

        def work(resources: Resources) -> list[Match]:
            require(resources.catalog, product)
            try:
                return similar(resources.catalog, product, k=k, where=where, diverse=diverse)
            except DataError as error:
                path = str(resources.catalog.path)
                text = " ".join(str(error).split()).replace(path, "the catalog")
                raise wrong("query", "conditions that this catalog can meet", text) from error

        matches = await self.catalog_work.run(work)
        return as_json({"id": product, "similar": [match.to_dict() for match in matches]})

    async def catalog(self, request: Request) -> Response:
        """`GET /catalog`: a summary of the catalog; `ids=true` lists the products too."""
        known(request.query_params, "ids")
        listed = switch(request.query_params, "ids", False)

        def work(resources: Resources) -> Response:
            if self._summary is None or self._summary[0] is not resources.catalog:
                self._summary = resources.catalog, summarize(resources.catalog)
            embedder = resources.embedder
            card = embedder.card
            model = {"name": card.name, "variant": card.variant, "engine": embedder.engine}
            ids = {"ids": resources.catalog.ids} if listed else {}
            return as_json({**self._summary[1], "model": model, **ids})

        return await self.catalog_work.run(work)

    def _k(self, options: QueryParams) -> int:
        text = options.get("k", "5")
        max_k = self.settings.max_k
        if not (text.isascii() and text.isdecimal() and len(text) < 9 and 1 <= int(text) <= max_k):
            raise wrong("k", f"a whole number from 1 to {max_k}", quoted(text))
        return int(text)


def require(catalog: Catalog, product: str) -> int:
    """The index of a product.

    Raises:
        Problem: 404, no such product.
    """
    try:
        return catalog.index_of(product)
    except (CatalogError, UnicodeError) as error:
        raise Problem(
            404,
            "product",
            expected="an id of the catalog",
            got=quoted(product),
            do="GET /catalog?ids=true lists them",
        ) from error


def known(options: QueryParams, *names: str) -> None:
    """Refuse an option that would be ignored.

    Raises:
        Problem: 400.
    """
    for name in options:
        if name not in names:
            raise wrong("query", " or ".join(names) or "none", quoted(name))


def switch(options: QueryParams, name: str, default: bool) -> bool:
    """An option that is true or false.

    Raises:
        Problem: 400, neither.
    """
    if name not in options:
        return default
    if options[name].lower() not in SWITCH:
        raise wrong(name, "true or false", quoted(options[name]))
    return SWITCH[options[name].lower()]


def wrong(what: str, expected: str, got: str) -> Problem:
    """An option of the query that cannot be used."""
    return Problem(400, what, expected=expected, got=got, do="see /docs")


def as_json(value: dict[str, Any], status: int = 200) -> Response:
    """A JSON answer, which no cache keeps."""
    text = json.dumps(value, ensure_ascii=False)
    headers = {"cache-control": "no-store"}
    return Response(text, status, headers=headers, media_type="application/json")
