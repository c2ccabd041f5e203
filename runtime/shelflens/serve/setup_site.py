"""The page that offers this machine's certificate authority to phones, over plain HTTP.

A phone cannot read it over HTTPS before it trusts the authority. There is no secret on it, and
nothing is asked by it; whoever could change it on the way would have to show another fingerprint.
"""

from __future__ import annotations

import html
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shelflens import languages
from shelflens.serve.authority import Pair
from shelflens.serve.connections import Connections
from shelflens.serve.phone import Phone
from shelflens.serve.protocol import LimitedProtocol
from shelflens.serve.qr_code import svg
from shelflens.serve.response import SECURITY
from shelflens.serve.static_files import FORM, TYPES

CERTIFICATE_PATH = "/shelflens.crt"


class _Secured:
    """Puts the security headers on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                known = {name.lower() for name, _ in message["headers"]}
                more = [(name.encode(), value.encode()) for name, value in SECURITY.items()]
                message["headers"] += [pair for pair in more if pair[0] not in known]
            await send(message)

        await self._app(scope, receive, answer)


def setup_app(authority: Pair, page_link: str) -> Starlette:
    """The application: one page, its style and texts, and the certificate.

    Args:
        authority: What phones are to trust.
        page_link: The address of the server that they then open; without the token.
    """
    text = (FORM / "setup.html").read_text(encoding="utf-8")
    name = authority.certificate.subject.rfc4514_string().removeprefix("CN=")
    for mark, value in (
        ("{{name}}", name),
        ("{{fingerprint}}", authority.fingerprint),
        ("{{link}}", page_link),
    ):
        text = text.replace(mark, html.escape(value))

    async def index(_: Request) -> Response:
        return HTMLResponse(text, headers={"cache-control": "no-store"})

    async def certificate(_: Request) -> Response:
        headers = {"cache-control": "no-store"}
        return Response(authority.der, headers=headers, media_type="application/x-x509-ca-cert")

    def file(path: Path) -> Route:
        async def send(_: Request) -> Response:
            return FileResponse(path, media_type=TYPES[path.suffix])

        return Route(f"/{path.name}", send)

    scripts = [file(languages.FOLDER / name) for name in languages.scripts()]
    return Starlette(
        routes=[
            Route("/", index),
            Route(CERTIFICATE_PATH, certificate),
            file(FORM / "style.css"),
            file(FORM / "localise.js"),
            Mount("/languages", routes=scripts),
        ],
        middleware=[Middleware(_Secured)],
    )


@contextmanager
def setup_site(listener: socket.socket, authority: Pair, page_link: str) -> Iterator[None]:
    """Serve the page in a thread, as long as the block runs."""

    class Protocol(LimitedProtocol):
        connected = Connections(40, 10)

    config = uvicorn.Config(
        setup_app(authority, page_link),
        http=Protocol, ws="none", loop="asyncio", lifespan="off", log_config=None,
        log_level=logging.ERROR, access_log=False, proxy_headers=False, server_header=False,
        timeout_keep_alive=5, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listener]}, name="shelflens setup", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(5)
        listener.close()


def invite_routes(phone: Phone, port: int, setup_port: int) -> list[BaseRoute]:
    """`/phone`, behind the token: the codes by which a phone that is let in brings the next one."""
    text = (FORM / "phone.html").read_text(encoding="utf-8")
    links = {"enter": phone.enter_link(port)}
    if phone.authority is not None:
        links["setup"] = phone.setup_link(setup_port)
        text = text.replace("{{fingerprint}}", html.escape(phone.authority.fingerprint))
        text = text.replace("{{setup}}", html.escape(links["setup"]))
    else:
        before, _, rest = text.partition("<!-- setup -->")
        text = before + rest.partition("<!-- /setup -->")[2]
    text = text.replace("{{link}}", html.escape(phone.page_link(port)))

    async def page(_: Request) -> Response:
        return HTMLResponse(text, headers={"cache-control": "no-store"})

    async def code(request: Request) -> Response:
        link = links.get(request.path_params["name"])
        if link is None:
            return Response(status_code=404)
        headers = {"cache-control": "no-store"}
        return Response(svg(link), headers=headers, media_type="image/svg+xml")

    return [Route("/phone", page), Route("/phone/{name}.svg", code)]
