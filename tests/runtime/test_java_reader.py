"""The Java reader of docs/java, written from the spec, gives the answers of Python."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from shelflens import Catalog, CatalogError, ShelfLensError
from shelflens.catalog.fuse import fuse
from tests.attacks.odd_contents import UNKNOWN_TO_THE_BROWSER, odd_contents
from tests.runtime.test_webapp_js import random_catalog, random_query, same
from tests.support.hosts import program

pytestmark = pytest.mark.browser  # as those: a program of the system, here a JDK

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "docs" / "java" / "shelflens"
HARNESS = ROOT / "tests" / "support" / "java"
GOLDEN = ROOT / "tests" / "golden"
K = 5
JAVA_8 = ["--release", "8", "-Xlint:all,-options", "-Werror"]
"""The language of every Android device."""

Ask = Callable[[list[dict[str, Any]]], list[Any]]


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled reader; a warning is an error."""
    out = tmp_path_factory.mktemp("java")
    files = [str(path) for path in [*SOURCES.glob("*.java"), *HARNESS.glob("*.java")]]
    javac = program("javac", "default-jdk-headless")
    done = subprocess.run(
        [javac, *JAVA_8, "-encoding", "UTF-8", "-d", str(out), *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def ask(classes: Path) -> Ask:
    """ask(requests) -> what the reader says to each: an answer, or why it refuses the file."""

    def call(requests: list[dict[str, Any]]) -> list[Any]:
        words = ["java", "-Xmx1g", "-cp", str(classes), "shelflens.Harness"]
        done = subprocess.run(
            words, input=json.dumps(requests).encode(), capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        got: list[Any] = json.loads(done.stdout)
        return got

    return call


def request(path: Path, *queries: Sequence[NDArray[np.float32]]) -> dict[str, Any]:
    """A file, and several embeddings for each query."""
    return {
        "path": str(path),
        "k": K,
        "queries": [[photo.tolist() for photo in photos] for photos in queries],
    }


def test_random_catalogs_give_the_same_answers(ask: Ask, tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    catalogs = {tmp_path / f"{seed}.catalog": random_catalog(seed) for seed in range(60)}
    requests, asked = [], []
    for path, catalog in catalogs.items():
        catalog.save(path)

        means = [catalog.mean_direction(int(rng.integers(len(catalog)))) for _ in range(4)]
        queries: list[list[NDArray[np.float32]]] = [[random_query(rng, catalog)] for _ in range(3)]
        queries += [[mean] for mean in means]
        queries += [[mean, random_query(rng, catalog)] for mean in means]
        asked.append(queries)
        requests.append(request(path, *queries))
    decisions = set()
    for (path, catalog), queries, got in zip(catalogs.items(), asked, ask(requests), strict=True):
        assert (got["space"], got["dim"]) == (catalog.space, catalog.dim), path
        assert (got["accepts"], got["acceptsMore"]) == (True, False), path
        for index, product in enumerate(got["products"]):
            wanted = catalog.at(index)
            assert product == {
                "id": wanted.id,
                "name": wanted.name,
                "attributes": wanted.attributes,
            }
        for photos, ours in zip(queries, got["answers"], strict=True):
            theirs = fuse(catalog, photos, K) if len(photos) > 1 else catalog.answer(photos[0], K)
            same(ours["matches"], theirs.matches)
            assert (ours["decision"], ours["basis"]) == (theirs.decision, theirs.basis)
            assert ours["confidence"] == pytest.approx(theirs.confidence, abs=1e-4)
            assert ours["unknown"] == pytest.approx(theirs.unknown_probability, abs=1e-4)
            assert len(ours["candidates"]) == len(theirs.candidates)
            if theirs.candidates:
                same(ours["candidates"], theirs.candidates)
            decisions.add(theirs.decision)
    assert decisions == {"match", "ambiguous", "unknown"}


def test_golden_catalogs_open_and_the_adapted_one_gives_the_golden_scores(ask: Ask) -> None:
    files = sorted(GOLDEN.glob("*.catalog"))
    assert len(files) >= 3
    asked = json.loads((GOLDEN / "catalog-2.json").read_text(encoding="utf-8"))
    photos = [[np.array(entry["query"], np.float32)] for entry in asked]
    requests = [request(path, *(photos if path.stem == "catalog-2" else ())) for path in files]
    for path, got in zip(files, ask(requests), strict=True):
        assert [product["id"] for product in got["products"]] == Catalog.open(path).ids
        for wanted, answer in zip(asked, got["answers"], strict=False):
            assert [match["id"] for match in answer["matches"]] == wanted["ids"]
            scores = [match["score"] for match in answer["matches"]]
            assert scores == pytest.approx(wanted["scores"], abs=2e-6)
    assert sum(len(got["answers"]) for got in ask(requests)) == len(asked)


def test_the_demo_store_gives_pythons_answers(ask: Ask, built: Path) -> None:
    catalog = Catalog.open(built)
    photos = [catalog.mean_direction(index) for index in range(len(catalog))]
    (got,) = ask([request(built, *([photo] for photo in photos))])
    for photo, ours in zip(photos, got["answers"], strict=True):
        theirs = catalog.answer(photo, K)
        same(ours["matches"], theirs.matches)
        assert ours["decision"] == theirs.decision


def test_odd_contents_are_refused_where_python_refuses(ask: Ask, tmp_path: Path) -> None:
    cases = []
    for index, name in enumerate(odd_contents(tmp_path / "odd.catalog")):
        path = tmp_path / f"{index}.catalog"
        path.write_bytes((tmp_path / "odd.catalog").read_bytes())
        cases.append((name, path))
    for (name, path), said in zip(cases, ask([request(path) for _, path in cases]), strict=True):
        with pytest.raises(CatalogError):
            Catalog.open(path)
        if not name.startswith(UNKNOWN_TO_THE_BROWSER):
            assert isinstance(said, str), name
            assert "\n" not in said


def test_damaged_catalogs_are_refused_where_python_refuses(ask: Ask, tmp_path: Path) -> None:
    whole = tmp_path / "whole.catalog"
    random_catalog(3).save(whole)
    data = whole.read_bytes()
    rng = np.random.default_rng(0)
    cases = [data, b"", data[:7], data[:100], data[:-1], data + b"\0"]
    for rank in rng.integers(0, len(data), 200):
        wrong = bytearray(data)
        wrong[rank] ^= 1 << int(rng.integers(8))
        cases.append(bytes(wrong))
    newer = data.replace(b'"version": "2"', b'"version": "9"')
    newer = newer.replace(b'"version":"2"', b'"version":"9"').replace(
        b'"version":"1"', b'"version":"9"'
    )
    assert newer != data
    cases.append(newer)
    paths = []
    for index, case in enumerate(cases):
        paths.append(tmp_path / f"{index}.catalog")
        paths[-1].write_bytes(case)
    said = ask([request(path) for path in paths])
    for path, verdict in zip(paths, said, strict=True):
        try:
            Catalog.open(path)
        except ShelfLensError:
            assert isinstance(verdict, str)
        else:
            assert isinstance(verdict, dict), verdict
    assert isinstance(said[0], dict)
    assert "format 9, this reader knows up to" in said[-1]
    assert sum(isinstance(verdict, str) for verdict in said) > 190


def test_the_example_of_the_page_runs(classes: Path, built: Path, tmp_path: Path) -> None:
    catalog = Catalog.open(built)
    photo = catalog.mean_direction(3)
    (tmp_path / "photo.f32").write_bytes(photo.astype("<f4").tobytes())
    words = ["java", "-cp", str(classes), "shelflens.Example", str(built)]
    done = subprocess.run(
        [*words, str(tmp_path / "photo.f32")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    first, *rest = done.stdout.splitlines()
    assert first.startswith(catalog.answer(photo).decision.upper())
    assert rest[0].endswith(catalog.at(3).name)
    bad = subprocess.run([*words, str(built)], capture_output=True, text=True, check=False)
    assert (bad.returncode, len(bad.stderr.splitlines())) == (1, 1)
    assert "expected 256 numbers" in bad.stderr
