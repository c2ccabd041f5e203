"""`Catalog`: matching, the file, and everything that can be wrong with either."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import load_file

from shelflens import Calibration, Catalog, CatalogError, SpaceError
from shelflens.catalog import content
from shelflens.catalog.container import write_container

Unit = Callable[..., NDArray[np.float32]]

QUANTIZED = 0.01
"""Largest error of a cosine similarity from rounding rows to int8, d = 32 and more."""


def brute_force(
    ids: list[str], vectors: NDArray[np.float32], query: NDArray[np.float32], k: int
) -> list[tuple[str, float]]:
    """The definition in docs/catalog-format.md, in plain loops; ties in order of appearance."""
    rows_of: dict[str, list[NDArray[np.float64]]] = {}
    for product, row in zip(ids, vectors.astype(np.float64), strict=True):
        rows_of.setdefault(product, []).append(row)
    wide = query.astype(np.float64)
    best = {product: max(float(row @ wide) for row in rows) for product, rows in rows_of.items()}
    candidates = sorted(best, key=lambda product: -best[product])[: max(k, 10)]
    scores = {}
    for product in candidates:
        total = np.sum(rows_of[product], axis=0)
        length = float(np.linalg.norm(total))
        # Opposite rows have no mean direction: the first stands for them.
        mean = float(total @ wide) / length if length > 1e-6 else float(rows_of[product][0] @ wide)
        scores[product] = max(0.75 * mean + 0.25 * best[product], 1 - 4 * (1 - best[product]))
    return sorted(scores.items(), key=lambda item: -item[1])[:k]


@settings(max_examples=60)
@given(
    rows=st.integers(1, 300),
    products=st.integers(1, 40),
    dim=st.sampled_from([1, 3, 32, 65]),
    k=st.integers(1, 60),
    seed=st.integers(0, 99),
)
def test_match_equals_brute_force(rows: int, products: int, dim: int, k: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    ids = [f"p{number}" for number in generator.integers(0, products, rows)]
    vectors = generator.normal(size=(rows, dim)).astype(np.float32)
    catalog = Catalog(ids, vectors, space="s")
    query = generator.normal(size=dim).astype(np.float32)
    query /= np.linalg.norm(query)
    found = catalog.match(query, k=k)
    expected = brute_force(catalog.row_ids, catalog.vectors, query, k)
    assert np.allclose(
        [match.score for match in found], [score for _, score in expected], atol=1e-5
    )
    assert len({match.id for match in found}) == len(found) == min(k, len(catalog))
    by_id = dict(brute_force(catalog.row_ids, catalog.vectors, query, rows))
    assert all(abs(by_id[match.id] - match.score) < 1e-5 for match in found)


def test_several_queries_at_once_match_as_one_by_one(unit: Unit) -> None:
    ids = [f"p{n}" for n in np.random.default_rng(0).integers(0, 30, 90)]
    catalog, queries = Catalog(ids, unit(90, 32), space="s"), unit(20, 32, seed=1)
    assert catalog.match_many(queries, 7) == [catalog.match(query, 7) for query in queries]
    assert catalog.match_many([], 7) == []
    assert catalog.remove(catalog.ids).match_many(queries) == [[]] * 20


def test_int8_rows_keep_the_scores(unit: Unit) -> None:
    vectors, queries = unit(500, 64), unit(50, 64, seed=1)
    catalog = Catalog([str(n) for n in range(500)], vectors, space="s")
    for query in queries:
        exact = vectors @ query
        for match in catalog.match(query, k=500):
            assert abs(match.score - exact[int(match.id)]) < QUANTIZED


def test_stored_rows_have_length_one(unit: Unit) -> None:
    catalog = Catalog(["a"] * 50, unit(50, 128) * 7, space="s")
    assert np.allclose(np.linalg.norm(catalog.vectors, axis=1), 1, atol=1e-6)


def test_equal_scores_keep_the_order_of_the_catalog(unit: Unit) -> None:
    row = unit(1, 16)
    ids = [f"p{number}" for number in range(50)]
    catalog = Catalog(ids, np.repeat(row, 50, axis=0), space="s")
    for k in (1, 7, 49, 50, 99):
        assert [match.id for match in catalog.match(row[0], k=k)] == ids[:k]


def test_mean_direction_and_best_picture_speak_for_the_product(unit: Unit) -> None:
    vectors = unit(5, 32)
    catalog = Catalog(["a", "b", "a", "b", "a"], vectors, space="s")
    query = vectors[[0, 2]].sum(axis=0) / float(np.linalg.norm(vectors[[0, 2]].sum(axis=0)))
    first = catalog.match(query, k=1)[0]
    mean = vectors[[0, 2, 4]].sum(axis=0)
    expected = 0.75 * float(mean @ query) / float(np.linalg.norm(mean))
    expected += 0.25 * float((vectors @ query)[[0, 2, 4]].max())
    assert first.id == "a"
    assert first.score == pytest.approx(expected, abs=QUANTIZED)
    assert catalog.match(vectors[4], k=1)[0].score > 1 - 4 * QUANTIZED, "its own picture"
    assert len(catalog) == 2
    assert catalog.row_count == 5


def test_a_lucky_picture_does_not_beat_the_product_that_fits_as_a_whole() -> None:
    """The best of many pictures is lucky; what most pictures say must win."""
    query = np.array([1, 0, 0, 0], np.float32)
    fits = [[0.9, 0.436, 0, 0], [0.9, -0.436, 0, 0]]
    lucky = [[0.92, 0, 0.392, 0], [0, 0, 0, 1], [0, 0, 0, -1]]
    catalog = Catalog(["lucky"] * 3 + ["fits"] * 2, np.array(lucky + fits, np.float32), space="s")
    assert catalog.best_row_scores(query[np.newaxis])[0].argmax() == 0
    assert [match.id for match in catalog.match(query)] == ["fits", "lucky"]


def test_a_product_is_found_by_its_one_picture_from_the_back() -> None:
    front, back = np.eye(4, dtype=np.float32)[:2]
    catalog = Catalog(["a"] * 9 + ["b"], np.stack([front] * 8 + [back, -front]), space="s")
    assert catalog.match(back)[0].score == pytest.approx(1.0, abs=QUANTIZED)
    nearly = back + np.array([0, 0, 0.3, 0], np.float32)
    assert 0.8 < catalog.match(nearly)[0].score < 0.9


def test_products_of_one_picture_score_as_their_picture(unit: Unit) -> None:
    vectors, queries = unit(30, 16), unit(20, 16, seed=1)
    catalog = Catalog([str(n) for n in range(30)], vectors, space="s")
    for query in queries:
        row_scores = catalog.row_scores(query[np.newaxis])[0]
        found = catalog.match(query, k=30)
        # Equal but for the order in which another size of matrix is summed.
        assert all(abs(match.score - row_scores[int(match.id)]) < 1e-6 for match in found)


def test_opposite_pictures_have_a_score() -> None:
    row = np.array([[1, 0], [-1, 0]], np.float32)
    catalog = Catalog(["a", "a"], row, space="s")
    assert catalog.match(row[0])[0].score == pytest.approx(1.0, abs=QUANTIZED)


def test_names_attributes_and_answer(unit: Unit) -> None:
    vectors = unit(3, 32)
    catalog = Catalog(
        ["a", "b", "c"],
        vectors,
        space="s",
        attributes={"a": {"name": "Apfel äöü 🍏", "price": "1.20"}},
        calibration=Calibration(),
    )
    first = catalog.match(vectors[0])[0]
    assert (first.name, first.attributes["price"]) == ("Apfel äöü 🍏", "1.20")
    assert catalog.match(vectors[1])[0].name == "b"
    assert catalog.answer(vectors[0]).decision == "match"
    assert catalog.answer(vectors[0], k=1).matches[0].id == "a"
    between = vectors[0] + vectors[1]
    two = Catalog(["a", "b"], vectors[:2], space="s")
    assert two.answer(between).decision == "ambiguous"
    assert two.answer(between, k=1).decision == "ambiguous"
    assert catalog.answer(-vectors[0]).decision == "unknown"


def test_round_trip_through_the_file(tmp_path: Path, unit: Unit) -> None:
    catalog = Catalog(
        ["b", "a", "b"],
        unit(3, 33),
        space="space-1",
        attributes={"a": {"x": "1"}},
        calibration=Calibration(threshold=0.25),
    )
    catalog.save(tmp_path / "store.catalog")
    opened = Catalog.open(tmp_path / "store.catalog")
    assert opened.ids == catalog.ids == ["b", "a"]
    assert opened.row_ids == ["b", "b", "a"]
    assert np.array_equal(opened.vectors, catalog.vectors)
    assert (opened.space, opened.calibration) == ("space-1", Calibration(threshold=0.25))
    assert opened.attributes == {"b": {}, "a": {"x": "1"}}
    assert len(opened.fingerprint) == 64
    opened.verify()


def test_a_catalog_does_not_change(unit: Unit) -> None:
    catalog = Catalog(["a", "b"], unit(2, 8), space="s")
    names = {field.name for field in dataclasses.fields(catalog)}
    for name in [*names, "space", "calibration", "provenance", "category_axes", "anything"]:
        with pytest.raises(AttributeError):
            setattr(catalog, name, None)
        with pytest.raises(AttributeError):
            delattr(catalog, name)
    changed = catalog.with_calibration(Calibration(threshold=0.9))
    assert (catalog.calibration, changed.calibration.threshold) == (Calibration(), 0.9)
    assert (changed.ids, changed.space) == (catalog.ids, catalog.space)
    with pytest.raises(AttributeError):
        catalog.calibration.threshold = 0.1  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        catalog.contents.rows.values[0] = 0


def test_a_changed_catalog_is_not_the_file_it_came_from(tmp_path: Path, unit: Unit) -> None:
    Catalog(["a", "b"], unit(2, 8), space="s").save(tmp_path / "store.catalog")
    opened = Catalog.open(tmp_path / "store.catalog")
    for changed in (opened.with_calibration(Calibration()), opened.remove(["a"])):
        assert (changed.path, changed.fingerprint) == (None, "")
    assert opened.path == tmp_path / "store.catalog"


def test_safetensors_reads_the_same_rows(tmp_path: Path, unit: Unit) -> None:
    catalog = Catalog(["a", "b", "a"], unit(3, 48), space="s")
    catalog.save(tmp_path / "store.catalog")
    tensors = load_file(tmp_path / "store.catalog")
    rows = tensors["rows"].astype(np.float32) * tensors["scales"][:, None]
    assert np.array_equal(rows, catalog.vectors)
    assert tensors["first_row"].tolist() == [0, 2, 3]
    offsets = tensors["first_byte"]
    table = tensors["products"].tobytes()
    products = [json.loads(table[a:b]) for a, b in itertools.pairwise(offsets)]
    assert [product["id"] for product in products] == ["a", "b"]


def test_add_and_remove(tmp_path: Path, unit: Unit) -> None:
    vectors = unit(6, 32)
    catalog = Catalog(["a", "b", "c"], vectors[:3], space="s", attributes={"a": {"name": "A"}})
    grown = catalog.add(["b", "d"], vectors[3:5], attributes={"b": {"name": "B"}})
    assert grown.ids == ["a", "b", "c", "d"]
    assert grown.row_ids == ["a", "b", "b", "c", "d"]
    assert grown.match(vectors[3], k=1)[0].name == "B"
    assert catalog.ids == ["a", "b", "c"], "the old catalog does not change"
    again = grown.add(["b"], vectors[3:4])
    assert again.row_count == grown.row_count, "a row that is there is not doubled"
    smaller = grown.remove(["b", "a"])
    assert smaller.ids == ["c", "d"]
    assert all(match.id in ("c", "d") for match in smaller.match(vectors[3]))
    assert b'"B"' not in smaller.contents.products.records.tobytes(), (
        "a removed product leaves nothing behind"
    )
    with pytest.raises(CatalogError, match="no product 'zzz'"):
        grown.remove(["a", "zzz"])
    empty = grown.remove(grown.ids)
    empty.save(tmp_path / "empty.catalog")
    assert Catalog.open(tmp_path / "empty.catalog").match(vectors[0]) == []
    assert Catalog.open(tmp_path / "empty.catalog").answer(vectors[0]).decision == "unknown"


def test_another_space_is_refused_with_both_names(unit: Unit) -> None:
    catalog = Catalog(["a"], unit(1, 8), space="shop-1")
    catalog.require("shop-1")
    with pytest.raises(SpaceError, match=r"shop-1.*shop-2"):
        catalog.require("shop-2")


@pytest.mark.parametrize(
    ("ids", "vectors", "message"),
    [
        (["a"], np.zeros((1, 4)), "not all zero"),
        (["a"], np.full((1, 4), np.nan), "finite"),
        (["a"], np.full((1, 4), np.inf), "finite"),
        (["a", "b"], np.ones((1, 4)), "2 ids for 1 vectors"),
        (["a"], np.ones(4), r"expected float32 \[n, d\]"),
        (["a"], np.ones((1, 0)), r"expected float32 \[n, d\]"),
        (["a\nb"], np.ones((1, 4)), "line breaks"),
        ([" a"], np.ones((1, 4)), "blanks"),
        (["a\x1b[31m"], np.ones((1, 4)), "control characters"),
        (["x" * 10_000], np.ones((1, 4)), "10,000 characters, at most 200"),
        ([""], np.ones((1, 4)), "expected a text"),
    ],
)
def test_what_cannot_go_into_a_catalog(ids: list[str], vectors: Any, message: str) -> None:
    with pytest.raises(CatalogError, match=message) as caught:
        Catalog(ids, vectors, space="s")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


def test_bad_queries(unit: Unit) -> None:
    catalog = Catalog(["a"], unit(1, 8), space="s")
    for query in (np.zeros(8), np.full(8, np.nan), np.ones(9), np.ones((1, 8))):
        with pytest.raises(CatalogError, match="query: expected"):
            catalog.match(query.astype(np.float32))
    with pytest.raises(CatalogError, match="at least 1"):
        catalog.match(np.ones(8, np.float32), k=0)
    with pytest.raises(CatalogError, match="expected 8 dimensions per row"):
        catalog.add(["b"], np.ones((1, 9), np.float32))


@settings(max_examples=200)
@given(st.data())
def test_a_damaged_file_is_refused_never_misread(tmp_path_factory: Any, data: Any) -> None:
    path = tmp_path_factory.mktemp("c") / "store.catalog"
    rows = np.random.default_rng(0).normal(size=(5, 16)).astype(np.float32)
    Catalog(["a", "b", "c", "b", "a"], rows, space="s", attributes={"a": {"n": "1"}}).save(path)
    whole = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        del whole[data.draw(st.integers(0, len(whole) - 1)) :]
    else:
        offset = data.draw(st.integers(0, len(whole) - 1))
        whole[offset] ^= data.draw(st.integers(1, 255))
    path.write_bytes(whole)
    try:
        opened = Catalog.open(path)
    except CatalogError as error:
        assert str(path) in str(error)
    else:  # only blanks behind the header may differ without harm
        assert np.array_equal(
            opened.vectors, Catalog(["a"] * 5, rows[[0, 4, 1, 3, 2]], space="s").vectors
        )


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog above 4 MiB, which is mapped; copy it to damage it."""
    path = tmp_path_factory.mktemp("large") / "large.catalog"
    rows = np.random.default_rng(0).normal(size=(20_000, 256)).astype(np.float32)
    Catalog([str(n) for n in range(20_000)], rows, space="s").save(path)
    return path


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
def test_a_flipped_bit_in_a_large_file_is_refused_at_open(
    tmp_path: Path, large: Path, share: float
) -> None:
    whole = bytearray(large.read_bytes())
    whole[int(len(whole) * share)] ^= 1
    (tmp_path / "flipped.catalog").write_bytes(whole)
    with pytest.raises(CatalogError, match=r"checksum of \w+ differs"):
        Catalog.open(tmp_path / "flipped.catalog")


