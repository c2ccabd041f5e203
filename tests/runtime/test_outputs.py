"""Where output goes, and what a console cannot show."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shelflens import Catalog
from shelflens.model.embedder import BUNDLED_MODEL

Run = Callable[..., tuple[int, str, str]]
DEMO = BUNDLED_MODEL.parent / "demo"
FOREIGN = b"mine, and not a file of ShelfLens\n"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two products with photos and a CSV; the current folder."""
    with (DEMO / "studio.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))[:3]
    for name, row in zip(("a.jpg", "b.jpg", "c.jpg"), rows, strict=True):
        shutil.copy(DEMO / row["path"], tmp_path / name)
    (tmp_path / "shop.csv").write_text("path,product,price\na.jpg,a,1\nb.jpg,b,2\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (".", ".: is a folder"),
        ("shop.csv", "shop.csv: is read by this command"),
        ("./../{name}/shop.csv", "is read by this command"),
        ("a.jpg", "a.jpg: exists, and ShelfLens did not write it"),
        ("link.catalog", "link.catalog: is read by this command"),
        ("foreign.txt", "foreign.txt: exists, and ShelfLens did not write it"),
        ("/dev/null", "/dev/null: is a device or a pipe"),
        ("no/such.catalog", "no/such.catalog: no such folder"),
    ],
)
def test_a_catalog_is_never_written_over_another_file(
    run: Run, shop: Path, out: str, message: str
) -> None:
    (shop / "foreign.txt").write_bytes(FOREIGN)
    (shop / "link.catalog").symlink_to("shop.csv")
    before = {path: path.read_bytes() for path in shop.iterdir()}
    status, _, err = run("catalog", "build", "shop.csv", "--out", out.format(name=shop.name))
    assert status == 1
    assert message in err
    assert {path: path.read_bytes() for path in shop.iterdir()} == before


@pytest.mark.parametrize(
    "words",
    [
        ["tag", "c.jpg", "--catalog", "s.catalog", "--attribute", "price", "--out", "OUT"],
        ["embed", "c.jpg", "--out", "OUT"],
        ["similar", "s.catalog", "a", "--images", "shop.csv", "--contact-sheet", "OUT"],
        ["profile", "export", "me.profile", "--out", "OUT"],
    ],
)
def test_files_of_each_command_replace_only_their_own(
    run: Run, shop: Path, words: list[str]
) -> None:
    assert run("catalog", "build", "shop.csv", "--out", "s.catalog")[0] == 0
    assert run("profile", "log", "me.profile", "--catalog", "s.catalog", "--view", "a")[0] == 0
    for name in ("shop.csv", "s.catalog", "a.jpg", "foreign.txt"):
        if name == "foreign.txt":
            (shop / name).write_bytes(FOREIGN)
        before = (shop / name).read_bytes()
        status, _, err = run(*(name if word == "OUT" else word for word in words))
        assert status == 1, err
        assert f"{name}: " in err
        assert (shop / name).read_bytes() == before
    for _ in range(2):  # a second run replaces the first one's
        status, _, err = run(*("new.file" if word == "OUT" else word for word in words))
        assert status == 0, err


def test_reports_and_folders_of_others_stay(run: Run, shop: Path) -> None:
    run("catalog", "build", "shop.csv", "--out", "s.catalog")
    (shop / "docs").mkdir()
    (shop / "docs" / "report.html").write_bytes(FOREIGN)
    words = ["evaluate", "--catalog", "s.catalog", "--queries", "shop.csv", "--out"]
    status, _, err = run(*words, "docs")
    assert status == 1
    assert "docs/report.html: exists, and is no report of ShelfLens" in err
    assert (shop / "docs" / "report.html").read_bytes() == FOREIGN
    (shop / "demo").mkdir()
    (shop / "demo" / "demo.catalog").write_bytes(FOREIGN)
    assert run("demo", "--out", "demo")[0] == 1
    assert [path.name for path in (shop / "demo").iterdir()] == ["demo.catalog"]


def test_building_again_keeps_what_was_confirmed(run: Run, shop: Path) -> None:
    words = ["catalog", "build", "shop.csv", "--out", "s.catalog"]
    assert run(*words)[0] == run(*words)[0] == 0
    assert run("catalog", "confirm", "s.catalog", "c.jpg", "a")[0] == 0
    status, _, err = run(*words)
    assert status == 1
    assert "holds 1 confirmed photos, which building again would drop" in err
    assert "--force" in err
    assert Catalog.open("s.catalog").row_count == 3
    assert run(*words, "--force")[0] == 0
    assert Catalog.open("s.catalog").row_count == 2


