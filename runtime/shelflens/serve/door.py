"""How a phone is let in: the token of a link becomes a cookie; without one a page asks for it.

A browser sends no Authorization header with what a page loads, and its password prompt knows no QR
code. So the link's fragment, which no request carries, is read by a page and sent once.
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request, cookie_parser
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shelflens import languages
from shelflens.serve.response import SECURITY
from shelflens.serve.static_files import FORM, TYPES

COOKIE = "__Host-shelflens"
"""With this prefix a browser takes it only over HTTPS, from this host, for all paths (RFC 6265bis).
"""
COOKIE_S = 400 * 86_400
"""As long as browsers keep any cookie."""

OPEN_FILES = {
    f"/enter/{name}": FORM / name for name in ("enter.js", "localise.js", "style.css")
} | {f"/enter/languages/{name}": languages.FOLDER / name for name in languages.scripts()}
"""What the page that asks for the token loads: no secret."""


class Door:
    """ASGI middleware around the access control."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._page = (FORM / "enter.html").read_text(encoding="utf-8")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with the cookie's token; show the door where it is refused."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if scope["method"] in ("GET", "HEAD"):
            if scope["path"] == "/enter":
                await self._door(200)(scope, receive, send)
                return
            if path := OPEN_FILES.get(scope["path"]):
                shown = {**SECURITY, "cache-control": "no-cache"}
                response = FileResponse(path, headers=shown, media_type=TYPES[path.suffix])
                await response(scope, receive, send)
                return
        wanted = _with_token(scope, headers)
        refused = False
        visit = _is_visit(scope, headers)

        async def answer(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] == 401:
                # Basic would open the browser's own prompt.
                MutableHeaders(scope=message)["www-authenticate"] = 'Bearer realm="shelflens"'
                refused = visit
            if not refused:
                await send(message)

        await self.app(wanted, receive, answer)
        if refused:
            await self._door(401)(scope, receive, send)

    def _door(self, status: int) -> Response:
        headers = {**SECURITY, "cache-control": "no-store"}
        if status == 401:
            headers["www-authenticate"] = 'Bearer realm="shelflens"'
        return HTMLResponse(self._page, status, headers=headers)


async def start_session(request: Request) -> Response:
    """`POST /session` or `/edit/session`: keep the token in a cookie.

    The access control has seen it, and below `/edit` that it is the one to edit with. One cookie:
    the token to edit with also looks up, and a phone that takes the other may edit no more.
    """
    token = request.headers.get("authorization", "").partition(" ")[2].strip()
    response = JSONResponse({"status": "ok"}, headers={"cache-control": "no-store"})
    response.set_cookie(
        COOKIE, token, max_age=COOKIE_S, path="/", secure=True, httponly=True, samesite="lax"
    )
    return response


def _with_token(scope: Scope, headers: Headers) -> Scope:
    """The request with the token of its cookie, where it carries none itself."""
    if "authorization" in headers:
        return scope
    token = cookie_parser(headers.get("cookie", "")).get(COOKIE)
    if not token or not token.isascii():
        return scope
    header = (b"authorization", b"Bearer " + token.encode())
    return {**scope, "headers": [*scope["headers"], header]}


def _is_visit(scope: Scope, headers: Headers) -> bool:
    """Whether a person opens a page, by the address or a link."""
    if scope["method"] != "GET":
        return False
    mode = headers.get("sec-fetch-mode")
    return mode == "navigate" if mode else "text/html" in headers.get("accept", "")
