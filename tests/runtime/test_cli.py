"""The command line as a person types it: output, exit status, one clear line for what is wrong."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shelflens import Catalog, Embedder
from shelflens.model.embedder import BUNDLED_MODEL

DATA = BUNDLED_MODEL.parent
DEMO = DATA / "demo"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def query() -> Path:
    """One phone photo of the demo store."""
    return sorted((DEMO / "photos").glob("*.jpg"))[0]


def test_build_and_lookup_name_the_product(run: Run, built: Path, query: Path) -> None:
    status, out, err = run("lookup", query, "--catalog", built)
    assert (status, err) == (0, "")
    name = Catalog.open(built).attributes[query.stem.rpartition("-")[0]]["name"]
    assert name in out.splitlines()[1]
    assert len(out.splitlines()) == 6


def test_lookup_json_keeps_the_contract(run: Run, built: Path, query: Path) -> None:
    status, out, _ = run("lookup", query, query, "--catalog", built, "-k", 3, "--json")
    assert status == 0
    lines = [json.loads(line) for line in out.splitlines()]
    assert len(lines) == 2
    answer = lines[0]
    keys = {"photo", "decision", "confidence", "basis", "matches", "ms"}
    assert set(answer) - {"candidates"} == keys
    assert ("candidates" in answer) == (answer["decision"] == "ambiguous")
    assert answer["basis"] == "default"
    assert 0 <= answer["confidence"] <= 1
    assert answer["photo"] == str(query)
    assert answer["decision"] in ("match", "ambiguous", "unknown")
    assert len(answer["matches"]) == 3
    assert set(answer["matches"][0]) == {"id", "name", "score", "attributes"}
    assert set(answer["ms"]) == {"decode", "embed", "match", "total"}
    assert answer["ms"]["total"] == pytest.approx(
        answer["ms"]["decode"] + answer["ms"]["embed"] + answer["ms"]["match"], abs=0.05
    )
    scores = [match["score"] for match in answer["matches"]]
    assert scores == sorted(scores, reverse=True)


def test_lookup_equals_the_library(run: Run, built: Path, query: Path) -> None:
    _, out, _ = run("lookup", query, "--catalog", built, "--json")
    embedder = Embedder.open()
    catalog = Catalog.open(built)
    catalog.require(embedder.card.space)
    expected = catalog.match(embedder.embed(query), k=5)
    got = json.loads(out)["matches"]
    assert [match["id"] for match in got] == [match.id for match in expected]
    assert got[0]["score"] == pytest.approx(expected[0].score, abs=1e-4)


def test_k_larger_than_the_catalog(run: Run, built: Path, query: Path) -> None:
    _, out, _ = run("lookup", query, "--catalog", built, "-k", 10_000, "--json")
    assert len(json.loads(out)["matches"]) == len(Catalog.open(built))


def test_photo_from_standard_input(built: Path, query: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "shelflens", "lookup", "-", "--catalog", built, "--json"],
        input=query.read_bytes(),
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout)["photo"] == "-"


def test_a_bad_photo_does_not_stop_the_others(
    run: Run, built: Path, query: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"not a picture")
    (tmp_path / "empty").mkdir()
    none, empty = tmp_path / "none.jpg", tmp_path / "empty"
    status, out, err = run(
        "lookup", tmp_path / "bad.jpg", query, none, empty, "--catalog", built, "--json"
    )
    assert status == 1
    assert len(out.splitlines()) == 1
    assert len(err.splitlines()) == 3
    assert "bad.jpg: not a picture" in err
    assert "none.jpg: No such file" in err
    assert "is a folder without photos" in err


def test_catalog_info_add_remove(run: Run, built: Path, query: Path, tmp_path: Path) -> None:
    path = tmp_path / "copy.catalog"
    shutil.copy(built, path)
    _, out, _ = run("catalog", "info", path, "--json")
    before = json.loads(out)
    product = before["ids"][0]
    assert before["products"] == len(before["ids"]) == before["rows"]
    assert before["space"] == Embedder.open().card.space
    assert "name" in before["columns"]

    (tmp_path / "new" / "shelf" / "thing").mkdir(parents=True)
    shutil.copy(query, tmp_path / "new" / "shelf" / "thing" / "1.jpg")
    status, out, _ = run("catalog", "add", path, tmp_path / "new")
    assert status == 0
    assert "1 images added" in out
    _, out, _ = run("lookup", query, "--catalog", path, "--json")
    assert json.loads(out)["matches"][0]["id"] == "shelf/thing"
    assert json.loads(out)["matches"][0]["score"] > 0.9  # adapted: a mean with views
    _, out, _ = run("catalog", "add", path, tmp_path / "new")
    assert "0 images added, 1 were there already" in out

    status, _, _ = run("catalog", "remove", path, "shelf/thing", product)
    assert status == 0
    _, out, _ = run("catalog", "info", path, "--json")
    after = json.loads(out)
    assert after["products"] == before["products"] - 1
    assert after["fingerprint"] != before["fingerprint"]
    status, _, err = run("catalog", "remove", path, "never-there")
    assert status == 1
    assert "no product 'never-there'" in err
    status, out, _ = run("catalog", "info", path)
    assert status == 0
    assert "products" in out


def test_embed_writes_rows_in_order(run: Run, query: Path, tmp_path: Path) -> None:
    references = sorted((DEMO / "studio").glob("*.jpg"))[:3]
    status, _, _ = run("embed", query, *references, "--out", tmp_path / "v.npy")
    assert status == 0
    vectors = np.load(tmp_path / "v.npy")
    embedder = Embedder.open()
    assert vectors.dtype == np.float32
    assert vectors.shape == (4, embedder.card.dim)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.allclose(vectors[2], embedder.embed(references[1]), atol=1e-6)
    (tmp_path / "list.txt").write_text(f"{references[1]}\n\n{query}\n")
    run("embed", "--list", tmp_path / "list.txt", "--out", tmp_path / "w.npy")
    assert np.allclose(np.load(tmp_path / "w.npy"), vectors[[2, 0]], atol=1e-6)


def test_embed_is_all_or_nothing(run: Run, query: Path, tmp_path: Path) -> None:
    status, _, err = run("embed", query, tmp_path / "none.jpg", "--out", tmp_path / "v.npy")
    assert status == 1
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "v.npy").exists()


def test_unreadable_photos_are_listed_and_skipped(run: Run, query: Path, tmp_path: Path) -> None:
    for name in ("good", "bad"):
        (tmp_path / "d" / name).mkdir(parents=True)
    shutil.copy(query, tmp_path / "d" / "good" / "1.jpg")
    (tmp_path / "d" / "bad" / "1.jpg").write_bytes(query.read_bytes()[:2000])
    status, out, err = run("catalog", "build", tmp_path / "d", "--out", tmp_path / "c.catalog")
    assert status == 1, "a product is missing"
    assert "1 photos skipped" in out
    assert "skipped" in err
    assert "without any photo: 1 products: bad" in err
    assert "cut short" in err
    assert Catalog.open(tmp_path / "c.catalog").ids == ["good"]
    shutil.rmtree(tmp_path / "d" / "good")
    status, _, err = run("catalog", "build", tmp_path / "d", "--out", tmp_path / "e.catalog")
    assert status == 1
    assert "none of 1 photos could be read" in err
    assert not (tmp_path / "e.catalog").exists()


def test_a_catalog_of_another_space_is_refused(run: Run, query: Path, tmp_path: Path) -> None:
    dim = Embedder.open().card.dim
    Catalog(["a"], np.ones((1, dim), np.float32), space="other-1").save(tmp_path / "o.catalog")
    status, _, err = run("lookup", query, "--catalog", tmp_path / "o.catalog")
    assert status == 1
    assert "'other-1'" in err
    assert Embedder.open().card.space in err


def broken_models(folder: Path) -> dict[str, Path]:
    whole = BUNDLED_MODEL.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 255
    contents = {
        "cut short": whole[: len(whole) // 2],
        "damaged": bytes(flipped),
        "not a TFLite model": b"hello world, this is no model",
    }
    paths = {}
    for index, (message, content) in enumerate(contents.items()):
        paths[message] = folder / f"model-{index}.tflite"
        paths[message].write_bytes(content)
    return paths


def test_bad_models_get_one_line(run: Run, built: Path, query: Path, tmp_path: Path) -> None:
    cases = {
        **broken_models(tmp_path),
        "no such model file": tmp_path / "none.tflite",
        "ending in .tflite or .onnx": built,
        "is a folder": tmp_path,
    }
    for message, model in cases.items():
        status, out, err = run("lookup", query, "--catalog", built, "--model", model)
        assert (status, out) == (1, "")
        assert len(err.splitlines()) == 1, err
        assert message in err
        assert "Traceback" not in err


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["lookup", "x.jpg", "--catalog", "none.catalog"], 1, "none.catalog: No such file"),
        (["lookup"], 2, "arguments are required: PHOTO, --catalog; shelflens lookup --help"),
        (["lookup", "x.jpg", "--catalog", "c", "-k", "0"], 2, "above 0"),
        (["catalog", "build", "none", "--out", "x.catalog"], 1, "none: no such folder or CSV"),
        (["catalog", "frobnicate"], 2, "invalid choice"),
        (["embed", "--out", "x.npy"], 2, "expected photos, or --list FILE"),
        (["lookup", "x", "--catlog", "y", "--catalog", "z"], 2, "did you mean --catalog?"),
        (["catalog", "buidl"], 2, "did you mean build?"),
        (["nonsense"], 2, "no command 'nonsense'"),
        (["looup"], 2, "did you mean lookup?"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    run: Run,
    words: list[str],
    status: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    got, out, err = run(*words)
    assert (got, out) == (status, "")
    assert message in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_no_permission_to_write(run: Run, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    status, _, err = run("catalog", "build", DEMO / "studio.csv", "--out", tmp_path / "c.catalog")
    assert status == 1
    assert "c.catalog: Permission denied" in err


def test_no_permission_is_one_line_for_any_user(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied", "temporary")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    status, _, err = run("catalog", "build", DEMO / "studio.csv", "--out", tmp_path / "c.catalog")
    assert status == 1
    assert err == f"shelflens catalog: {tmp_path / 'c.catalog'}: Permission denied\n"


def test_demo_shows_the_main_job(run: Run, tmp_path: Path) -> None:
    status, out, err = run("demo", "--out", tmp_path / "demo")
    assert (status, err) == (0, "")
    assert "recall@1" in out
    assert Catalog.open(tmp_path / "demo" / "demo.catalog").row_count > 10
    with Image.open(tmp_path / "demo" / "contact-sheet.png") as image:
        assert image.width > 1500
        pixels = np.asarray(image.resize((60, 60)).convert("RGB")).reshape(-1, 3)
        assert len(np.unique(pixels, axis=0)) > 200


def test_selftest_passes_and_notices_a_wrong_vector(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, out, _ = run("selftest", "--json")
    assert status == 0
    assert json.loads(out)["cosine"] > 0.99
    original = Embedder.embed

    def swapped(self: Embedder, photo: Any) -> Any:
        return original(self, np.ascontiguousarray(self.load(photo)[:, :, ::-1]))

    monkeypatch.setattr(Embedder, "embed", swapped)
    status, out, _ = run("selftest", "--json")
    assert status == 1, "swapped colours must not pass"
    assert json.loads(out)["ok"] is False


def test_doctor_tells_what_works_and_what_to_type(run: Run) -> None:
    status, out, _ = run("doctor", "--json")
    report = json.loads(out)
    assert status == 0
    assert {engine["name"] for engine in report["engines"]} == {
        "litert",
        "tflite-runtime",
        "onnxruntime",
    }
    for engine in report["engines"]:
        assert engine["install"].startswith("pip install")
        assert engine["works"] or engine["why"]
    status, out, _ = run("doctor")
    assert status == 0
    assert "works" in out


def test_overview_and_version(run: Run) -> None:
    assert run("--version")[1].startswith("shelflens ")
    status, out, _ = run("--help")
    assert status == 0
    for word in ("lookup", "catalog", "embed", "demo", "doctor", "selftest", "train", "export"):
        assert word in out


def test_a_closed_pipe_is_no_error(built: Path, query: Path) -> None:
    command = [sys.executable, "-m", "shelflens", "lookup", *[str(query)] * 50]
    process = subprocess.Popen(
        [*command, "--catalog", str(built)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    process.wait()
    assert b"Traceback" not in err


def test_cmyk_and_png_photos_reach_the_answer(run: Run, built: Path, query: Path) -> None:
    buffer = io.BytesIO()
    with Image.open(query) as image:
        image.convert("CMYK").save(buffer, "JPEG", quality=95)
    embedder = Embedder.open()
    assert float(embedder.embed(buffer.getvalue()) @ embedder.embed(query)) > 0.95
