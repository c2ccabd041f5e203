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
from shelflens.serve.answers import answers
from shelflens.serve.body import (
    MULTIPART,
    Budget,
    Sent,
    check_type,
    received,
    split,
)
from shelflens.serve.desk import Desk, Hand
from shelflens.serve.problem import Problem, busy, shown
from shelflens.serve.settings import Settings

SWITCH = {"true": True, "1": True, "false": False, "0": False}


class Api:
    """The handlers, with what they share."""

    def __init__(self, desk: Desk, settings: Settings) -> None:
        self.desk = desk
        self.settings = settings
        self.budget = Budget(settings.most_held)
        self._facts: tuple[Catalog, dict[str, Any]] | None = None

    async def lookup(self, request: Request) -> Response:
        """`POST /lookup`: one photo as the body, or several as a form."""
        asked = request.query_params
        known(asked, "k", "fuse")
        k = self._k(asked)
        header = request.headers.get("content-type", "")
        kind = check_type(header)
        fused = switch(asked, "fuse", kind == MULTIPART)
        if self.desk.full:  # said before the photo is received
            raise busy("a full queue")
        async with received(request, self.settings, self.budget) as body:
            if kind == MULTIPART:
                photos = split(body, header, most=self.settings.most_photos)
                # One photo is answered as one, unless it is asked for otherwise.
                fused = fused and (len(photos) > 1 or "fuse" in asked)
            else:
                photos = [Sent("photo", body)]
            del body
            told = await self.desk.do(lambda hand: answers(hand, photos, k, fused))
        if len(told) == 1:
            return as_json(told[0].to_dict())
        return as_json({"answers": [one.to_dict() for one in told]})

    async def similar(self, request: Request) -> Response:
        """`GET /similar/{id}`: products like this one."""
        product, asked = request.path_params["id"], request.query_params
        known(asked, "k", "where", "diverse")
        k, where = self._k(asked), asked.getlist("where")
        if len(where) > 10:
            raise wrong("where", "at most 10 conditions", str(len(where)))
        try:
            diverse = float(asked.get("diverse", "0"))
        except ValueError:
            raise wrong("diverse", "a number from 0 to 1", shown(asked["diverse"])) from None

        def work(hand: Hand) -> list[Match]:
            require(hand.catalog, product)
            try:
                return similar(hand.catalog, product, k=k, where=where, diverse=diverse)
            except DataError as error:
                text = " ".join(str(error).split()).replace(str(hand.catalog.path), "the catalog")
                raise wrong("query", "conditions that this catalog can meet", text) from error

        found = await self.desk.do(work)
        return as_json({"id": product, "similar": [one.to_dict() for one in found]})

    async def catalog(self, request: Request) -> Response:
        """`GET /catalog`: what the catalog holds; `ids=true` lists the products too."""
        known(request.query_params, "ids")
        listed = switch(request.query_params, "ids", False)

        def work(hand: Hand) -> dict[str, Any]:
            if self._facts is None or self._facts[0] is not hand.catalog:
                self._facts = hand.catalog, summarize(hand.catalog)
            card = hand.embedder.card
            model = {"name": card.name, "variant": card.variant, "engine": hand.embedder.engine}
            ids = {"ids": hand.catalog.ids} if listed else {}
            return {**self._facts[1], "model": model, **ids}

        return as_json(await self.desk.do(work))

    async def healthz(self, request: Request) -> Response:
        """`GET /healthz`: the server runs."""
        return as_json({"status": "ok"})

    def _k(self, asked: QueryParams) -> int:
        text = asked.get("k", "5")
        most = self.settings.most_k
        if not (text.isascii() and text.isdecimal() and len(text) < 9 and 1 <= int(text) <= most):
            raise wrong("k", f"a whole number from 1 to {most}", shown(text))
        return int(text)


def require(catalog: Catalog, product: str) -> int:
    """The number of a product.

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
            got=shown(product),
            do="GET /catalog?ids=true lists them",
        ) from error


def known(asked: QueryParams, *names: str) -> None:
    """Refuse an option that would be ignored.

    Raises:
        Problem: 400.
    """
    for name in asked:
        if name not in names:
            raise wrong("query", " or ".join(names), shown(name))


def switch(asked: QueryParams, name: str, default: bool) -> bool:
    """An option that is true or false.

    Raises:
        Problem: 400, neither.
    """
    if name not in asked:
        return default
    if asked[name].lower() not in SWITCH:
        raise wrong(name, "true or false", shown(asked[name]))
    return SWITCH[asked[name].lower()]


def wrong(what: str, expected: str, got: str) -> Problem:
    """An option of the query that cannot be used."""
    return Problem(400, what, expected=expected, got=got, do="see /docs")


def as_json(value: dict[str, Any]) -> Response:
    """A JSON answer, which is kept nowhere."""
    text = json.dumps(value, ensure_ascii=False)
    headers = {"cache-control": "no-store"}
    return Response(text, headers=headers, media_type="application/json")