def test_building_again_keeps_what_was_added(run: Run, shop: Path) -> None:
    words = ["catalog", "build", "shop.csv", "--out", "s.catalog"]
    assert run(*words)[0] == 0
    (shop / "more.csv").write_text("path,product\nc.jpg,new\nc.jpg,a\n")
    assert run("catalog", "add", "s.catalog", "more.csv")[0] == 0
    status, _, err = run(*words)
    assert status == 1
    assert "holds 1 products that shop.csv has not (new) and 1 more images of its products" in err
    assert Catalog.open("s.catalog").row_count == 4
    assert run(*words, "--force")[0] == 0
    assert Catalog.open("s.catalog").row_count == 2


def test_the_summary_names_what_is_missing_and_double(run: Run, shop: Path) -> None:
    (shop / "more.csv").write_text("path,product\na.jpg,a\na.jpg,twin\nnone.jpg,lost\n")
    status, _, err = run("catalog", "build", "more.csv", "--out", "s.catalog")
    assert status == 1
    assert "without any photo: 1 products: lost" in err
    assert "a.jpg of 'a' and a.jpg of 'twin' are the same photo" in err
    status, _, err = run("catalog", "build", "more.csv", "--out", "t.catalog", "--strict")
    assert status == 1
    assert "--strict: 1 photos could not be read" in err
    assert not (shop / "t.catalog").exists()


def test_flat_folders_and_mapped_columns(run: Run, shop: Path) -> None:
    (shop / "photos").mkdir()
    for name in ("a.jpg", "b.jpg"):
        shutil.copy(shop / name, shop / "photos" / name)
    assert run("catalog", "build", "photos", "--flat", "--out", "flat.catalog")[0] == 0
    assert Catalog.open("flat.catalog").ids == ["a", "b"]
    (shop / "sku.csv").write_text("Image;SKU;Titel\na.jpg;007;Tee\n")
    words = ["catalog", "build", "sku.csv", "--out", "sku.catalog"]
    assert "--columns path=Image,product=SKU" in run(*words)[2]
    assert run(*words, "--columns", "path=Image,product=SKU,name=Titel")[0] == 0
    assert Catalog.open("sku.catalog").attributes == {"007": {"name": "Tee"}}


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8:strict", "latin-1:strict"])
def test_no_console_ends_a_command(shop: Path, encoding: str) -> None:
    (shop / "wide.csv").write_text("path,product,name\na.jpg,käse,牛乳 1L 🥛\n", encoding="utf-8")
    strange = os.fsdecode(b"J\xe4ger \x1b[31m.jpg")
    shutil.copy("b.jpg", strange)

    def call(*words: str) -> subprocess.CompletedProcess[bytes]:
        environment = {**os.environ, "PYTHONIOENCODING": encoding}
        command = [sys.executable, "-m", "shelflens", *words]
        done = subprocess.run(command, capture_output=True, check=False, env=environment)
        assert b"Traceback" not in done.stderr, done.stderr
        return done

    assert call("catalog", "build", "wide.csv", "--out", "s.catalog").returncode == 0
    done = call("lookup", "a.jpg", strange, "--catalog", "s.catalog", "--json")
    assert done.returncode == 0
    lines = done.stdout.decode(encoding.partition(":")[0]).splitlines()
    answers = [json.loads(line) for line in lines]
    assert answers[0]["matches"][0]["id"] == "käse"
    assert answers[0]["matches"][0]["attributes"]["name"] == "牛乳 1L 🥛".encode(
        "utf-16", "surrogatepass"
    ).decode("utf-16")
    assert answers[1]["photo"] == strange
    assert call("lookup", strange, "--catalog", "s.catalog").returncode == 0
    done = call("lookup", strange + "none", "--catalog", "s.catalog")
    assert (done.returncode, done.stderr.count(b"\n"), b"\x1b" in done.stderr) == (1, 1, False)
    assert call("catalog", "info", "s.catalog").returncode == 0
    assert call().returncode == 2
    assert call("lookup", "--help").returncode == 0


def test_vectors_of_another_kind_are_not_replaced(run: Run, shop: Path) -> None:
    np.save(shop / "other.npy", np.zeros((2, 2), np.int64))
    status, _, err = run("embed", "a.jpg", "--out", "other.npy")
    assert status == 1
    assert "ShelfLens did not write it" in err
