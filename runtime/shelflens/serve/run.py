"""Open the port, serve until told to stop, end with 0."""

from __future__ import annotations

import errno
import logging
import signal
import socket
import ssl
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from shelflens.catalog.reload import Reloader
from shelflens.errors import ServeError
from shelflens.render.product_images import ImageFinder
from shelflens.serve.access import EDIT_PATH
from shelflens.serve.app import make_app
from shelflens.serve.connections import Connections
from shelflens.serve.door import Door, start_session
from shelflens.serve.phone import Phone, phone_lines
from shelflens.serve.protocol import LimitedProtocol
from shelflens.serve.settings import Settings

GRACE_S = 15
"""For requests in progress at a stop; a client that stalls is disconnected before."""


def serve(
    reloader: Reloader,
    settings: Settings,
    *,
    find_image: ImageFinder | None = None,
    phone: Phone | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; requests in progress are answered first.

    Args:
        reloader: Catalog and model.
        settings: Where to listen, who may ask, and the limits.
        find_image: Product id -> file; None serves no images of products.
        phone: How phones are let in, with --phone; the settings have its certificate and token.

    Raises:
        ServeError: settings that open the server unprotected; a certificate that does not load.
        OSError: the port is taken, or may not be opened.
    """
    settings.check()
    if settings.cert and settings.key:
        check_certificate(settings.cert, settings.key)
    listener = listen(settings)
    port = listener.getsockname()[1]
    stack = ExitStack()
    stack.callback(listener.close)
    routes: list[BaseRoute] = []
    lines: list[str] = []
    if phone is not None:
        routes, lines = _let_phones_in(phone, settings, port, stack)

    def ready() -> None:
        for line in [*greeting(reloader, settings, port, phone=phone is not None), *lines]:
            print(line, flush=True)

    class Protocol(LimitedProtocol):
        limit_s = settings.idle_s
        connected = Connections(settings.max_connections, settings.max_per_address)

    app: ASGIApp = make_app(
        reloader,
        settings,
        find_image=find_image,
        on_ready=ready,
        connections=Protocol.connected,
        more_routes=routes,
    )
    if phone is not None:
        app = Door(app)
    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        log_level=logging.ERROR,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=GRACE_S,
        ssl_certfile=settings.cert,
        ssl_keyfile=settings.key,
    )
    # uvicorn raises the signal again when it is done, which would end the process.
    before = {number: signal.signal(number, _stopped) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with stack:
            uvicorn.Server(config).run(sockets=[listener])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _let_phones_in(
    phone: Phone, settings: Settings, port: int, stack: ExitStack
) -> tuple[list[BaseRoute], list[str]]:
    """Open the page that offers the authority; the routes for phones, and what is printed."""
    from shelflens.serve.setup_site import invite_routes, setup_site

    setup_port = 0
    if phone.authority is not None:
        beside = replace(settings, port=port + 1 if settings.port else 0)
        try:
            listener = listen(beside)
        except BaseException:
            stack.close()
            raise
        setup_port = listener.getsockname()[1]
        stack.enter_context(setup_site(listener, phone.authority, phone.page_link(port)))
    sessions = ["/session", *([f"{EDIT_PATH}/session"] if settings.edit_token else [])]
    routes = [
        *(Route(path, start_session, methods=["POST"]) for path in sessions),
        *invite_routes(phone, port, setup_port),
    ]
    return routes, phone_lines(phone, port, setup_port, codes=sys.stdout.isatty())


def _stopped(*_: Any) -> None:
    pass


def listen(settings: Settings) -> socket.socket:
    """An open port.

    Raises:
        OSError: naming host and port.
    """
    address = f"{settings.host}:{settings.port}"
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((settings.host, settings.port), family=family, backlog=128)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        hint = "; another program listens there, choose another --port" if taken else ""
        reason = error.strerror or str(error)
        raise OSError(error.errno, f"{reason}{hint}", address) from error


def check_certificate(cert: Path, key: Path) -> None:
    """Refuse a certificate before anything is opened.

    Raises:
        ServeError: not PEM, or the key is another's.
        OSError: a file cannot be read.
    """
    for path in (cert, key):
        path.open("rb").close()
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        raise ServeError(
            f"--cert {cert} --key {key}: expected a PEM certificate and its key without a "
            f"password, got {getattr(error, 'reason', None) or error}; make a pair with openssl req"
        ) from error


def _no_password() -> str:
    raise ValueError("a key with a password")


def greeting(
    reloader: Reloader, settings: Settings, port: int, *, phone: bool = False
) -> list[str]:
    """The lines that say where it can be reached; with --phone, others say how phones do."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    card, catalog = reloader.embedder.card, reloader.catalog
    lines = [
        f"serving  {settings.scheme}://{host}:{port}   (stop: Ctrl-C)",
        f"catalog  {len(catalog)} products, {catalog.row_count} images  {catalog.path}",
        f"model    {card.name}, {card.variant}, {reloader.embedder.engine}",
    ]
    if settings.web_app:
        lines.append(f"web app  {settings.web_app}")
    if settings.edit_token:
        how = "asks once for" if phone else "wants as the password"
        lines.append(f"edit     at {EDIT_PATH}, which {how} the token of --edit-token-file")
    if phone:
        return lines
    if settings.loopback:
        lines.append("reach    this machine only; --host 0.0.0.0 opens it to others")
        return lines
    anyone = settings.host in ("0.0.0.0", "::")
    name = f"{socket.gethostname()}.local" if anyone else host
    lines.append(f"phone    {settings.scheme}://{name}:{port}   (or this machine's IP address)")
    if settings.token:
        lines.append("token    asked for as a password; leave the user name empty")
    if not settings.cert:
        lines.append("camera   browsers give it to HTTPS pages only: --cert PEM --key PEM")
        tokens = settings.token or settings.edit_token
        risk = "the token and photos travel" if tokens else "anyone may ask, and photos go"
        print(f"warning: {risk} unencrypted without --cert and --key", file=sys.stderr, flush=True)
    elif not settings.token:
        print("note: without --token-file, anyone who reaches it may ask", file=sys.stderr)
    return lines
