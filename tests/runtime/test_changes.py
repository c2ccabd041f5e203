"""Changes that leave other products' bytes alone: the same file as when it is built at once."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shelflens import Catalog, CatalogError
from shelflens.catalog import products, source
from shelflens.catalog.confirm import confirm, unconfirm
from shelflens.catalog.container import read_container, write_container
from shelflens.catalog.content import Content
from shelflens.catalog.contents import group_rows
from shelflens.catalog.id_index import hashes_of, index_of_ids
from shelflens.catalog.provenance import Provenance
from shelflens.catalog.records import parsed_record
from shelflens.catalog.rows import Rows
from shelflens.catalog.splice import Spliced, check_runs, runs_of, runs_to
from shelflens.catalog.sums import Sums, combined_crc, parts_of

DIM = 6
IDS = ("a", "b", "tea/green", "äpple 🍏", "e", "f", "g")


@pytest.fixture(params=[0, 256])
def indexed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Catalogs of more products have an index of ids; with 0 also those of these tests."""
    for module in (products, source):
        name = "INDEXED_PRODUCTS" if module is products else "CHECKED_PRODUCTS"
        monkeypatch.setattr(module, name, request.param)
    return int(request.param)


@dataclass
class Model:
    """The same changes on lists, and the catalog that is built of them at once."""

    rows: list[tuple[str, bytes, int]] = field(default_factory=list)
    """Product, int8 row, confirmation."""
    attributes: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, product: str, row: NDArray[np.int8], columns: dict[str, str]) -> None:
        known = any(item[0] == product for item in self.rows)
        there = self.attributes.get(product, {}) if known else {}
        self.attributes[product] = {**there, **columns}
        if (product, row.tobytes()) not in [item[:2] for item in self.rows]:
            self.rows.append((product, row.tobytes(), 0))

    def remove(self, product: str) -> None:
        self.rows = [item for item in self.rows if item[0] != product]

    def built(self, like: Catalog) -> Catalog:
        """Grouped at once, with the calibration and what was pushed out of `like`."""
        values = np.frombuffer(b"".join(row for _, row, _ in self.rows), np.int8)
        stored = Rows.of(values.reshape(-1, DIM).astype(np.float32)) if len(values) else None
        numbers = np.array([number for _, _, number in self.rows], np.uint64)
        table, rows, provenance = group_rows(
            [product for product, _, _ in self.rows],
            stored or Rows.empty(DIM),
            self.attributes,
            Provenance(numbers, like.provenance.dropped),
        )
        vars_of = {"products": table, "rows": rows, "provenance": provenance}
        return like.with_contents(type(like.contents)(**{**vars(like.contents), **vars_of}))


def rounded(seed: int) -> NDArray[np.int8]:
    vector = np.random.default_rng(seed).normal(size=(1, DIM)).astype(np.float32)
    row: NDArray[np.int8] = Rows.of(vector).values[0]
    return row


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove", "update", "confirm", "undo", "save", "two"]),
        st.integers(0, len(IDS) - 1),
        st.integers(0, 40),
    ),
    max_size=25,
)


@settings(max_examples=60)
@given(acts=ACTS)
def test_any_changes_give_the_bytes_of_a_catalog_built_at_once(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, int, int]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "INDEXED_PRODUCTS", 2)
        path = tmp_path_factory.mktemp("c") / "store.catalog"
        model = Model()
        catalog = Catalog(["a"], rounded(0)[np.newaxis].astype(np.float32), space="s")
        model.add("a", rounded(0), {})
        for act, product, seed in acts:
            catalog = _changed(catalog, model, act, IDS[product], seed, path)
        catalog.save(path)
        model.built(catalog).save(path.with_name("at-once.catalog"))
        assert path.read_bytes() == path.with_name("at-once.catalog").read_bytes()
        opened = Catalog.open(path)
        opened.verify()
        for key in IDS:
            if key in opened.ids:
                assert opened.index_of(key) == opened.ids.index(key)
            else:
                with pytest.raises(CatalogError, match="no product"):
                    opened.index_of(key)


