"""Whether a host serves a web app as browsers need it: https, types, contents, ranges, caching."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from shelflens.errors import WebAppError
from shelflens.webapp.host_client import HostClient, Reply

TYPES = {
    ".html": ("text/html",),
    ".js": ("text/javascript", "application/javascript"),
    ".css": ("text/css",),
    ".webmanifest": ("application/manifest+json", "application/json"),
    ".json": ("application/json",),
    ".png": ("image/png",),
}
"""What a browser takes a file as; of the others any type will do."""

MAX_AGE_S = {"index.html": 600, "sw.js": 600}
MAX_AGE_REST_S = 86_400
"""How long caches may keep a file without asking: no name holds a hash of its content."""

RANGED = "data/store.catalog"
_BUILD = re.compile(r"const BUILD = (\{.*?\});\n", re.S)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    text: str
    is_fault: bool = False


def check_host(url: str, client: HostClient) -> Iterator[Finding]:
    """Look at a web app on its host.

    Args:
        url: The folder of the web app; https, or http on this machine.
        client: Sends the requests.

    Raises:
        WebAppError: no such address, no host there, or no web app of `page build`.
    """
    base = _folder(url)
    start = client.get(base, accept_encoding="gzip")
    if start.status != 200:
        raise WebAppError(f"{base}: expected the web app's page, got {_status(start)}")
    worker = client.get(urljoin(base, "sw.js"), accept_encoding="gzip")
    files = _listed(worker, base)
    yield _scheme(base)
    yield from _policy(start)
    replies: dict[str, Reply] = {"sw.js": worker}
    for name in files:
        replies[name] = client.get(urljoin(base, name), accept_encoding="gzip")
    yield from _contents(files, start, replies)
    for look in (_types, _ages, _validators):
        yield from look(replies)
    yield _ranges(client.get(urljoin(base, RANGED), range="bytes=8-107"), replies[RANGED].body)


def _folder(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise WebAppError(f"{url}: expected an address such as https://shop.example/app/")
    path = parts.path.removesuffix("index.html")
    path = path if path.endswith("/") else f"{path}/"
    return f"{parts.scheme}://{parts.netloc}{path}"


def _scheme(base: str) -> Finding:
    parts = urlsplit(base)
    if parts.scheme == "https":
        return Finding("https", "the certificate holds")
    if parts.hostname == "localhost" or _is_loopback(parts.hostname or ""):
        return Finding("https", "not on this machine; phones need it")
    text = "plain http: browsers give neither camera nor offline use; serve it by https"
    return Finding("https", text, True)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listed(worker: Reply, base: str) -> dict[str, str]:
    """SHA-256 of every file of the web app, from its service worker."""
    found = _BUILD.search(worker.body.decode("utf-8", "replace"))
    try:
        files = json.loads(found[1])["files"] if found and worker.status == 200 else {}
    except (ValueError, KeyError):
        files = {}
    if RANGED not in files:
        raise WebAppError(
            f"{base}: no web app that shelflens page build made (sw.js: {_status(worker)}); give "
            "the address of its folder"
        )
    return {str(name): str(digest) for name, digest in files.items()}


def _policy(start: Reply) -> Iterator[Finding]:
    """Headers by which a host takes from the page what it needs."""
    camera = re.search(r"camera=(\([^)]*\)|\*)", start.header("permissions-policy"))
    if camera and not re.search(r"self|\*", camera[1]):
        text = f"Permissions-Policy: {camera[0]} switches the camera off; expected camera=(self)"
        yield Finding("headers", text, True)
    directives = dict(
        part.strip().partition(" ")[::2]
        for part in start.header("content-security-policy").split(";")
        if part.strip()
    )
    scripts = directives.get("script-src", directives.get("default-src"))
    if scripts is not None and not re.search(r"unsafe-eval|wasm-unsafe-eval", scripts):
        text = "Content-Security-Policy allows no WebAssembly; add 'wasm-unsafe-eval' to script-src"
        yield Finding("headers", text, True)


def _contents(files: dict[str, str], start: Reply, replies: dict[str, Reply]) -> Iterator[Finding]:
    """Every file arrives as it was built: the service worker refuses all others."""
    bad = 0
    for name, digest in files.items():
        reply = replies[name]
        if reply.status != 200:
            text = f"{name}: expected 200, got {_status(reply)}; copy the whole folder"
        elif hashlib.sha256(reply.body).hexdigest() != digest:
            text = f"{name}: not as it was built; {_changed_by(name, reply)}"
        else:
            continue
        bad += 1
        yield Finding("files", text, True)
    if start.body != replies["index.html"].body:
        bad += 1
        yield Finding("files", "the folder's own address gives another page than index.html", True)
    if not bad:
        yield Finding("files", f"all {len(files)} as they were built")


def _changed_by(name: str, reply: Reply) -> str:
    if name.endswith(".pack") and reply.header("content-encoding") == "gzip":
        return "the host takes its gzip for its own; let it send no Content-Encoding for .pack"
    return "copy the folder again; if it stays, the host rewrites files: switch that off"


def _types(replies: dict[str, Reply]) -> Iterator[Finding]:
    bad = 0
    for name, reply in replies.items():
        expected = TYPES.get(f".{name.rpartition('.')[2]}")
        got = reply.header("content-type").partition(";")[0].strip()
        if expected and reply.status == 200 and got not in expected:
            bad += 1
            text = f"{name}: expected {expected[0]}, got {got or 'no type'}; set it at the host"
            yield Finding("types", text, True)
    if not bad:
        yield Finding("types", "as browsers want them")


def _ages(replies: dict[str, Reply]) -> Iterator[Finding]:
    """Caches that keep a file too long would mix two versions."""
    bad = 0
    for name, reply in replies.items():
        limit = MAX_AGE_S.get(name, MAX_AGE_REST_S)
        kept = _kept_s(reply.header("cache-control"))
        if kept > limit:
            bad += 1
            text = (
                f"{name}: caches may keep it for {kept:,} s (Cache-Control: "
                f"{reply.header('cache-control')}), so a new version comes late; expected no-cache"
            )
            yield Finding("caching", text, True)
    if not bad:
        yield Finding("caching", "new versions are seen")


def _kept_s(header: str) -> int:
    if "no-cache" in header or "no-store" in header:
        return 0
    ages = [int(age) for age in re.findall(r"(?:s-maxage|max-age)=\"?(\d{1,12})", header)]
    return max(ages, default=0)


def _validators(replies: dict[str, Reply]) -> Iterator[Finding]:
    lacking = [
        name
        for name, reply in replies.items()
        if reply.status == 200 and not (reply.header("etag") or reply.header("last-modified"))
    ]
    if lacking:
        text = f"{len(lacking)} files without ETag and Last-Modified are loaded again each time"
        yield Finding("caching", text)


def _ranges(reply: Reply, whole: bytes) -> Finding:
    """A part of a file is that part, or the host says that it gives the whole."""
    wanted = whole[8:108]
    if reply.status == 200 and reply.body == whole:
        return Finding("ranges", "not served in parts; that is allowed")
    named = reply.header("content-range").startswith(f"bytes 8-{7 + len(wanted)}/{len(whole)}")
    if reply.status == 206 and reply.body == wanted and named:
        return Finding("ranges", "right")
    text = f"{RANGED}: bytes 8 to 107 expected, got {_status(reply)} with {len(reply.body)} bytes"
    return Finding("ranges", f"{text}; switch ranges off for it", True)


def _status(reply: Reply) -> str:
    where = reply.headers.get("location")
    if reply.status in (401, 403):
        return f"{reply.status}; it wants a token or password: give --token-file"
    return (
        f"{reply.status}, a redirect to {where}; give that address" if where else str(reply.status)
    )
