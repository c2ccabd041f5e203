"""The application: routes, handlers and the access control around them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from shelflens.catalog.reload import Reloader
from shelflens.render.product_images import ImageFinder
from shelflens.serve.access import AccessControl
from shelflens.serve.api import Api, as_json
from shelflens.serve.connections import Connections
from shelflens.serve.edit_api import EditApi
from shelflens.serve.editor import Editor
from shelflens.serve.gauges import server_gauges
from shelflens.serve.health import Health
from shelflens.serve.metrics import METRICS_TYPE, Metrics
from shelflens.serve.openapi import describe, docs
from shelflens.serve.problem import Problem, on_crash, on_http, on_problem
from shelflens.serve.product_images import ProductImages
from shelflens.serve.settings import Settings
from shelflens.serve.static_files import (
    FORM,
    editor_page,
    form_files,
    html_once,
    photo_form,
    web_app_routes,
)
from shelflens.serve.worker_pool import CurrentFiles, WorkerPool


def make_app(
    reloader: Reloader,
    settings: Settings,
    *,
    find_image: ImageFinder | None = None,
    on_ready: Callable[[], None] = lambda: None,
    connections: Connections | None = None,
    more_routes: Sequence[BaseRoute] = (),
) -> AccessControl:
    """The ASGI application.

    Args:
        reloader: Catalog and model.
        settings: Limits, token, web app.
        find_image: Product id -> file; None serves no images of products.
        on_ready: Called when it begins to answer.
        connections: Those of the server, for the metrics.
        more_routes: Further ones, behind the token as all are.
    """
    files = CurrentFiles(reloader)
    lookups = WorkerPool(files, workers=settings.workers, queue_size=settings.queue_size)
    catalog_work = WorkerPool(
        files, workers=1, queue_size=settings.queue_size, limit_s=settings.catalog_s
    )
    metrics = Metrics()
    held = connections if connections is not None else Connections(0, 0)
    health = Health(lookups)
    api = Api(lookups, catalog_work, settings, metrics)
    images = find_image is not None or settings.edit_token is not None
    document = describe(settings, images=images)

    async def openapi(_: Request) -> Response:
        return as_json(document)

    async def show_metrics(_: Request) -> Response:
        gauges = server_gauges(files, lookups, catalog_work, held, health.failing)
        headers = {"cache-control": "no-store"}
        return Response(metrics.text(gauges), headers=headers, media_type=METRICS_TYPE)

    async def docs_css(_: Request) -> Response:
        headers = {"cache-control": "no-cache"}
        return FileResponse(FORM / "style.css", headers=headers, media_type="text/css")

    routes: list[BaseRoute] = [
        *more_routes,
        Route("/lookup", api.lookup, methods=["POST"]),
        Route("/similar/{id:path}", api.similar),
        Route("/catalog", api.catalog),
        Route("/healthz", health.get),
        Route("/metrics", show_metrics),
        Route("/openapi.json", openapi),
        Route("/docs", html_once(lambda: docs(document, f"{settings.scheme}://HOST:PORT"))),
        Route("/docs.css", docs_css),
    ]
    pools, editing = [lookups, catalog_work], settings.edit_token is not None
    if images:
        finder = ProductImages(lookups, find_image, own=editing)
        routes.append(Route("/pictures/{id:path}", finder.get))
    if editing:
        edits = WorkerPool(files, workers=1, queue_size=settings.queue_size)
        pools.append(edits)
        routes += EditApi(api, edits, Editor(reloader.file)).routes()
        routes.append(editor_page())
    if editing or settings.web_app is None:
        routes += form_files()
    if settings.web_app is not None:
        routes += web_app_routes(settings.web_app)
    else:
        routes.append(photo_form(images, editing))

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        on_ready()
        yield
        for pool in pools:
            pool.close()

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
    return AccessControl(app, settings, metrics)
