"""`watch --publish` and `--http`: addresses, what Home Assistant is told, the status page."""

from __future__ import annotations

import http.client
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelflens.errors import DataError, UsageError
from shelflens.watch import status_site
from shelflens.watch.mqtt import Broker, Publisher, discovery
from shelflens.watch.status_site import MAX_CLIENTS, StatusSite, parse_address
from shelflens.watch.systemd_unit import systemd_unit

Run = Callable[..., tuple[int, str, str]]

ANSWER = {
    "time": "2026-11-27T19:00:01.000+00:00",
    "decision": "match",
    "id": "tea",
    "name": "Tea <b>green</b> & more",
    "confidence": 0.93,
    "basis": "measured",
    "candidates": [],
    "matches": [{"id": "tea"}],
}


def test_addresses_of_brokers() -> None:
    plain = Broker.parse("mqtt://broker.local", machine="pi")
    assert plain == Broker("broker.local", 1883, False, None, "shelflens/pi")
    named = Broker.parse("mqtts://till%40home@10.0.0.2:9999/shop/till-1/")
    assert named == Broker("10.0.0.2", 9999, True, "till@home", "shop/till-1")
    assert Broker.parse("mqtt://[fd00::2]/a").host == "fd00::2"


@pytest.mark.parametrize(
    "url",
    [
        "broker.local", "http://broker.local", "mqtt://", "mqtt://host:port", "mqtt://host:99999",
        "mqtt://host/a/+/b", "mqtt://host/%23", "mqtt://host/a%20b", "mqtt://host/a?qos=1",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_broker_is_refused(run: Run, built: Path, url: str) -> None:
    with pytest.raises(UsageError):
        Broker.parse(url)
    status, out, err = run("watch", "0", "--catalog", built, "--publish", url)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1


def test_a_password_is_taken_from_the_environment_only() -> None:
    with pytest.raises(UsageError, match="SHELFLENS_MQTT_PASSWORD") as refused:
        Broker.parse("mqtt://till:s3cret@host")
    assert "s3cret" not in str(refused.value)
    broker = Broker.parse("mqtt://host")
    with pytest.raises(DataError, match="a password without a user"):
        Publisher(broker, report=print, environment={"SHELFLENS_MQTT_PASSWORD": "s3cret"})


def test_what_home_assistant_is_told() -> None:
    broker = Broker.parse("mqtt://host/shop/till 1".replace(" ", "-"))
    sensors = discovery(broker)
    assert list(sensors) == [
        f"homeassistant/sensor/shop_till-1/{key}/config"
        for key in ("product", "decision", "confidence")
    ]
    assert len({sensor["unique_id"] for sensor in sensors.values()}) == 3
    for sensor in sensors.values():
        assert sensor["state_topic"] == "shop/till-1/answer"
        assert sensor["availability_topic"] == "shop/till-1/state"
        assert "value_json" in sensor["value_template"]
        assert sensor["device"]["identifiers"] == ["shop_till-1"]
    json.dumps(sensors)


def test_addresses_of_the_page() -> None:
    assert parse_address("8090") == ("127.0.0.1", 8090)
    assert parse_address("0.0.0.0:80") == ("0.0.0.0", 80)
    assert parse_address("[::1]:80") == ("::1", 80)
    for text in ("", ":80", "host", "host:", "1:99999", "-1", "8090x"):
        with pytest.raises(UsageError, match="expected a port such as 8090"):
            parse_address(text)


@pytest.fixture
def site() -> Iterator[StatusSite]:
    running = StatusSite(("127.0.0.1", 0))
    yield running
    running.close()


def got(site: StatusSite, path: str, host: str | None = None) -> tuple[int, Any, str]:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=10)
    try:
        connection.request("GET", path, headers={"Host": host} if host else {})
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()
    finally:
        connection.close()


def test_the_page_shows_answers_and_no_markup_of_names(site: StatusSite) -> None:
    assert "nothing yet" in got(site, "/")[2]
    site.update(state="10 frames/s  looking", catalog="30 products", publish="connected")
    for _ in range(30):
        site.answer(ANSWER)
    site.answer({**ANSWER, "decision": "ambiguous", "candidates": ["a", "b"]})
    status, headers, page = got(site, "/")
    assert status == 200
    assert "one of a, b" in page
    assert "Tea &lt;b&gt;green&lt;/b&gt; &amp; more" in page
    assert "<b>" not in page
    assert "default-src 'none'" in headers["content-security-policy"]
    values = json.loads(got(site, "/status.json")[2])
    assert len(values["answers"]) == status_site.KEPT
    assert values["state"] == "10 frames/s  looking"
    assert "matches" not in values["answers"][0]
    assert got(site, "/etc/passwd")[0] == 404


def test_health_follows_the_frames(site: StatusSite, monkeypatch: pytest.MonkeyPatch) -> None:
    assert got(site, "/healthz")[0] == 200
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 31)
    status, _, text = got(site, "/healthz")
    assert (status, json.loads(text)) == (503, {"status": "no frame for 30 s"})
    site.frame()
    assert got(site, "/healthz")[0] == 200


def test_other_names_in_the_host_header_are_refused(site: StatusSite) -> None:
    for host in ("127.0.0.1:80", "localhost", "192.168.1.2:8090", "[::1]:80", socket.gethostname()):
        assert got(site, "/", host)[0] == 200, host
    for host in ("evil.example", "127.0.0.1.evil.example:80", "localhost.evil.example"):
        assert got(site, "/", host)[0] == 421, host


@given(st.text(max_size=30))
def test_any_host_header_is_judged(text: str) -> None:
    assert status_site._is_own(text) in (True, False)


def test_idle_clients_do_not_keep_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_site._Handler, "timeout", 0.5)
    site = StatusSite(("127.0.0.1", 0))
    idle = [socket.create_connection(("127.0.0.1", site.port)) for _ in range(MAX_CLIENTS + 5)]
    try:
        time.sleep(0.8)
        assert got(site, "/")[0] == 200
    finally:
        for connection in idle:
            connection.close()
        site.close()


def test_a_port_that_is_taken_is_one_line(run: Run, built: Path, site: StatusSite) -> None:
    status, out, err = run("watch", built.parent, "--catalog", built, "--http", site.port)
    assert (status, out) == (1, "")
    assert f"127.0.0.1:{site.port}: Address already in use" in err


def test_the_unit_opens_the_local_network_only_where_it_is_needed() -> None:
    closed = systemd_unit(["/usr/bin/python3"], [], picamera=False)
    assert "PrivateNetwork=yes" in closed
    assert "AF_INET" not in closed
    opened = systemd_unit(["/usr/bin/python3"], [], picamera=True, network=True)
    assert "PrivateNetwork" not in opened
    assert "IPAddressDeny=any" in opened
    allowed = re.findall(r"^IPAddressAllow=(.*)$", opened, re.M)
    assert allowed == ["localhost link-local 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7"]
    assert "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK\n" in opened
