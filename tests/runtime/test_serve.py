"""The server's application in process: the API, its errors, its headers, who may ask."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from shelflens import Catalog, Embedder, ServeError
from shelflens.catalog.reload import Reloader
from shelflens.cli import main
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens.serve.answers import answer_photos
from shelflens.serve.app import make_app
from shelflens.serve.connections import Client, Connections
from shelflens.serve.form_reader import FormReader
from shelflens.serve.run import greeting
from shelflens.serve.settings import Settings, read_token
from shelflens.signing.neighbours import write_serial

DEMO = BUNDLED_MODEL.parent / "demo"
PHOTO = sorted((DEMO / "photos").glob("*.jpg"))[0]
PRODUCT = PHOTO.stem.rpartition("-")[0]
JPEG = {"content-type": "image/jpeg"}
TOKEN = "a-token-of-32-characters-or-more"


def client(catalog: Path, settings: Settings | None = None, **more: Any) -> TestClient:
    """A client of the real application, as from this machine."""
    reloader = Reloader(catalog, Embedder.open)
    app = make_app(reloader, settings or Settings(), **more)
    return TestClient(app, base_url="http://127.0.0.1:8080")


@pytest.fixture(scope="module")
def server(built: Path) -> Iterator[TestClient]:
    images = {PRODUCT: DEMO / "studio" / f"{PRODUCT}.jpg"}
    with client(built, find_image=images.get) as server:
        yield server


def schema_of(server: TestClient, path: str, method: str, status: int) -> OAS31Validator:
    """The validator of a response, from the server's own description."""
    document = server.get("/openapi.json").json()
    answer = document["paths"][path][method]["responses"][str(status)]
    (content,) = answer["content"].values()
    return OAS31Validator({**content["schema"], "components": document["components"]})


