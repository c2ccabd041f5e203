"""Files for the browser: the web app of `shelflens page build`, or the photo form built in."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from shelflens import languages

FORM = Path(__file__).parent / "form"
"""The photo form, and the style of the documentation."""

TYPES = {
    ".wasm": "application/wasm",  # a browser compiles no other type while it loads
    ".webmanifest": "application/manifest+json",
    ".mjs": "text/javascript; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
    ".catalog": "application/octet-stream",
    ".tflite": "application/octet-stream",
    ".onnx": "application/octet-stream",
    ".pack": "application/octet-stream",
}
_HASHED = re.compile(r"[.-][0-9a-f]{8,64}\.[^/]+$")


class Files(StaticFiles):
    """Static files with types that do not depend on the system, and the right age in caches."""

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """A file, or 304 when the browser has it."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        name = os.fspath(full_path)
        content_type = TYPES.get(Path(name).suffix.lower())
        if content_type and response.status_code == 200:
            response.headers["content-type"] = content_type
        response.headers["cache-control"] = cache_control(name)
        return response


def cache_control(name: str) -> str:
    """How long a browser may keep a file: for ever when its name holds a hash of its content.

    Else it asks each time, and gets a 304 when nothing is new; the service worker (`sw.js`) always,
    since an old one would keep the whole web app old.
    """
    if _HASHED.search(name) and Path(name).name != "sw.js":
        return "private, max-age=31536000, immutable"
    return "no-cache"


def web_app_routes(folder: Path) -> list[BaseRoute]:
    """Routes of a folder that `shelflens page build` made; it may be replaced while served."""
    return [Mount("/", Files(directory=folder, html=True))]


def photo_form(images: bool, editing: bool) -> BaseRoute:
    """The photo form: choose photos, see the answer; a link to the editor where there is one."""
    text = (FORM / "index.html").read_text(encoding="utf-8")
    text = text.replace('data-images="no"', f'data-images="{"yes" if images else "no"}"')
    if editing:
        link = '<a href="/edit" data-say="serve.editing"></a> · '
        text = text.replace("<footer>", f"<footer>{link}")

    async def index(_: Request) -> Response:
        return HTMLResponse(text, headers={"cache-control": "no-cache"})

    return Route("/", index)


def editor_page() -> BaseRoute:
    """The page of those who may edit; its scripts and style are no secret."""

    async def page(_: Request) -> Response:
        text = (FORM / "edit.html").read_text(encoding="utf-8")
        return HTMLResponse(text, headers={"cache-control": "no-cache"})

    return Route("/edit", page)


def form_files() -> list[BaseRoute]:
    """Scripts, texts and style of the photo form and of the page of those who may edit."""
    texts = Mount("/plain/languages", Files(directory=languages.FOLDER))
    return [texts, Mount("/plain", Files(directory=FORM))]


def html_once(make: Callable[[], str]) -> Any:
    """A handler of an HTML document that is made when it is first requested."""
    html: list[str] = []

    async def respond(_: Request) -> Response:
        if not html:
            html.append(make())
        return HTMLResponse(html[0], headers={"cache-control": "no-cache"})

    return respond
