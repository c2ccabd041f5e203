"""A headless Firefox and WebKit, driven by their own remote protocols: no library beside them."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.support.hosts import free_port, program

PREFERENCES = {
    "media.navigator.streams.fake": True,  # a camera that shows a coloured surface
    "ui.prefersReducedMotion": 1,
    "media.navigator.permission.disabled": True,
    "datareporting.policy.dataSubmissionEnabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "app.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
}
WEBKIT = Path("webkit2gtk-4.1/MiniBrowser")
"""The small browser that Debian's package of WebKit's driver brings, below its libraries."""
WEBKIT_ARGUMENTS = [
    "--automation",
    "--enable-media-stream=true",
    "--enable-mock-capture-devices=true",
]
ROUTES = {
    "NewSession": "",
    "SetTimeouts": "timeouts",
    "Navigate": "url",
    "SetWindowRect": "window/rect",
    "ExecuteScript": "execute/sync",
    "ElementClick": "element/{id}/click",
    "ElementSendKeys": "element/{id}/value",
    "FindElement": "element",
    "TakeScreenshot": "screenshot",
}
"""Paths of the commands below a session's own (W3C WebDriver)."""

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""Key of an element's reference (W3C WebDriver)."""

STARTS_WITHIN_S = 90


class Window(ABC):
    """A window with one page; commands by the names of W3C WebDriver."""

    @abstractmethod
    def ask(self, command: str, values: dict[str, Any]) -> Any:
        """Its answer.

        Raises:
            RuntimeError: the browser says why it could not.
        """

    def open(self, url: str) -> None:
        """Load a page."""
        self.ask("Navigate", {"url": url})

    def size(self, width: int, height: int) -> None:
        """Size the window."""
        self.ask("SetWindowRect", {"width": width, "height": height})

    def run(self, code: str, *values: Any) -> Any:
        """What a function body returns, in the page's own scope; promises are awaited."""
        body = f"return (async () => {{ {code} }}).apply(null, arguments)"
        return self.ask("ExecuteScript", {"script": body, "args": list(values)})

    def wait(self, condition: str, timeout_s: float = 90) -> None:
        """Until an expression is true."""
        end = time.monotonic() + timeout_s
        while not self.run(f"return Boolean({condition})"):
            assert time.monotonic() < end, f"not within {timeout_s} s: {condition}"
            time.sleep(0.1)

    def state(self, wanted: str) -> None:
        """Wait until the web app is loading, ready, working, answered, adding or broken."""
        self.wait(f"document.body.dataset.state === '{wanted}'")

    def text(self, selector: str) -> str:
        """What an element shows."""
        return str(self.run("return document.querySelector(arguments[0]).innerText", selector))

    def click(self, selector: str) -> None:
        """As a person clicks: the element must be visible."""
        self.ask("ElementClick", {"id": self._element(selector)})

    def type(self, selector: str, text: str) -> None:
        """Type a text; into a file input, a path."""
        self.ask("ElementSendKeys", {"id": self._element(selector), "text": text})

    def _element(self, selector: str) -> str:
        given = {"using": "css selector", "value": selector}
        return str(self.ask("FindElement", given)[ELEMENT])

    def screenshot(self, path: Path) -> None:
        """A PNG of the window."""
        path.write_bytes(base64.b64decode(self.ask("TakeScreenshot", {})))


class Firefox(Window):
    """Firefox by Marionette."""

    def __init__(self, port: int) -> None:
        self._socket = _connected(port)
        self._stream = self._socket.makefile("rb")
        self._count = 0
        self._receive()  # its greeting
        self.ask("NewSession", {"capabilities": {}})
        self.ask("SetTimeouts", {"script": 120_000, "pageLoad": 120_000})

    def _receive(self) -> Any:
        length = b""
        while (byte := self._stream.read(1)) != b":":
            length += byte
        return json.loads(self._stream.read(int(length)))

    def ask(self, command: str, values: dict[str, Any]) -> Any:
        """Its answer."""
        self._count += 1
        if command == "ExecuteScript":
            values = {**values, "sandbox": None, "newSandbox": False}
        elif command == "TakeScreenshot":
            values = {"full": False}
        data = json.dumps([0, self._count, f"WebDriver:{command}", values]).encode()
        self._socket.sendall(f"{len(data)}:".encode() + data)
        _, _, error, result = self._receive()
        if error:
            raise RuntimeError(f"{command}: {error['error']}: {error['message']}")
        return result.get("value", result) if isinstance(result, dict) else result

    def close(self) -> None:
        """Let go of it."""
        self._stream.close()
        self._socket.close()