def problem(response: Any, status: int, *words: str) -> dict[str, Any]:
    """Check an error: its status, its form, one line that holds these words."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert set(body) == {"type", "title", "status", "detail", "what", "expected", "got", "do"}
    assert body["status"] == status
    assert "\n" not in body["detail"]
    for word in words:
        assert word in body["detail"]
    return body


def test_a_photo_gives_what_lookup_json_gives(
    server: TestClient, built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    response = server.post("/lookup?k=3", content=PHOTO.read_bytes(), headers=JPEG)
    assert response.status_code == 200
    got = response.json()
    assert main(["lookup", str(PHOTO), "--catalog", str(built), "-k", "3", "--json"]) == 0
    expected = json.loads(capsys.readouterr().out)
    assert list(got) == list(expected)
    assert set(got["ms"]) == set(expected["ms"])
    for document in (got, expected):
        del document["ms"], document["photo"]
    assert got == expected
    assert got["matches"][0]["id"] == PRODUCT
    schema_of(server, "/lookup", "post", 200).validate(response.json())


def test_several_photos_are_fused_or_not(
    server: TestClient, built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = sorted((DEMO / "photos").glob(f"{PRODUCT}-*.jpg"))[:2]
    assert len(paths) == 2
    files = [("photo", (path.name, path.read_bytes(), "image/jpeg")) for path in paths]
    valid = schema_of(server, "/lookup", "post", 200)
    fused = server.post("/lookup", files=files).json()
    valid.validate(fused)
    assert main(["lookup", *map(str, paths), "--catalog", str(built), "--fuse", "--json"]) == 0
    expected = json.loads(capsys.readouterr().out)
    assert fused["photos"] == [path.name for path in paths]
    assert fused["matches"] == expected["matches"]
    single = server.post("/lookup?fuse=false", files=files).json()
    valid.validate(single)
    assert [answer["photo"] for answer in single["answers"]] == [path.name for path in paths]
    lone = server.post("/lookup", files=files[:1]).json()
    valid.validate(lone)
    assert lone["photo"] == paths[0].name
    assert lone["matches"] == single["answers"][0]["matches"]
    asked = server.post("/lookup?fuse=true", content=paths[0].read_bytes(), headers=JPEG).json()
    valid.validate(asked)
    assert asked["photos"] == ["photo"]


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_other_formats(server: TestClient, kind: str) -> None:
    stream = io.BytesIO()
    with Image.open(PHOTO) as image:
        image.save(stream, kind, lossless=True)
    headers = {"content-type": f"image/{kind.lower()}"}
    got = server.post("/lookup", content=stream.getvalue(), headers=headers)
    assert got.json()["matches"][0]["id"] == PRODUCT


def test_similar_catalog_health(server: TestClient, built: Path) -> None:
    response = server.get(f"/similar/{PRODUCT}?k=3&where=price<9&diverse=0.3")
    assert response.status_code == 200
    schema_of(server, "/similar/{id}", "get", 200).validate(response.json())
    assert response.json()["id"] == PRODUCT
    assert len(response.json()["similar"]) == 3
    schema_of(server, "/catalog", "get", 200).validate(server.get("/catalog").json())
    listed = server.get("/catalog?ids=true").json()
    assert listed["ids"] == Catalog.open(built).ids
    assert "file" not in listed
    assert server.get("/healthz").json() == {"status": "ok"}


def test_product_images_are_small_jpegs(server: TestClient) -> None:
    response = server.get(f"/pictures/{PRODUCT}")
    assert response.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(response.content)) as image:
        assert max(image.size) <= 320
    imageless = next(
        product_id
        for product_id in server.get("/catalog?ids=1").json()["ids"]
        if product_id != PRODUCT
    )
    problem(server.get(f"/pictures/{imageless}"), 404, "image", imageless)
    problem(server.get("/pictures/../../secret"), 404)


def test_the_description_is_openapi(server: TestClient, built: Path) -> None:
    document = server.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()
    with client(built, Settings(token=TOKEN)) as protected:
        secured = protected.get(
            "/openapi.json", headers={"authorization": f"Bearer {TOKEN}"}
        ).json()
    OpenAPIV31SpecValidator(secured).validate()
    assert secured["security"] == [{"token": []}]
    page = server.get("/docs").text
    for path in document["paths"]:
        assert path in page
    assert "<script" not in page
    assert "//" not in page.replace("http://HOST:PORT", "")


@pytest.mark.parametrize(
    "kind", ["image/jpg", "image/pjpeg", "application/octet-stream", "", "image/png; q=1"]
)
def test_a_photo_is_known_by_its_bytes(server: TestClient, kind: str) -> None:
    headers = {"content-type": kind} if kind else {}
    response = server.post("/lookup?k=1", content=PHOTO.read_bytes(), headers=headers)
    assert response.status_code == 200, response.text


@pytest.mark.parametrize(
    "part",
    [
        ("a.jpg", PHOTO.read_bytes(), "image/jpg"),
        ("noext", PHOTO.read_bytes(), "application/octet-stream"),
        ("noext", PHOTO.read_bytes(), ""),
        ("Jäger 写真.jpg", PHOTO.read_bytes(), "text/plain"),
    ],
)
def test_forms_of_any_client(server: TestClient, part: tuple[str, bytes, str]) -> None:
    response = server.post("/lookup?k=1", files={"photo": part}, data={"note": "x" * 500, "n": "1"})
    assert response.status_code == 200, response.text
    assert response.json()["photo"] == part[0]


def test_a_photo_of_a_format_that_is_not_read_is_named(server: TestClient) -> None:
    content = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(60)
    response = server.post("/lookup", content=content, headers={"content-type": "image/heic"})
    problem(response, 422, "HEIC (iPhone photo)")


def errors(server: TestClient) -> dict[str, tuple[Any, int, str]]:
    photo = PHOTO.read_bytes()
    huge = io.BytesIO()
    Image.new("1", (9600, 9600)).save(huge, "PNG")
    many = [("p", ("a.jpg", photo, "image/jpeg"))] * 11
    post, get = server.post, server.get
    form = {"content-type": "multipart/form-data; boundary=x"}
    form_start = b"--x\r\nContent-Type: image/jpeg\r\n\r\nabc"
    return {
        "k": (post("/lookup?k=0", content=photo, headers=JPEG), 400, "1 to 100"),
        "k text": (post("/lookup?k=%C2%B2", content=photo, headers=JPEG), 400, "k:"),
        "fuse": (post("/lookup?fuse=maybe", content=photo, headers=JPEG), 400, "true or false"),
        "option": (post("/lookup?limit=1", content=photo, headers=JPEG), 400, "'limit'"),
        "type": (post("/lookup", content=b"x", headers={"content-type": "text/html"}), 415, "jpeg"),
        "no type": (post("/lookup", content=b"x"), 415, "got none"),
        "empty": (post("/lookup", content=b"", headers=JPEG), 422, "empty"),
        "no picture": (post("/lookup", content=b"hello", headers=JPEG), 422, "not a picture"),
        "cut": (post("/lookup", content=photo[:2000], headers=JPEG), 422, "cut short"),
        "pixels": (post("/lookup", content=huge.getvalue(), headers=JPEG), 422, "89,478,485"),
        "many": (post("/lookup", files=many), 413, "at most 10"),
        "part": (post("/lookup", files={"p": ("a.txt", b"x", "text/plain")}), 415, "part 1"),
        "form": (post("/lookup", content=b"nothing", headers=form), 400, "no part"),
        "form end": (post("/lookup", content=form_start, headers=form), 400, "not end"),
        "no photo": (post("/lookup", content=b"--x--", headers=form), 400, "no photo"),
        "headers": (
            post(
                "/lookup",
                content=b"--x\r\nContent-Disposition: a; filename*=\x00''b\r\n\r\nc\r\n--x--",
                headers=form,
            ),
            400,
            "no photo",
        ),
        "header": (
            post("/lookup", content=b"--x\r\nno header\r\n\r\nc\r\n--x--", headers=form),
            400,
            "a damaged part 1",
        ),
        "method": (get("/lookup"), 405, "expected POST, got GET"),
        "path": (get("/nothing"), 404, "/nothing"),
        "product": (get("/similar/no/such"), 404, "'no/such'"),
        "surrogate": (get("/similar/%ED%A0%80"), 404, "product"),
        "condition": (get(f"/similar/{PRODUCT}?where=colour=red"), 400, "no column 'colour'"),
        "diverse": (get(f"/similar/{PRODUCT}?diverse=nan"), 400, "0 (nearest)"),
        "diverse text": (get(f"/similar/{PRODUCT}?diverse=x"), 400, "0 to 1"),
    }


def test_every_error_is_one_line_and_described(server: TestClient, built: Path) -> None:
    valid = schema_of(server, "/lookup", "post", 400)
    for response, status, words in errors(server).values():
        body = problem(response, status, words)
        valid.validate(body)
        assert str(built) not in body["detail"]


def test_what_takes_much_memory_is_refused(server: TestClient) -> None:
    for kind, pixels, mode, status in (
        ("PNG", 5600, "LA", 422),  # 31 million: above 30 with transparency
        ("PNG", 5600, "L", 200),
        ("JPEG", 8000, "L", 200),
    ):
        stream = io.BytesIO()
        Image.new(mode, (pixels, pixels)).save(stream, kind)
        response = server.post("/lookup", content=stream.getvalue(), headers=JPEG)
        assert response.status_code == status, (kind, mode)
        if status == 422:
            problem(response, 422, "31,360,000", "send it as JPEG")


PART = b'--x\r\nContent-Disposition: form-data; name="p"; filename="%s"\r\n%s\r\n%s\r\n'
FORM = {"content-type": "multipart/form-data; boundary=x"}


def test_a_form_cut_anywhere_gives_the_same_photos() -> None:
    names = ["a.jpg", "M\u00f6hre \U0001f955.png"]
    types = [b"Content-Type: image/jpeg\r\n", b"content-type:  image/png\r\n"]
    contents = [b"\r\n--y\r\n--", bytes(range(256))]
    empty = PART % (b"", b"Content-Type: application/octet-stream\r\n", b"")
    parts = [
        PART % (name.encode(), kind, content)
        for name, kind, content in zip(names, types, contents, strict=True)
    ]
    body = parts[0] + empty + parts[1] + b"--x--"
    for cut in range(len(body)):
        reader = FormReader(FORM["content-type"], max_photos=2)
        reader.write(body[:cut])
        reader.write(body[cut:])
        photos = reader.finish()
        assert [photo.name for photo in photos] == names
        assert [photo.content for photo in photos] == contents


def test_a_form_of_many_parts_or_headers_costs_little(server: TestClient) -> None:
    empty = b"--x\r\n\r\n\r\n"
    header = b"--x\r\n" + b"a:\r\n" * 4_000_000
    for body, status, words in (
        (empty * 1_500_000, 413, "parts: expected at most"),
        (header, 400, "part 1"),
        (b"--x\r\na: " + b"a" * 10_000_000, 400, "part 1"),
    ):
        start = time.monotonic()
        problem(server.post("/lookup", content=body, headers=FORM), status, words)
        assert time.monotonic() - start < 2


def test_too_large_is_refused(built: Path) -> None:
    with client(built, Settings(max_bytes=10_000)) as server:
        problem(server.post("/lookup", content=b"x" * 10_001, headers=JPEG), 413, "10,000 bytes")

        def parts() -> Iterator[bytes]:  # no Content-Length
            for _ in range(5):
                yield b"x" * 4000

        problem(server.post("/lookup", content=parts(), headers=JPEG), 413, "10,000 bytes")


def test_bytes_of_all_requests_are_bounded(built: Path) -> None:
    with client(built, Settings(max_held_bytes=1000)) as server:
        response = server.post("/lookup", content=PHOTO.read_bytes(), headers=JPEG)
        problem(response, 503, "at once")
        assert response.headers["retry-after"] == "1"


def test_a_token_is_asked_for(built: Path) -> None:
    with client(built, Settings(token=TOKEN)) as server:
        for path in ("/", "/catalog", "/docs", "/nothing"):
            response = server.get(path)
            problem(response, 401, "Bearer")
            assert "Basic" in response.headers["www-authenticate"]
        assert server.get("/healthz").status_code == 200
        basic = base64.b64encode(f":{TOKEN}".encode()).decode()
        for header in (f"Bearer {TOKEN}", f"bearer  {TOKEN}", f"Basic {basic}"):
            assert server.get("/", headers={"authorization": header}).status_code == 200
        for header in (f"Bearer {TOKEN}x", "Bearer", "Basic ???", f"Digest {TOKEN}", "Bearer \xe9"):
            given = {b"authorization": header.encode("latin-1")}
            problem(server.get("/", headers=given), 401)


def test_names_of_other_sites_are_refused(built: Path) -> None:
    with client(built, Settings(hosts=("shop.example",))) as server:
        for host in ("evil.example", "127.0.0.1.evil.example", "", "localhost@evil.example:80"):
            problem(server.get("/catalog", headers={"host": host}), 421, "--allow-host")
        for host in ("localhost:1", "127.0.0.1", "[::1]:8080", "SHOP.example"):
            assert server.get("/catalog", headers={"host": host}).status_code == 200
        cross = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
        problem(server.post("/lookup", headers=cross), 403, "another site")
    with client(built, Settings(host="0.0.0.0", insecure=True)) as server:
        for host in ("192.0.2.7:80", "[2001:db8::1]", "localhost", socket.gethostname()):
            assert server.get("/catalog", headers={"host": host}).status_code == 200
        for host in ("evil.example", "192.0.2.7.evil.example", "1"):
            problem(server.get("/catalog", headers={"host": host}), 421, "--allow-host")
    with client(built, Settings(host="0.0.0.0", cert=Path("c"), key=Path("k"))) as server:
        assert server.get("/catalog", headers={"host": "anything"}).status_code == 200


CROSS = {"sec-fetch-site": "cross-site"}
NAVIGATE = {**CROSS, "sec-fetch-mode": "navigate"}
OWN = "http://127.0.0.1:8080"


def test_pages_of_other_sites_send_nothing(built: Path) -> None:
    with client(built, Settings(hosts=("shop.example",))) as server:
        photo = PHOTO.read_bytes()
        for headers in (
            *({"origin": origin} for origin in ("http://evil.example", "null", "", "file://")),
            *({"origin": f"http://127.0.0.1{more}"} for more in ("", ":3000", ".evil.example")),
            {"origin": "http://shop.example.evil.example"},
            {"origin": "ftp://127.0.0.1:8080"},
            *(CROSS, NAVIGATE, {**CROSS, "sec-fetch-mode": "no-cors"}),
            {"origin": OWN, **CROSS},
        ):
            sent = server.post("/lookup", content=photo, headers={**JPEG, **headers})
            problem(sent, 403, "the page that this server serves")
        for headers in ({"origin": "http://evil.example"}, CROSS):
            problem(server.get("/catalog", headers=headers), 403)
        for headers in (
            {"origin": OWN},
            {"origin": OWN, "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"},
            {"origin": "https://shop.example"},  # a proxy, which asks by the name of this server
            {"origin": "http://localhost", "host": "localhost:80"},
            {},
        ):
            sent = server.post("/lookup", content=photo, headers={**JPEG, **headers})
            assert sent.status_code == 200, (headers, sent.text)
        assert server.get("/", headers=NAVIGATE).status_code == 200  # a link


def test_figures_for_a_monitor(built: Path, tmp_path: Path) -> None:
    path = tmp_path / "live.catalog"
    shutil.copy(built, path)
    connections = Connections(limit=2, share=2)
    for _ in range(3):
        connections.add(Client("a", lambda: True, lambda: None))
    write_serial(path, 7)
    with client(path, Settings(token=TOKEN), connections=connections) as server:
        problem(server.get("/metrics"), 401)  # as private as everything else
        given = {"authorization": f"Bearer {TOKEN}"}
        server.post("/lookup", content=PHOTO.read_bytes(), headers={**JPEG, **given})
        server.get("/similar/a-secret-id", headers=given)
        server.get('/another"path\\', headers=given)
        Catalog.open(path).remove([PRODUCT]).save(path)
        server.get("/catalog", headers=given)
        response = server.get("/metrics", headers=given)
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = {family.name: family for family in text_string_to_metric_families(response.text)}
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families.values()
        for sample in family.samples
    }
    for name, kind in (
        ("shelflens_requests", "counter"),
        ("shelflens_request_seconds", "histogram"),
        ("shelflens_catalog_age_seconds", "gauge"),
        ("process_resident_memory_bytes", "gauge"),
    ):
        assert families[name].type == kind
        assert families[name].documentation

    def requests(route: str, status: int) -> float:
        key = ("shelflens_requests_total", ("route", route), ("status", str(status)))
        return samples[key]

    assert (requests("/lookup", 200), requests("/similar", 404), requests("other", 404)) == (
        1,
        1,
        1,
    )
    assert requests("/metrics", 401) == 1
    assert samples["shelflens_decisions_total", ("decision", "match")] == 1
    catalog = Catalog.open(path)
    assert samples["shelflens_catalog_products",] == len(catalog) == 29
    info = families["shelflens_catalog_info"].samples[0].labels
    assert (info["fingerprint"], info["space"]) == (catalog.fingerprint, catalog.space)
    assert samples["shelflens_files_taken_total",] == 1
    assert samples["shelflens_connections",] == 2
    assert samples["shelflens_connections_ended_total",] == 1
    assert 0 <= samples["shelflens_catalog_age_seconds",] < 600
    assert samples["shelflens_catalog_serial",] == 7
    assert samples["process_resident_memory_bytes",] > 10 << 20
    buckets = [
        sample.value
        for sample in families["shelflens_request_seconds"].samples
        if sample.name.endswith("_bucket") and sample.labels["route"] == "/lookup"
    ]
    assert buckets == sorted(buckets)
    assert buckets[-1] == 1
    assert "secret" not in response.text


def test_healthz_looks_a_photo_up(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def answer(resources: Any, photos: Any, *rest: Any) -> Any:
        tried.append(photos[0].name)
        if len(tried) > 1:
            raise RuntimeError("the engine is gone")
        return answer_photos(resources, photos, *rest)

    monkeypatch.setattr("shelflens.serve.health.answer_photos", answer)
    with client(built) as server:
        for _ in range(3):  # kept for a while
            assert server.get("/healthz").json() == {"status": "ok"}
        assert len(tried) == 1
        monkeypatch.setattr("shelflens.serve.health.KEPT_S", 0)
        clock = time.monotonic
        monkeypatch.setattr("shelflens.serve.health.time.monotonic", lambda: clock() + 60)
        problem(server.get("/healthz"), 503, "RuntimeError", "selftest")
        assert "shelflens_healthy 0" in server.get("/metrics").text


def test_healthz_notices_an_engine_that_hangs(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def hang(*_: Any, **__: Any) -> list[Any]:
        release.wait(20)
        raise RuntimeError("released")

    monkeypatch.setattr("shelflens.serve.api.answer_photos", hang)
    monkeypatch.setattr("shelflens.serve.health.STALLED_S", 0.5)
    with client(built, Settings(workers=1, queue_size=0)) as server:
        photo = PHOTO.read_bytes()

        def ask() -> None:
            with suppress(RuntimeError):
                server.post("/lookup", content=photo, headers=JPEG)

        assert server.get("/healthz").status_code == 200
        waiting = threading.Thread(target=ask)
        waiting.start()
        try:
            statuses: list[int] = []
            while 503 not in statuses and len(statuses) < 50:
                statuses.append(server.get("/healthz").status_code)
                time.sleep(0.1)
            assert statuses[0] == 200, "a full queue is busy, not unhealthy"
            problem(server.get("/healthz"), 503, "none for 0.5 s")
        finally:
            release.set()
            waiting.join()
        assert server.get("/healthz").status_code == 503  # until it is tried again


def test_work_on_the_whole_catalog_does_not_hold_photos_up(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    begun: list[int] = []

    def slow(*_: Any, **__: Any) -> list[Any]:
        begun.append(1)
        release.wait(20)
        return []

    monkeypatch.setattr("shelflens.serve.api.similar", slow)
    short = Settings(catalog_s=0.2, queue_size=2)
    with client(built, short) as server:
        try:
            for _ in range(5):
                response = server.get(f"/similar/{PRODUCT}")
                problem(response, 503, "more than 0.2 s")
                assert response.headers["retry-after"] == "1"
            problem(server.get("/catalog"), 503)
            assert len(begun) == 1, "those that waited in vain are not begun"
            sent = server.post("/lookup", content=PHOTO.read_bytes(), headers=JPEG)
            assert sent.status_code == 200
            assert server.get("/healthz").status_code == 200
        finally:
            release.set()


def test_headers_isolate_the_browser(server: TestClient) -> None:
    for path in ("/", "/plain/app.js", "/docs", "/nothing", "/openapi.json"):
        headers = server.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "'unsafe-inline'" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-embedder-policy"] == "require-corp"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers


def test_the_photo_form_asks_no_other_host(server: TestClient) -> None:
    page = server.get("/").text
    assert 'data-images="yes"' in page
    assert "<script>" not in page
    assert " style=" not in page
    for path in ("/plain/app.js", "/plain/style.css", "/plain/icon.svg"):
        assert path in page
        text = server.get(path).text
        assert "https://" not in text + page


def test_a_web_app_is_served_with_types_and_ages(built: Path, tmp_path: Path) -> None:
    files = {
        "index.html": "text/html; charset=utf-8",
        "sw.js": "text/javascript; charset=utf-8",
        "app.3f2a9c1d.mjs": "text/javascript; charset=utf-8",
        "engine-0123456789abcdef.wasm": "application/wasm",
        "page.webmanifest": "application/manifest+json",
        "data/store.catalog": "application/octet-stream",
        "data/model.tflite": "application/octet-stream",
    }
    for name in files:
        (tmp_path / "page" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "page" / name).write_text(name)
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "page" / "link").symlink_to(tmp_path / "secret")
    with client(built, Settings(web_app=tmp_path / "page")) as server:
        assert server.get("/").text == "index.html"
        for name, kind in files.items():
            response = server.get(f"/{name}")
            assert (response.text, response.headers["content-type"]) == (name, kind)
            hashed = name.startswith(("app.", "engine"))
            assert ("immutable" in response.headers["cache-control"]) == hashed
            assert (response.headers["cache-control"] == "no-cache") != hashed
            again = server.get(f"/{name}", headers={"if-none-match": response.headers["etag"]})
            assert again.status_code == 304
        for path in ("/../secret", "/%2e%2e/secret", "/link", "/data", "/none.js", "/%00"):
            problem(server.get(path), 404)
        problem(server.post("/index.html"), 405)
        assert server.get("/healthz").json() == {"status": "ok"}


def test_a_new_catalog_is_picked_up_and_a_bad_one_refused(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "live.catalog"
    shutil.copy(built, path)
    with client(path) as server:
        before = server.get("/catalog").json()
        capsys.readouterr()
        whole = Catalog.open(path)
        whole.remove([PRODUCT]).save(path)
        after = server.get("/catalog").json()
        assert after["products"] == before["products"] - 1
        assert after["fingerprint"] != before["fingerprint"]
        problem(server.get(f"/similar/{PRODUCT}"), 404)
        assert "new, 29 products" in capsys.readouterr().err

        bad = tmp_path / "bad"
        bad.write_bytes(path.read_bytes()[:-5])
        bad.replace(path)
        replacement = tmp_path / "other"
        for _ in range(2):
            assert server.get("/catalog").json() == after
        err = capsys.readouterr().err
        assert len(err.splitlines()) == 1
        assert "going on with the one before" in err
        Catalog(["a"], np.ones((1, 256), np.float32), space="other").save(replacement)
        replacement.replace(path)
        assert server.get("/catalog").json() == after
        assert "'other'" in capsys.readouterr().err
        path.unlink()
        assert server.get("/catalog").json() == after
        shutil.copy(built, replacement)
        replacement.replace(path)
        assert server.get("/catalog").json() == before


def test_a_defect_of_ours_is_a_problem_too(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shelflens.serve.api.summarize", lambda _: 1 / 0)
    app = make_app(Reloader(built, Embedder.open), Settings())
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as server:
        problem(server.get("/catalog"), 500, "ZeroDivisionError")


KINDS = st.sampled_from(
    ["image/jpeg", "image/png", "image/webp", "multipart/form-data; boundary=b", "", "text/plain"]
)
PIECES = st.sampled_from(
    [
        *(b"--b", b"--b--", b"\r\n", b"\r\n\r\n", PHOTO.read_bytes()[:3000], PHOTO.read_bytes()),
        *(b'Content-Disposition: form-data; name=p; filename="\xff"', b"Content-Type: image/jpeg"),
        *(
            b"--b\r\nContent-Disposition: form-data; filename*=",
            b"\x00''x",
            b"utf-8''%ff",
            b"; a*0*=",
        ),
        *(b"\x89PNG\r\n\x1a\n", b"RIFF\x00\x00\x00\x00WEBPVP8 "),
    ]
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.binary(max_size=60), PIECES), max_size=9), KINDS)
def test_no_body_crashes_it(server: TestClient, parts: list[bytes], kind: str) -> None:
    headers = {"content-type": kind} if kind else {}
    response = server.post("/lookup", content=b"".join(parts), headers=headers)
    assert response.status_code in (200, 400, 413, 415, 422)
    if response.status_code != 200:
        problem(response, response.status_code)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=40), st.binary(max_size=40), st.sampled_from(["lookup", "similar/a", ""]))
def test_no_address_crashes_it(server: TestClient, query: bytes, path: bytes, head: str) -> None:
    def escaped(data: bytes) -> str:
        return "".join(f"%{byte:02x}" for byte in data)

    response = server.get(f"/{head}{escaped(path)}?{escaped(query)}=1&k={escaped(query)}")
    assert response.status_code < 500


def test_settings_that_expose_it_unprotected_are_refused(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1", "shop.example"):
        with pytest.raises(ServeError, match=r"--token-file FILE .* or --cert PEM --key PEM"):
            Settings(host=host).check()
        Settings(host=host, token=TOKEN).check()
        Settings(host=host, insecure=True).check()
        Settings(host=host, cert=Path("c"), key=Path("k")).check()
    for host in ("127.0.0.1", "127.1.2.3", "::1", "localhost"):
        Settings(host=host).check()
    for wrong, words in (
        (Settings(cert=Path("c")), "--cert without --key"),
        (Settings(key=Path("k")), "--key without --cert"),
        (Settings(port=70000), "0 to 65535"),
        (Settings(web_app=tmp_path), "shelflens page build"),
    ):
        with pytest.raises(ServeError, match=words):
            wrong.check()


def test_the_token_comes_from_a_private_file_or_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    path.chmod(0o600)
    assert read_token(str(path), {}) == TOKEN
    assert read_token(None, {"SHELFLENS_TOKEN": TOKEN}) == TOKEN
    assert read_token(None, {}) is None
    path.chmod(0o644)
    with pytest.raises(ServeError, match="chmod 600"):
        read_token(str(path), {})
    for text in ("short", "with a blank in its middle", "x" * 300, "\xe4" * 20):
        with pytest.raises(ServeError, match="openssl rand"):
            read_token(None, {"SHELFLENS_TOKEN": text})
    with pytest.raises(FileNotFoundError):
        read_token(str(tmp_path / "none"), {})


def test_the_greeting_says_how_to_reach_it(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reloader = Reloader(built, Embedder.open)
    lines = greeting(reloader, Settings(host="::1"), 8080)
    assert lines[0].startswith("serving  http://[::1]:8080 ")
    assert any("--host 0.0.0.0" in line for line in lines)
    assert capsys.readouterr().err == ""
    lines = greeting(reloader, Settings(host="192.0.2.7", token=TOKEN), 80)
    assert "phone    http://192.0.2.7:80 " in "\n".join(lines)
    assert TOKEN not in "\n".join(lines)
    assert any("HTTPS" in line for line in lines)
    assert "the token and photos travel unencrypted" in capsys.readouterr().err
    greeting(reloader, Settings(host="0.0.0.0", insecure=True), 80)
    assert "anyone may ask" in capsys.readouterr().err
    lines = greeting(reloader, Settings(host="0.0.0.0", cert=Path("c"), key=Path("k")), 443)
    assert "phone    https://" in "\n".join(lines)
    assert "note: without --token-file" in capsys.readouterr().err


def test_a_catalog_that_is_copied_over_is_busy_and_no_missing_product(
    tmp_path: Path, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 until the copy is complete; not 404, nor the end of the process."""
    monkeypatch.setattr("shelflens.catalog.content.READ_LIMIT", 0)  # mapped, as a large one is
    store = tmp_path / "store.catalog"
    shutil.copyfile(built, store)
    with client(store) as server:
        assert server.get(f"/similar/{PRODUCT}").status_code == 200
        os.truncate(store, 100)
        for path in (f"/similar/{PRODUCT}", "/similar/nobody"):
            assert problem(server.get(path), 503)["got"] == "a catalog that somebody copies over"
        shutil.copyfile(built, store)
        assert server.get(f"/similar/{PRODUCT}").status_code == 200
