"""The application: routes, handlers and the gate around them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from shelflens.catalog.reload import Reloader
from shelflens.serve.api import Api, as_json
from shelflens.serve.desk import Desk
from shelflens.serve.gate import Gate
from shelflens.serve.openapi import describe, docs
from shelflens.serve.pictures import Pictures
from shelflens.serve.problem import Problem, on_crash, on_http, on_problem
from shelflens.serve.settings import Settings
from shelflens.serve.static import HERE, built_page, html_page, plain_page


def make_app(
    stock: Reloader,
    settings: Settings,
    *,
    find_picture: Callable[[str], Path | None] | None = None,
    on_ready: Callable[[], None] = lambda: None,
) -> Gate:
    """The ASGI application.

    Args:
        stock: Catalog and model.
        settings: Limits, token, page.
        find_picture: Product id -> file; None serves no pictures.
        on_ready: Called when it begins to answer.
    """
    desk = Desk(stock, workers=settings.workers, waiting=settings.waiting)
    api = Api(desk, settings)
    document = describe(settings, pictures=find_picture is not None)

    async def openapi(_: Request) -> Response:
        return as_json(document)

    async def docs_css(_: Request) -> Response:
        headers = {"cache-control": "no-cache"}
        return FileResponse(HERE / "style.css", headers=headers, media_type="text/css")

    routes: list[BaseRoute] = [
        Route("/lookup", api.lookup, methods=["POST"]),
        Route("/similar/{id:path}", api.similar),
        Route("/catalog", api.catalog),
        Route("/healthz", api.healthz),
        Route("/openapi.json", openapi),
        Route("/docs", html_page(lambda: docs(document, f"{settings.scheme}://HOST:PORT"))),
        Route("/docs.css", docs_css),
    ]
    if find_picture is not None:
        routes.append(Route("/pictures/{id:path}", Pictures(desk, find_picture).get))
    if settings.page is not None:
        routes += built_page(settings.page)
    else:
        routes += plain_page(find_picture is not None)

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        on_ready()
        yield
        desk.close()

    app = Starlette(
        routes=routes,
        lifespan=life,
        exception_handlers={
            Problem: on_problem,
            HTTPException: on_http,
            Exception: on_crash,
        },
    )
    app.router.redirect_slashes = False
    return Gate(app, settings)
