"""The API of those who may edit: what it changes, and what it refuses without changing anything."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from PIL import Image, ImageFilter
from starlette.testclient import TestClient

from shelflens import Catalog, Embedder
from shelflens.catalog.adaptation import Adaptation
from shelflens.catalog.audit import VARIABLE
from shelflens.catalog.history import UNDO_STEPS, can_undo, save_undoable, undo, undo_folder
from shelflens.catalog.reload import Reloader
from shelflens.cli import main
from shelflens.files import write_text
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens.product_ids import check_id
from shelflens.serve.app import make_app
from shelflens.serve.photo_check import MIN_SHARPNESS, sharpness
from shelflens.serve.problem import Problem
from shelflens.serve.product_texts import NAME_LIMIT, checked_attributes, id_of
from shelflens.serve.settings import Settings

DEMO = BUNDLED_MODEL.parent / "demo"
PHOTOS = sorted((DEMO / "photos").glob("*.jpg"))
KNOWN = PHOTOS[0].stem.rpartition("-")[0]
OWN = [path for path in PHOTOS if path.stem.startswith(f"{KNOWN}-")]
READ, EDIT = "a-token-to-look-up-with-0123456789", "a-token-to-edit-with-0123456789"
BEARER = {"authorization": f"Bearer {EDIT}"}


@pytest.fixture
def store(built: Path, tmp_path: Path) -> Path:
    """A catalog that may be changed, without the product of the first photos."""
    path = tmp_path / "store.catalog"
    Catalog.open(built).remove([KNOWN]).save(path)
    return path


@pytest.fixture
def server(store: Path) -> Iterator[TestClient]:
    app = make_app(Reloader(store, Embedder.open), Settings(edit_token=EDIT))
    with TestClient(app, base_url="http://127.0.0.1:8080", headers=BEARER) as client:
        yield client


def form(*photos: Path | bytes) -> list[tuple[str, tuple[str, bytes, str]]]:
    """Photos as parts of a form."""
    parts = [photo if isinstance(photo, bytes) else photo.read_bytes() for photo in photos]
    return [("photo", (f"{n}.jpg", part, "image/jpeg")) for n, part in enumerate(parts)]


def refused(response: Any, status: int, *words: str) -> None:
    assert response.status_code == status, response.text
    detail = response.json()["detail"]
    assert "\n" not in detail
    for word in words:
        assert word in detail


def add(server: TestClient, name: str = "Oat Drink", **texts: str) -> dict[str, Any]:
    made = server.post("/edit/products", files=form(*OWN[:2]), data={"name": name, **texts})
    assert made.status_code == 201, made.text
    edited: dict[str, Any] = made.json()
    return edited


def listed(server: TestClient, query: str = "") -> dict[str, Any]:
    page: dict[str, Any] = server.get(f"/edit/products{query}").json()
    return page


def lookup(server: TestClient, photo: Path) -> dict[str, Any]:
    answer: dict[str, Any] = server.post(
        "/lookup", content=photo.read_bytes(), headers={"content-type": "image/jpeg"}
    ).json()
    return answer


def test_a_product_is_added_found_and_undone_byte_for_byte(server: TestClient, store: Path) -> None:
    before = store.read_bytes()
    assert KNOWN not in {match["id"] for match in lookup(server, OWN[-1])["matches"]}
    edited = add(server, "Oat Drink “Bio” 1 L", price="1.99", category="Drinks")
    assert edited["id"] == "oat-drink-“bio”-1-l"
    assert (edited["act"], edited["changed"], edited["undo"]) == ("add", True, True)
    answer = lookup(server, OWN[-1])
    assert answer["matches"][0]["id"] == edited["id"]
    attributes = answer["matches"][0]["attributes"]
    assert list(attributes) == ["name", "price", "category", "picture"]
    picture = server.get(f"/pictures/{edited['id']}")
    with Image.open(io.BytesIO(picture.content)) as image:
        assert max(image.size) <= 320
    assert (store.parent / attributes["picture"]).is_file()
    again = server.post("/edit/undo", json={"fingerprint": edited["fingerprint"]})
    assert again.json()["act"] == "undo"
    assert store.read_bytes() == before
    assert KNOWN not in {match["id"] for match in lookup(server, OWN[-1])["matches"]}


def test_the_catalog_is_what_the_command_makes_of_the_same_photos(
    server: TestClient, store: Path, tmp_path: Path
) -> None:
    typed = tmp_path / "typed.catalog"
    shutil.copy(store, typed)
    edited = add(server, price="1.99")
    picture = Catalog.open(store).attributes[edited["id"]]["picture"]
    rows = [f"{path},{edited['id']},Oat Drink,1.99,{picture}\n" for path in OWN[:2]]
    write_text(tmp_path / "new.csv", "path,product,name,price,picture\n" + "".join(rows))
    assert main(["catalog", "add", str(tmp_path / "new.csv"), "--catalog", str(typed)]) == 0
    assert store.read_bytes() == typed.read_bytes()
    product = Catalog.open(store).ids[0]
    assert server.post(f"/edit/confirm/{product}", files=form(OWN[0])).status_code == 200
    words = ["catalog", "confirm", str(OWN[0]), product, "--catalog", str(typed)]
    assert main(words) == 0
    assert store.read_bytes() == typed.read_bytes()
    assert server.delete(f"/edit/products/{product}").status_code == 200
    assert main(["catalog", "remove", product, "--catalog", str(typed)]) == 0
    assert store.read_bytes() == typed.read_bytes()


def test_an_adapted_catalog_gets_rows_with_views(store: Path, tmp_path: Path) -> None:
    catalog = Catalog.open(store)
    adapted = Catalog(
        catalog.row_ids,
        catalog.vectors,
        space=catalog.space,
        adaptation=Adaptation.of(np.diag(np.linspace(0.5, 1, catalog.dim))),
    )
    adapted.save(store)
    app = make_app(Reloader(store, Embedder.open), Settings(edit_token=EDIT))
    typed = tmp_path / "typed.catalog"
    shutil.copy(store, typed)
    with TestClient(app, base_url="http://127.0.0.1:8080", headers=BEARER) as client:
        edited = add(client)
    picture = Catalog.open(store).attributes[edited["id"]]["picture"]
    rows = [f"{path},{edited['id']},Oat Drink,{picture}\n" for path in OWN[:2]]
    write_text(tmp_path / "new.csv", "path,product,name,picture\n" + "".join(rows))
    assert main(["catalog", "add", str(tmp_path / "new.csv"), "--catalog", str(typed)]) == 0
    assert store.read_bytes() == typed.read_bytes()


def test_every_change_can_be_undone_in_turn(server: TestClient, store: Path) -> None:
    states = [store.read_bytes()]
    product = Catalog.open(store).ids[3]
    changes: list[Callable[[], Any]] = [
        lambda: server.post("/edit/products", files=form(*OWN[:2]), data={"name": "New"}),
        lambda: server.patch(f"/edit/products/{product}", json={"set": {"price": "7"}}),
        lambda: server.post(f"/edit/confirm/{product}", files=form(OWN[0])),
        lambda: server.post("/edit/products/new", files=form(PHOTOS[-1])),
        lambda: server.delete(f"/edit/products/{product}"),
    ]
    for change in changes:
        answer = change()
        assert answer.status_code in (200, 201), answer.text
        states.append(store.read_bytes())
    assert len(set(states)) == len(states)
    for state in states[-2::-1]:
        page = listed(server)
        assert page["undo"]
        again = server.post("/edit/undo", json={"fingerprint": page["fingerprint"]})
        assert again.status_code == 200, again.text
        assert store.read_bytes() == state
    assert not listed(server)["undo"]


def test_undo_after_somebody_else_is_refused(server: TestClient, store: Path) -> None:
    mine = add(server)
    Catalog.open(store).remove([mine["id"]]).save(store)
    before = store.read_bytes()
    answer = server.post("/edit/undo", json={"fingerprint": mine["fingerprint"]})
    refused(answer, 409, "somebody else")
    page = listed(server)
    refused(server.post("/edit/undo", json={"fingerprint": page["fingerprint"]}), 409, "nothing")
    for odd in ("", "../../x", "0" * 64, 7):
        refused(server.post("/edit/undo", json={"fingerprint": odd}), 409)
    assert store.read_bytes() == before


def test_two_editors_at_once_lose_nothing(server: TestClient, store: Path) -> None:
    names = [f"Product {n}" for n in range(6)]
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda name: add(server, name), names))
    assert len({edited["id"] for edited in made}) == 6
    assert {edited["id"] for edited in made} <= set(Catalog.open(store).ids)
    product, path = made[0]["id"], f"/edit/products/{made[0]['id']}"
    first = server.patch(path, json={"set": {"price": "2"}, "was": {"price": ""}})
    assert first.status_code == 200
    second = server.patch(path, json={"set": {"price": "3"}, "was": {"price": ""}})
    refused(second, 409, "price", "'2'", "somebody else")
    assert Catalog.open(store).attributes[product]["price"] == "2"
    third = server.patch(path, json={"set": {"brand": "B"}, "was": {"brand": ""}})
    assert third.status_code == 200
    assert Catalog.open(store).attributes[product]["price"] == "2"
    assert server.delete(path).status_code == 200
    refused(server.delete(path), 404, "somebody may have deleted it")
    refused(server.patch(path, json={"set": {"price": "4"}}), 404)
    refused(server.post(path, files=form(OWN[0])), 404)
    refused(server.post(f"/edit/confirm/{product}", files=form(OWN[0])), 404)


def test_what_is_refused_changes_nothing(server: TestClient, store: Path) -> None:
    before, known = store.read_bytes(), Catalog.open(store)
    name = known.at(0).name
    post = server.post
    two = form(*OWN[:2])
    cases = [
        (post("/edit/products", files=two), 422, "name: expected a text, got nothing"),
        (post("/edit/products", files=two, data={"name": "x" * 121}), 422, "at most 120"),
        (post("/edit/products", files=two, data={"name": "a\u0007b"}), 422, "single line"),
        (post("/edit/products", files=two, data={"name": name}), 409, known.ids[0]),
        (post("/edit/products", files=two, data={"name": "N", "p": "y" * 501}), 422, "500"),
        (post("/edit/products", files=two, data={"name": "N", "picture": "x"}), 422, "picture"),
        (
            post("/edit/products", files=two, data={f"c{n}": "x" for n in range(40)}),
            422,
            "at most 30",
        ),
        (post("/edit/products", files=form(OWN[0]), data={"name": "N"}), 422, "2 to 4"),
        (post("/edit/products", files=form(*[OWN[0]] * 5), data={"name": "N"}), 422, "2 to 4"),
        (
            post("/edit/products", files=form(OWN[0], b"no photo"), data={"name": "N"}),
            422,
            "1.jpg",
        ),
        (
            post(
                "/edit/products", files=form(OWN[0], OWN[1].read_bytes()[:900]), data={"name": "N"}
            ),
            422,
            "1.jpg",
        ),
        (post("/edit/products", files=two, data={"name": "N", "x": "z" * 70_000}), 413, "65536"),
        (post("/edit/products", content=b"{}", headers={"content-type": "text/x"}), 415, "form"),
        (post("/edit/products?k=1", files=two, data={"name": "N"}), 400, "'k'"),
        (
            post("/edit/undo", content=b"[]", headers={"content-type": "application/json"}),
            400,
            "JSON",
        ),
        (post("/edit/undo", content=b"{}"), 415, "application/json"),
        (post("/edit/undo", json={"fingerprint": "x" * 70_000}), 413, "65,536"),
        (server.patch(f"/edit/products/{known.ids[0]}", json={"set": 3}), 400, "object"),
        (server.patch(f"/edit/products/{known.ids[0]}", json={"set": {"name": ""}}), 422, "name"),
        (server.patch(f"/edit/products/{known.ids[0]}", json={"set": {"a": 3}}), 422, "text"),
        (post(f"/edit/confirm/{known.ids[0]}", files=two), 400, "one"),
        (server.get("/edit/products?from=-1"), 400, "whole number"),
        (server.get("/edit/products?few=x"), 400, "true or false"),
    ]
    for response, status, words in cases:
        refused(response, status, words)
    assert store.read_bytes() == before
    assert not undo_folder(store).exists()


def test_a_full_disk_changes_nothing(
    server: TestClient, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = store.read_bytes()

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("shelflens.files.os.fsync", full)
        for answer in (
            server.post("/edit/products", files=form(*OWN[:2]), data={"name": "New"}),
            server.delete(f"/edit/products/{Catalog.open(store).ids[0]}"),
        ):
            refused(answer, 507, "no space left", "nothing was changed")
    assert store.read_bytes() == before
    assert not list(store.parent.rglob("*.tmp"))
    add(server)  # with space again, the same form works


def test_without_room_for_its_undo_a_change_stands(
    server: TestClient, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("shelflens.catalog.history.save_delta", full)
    edited = add(server)
    assert (edited["changed"], edited["undo"]) == (True, False)
    assert edited["id"] in Catalog.open(store).ids


def test_the_list_is_searched_and_paged(server: TestClient, store: Path) -> None:
    ids = Catalog.open(store).ids
    page = listed(server)
    assert page["found"] == len(ids)
    assert [product["id"] for product in page["products"]] == ids[:50]
    assert listed(server, "?from=20")["products"][0]["id"] == ids[20]
    assert listed(server, "?from=1000")["products"] == []
    edited = add(server, "Zwiebel Ö", brand="Hof")
    for words in ("zwiebel hof", "ZWIEBEL", "ö", edited["id"]):
        (found,) = listed(server, f"?search={words}")["products"]
        assert (found["id"], found["images"], found["few"]) == (edited["id"], 2, False)
    assert listed(server, "?search=zwiebel nothing")["found"] == 0
    few = listed(server, "?few=true")
    assert few["found"] == len(ids)  # a studio image each
    assert edited["id"] not in {product["id"] for product in few["products"]}


def test_photos_are_checked(server: TestClient, store: Path, built: Path) -> None:
    blurred = io.BytesIO()
    with Image.open(OWN[0]) as image:
        small = image.resize((448, 448))
        small.filter(ImageFilter.GaussianBlur(8)).save(blurred, "JPEG", quality=95)
    answer = server.post("/edit/check", files=form(OWN[0], OWN[0], blurred.getvalue()))
    first, second, third = answer.json()["photos"]
    assert (first["sharp"], first["same_side_as"], first["known"]) == (True, None, None)
    assert second["same_side_as"] == 0
    assert not third["sharp"]
    shutil.copy(built, store)
    (found,) = server.post("/edit/check", files=form(OWN[0])).json()["photos"]
    assert found["known"]["id"] == KNOWN
    refused(server.post("/edit/check", files=form(b"no photo")), 422, "0.jpg")


@given(st.integers(0, 2**32 - 1), st.floats(0.2, 1), st.integers(-60, 60))
def test_sharpness_is_of_the_edges_not_of_the_light(seed: int, gain: float, shift: int) -> None:
    rng = np.random.default_rng(seed)
    noise = rng.integers(60, 190, (64, 64), np.uint8)
    picture = np.repeat(np.asarray(Image.fromarray(noise))[..., None], 3, 2)
    lit = (picture * gain + shift).clip(0, 255)
    clipped = (lit <= 0).any() or (lit >= 255).any()
    measured = sharpness(lit.astype(np.uint8))
    assert clipped or measured == pytest.approx(sharpness(picture), rel=0.1)
    softer = Image.fromarray(picture).filter(ImageFilter.GaussianBlur(2))
    assert sharpness(np.asarray(softer)) < 0.1 * sharpness(picture)
    assert sharpness(np.full((64, 64, 3), 90, np.uint8)) == 0 < MIN_SHARPNESS


def test_each_right_has_its_token(store: Path) -> None:
    settings = Settings(token=READ, edit_token=EDIT)
    app = make_app(Reloader(store, Embedder.open), settings)
    before = store.read_bytes()
    with TestClient(app, base_url="http://127.0.0.1:8080") as client:
        reader, editor = ({"authorization": f"Bearer {token}"} for token in (READ, EDIT))
        asked = [("GET", "/edit"), ("GET", "/edit/products"), ("POST", "/edit/undo")]
        asked += [("DELETE", f"/edit/products/{Catalog.open(store).ids[0]}"), ("GET", "/edit/")]
        for method, path in asked:
            for headers, got in (({}, "got none"), (reader, "got the token to look up")):
                answer = client.request(method, path, headers=headers)
                refused(answer, 401, "who may edit", got)
                assert "www-authenticate" in answer.headers
        for _ in range(20):  # no guesses: the reader may go on
            client.get("/edit/products", headers=reader)
        assert client.get("/catalog", headers=reader).status_code == 200
        assert client.get("/catalog", headers=editor).status_code == 200
        assert client.get("/edit", headers=editor).status_code == 200
        assert client.get("/editor", headers=reader).status_code == 404
    assert store.read_bytes() == before
    app = make_app(Reloader(store, Embedder.open), Settings())
    with TestClient(app, base_url="http://127.0.0.1:8080") as client:
        assert client.get("/edit").status_code == 404
        assert client.post("/edit/undo", json={}).status_code == 404
        assert "/edit/products" not in client.get("/openapi.json").json()["paths"]
        assert "/edit" not in client.get("/").text


def test_another_site_cannot_edit(server: TestClient, store: Path) -> None:
    before = store.read_bytes()
    headers = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    product = Catalog.open(store).ids[0]
    refused(server.delete(f"/edit/products/{product}", headers=headers), 403)
    assert store.read_bytes() == before


def test_the_description_covers_it(server: TestClient) -> None:
    document = server.get("/openapi.json").json()
    OpenAPIV31SpecValidator(document).validate()
    add_product = document["paths"]["/edit/products"]
    schemas = {"components": document["components"]}

    def valid(content: dict[str, Any], value: Any) -> None:
        OAS31Validator({**content["application/json"]["schema"], **schemas}).validate(value)

    valid(add_product["post"]["responses"]["201"]["content"], add(server))
    valid(add_product["get"]["responses"]["200"]["content"], listed(server))
    checks = document["paths"]["/edit/check"]["post"]["responses"]["200"]["content"]
    valid(checks, server.post("/edit/check", files=form(*OWN[:2])).json())
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert ("401" in operation["responses"]) == path.startswith("/edit"), path


def test_changes_are_audited_and_counted(
    server: TestClient, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "audit.jsonl"
    monkeypatch.setenv(VARIABLE, str(log))
    edited = add(server)
    lookup(server, OWN[0])  # puts the new catalog to use
    server.post("/edit/undo", json={"fingerprint": edited["fingerprint"]})
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    changed = [line for line in lines if line["act"] == "changed"]
    assert [line["subcommand"] for line in changed] == ["add", "undo"]
    assert changed[0]["product"] == "Oat Drink"
    assert changed[0]["to"] == changed[1]["from"] == edited["fingerprint"]
    assert all("product" not in line for line in lines if line["act"] != "changed")
    text = server.get("/metrics").text
    assert 'shelflens_edits_total{act="add"} 1' in text
    assert 'route="/edit",status="201"' in text


def test_undo_forgets_the_oldest(store: Path) -> None:
    for number in range(UNDO_STEPS + 3):
        before = Catalog.open(store)
        texts = {before.ids[0]: {"name": f"N {number}"}}
        changed = before.with_contents(before.contents.described(texts))
        after = save_undoable(changed, before, store)
        assert can_undo(store, after.fingerprint)
    assert len(list(undo_folder(store).iterdir())) == UNDO_STEPS
    same = save_undoable(Catalog.open(store), Catalog.open(store), store)
    assert same.fingerprint == after.fingerprint
    assert undo(store, after.fingerprint).fingerprint == before.fingerprint


@given(st.text(max_size=150))
def test_a_name_is_refused_or_gives_an_id(name: str) -> None:
    try:
        checked = checked_attributes({"name": name})["name"]
    except Problem as problem:
        assert problem.status == 422
        return
    assert len(checked) <= NAME_LIMIT
    first = id_of(checked, [])
    second = id_of(checked, [first])
    for made in (first, second):
        check_id(made)
        assert "/" not in made
    assert first != second


def test_the_start_is_refused_where_editing_cannot_work(
    run: Callable[..., tuple[int, str, str]], store: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "token"
    secret.write_text(EDIT)
    secret.chmod(0o600)
    words = ["serve", "--catalog", store, "--port", "0", "--edit-token-file", secret]
    status, _, err = run(*words, "--token-file", secret)
    assert (status, len(err.splitlines())) == (1, 1)
    assert "the same as the token" in err
    status, _, err = run(*words, "--trust", tmp_path / "key.pub")
    assert (status, len(err.splitlines())) == (1, 1)
    assert "--trust" in err
    secret.chmod(0o644)
    status, _, err = run(*words)
    assert status == 1
    assert f"--edit-token-file {secret}: others" in err


def test_barcodes_are_read_and_checked(server: TestClient, store: Path) -> None:
    from tests.support.barcodes import draw_photo

    stream = io.BytesIO()
    Image.fromarray(draw_photo("4006381333931", np.random.default_rng(1))).save(stream, "JPEG")
    label = stream.getvalue()
    found = server.post("/edit/barcodes", files=form(label)).json()
    assert found == {"reads": True, "barcodes": [{"number": "4006381333931", "known": None}]}
    assert server.post("/edit/barcodes", files=form(OWN[0])).json()["barcodes"] == []
    refused(server.post("/edit/barcodes", files=form(label, label)), 400, "photos")
    refused(server.post("/edit/barcodes", files=form(b"\xff\xd8\xff no")), 422)
    before = store.read_bytes()
    wrong = server.post(
        "/edit/products", files=form(*OWN[:2]), data={"name": "A", "barcode": "4006381333930"}
    )
    refused(wrong, 422, "barcode", "'4006381333930'", "compare it with the package")
    assert store.read_bytes() == before
    add(server, "A", barcode="4006381333931 | 96385074")
    (code,) = server.post("/edit/barcodes", files=form(label)).json()["barcodes"]
    assert code["known"]["name"] == "A"
    patched = server.patch("/edit/products/a", json={"set": {"EAN": "12"}})
    refused(patched, 422, "EAN")


def test_without_a_reader_the_browser_is_told(
    server: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shelflens.serve.photo_barcodes.can_read_barcodes", lambda: False)
    assert server.post("/edit/barcodes", files=form(OWN[0])).json() == {
        "reads": False,
        "barcodes": [],
    }