def test_damage_since_the_open_is_not_written_back(
    tmp_path: Path, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "READ_LIMIT", 0)  # mapped
    path = tmp_path / "store.catalog"
    path.write_bytes(large.read_bytes())
    opened = Catalog.open(path)
    changed = opened.remove(["7"])
    with path.open("r+b") as stream:  # in place: what is mapped changes too
        stream.seek(path.stat().st_size // 2)
        stream.write(b"\x55\xaa")
    for damaged in (opened, changed, opened):
        with pytest.raises(OSError, match="overwritten in place"):
            damaged.save(tmp_path / "again.catalog")
        with pytest.raises(OSError, match="overwritten in place"):
            damaged.match(np.ones(256, np.float32))
    with pytest.raises(CatalogError, match="checksum of rows differs"):
        opened.verify()
    assert not (tmp_path / "again.catalog").exists()
    with pytest.raises(CatalogError, match="checksum of rows differs"):
        Catalog.open(path)


@pytest.mark.parametrize("limit", [0, 1 << 30])
def test_a_file_overwritten_in_place_ends_no_process(
    tmp_path: Path, large: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """As by `cp`: mapped, it is an error of one line; read, nothing happens."""
    monkeypatch.setattr(content, "READ_LIMIT", limit)
    path = tmp_path / "store.catalog"
    path.write_bytes(large.read_bytes())
    opened, query = Catalog.open(path), np.ones(256, np.float32)
    changed, answer = opened.remove(["7"]), opened.answer(query)
    path.touch()  # nobody wrote: it is checked once more, and used
    assert opened.answer(query) == answer
    with path.open("r+b") as stream:
        stream.truncate(100)
    if limit:
        assert opened.answer(query) == answer
        opened.verify()
        return
    for use in (
        lambda: opened.answer(query),
        lambda: opened.index_of("7"),
        lambda: opened.row_scores(query[np.newaxis]),
        opened.verify,
        lambda: changed.save(tmp_path / "again.catalog"),
    ):
        with pytest.raises(OSError, match="overwritten in place"):
            use()
    assert [file.name for file in tmp_path.iterdir()] == ["store.catalog"]


def test_an_opened_catalog_stays_what_it_was(tmp_path: Path, large: Path) -> None:
    path = tmp_path / "store.catalog"
    path.write_bytes(large.read_bytes())
    opened = Catalog.open(path)
    opened.remove(["7"]).save(path)
    assert opened.index_of("7") == 7
    opened.verify()
    assert len(Catalog.open(path)) == len(opened) - 1


def test_a_pipe_or_device_is_no_catalog(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(CatalogError, match="no regular file"):
            Catalog.open(path)


@pytest.mark.parametrize("index", [0, 1, 39_999, 40_000, 79_999])
def test_a_product_is_found_in_a_table_of_megabytes(unit: Unit, index: int) -> None:
    ids = [f"product number {n:060}" for n in range(80_000)]
    catalog = Catalog(ids, np.repeat(unit(1, 4), len(ids), axis=0), space="s")
    assert len(catalog.contents.products.records) > 6 << 20
    assert catalog.index_of(ids[index]) == index
    assert catalog.contents.products.mentions(ids[index])
    assert not catalog.contents.products.mentions("product of nobody")


def test_a_newer_format_says_upgrade(tmp_path: Path, unit: Unit) -> None:
    contents = Catalog(["a"], unit(1, 8), space="s").contents
    new = tmp_path / "new.catalog"
    write_container(new, contents.tensors(), contents.metadata(), version=9)
    with pytest.raises(CatalogError, match="format 9, this version reads up to 2; upgrade"):
        Catalog.open(tmp_path / "new.catalog")


def test_not_a_catalog(tmp_path: Path) -> None:
    for data in (b"", b"x", b"\xff" * 64, (2).to_bytes(8, "little") + b"{}", b"PK" * 40):
        (tmp_path / "x.catalog").write_bytes(data)
        with pytest.raises(CatalogError, match="not a catalog, or damaged"):
            Catalog.open(tmp_path / "x.catalog")
    with pytest.raises(CatalogError, match="is a folder"):
        Catalog.open(tmp_path)
    with pytest.raises(FileNotFoundError):
        Catalog.open(tmp_path / "none.catalog")


KILLED_WHILE_WRITING = """
import os, signal, sys
import numpy as np
from shelflens import Catalog, files
fsync = os.fsync
def die(handle):
    os.kill(os.getpid(), signal.SIGKILL)
os.fsync = die
rows = np.random.default_rng(1).normal(size=(1000, 64)).astype(np.float32)
Catalog(["new"] * 1000, rows, space="s").save(sys.argv[1])
"""


def test_killed_while_writing_the_old_file_is_whole(tmp_path: Path, unit: Unit) -> None:
    path = tmp_path / "store.catalog"
    Catalog(["old"], unit(1, 64), space="s").save(path)
    before = path.read_bytes()
    done = subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == before
    assert Catalog.open(path).ids == ["old"]


def test_no_space_leaves_the_old_file_and_no_litter(tmp_path: Path, unit: Unit) -> None:
    path = tmp_path / "store.catalog"
    Catalog(["old"], unit(1, 64), space="s").save(path)
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:  # a limit on the size of files fails a write the way a full disk does
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
        with pytest.raises(OSError, match="large"):
            Catalog(["new"] * 500, unit(500, 64), space="s").save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["store.catalog"]


def test_no_such_folder_names_the_file_asked_for(tmp_path: Path, unit: Unit) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        Catalog(["a"], unit(1, 8), space="s").save(tmp_path / "none" / "store.catalog")
    assert caught.value.filename == str(tmp_path / "none" / "store.catalog")
