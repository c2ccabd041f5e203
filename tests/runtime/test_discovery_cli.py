"""similar, recommend, profile, tag and confirm on the command line."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shelflens import Catalog, Embedder
from shelflens.discovery.profile import Profile
from shelflens.discovery.recommend import recommend
from shelflens.discovery.similar import similar
from shelflens.model.embedder import BUNDLED_MODEL

DEMO = BUNDLED_MODEL.parent / "demo"
COCOA = "hot-cocoa-caramel-pomoro"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def store(built: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    return Path(shutil.copy(built, tmp_path / "store.catalog"))


@pytest.fixture(scope="module")
def query() -> Path:
    """A phone photo of the demo store."""
    return sorted((DEMO / "photos").glob("*.jpg"))[19]


@pytest.fixture
def me(run: Run, store: Path, tmp_path: Path) -> Path:
    """A profile with a like and a purchase."""
    path = tmp_path / "me.profile"
    buy = sorted(Catalog.open(store).ids)[-1]
    status, out, _ = run("profile", "log", path, "--catalog", store, "--like", COCOA, "--buy", buy)
    assert (status, out) == (0, f"{path}: 2 logged, 2 events in all\n")
    return path


def test_similar_equals_the_library(run: Run, store: Path) -> None:
    words = ["--where", "price<5", "--where", "category!=Pantry", "--diverse", 0.4, "-k", 4]
    status, out, err = run("similar", store, COCOA, *words, "--json")
    assert (status, err) == (0, "")
    found = similar(
        Catalog.open(store), COCOA, k=4, where=["price<5", "category!=Pantry"], diverse=0.4
    )
    assert json.loads(out) == {"id": COCOA, "similar": [match.to_dict() for match in found]}
    status, out, _ = run("similar", store, COCOA, *words)
    assert [match.name for match in found] == [
        line.split("  ")[2].strip() for line in out.splitlines()[1:] if line.startswith(" ")
    ]


def test_similar_to_a_photo_and_an_id_wins(
    run: Run, store: Path, query: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, out, _ = run("similar", store, query, "-k", 3, "--json")
    vector = Embedder.open().embed(query)
    expected = [match.id for match in similar(Catalog.open(store), vector, k=3)]
    assert (status, [match["id"] for match in json.loads(out)["similar"]]) == (0, expected)
    monkeypatch.chdir(tmp_path)
    shutil.copy(query, tmp_path / COCOA)
    assert "id" in json.loads(run("similar", store, COCOA, "--json")[1])
    assert "photo" in json.loads(run("similar", store, f"./{COCOA}", "--json")[1])


def test_contact_sheets_show_photos(run: Run, store: Path, me: Path, tmp_path: Path) -> None:
    images = ["--images", DEMO / "studio.csv"]
    for words in (["similar", store, COCOA], ["recommend", store, "--profile", me]):
        target = tmp_path / f"{words[0]}.png"
        assert run(*words, "--contact-sheet", target, *images)[0] == 0
        with Image.open(target) as opened:
            pixels = np.asarray(opened.convert("RGB"))
        assert pixels.shape[1] > 700
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 1000, "no photos on it"


def test_contact_sheet_from_a_picture_column(run: Run, tmp_path: Path) -> None:
    shutil.copy(DEMO / "studio" / f"{COCOA}.jpg", tmp_path / "a.jpg")
    rows = np.eye(2, 4, dtype=np.float32)
    attributes = {"a": {"picture": "a.jpg"}, "b": {"picture": "a.jpg"}}
    Catalog(["a", "b"], rows, space="s", attributes=attributes).save(tmp_path / "s.catalog")
    target = tmp_path / "sheet.png"
    assert run("similar", tmp_path / "s.catalog", "a", "--contact-sheet", target)[0] == 0
    with Image.open(target) as opened:
        assert len(opened.getcolors(1 << 24) or []) > 1000


def test_recommend_equals_the_library(run: Run, store: Path, me: Path) -> None:
    status, out, _ = run("recommend", store, "--profile", me, "-k", 5, "--json")
    with Profile(me) as profile:
        expected = recommend(Catalog.open(store), profile.events(), k=5)
    got = json.loads(out)
    assert (status, got["basis"]) == (0, "profile")
    assert [suggestion["id"] for suggestion in got["suggestions"]] == [
        suggestion.product.id for suggestion in expected.suggestions
    ]
    assert {suggestion["because"] for suggestion in got["suggestions"]} >= {
        "because you liked Pomoro Hot Cocoa Caramel"
    }


def test_an_empty_profile_says_so(run: Run, store: Path, me: Path) -> None:
    assert run("profile", "forget", me, "--all") == (0, f"{me}: 2 removed, 0 events left\n", "")
    _, out, _ = run("recommend", store, "--profile", me, "-k", 3)
    assert out.startswith("nothing is known about this customer yet; products that differ")
    _, out, _ = run("recommend", store, "--profile", me, "-k", 3, "--popular", "price")
    prices = [float(attributes["price"]) for attributes in Catalog.open(store).attributes.values()]
    assert f"popular: price {max(prices)}" in out.splitlines()[1]


def test_log_show_export_forget(run: Run, store: Path, me: Path, query: Path) -> None:
    words = ["--photo", query, "--view", COCOA, "--dislike", COCOA, "--at", "2026-01-02T03:04"]
    assert run("profile", "log", me, *words)[0] == 0  # the catalog is remembered
    shown = json.loads(run("profile", "show", me, "--json")[1])
    assert shown["kinds"] == {"view": 1, "dislike": 1, "photo": 1, "like": 1, "buy": 1}
    assert sum(interest["share"] for interest in shown["interests"]) == pytest.approx(1, abs=0.001)
    assert run("profile", "show", me)[1].count("\n") >= 6
    exported = json.loads(run("profile", "export", me)[1])
    assert exported["events"][0]["at"] == "2026-01-02T03:04:00Z"
    assert "vector" not in exported["events"][0]
    out = me.with_suffix(".json")
    assert run("profile", "export", me, "--out", out, "--vectors")[0] == 0
    assert len(json.loads(out.read_text())["events"][0]["vector"]) > 10
    assert out.stat().st_mode & 0o777 == 0o600
    assert run("profile", "forget", me, COCOA)[1] == f"{me}: 3 removed, 2 events left\n"


def test_tag_a_photo_and_a_dataset(run: Run, store: Path, query: Path, tmp_path: Path) -> None:
    words = ["--catalog", store, "--attribute", "category", "--attribute", "brand"]
    status, out, _ = run("tag", query, *words, "--json")
    said = json.loads(out)
    assert status == 0
    assert [tag["attribute"] for tag in said["tags"]] == ["category", "brand"]
    plain = tmp_path / "plain.csv"
    items = list(csv.DictReader((DEMO / "photos.csv").read_text().splitlines()))[:12]
    with plain.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "product", "name"])
        writer.writerows([DEMO / row["path"], row["product"], row["name"]] for row in items)
    target = tmp_path / "tags.csv"
    status, _, err = run("tag", plain, *words, "--out", target)
    assert status == 0
    assert "category: " in err
    rows = list(csv.DictReader(target.read_text().splitlines()))
    assert list(rows[0]) == [
        "path", "product", "name", "category", "brand", "category confidence", "brand confidence",
    ]  # fmt: skip
    truth = {row["product"]: row["category"] for row in items}
    answered = [row for row in rows if row["category"]]
    assert np.mean([row["category"] == truth[row["product"]] for row in answered]) >= 0.8
    assert all(0 <= float(row["category confidence"]) <= 1 for row in rows)
    made = tmp_path / "made.catalog"
    assert run("catalog", "build", target, "--out", made)[0] == 0
    assert "category" in next(iter(Catalog.open(made).attributes.values()))


def test_tag_a_folder_of_loose_photos(run: Run, store: Path, query: Path, tmp_path: Path) -> None:
    folder = tmp_path / "loose"
    folder.mkdir()
    shutil.copy(query, folder / "one.jpg")
    (folder / "two.jpg").write_bytes(b"no picture")
    status, out, err = run("tag", folder, "--catalog", store, "--attribute", "category")
    assert status == 1
    assert out.startswith(str(folder / "one.jpg"))
    assert err.startswith(f"shelflens tag: {folder / 'two.jpg'}: not a picture; expected JPEG")
    assert len(err.splitlines()) == 1
    _, out, _ = run(
        "tag", query, "--catalog", store, "--attribute", "category", "--min-confidence", 1
    )
    assert "not sure (" in out


def test_confirm_and_take_back(run: Run, store: Path, query: Path) -> None:
    before = store.read_bytes()
    product = query.stem.rpartition("-")[0]
    status, out, _ = run("catalog", "confirm", store, query, product)
    assert (status, out) == (0, f"{store}: {product}: kept; confirmed photos: 1\n")
    best = json.loads(run("lookup", query, "--catalog", store, "--json")[1])["matches"][0]
    assert (best["id"], best["score"] > 0.99) == (product, True)
    said = json.loads(run("catalog", "confirm", store, query, product, "--json")[1])
    assert said == {"id": product, "kept": False, "replaced": False, "confirmed": 1}
    assert json.loads(run("catalog", "info", store, "--json")[1])["confirmed"] == 1
    assert run("catalog", "unconfirm", store, product)[0] == 0
    assert store.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["similar", "STORE", "nope"], "no product 'nope'"),
        (["similar", "STORE", COCOA, "--where", "colour=red"], "no column 'colour'"),
        (["similar", "STORE", COCOA, "--where", "price<0"], "no other product with price<0"),
        (["similar", "STORE", COCOA, "--where", "price"], "expected COLUMN=VALUE"),
        (["similar", "STORE", COCOA, "--contact-sheet", "TMP/a.png"], "--images DATASET"),
        (["similar", "STORE", COCOA, "--diverse", "2"], "expected a number from 0 to 1"),
        (["recommend", "STORE", "--profile", "TMP/none"], "no such profile"),
        (["recommend", "STORE", "--profile", "STORE"], "not a profile, or damaged"),
        (["recommend", "STORE", "--profile", "OTHER"], "space 'another-space'"),
        (["recommend", "STORE", "--profile", "ME", "--half-life", "0"], "half-life above 0"),
        (["recommend", "STORE", "--profile", "ME", "--where", "price>99"], "no other product"),
        (["profile", "log", "TMP/new", "--like", COCOA], "add --catalog"),
        (["profile", "log", "TMP/new", "--catalog", "STORE", "--like", "nope"], "no product"),
        (["profile", "log", "TMP/new", "--catalog", "STORE"], "at least one of --view"),
        (["profile", "log", "OTHER", "--catalog", "STORE", "--like", COCOA], "another-space"),
        (["profile", "log", "ME", "--like", COCOA, "--at", "noon"], "time 'noon'"),
        (["profile", "log", "TMP/new", "--photo", "STORE"], "not a picture"),
        (["profile", "show", "TMP/none"], "no such profile"),
        (["profile", "forget", "ME", "nope"], "no event of 'nope'"),
        (["profile", "forget", "ME"], "expected the ids of products"),
        (["tag", "TMP/none.jpg", "--catalog", "STORE", "--attribute", "category"], "No such file"),
        (["tag", "PHOTO", "--catalog", "STORE", "--attribute", "colour"], "no column 'colour'"),
        (["tag", "PHOTO", "--catalog", "STORE"], "--attribute"),
        (
            ["tag", "PHOTO", "--catalog", "STORE", "--attribute", "brand", "--out", "TMP/no/t.csv"],
            "no such folder",
        ),
        (["catalog", "confirm", "STORE", "PHOTO", "nope"], "no product 'nope'"),
        (["catalog", "confirm", "STORE", "TMP/none.jpg", COCOA], "none.jpg"),
        (["catalog", "unconfirm", "STORE", COCOA], "no confirmed photo"),
    ],
)
def test_what_is_wrong_is_one_line_and_changes_nothing(
    run: Run, store: Path, me: Path, query: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    foreign = tmp_path / "other.profile"
    with Profile(foreign, create=True) as profile:
        profile.log("like", np.ones(4, np.float32), space="another-space", product="x")
    names = {"STORE": store, "ME": me, "OTHER": foreign, "PHOTO": query}
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    typed = [names.get(word, word.replace("TMP", str(tmp_path))) for word in words]
    status, out, err = run(*typed)
    assert status in (1, 2)
    assert out == ""
    assert message in err
    if status == 1:
        assert err.count("\n") == 1
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