def _changed(
    catalog: Catalog, model: Model, act: str, product: str, seed: int, path: Path
) -> Catalog:
    row = rounded(seed)
    vector = row.astype(np.float32)
    if act == "save":
        catalog.save(path)
        return Catalog.open(path)
    if act == "two":  # of one product and of a second one, in one change
        columns = {product: {"n": str(seed)}}
        rows = np.stack([row, rounded(seed + 100)])
        for name, given_row in zip((product, "a"), rows, strict=True):
            model.add(name, given_row, columns.get(name, {}))
        return catalog.add([product, "a"], rows.astype(np.float32), attributes=columns)
    known = any(item[0] == product for item in model.rows)
    if act == "add":
        model.add(product, row, {})
        return catalog.add([product], vector[np.newaxis])
    if not known:
        return catalog
    if act == "remove":
        model.remove(product)
        return catalog.remove([product])
    if act == "update":
        model.attributes[product] = {**model.attributes[product], "price": str(seed)}
        empty = np.empty((0, DIM), np.float32)
        return catalog.add([], empty, attributes={product: {"price": str(seed)}, "nobody": {}})
    if act == "confirm":
        changed, _ = confirm(catalog, product, vector, limit=2)
    else:
        try:
            changed, _ = unconfirm(catalog, product)
        except CatalogError:
            return catalog
    # What confirming chooses is not the matter here: the model takes the rows it left.
    numbers = changed.provenance.of_rows(changed.row_count).tolist()
    values = changed.contents.rows.values
    model.rows = [
        (name, row.tobytes(), number)
        for name, row, number in zip(changed.row_ids, values, numbers, strict=True)
    ]
    return changed


@pytest.mark.usefixtures("indexed")
def test_confirming_and_undoing_gives_the_same_bytes(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(40, 16)).astype(np.float32)
    Catalog([f"p{n % 9}" for n in range(40)], vectors, space="s").save(tmp_path / "a.catalog")
    grown = Catalog.open(tmp_path / "a.catalog")
    for seed in range(12):
        grown, _ = confirm(grown, "p4", vectors[seed] - vectors[seed + 20], limit=3)
        grown.save(tmp_path / "b.catalog")
        grown = Catalog.open(tmp_path / "b.catalog")
    assert (tmp_path / "a.catalog").read_bytes() != (tmp_path / "b.catalog").read_bytes()
    while grown.provenance.confirmed:
        grown, _ = unconfirm(grown, "p4")
    grown.save(tmp_path / "b.catalog")
    assert (tmp_path / "a.catalog").read_bytes() == (tmp_path / "b.catalog").read_bytes()


