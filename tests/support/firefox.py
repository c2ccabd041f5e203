"""A headless Firefox, driven by its own remote protocol (Marionette): no driver beside it."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""Key of an element's reference (W3C WebDriver)."""

STARTS_WITHIN_S = 90


def firefox() -> str:
    """The system's Firefox.

    Raises:
        RuntimeError: there is none.
    """
    path = shutil.which("firefox-esr") or shutil.which("firefox")
    if path is None:
        raise RuntimeError("no Firefox here, which this test needs: apt install firefox-esr")
    return path


class Firefox:
    """A window with one page."""

    def __init__(self, port: int) -> None:
        end = time.monotonic() + STARTS_WITHIN_S
        while True:
            try:
                self._socket = socket.create_connection(("127.0.0.1", port), timeout=120)
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)
        self._stream = self._socket.makefile("rb")
        self._count = 0
        self._receive()  # its greeting
        self._ask("WebDriver:NewSession", {"capabilities": {}})
        self._ask("WebDriver:SetTimeouts", {"script": 120_000, "pageLoad": 120_000})

    def _receive(self) -> Any:
        length = b""
        while (byte := self._stream.read(1)) != b":":
            length += byte
        return json.loads(self._stream.read(int(length)))

    def _ask(self, command: str, values: dict[str, Any]) -> Any:
        self._count += 1
        data = json.dumps([0, self._count, command, values]).encode()
        self._socket.sendall(f"{len(data)}:".encode() + data)
        _, _, error, result = self._receive()
        if error:
            raise RuntimeError(f"{command}: {error['error']}: {error['message']}")
        return result.get("value", result) if isinstance(result, dict) else result

    def close(self) -> None:
        """Let go of it."""
        self._stream.close()
        self._socket.close()

    def open(self, url: str) -> None:
        """Load a page."""
        self._ask("WebDriver:Navigate", {"url": url})

    def size(self, width: int, height: int) -> None:
        """Size the window."""
        self._ask("WebDriver:SetWindowRect", {"width": width, "height": height})

    def run(self, code: str, *values: Any) -> Any:
        """What a function body returns, in the page's own scope; promises are awaited."""
        body = f"return (async () => {{ {code} }})()"
        values_given = {"script": body, "args": list(values), "sandbox": None, "newSandbox": False}
        return self._ask("WebDriver:ExecuteScript", values_given)

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
        self._ask("WebDriver:ElementClick", {"id": self._element(selector)})

    def type(self, selector: str, text: str) -> None:
        """Type a text; into a file input, a path."""
        self._ask("WebDriver:ElementSendKeys", {"id": self._element(selector), "text": text})

    def _element(self, selector: str) -> str:
        given = {"using": "css selector", "value": selector}
        return str(self._ask("WebDriver:FindElement", given)[ELEMENT])

    def screenshot(self, path: Path) -> None:
        """A PNG of the window."""
        data = self._ask("WebDriver:TakeScreenshot", {"full": False})
        path.write_bytes(base64.b64decode(data))


@contextmanager
def running_firefox(**preferences: Any) -> Iterator[Firefox]:
    """A Firefox with a new profile and these preferences beside `PREFERENCES`."""
    with socket.socket() as free, tempfile.TemporaryDirectory() as profile:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        named = {name.replace("__", "."): value for name, value in preferences.items()}
        wanted = {**PREFERENCES, **named, "marionette.port": port}
        lines = [f"user_pref({json.dumps(key)}, {json.dumps(wanted[key])});" for key in wanted]
        (Path(profile) / "user.js").write_text("\n".join(lines))
        words = ["--headless", "--marionette", "--no-remote", "--profile", profile]
        process = subprocess.Popen(
            [firefox(), *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        page = None
        try:
            page = Firefox(port)
            yield page
        finally:
            if page:
                page.close()
            process.terminate()
            process.wait(30)
