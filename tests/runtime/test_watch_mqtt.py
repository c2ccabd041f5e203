"""`watch --publish` with a real broker, Debian's mosquitto."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from PIL import Image

from shelflens.serve import phone
from shelflens.serve.settings import Settings
from shelflens.watch.mqtt import Broker, Publisher, discovery
from tests.support.hosts import free_port, program, started
from tests.support.rendered_video import HELD, product_of, render_frames

pytestmark = pytest.mark.browser  # as those: a program of the system

Run = Callable[..., tuple[int, str, str]]


@contextmanager
def broker(folder: Path, port: int, *lines: str) -> Iterator[None]:
    """A mosquitto on this machine."""
    folder.mkdir(exist_ok=True)
    config = folder / "mosquitto.conf"
    config.write_text("\n".join([f"listener {port} 127.0.0.1", "user root", *lines, ""]))
    command = [program("mosquitto", "mosquitto"), "-c", str(config)]
    with started(command, port, folder):
        yield


class Listener:
    """Hears all that is published."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[str, Any]] = []
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = lambda _, __, message: self.heard.append(
            (message.topic, message.payload.decode())
        )
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def wait(self, topic: str, text: str | None = None, seconds: float = 20) -> str:
        """The last message of a topic, or the one with a text."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for heard, payload in reversed(self.heard):
                if heard == topic and text in (None, payload):
                    return str(payload)
            time.sleep(0.05)
        raise AssertionError(f"nothing on {topic}; heard {self.heard}")

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A product, held, as JPEGs in a row."""
    path = tmp_path / "film.mjpeg"
    with path.open("wb") as out:
        for pixels in render_frames(HELD, fps=10):
            Image.fromarray(pixels).save(out, "JPEG", quality=90)
    return path


def test_answers_reach_the_broker_and_home_assistant_finds_them(
    run: Run, film: Path, built: Path, tmp_path: Path
) -> None:
    port = free_port()
    with broker(tmp_path / "broker", port, "allow_anonymous true"), ExitStack() as stack:
        listener = Listener(port)
        stack.callback(listener.close)
        url = f"mqtt://127.0.0.1:{port}/shop/till"
        words = ("--fps", 10, "--max-fps", 0, "--json", "--publish", url, "--http", 0)
        status, out, err = run("watch", film, "--catalog", built, *words)
        assert status == 0, err
        assert f"--publish: connected to 127.0.0.1:{port}, topic shop/till" in err
        assert "--http: http://127.0.0.1:" in err
        printed = json.loads(out)
        assert printed["id"] == product_of(HELD[0].photo)
        assert json.loads(listener.wait("shop/till/answer")) == printed
        listener.wait("shop/till/state", "online")
        listener.wait("shop/till/state", "offline")
        for topic, configuration in discovery(Broker.parse(url)).items():
            assert json.loads(listener.wait(topic)) == configuration
        late = Listener(port)  # what is kept for who comes later
        stack.callback(late.close)
        assert late.wait("shop/till/state") == "offline"
        assert late.wait("homeassistant/sensor/shop_till/product/config")
        time.sleep(0.3)
        assert "shop/till/answer" not in dict(late.heard)


def test_a_broker_that_comes_later_gets_what_waited(tmp_path: Path) -> None:
    port = free_port()
    said: list[str] = []
    publisher = Publisher(Broker.parse(f"mqtt://127.0.0.1:{port}/t"), report=said.append)
    try:
        start = time.monotonic()
        for number in range(100):
            publisher.publish({"number": number})
        assert time.monotonic() - start < 30  # the camera does not wait: a try takes a second
        with broker(tmp_path / "broker", port, "allow_anonymous true"):
            listener = Listener(port)
            first = json.loads(listener.wait("t/answer"))
            listener.wait("t/state", "online")
            listener.close()
            assert first["number"] < 100
            assert any("cannot be reached; trying again" in line for line in said)
            assert any("answers wait for" in line for line in said)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and "was lost" not in said[-1]:
            time.sleep(0.05)
        assert "was lost; trying again" in said[-1] or "cannot be reached" in said[-1]
    finally:
        start = time.monotonic()
        publisher.close()
        assert time.monotonic() - start < 30


def test_a_wrong_password_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "broker"
    folder.mkdir()
    passwords = folder / "passwords"
    tool = program("mosquitto_passwd", "mosquitto")
    subprocess.run([tool, "-b", "-c", str(passwords), "till", "right"], check=True)
    port = free_port()
    said: list[str] = []
    with broker(folder, port, "allow_anonymous false", f"password_file {passwords}"):
        for password, expected in (("wrong", "refused by"), ("right", "connected to")):
            publisher = Publisher(
                Broker.parse(f"mqtt://till@127.0.0.1:{port}/t"),
                report=said.append,
                environment={"SHELFLENS_MQTT_PASSWORD": password},
            )
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and publisher.state == "connecting":
                time.sleep(0.05)
            publisher.close()
            assert expected in publisher.state


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a socket of paho
def test_tls_wants_a_certificate_that_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone.prepare(Settings(host="127.0.0.1"), tmp_path / "pair")
    server = tmp_path / "pair" / phone.CERTIFICATE
    port = free_port()
    tls = (f"certfile {server}", f"keyfile {server}", "allow_anonymous true")
    with broker(tmp_path / "broker", port, *tls):
        for trusted, expected in ((False, "cannot be reached"), (True, "connected to")):
            if trusted:
                monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "pair" / phone.AUTHORITY))
            publisher = Publisher(Broker.parse(f"mqtts://localhost:{port}/t"), report=print)
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and publisher.state == "connecting":
                time.sleep(0.05)
            publisher.close()
            assert expected in publisher.state, publisher.state