def many(path: Path, count: int = 1500) -> Catalog:
    """A catalog with an index; every third product has two rows."""
    ids = [f"p{n}" for n in range(count)]
    ids += ids[::3]
    rows = np.random.default_rng(1).normal(size=(len(ids), 24)).astype(np.float32)
    attributes = {f"p{n}": {"name": f"Product {n}", "price": f"{n}.50"} for n in range(count)}
    Catalog(ids, rows, space="s", attributes=attributes).save(path)
    return Catalog.open(path)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The indices of the records that are parsed."""
    parsed: list[int] = []
    original = parsed_record

    def count(data: bytes, index: int) -> dict[str, Any]:
        parsed.append(index)
        return original(data, index)

    monkeypatch.setattr(products, "parsed_record", count)
    return parsed


def test_a_change_parses_no_other_product(tmp_path: Path, counted: list[int]) -> None:
    """Counted, not timed: a million products would take minutes here."""
    catalog = many(tmp_path / "store.catalog")
    counted.clear()
    row = np.ones((1, 24), np.float32)
    changes: list[Callable[[], Catalog]] = [
        lambda: catalog.add(["new"], row, attributes={"new": {"name": "New"}}),
        lambda: catalog.add(["p700"], row, attributes={"p700": {"price": "9"}}),
        lambda: catalog.remove(["p3", "p1499"]),
        lambda: confirm(catalog, "p9", row[0])[0],
    ]
    for change in changes:
        change().save(tmp_path / "changed.catalog")
        assert len(counted) < 10, "only the products that are named"
        Catalog.open(tmp_path / "changed.catalog").verify()
        counted.clear()
    for _ in range(10):
        assert catalog.contents.products.find("unknown") is None
    assert not counted


def test_a_changed_catalog_answers_before_it_is_saved(tmp_path: Path) -> None:
    catalog = many(tmp_path / "store.catalog")
    row = np.ones((1, 24), np.float32)
    changed = catalog.add(["new"], row).remove(["p0"])
    assert changed.match(row[0], k=1)[0].id == "new"
    assert changed.ids == [*catalog.ids[1:], "new"]
    assert changed.index_of("p1") == 0


def test_a_catalog_without_an_index_opens_and_gets_one(tmp_path: Path, counted: list[int]) -> None:
    """Files of 0.1.0 before there was one, and of writers that do not know it."""
    path = tmp_path / "store.catalog"
    whole = many(path)
    tensors, metadata = read_container(path)
    frame = ("format", "version", "fingerprint")
    kept = {k: v for k, v in metadata.items() if k not in frame and not k.startswith("crc32.")}
    plain = {name: tensor for name, tensor in tensors.items() if name != "id_hashes"}
    write_container(tmp_path / "old.catalog", plain, kept)
    old = Catalog.open(tmp_path / "old.catalog")
    old.verify()
    counted.clear()
    assert old.index_of("p700") == 700
    assert len(counted) == 1, "found by its text"
    for _ in range(3):
        assert old.contents.products.find("unknown") is None
    assert len(counted) <= len(whole) + 1, "parsed once"
    old.add(["new"], np.ones((1, 24), np.float32)).save(tmp_path / "upgraded.catalog")
    whole.add(["new"], np.ones((1, 24), np.float32)).save(tmp_path / "expected.catalog")
    upgraded = (tmp_path / "upgraded.catalog").read_bytes()
    assert upgraded == (tmp_path / "expected.catalog").read_bytes()
    assert "id_hashes" in read_container(tmp_path / "upgraded.catalog").tensors


def test_a_table_that_shrinks_to_what_readers_parse_is_parsed(tmp_path: Path) -> None:
    """An odd record among many is not seen at open; among few it is, so it is not written."""
    many(tmp_path / "store.catalog", 260)
    tensors, metadata = read_container(tmp_path / "store.catalog")
    frame = ("format", "version", "fingerprint")
    kept = {k: v for k, v in metadata.items() if k not in frame and not k.startswith("crc32.")}
    table = tensors["products"].copy()
    table[int(tensors["first_byte"][200])] = ord("[")
    write_container(tmp_path / "odd.catalog", {**tensors, "products": table}, kept)
    smaller = Catalog.open(tmp_path / "odd.catalog").remove([f"p{n}" for n in range(50)])
    with pytest.raises(CatalogError, match="product 150 of the catalog: damaged"):
        smaller.save(tmp_path / "smaller.catalog")
    assert not (tmp_path / "smaller.catalog").exists()


@pytest.mark.parametrize("wrong", ["order", "twice", "beyond", "short", "type", "hash"])
def test_an_index_that_is_none_is_refused(tmp_path: Path, wrong: str) -> None:
    many(tmp_path / "store.catalog")
    tensors, metadata = read_container(tmp_path / "store.catalog")
    index: Any = tensors["id_hashes"].copy()
    if wrong == "order":
        index[:2] = index[1::-1]
    elif wrong == "twice":
        index[1] = index[0] + np.uint64(1 << 32)
    elif wrong == "beyond":
        index[-1] |= np.uint64(0xFFFFFFFF)
    elif wrong == "short":
        index = index[:-1]
    elif wrong == "type":
        index = index.astype(np.float32)
    else:  # a permutation, and rising: only reading every product shows it
        index = index_of_ids([f"q{n}" for n in range(len(index))])
    frame = ("format", "version", "fingerprint")
    kept = {k: v for k, v in metadata.items() if k not in frame and not k.startswith("crc32.")}
    write_container(tmp_path / "odd.catalog", {**tensors, "id_hashes": index}, kept)
    with pytest.raises(CatalogError, match=r"index of ids|id_hashes"):
        Catalog.open(tmp_path / "odd.catalog").verify()


def test_ids_of_one_hash_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """32 bits of SHA-256 collide now and then; here always."""
    same = np.uint64(7 << 32)
    monkeypatch.setattr(products, "INDEXED_PRODUCTS", 0)
    for module in ("products", "id_index"):
        monkeypatch.setattr(
            f"shelflens.catalog.{module}.hashes_of", lambda ids: np.full(len(list(ids)), same)
        )
    vectors = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)
    catalog = Catalog(["a", "b", "c", "d", "e"], vectors, space="s").remove(["b"])
    catalog = catalog.add(["b"], vectors[1:2], attributes={"c": {"name": "C"}})
    catalog.save(tmp_path / "store.catalog")
    opened = Catalog.open(tmp_path / "store.catalog")
    assert [opened.index_of(key) for key in ("a", "c", "d", "e", "b")] == [0, 1, 2, 3, 4]
    with pytest.raises(CatalogError, match="no product"):
        opened.index_of("f")


def test_the_index_is_the_one_of_the_specification() -> None:
    import hashlib

    ids = ["milk", "äpple", "tea/green"]
    expected = sorted(
        int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") << 32 | number
        for number, key in enumerate(ids)
    )
    assert index_of_ids(ids).tolist() == expected
    assert hashes_of([]).tolist() == []


@given(data=st.binary(max_size=300), cut=st.integers(0, 300))
def test_checksums_combine_as_in_zlib(data: bytes, cut: int) -> None:
    first, second = data[:cut], data[cut:]
    both = combined_crc(zlib.crc32(first), zlib.crc32(second), len(second))
    assert both == zlib.crc32(data)


@settings(max_examples=200)
@given(
    cuts=st.lists(st.integers(0, 5000), max_size=6),
    item=st.integers(1, 700),
    ends=st.tuples(st.integers(0, 5000), st.integers(0, 5000)),
)
def test_the_checksum_of_any_range(cuts: list[int], item: int, ends: tuple[int, int]) -> None:
    data = np.random.default_rng(len(cuts)).bytes(5000)
    bounds = sorted({0, *cuts, 5000})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shelflens.catalog.sums.CHUNK", 512)
        parts = [part for start, stop in pairwise(bounds) for part in parts_of(start, stop, item)]
        sums = Sums(lambda start, stop: data[start:stop], parts)
        start, stop = sorted(ends)
        assert sums.of(start, stop) == zlib.crc32(data[start:stop])
        assert parts[0][0] == 0
        assert [stop for _, stop in parts[:-1]] == [start for start, _ in parts[1:]]


@given(
    n=st.integers(0, 12),
    gone=st.sets(st.integers(0, 11)),
    at=st.lists(st.integers(0, 12), max_size=6),
)
def test_runs_are_what_inserting_and_deleting_gives(n: int, gone: set[int], at: list[int]) -> None:
    old, positions = np.arange(n), sorted(min(position, n) for position in at)
    lost = np.array(sorted(index for index in gone if index < n), np.int64)
    new = 100 + np.arange(len(positions))
    runs = runs_of(n, lost, np.array(positions, np.int64))
    check_runs(runs, n, len(new))
    expected: list[int] = []
    for index in range(n + 1):
        expected += [
            value for value, where in zip(new.tolist(), positions, strict=True) if where == index
        ]
        expected += [index] if index < n and index not in lost else []
    made = Spliced(old, new, runs)
    assert made.array.tolist() == expected
    assert (len(made), made.nbytes) == (len(expected), 8 * len(expected))
    source = np.array([-1 if value >= 100 else value for value in expected], np.int64)
    assert np.array_equal(Spliced(old, new, runs_to(source)).array, expected)


@pytest.mark.parametrize(
    "runs",
    [
        [[0, 6, 1]],
        [[5, 1, 1]],
        [[-1, 1, 1]],
        [[0, -1, 1]],
        [[0, 2, 0], [1, 1, 1]],
        [[0, 2, 2]],
        [[0, 2, 0]],
        [[0, 2, 1], [3, 0, 0]],
        [[0, 1 << 62, 1], [1 << 62, 1 << 62, 0]],
        [[0, 2, 1 << 63 - 1], [2, 1, 2 - (1 << 62)]],
    ],
)
def test_runs_that_do_not_fit_are_refused(runs: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="runs that"):
        check_runs(np.array(runs, np.int64), 5, 1)
    check_runs(np.array([[3, 2, 0], [0, 2, 1]], np.int64), 5, 1)


def test_a_mapped_catalog_is_checked_without_being_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read part by part through the descriptor: what is mapped is not touched."""
    monkeypatch.setattr("shelflens.catalog.content.READ_LIMIT", 0)
    path = tmp_path / "store.catalog"
    many(path)
    content = Content(path)
    assert isinstance(content.read(0, 100), bytes)
    assert bytes(content.read(5, 2000)) == path.read_bytes()[5:2000]
    inside = content.bytes[100:300]
    assert content.offset_of(inside) == 100
    assert content.offset_of(inside.copy()) is None
    assert content.offset_of(inside[::2]) is None