class WebKit(Window):
    """WebKit, the engine of Safari, by its driver over HTTP."""

    def __init__(self, port: int, binary: Path) -> None:
        _connected(port).close()
        self._root = f"http://127.0.0.1:{port}/session"
        options = {"binary": str(binary), "args": WEBKIT_ARGUMENTS}
        wanted = {"alwaysMatch": {"webkitgtk:browserOptions": options}}
        self._root += f"/{self.ask('NewSession', {'capabilities': wanted})['sessionId']}"
        self.ask("SetTimeouts", {"script": 120_000, "pageLoad": 120_000})

    def ask(self, command: str, values: dict[str, Any]) -> Any:
        """Its answer."""
        route = ROUTES[command].format(id=values.get("id"))
        request = urllib.request.Request(
            f"{self._root}/{route}".removesuffix("/"),
            data=json.dumps(values).encode() if values else None,
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=150) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{command}: {error.read().decode()}") from error


def _connected(port: int) -> socket.socket:
    end = time.monotonic() + STARTS_WITHIN_S
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=120)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


@contextmanager
def _process(*words: str, **environment: str) -> Iterator[None]:
    process = subprocess.Popen(
        words,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def running_firefox(languages: str = "en") -> Iterator[Firefox]:
    """A Firefox with a new profile and these languages, as "ar,en"."""
    name = "firefox-esr" if shutil.which("firefox-esr") else "firefox"
    binary = program(name, "firefox-esr")
    port = free_port()
    wanted = {**PREFERENCES, "intl.accept_languages": languages, "marionette.port": port}
    lines = [f"user_pref({json.dumps(key)}, {json.dumps(wanted[key])});" for key in wanted]
    with tempfile.TemporaryDirectory() as profile:
        (Path(profile) / "user.js").write_text("\n".join(lines))
        words = ["--headless", "--marionette", "--no-remote", "--profile", profile]
        with _process(binary, *words):
            page = Firefox(port)
            try:
                yield page
            finally:
                page.close()


@contextmanager
def running_webkit() -> Iterator[WebKit]:
    """A WebKit in English with a new profile, on a display that nobody sees."""
    driver = program("WebKitWebDriver", "webkit2gtk-driver")
    server = program("Xvfb", "xvfb")
    found = sorted(Path("/usr/lib").glob(f"*/{WEBKIT}"))
    if not found:
        raise RuntimeError(
            f"no {WEBKIT} here, which this test needs: apt install webkit2gtk-driver"
        )
    port = free_port()
    display = f":{port}"
    with tempfile.TemporaryDirectory() as home, ExitStack() as stack:
        (Path(home) / "gtk-3.0").mkdir()
        settings = "[Settings]\ngtk-enable-animations=0\n"  # it prefers reduced motion
        (Path(home) / "gtk-3.0" / "settings.ini").write_text(settings)
        stack.enter_context(_process(server, display, "-screen", "0", "1280x1024x24"))
        stack.enter_context(
            _process(
                driver,
                f"--port={port}",
                DISPLAY=display,
                HOME=home,
                XDG_DATA_HOME=home,
                XDG_CACHE_HOME=home,
                XDG_CONFIG_HOME=home,
                WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS="1",  # root in a container has no sandbox
            )
        )
        yield WebKit(port, found[0])


ENGINES: dict[str, Callable[[], AbstractContextManager[Window]]] = {
    "firefox": running_firefox,
    "webkit": running_webkit,
}
