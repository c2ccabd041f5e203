"""Deltas: what turns one catalog into another, byte for byte, and nothing into anything else."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from shelflens import Calibration, Catalog, CatalogError, SpaceError
from shelflens.catalog import products
from shelflens.catalog.adaptation import Adaptation
from shelflens.catalog.apply import apply
from shelflens.catalog.category_axes import CategoryAxes
from shelflens.catalog.confirm import confirm, unconfirm
from shelflens.catalog.container import read_container, write_container
from shelflens.catalog.diff import diff, save_delta
from shelflens.catalog.install import previous_path, rollback
from shelflens.catalog.merge import merge

Run = Callable[..., tuple[int, str, str]]

HEADER = 2048
"""Largest delta of nothing, bytes: its own header, and what the two headers differ in."""


def made(
    path: Path, seed: int, count: int, *, dim: int = 8, order: int = 0, calibrated: bool = False
) -> Catalog:
    """A catalog whose products overlap with those of other seeds: rows and records alike or not."""
    generator = np.random.default_rng(seed)
    pool = np.random.default_rng(0).normal(size=(60, dim)).astype(np.float32)
    ids = [
        f"p{n}" for n in generator.permutation(30)[:count] for _ in range(generator.integers(1, 4))
    ]
    rows = np.stack([pool[generator.integers(0, 60)] for _ in ids])
    names = {key: {"name": f"{key} {generator.integers(0, 2)}"} for key in dict.fromkeys(ids)}
    if order:
        ids, rows = ids[::-1], rows[::-1]
    axes = CategoryAxes.of(pool[:2]) if seed % 3 == 0 else None
    calibration = Calibration(threshold=0.6 + seed / 200) if calibrated else None
    catalog = Catalog(
        ids, rows, space="s", attributes=names, category_axes=axes, calibration=calibration
    )
    for number in range(seed % 4):
        catalog, _ = confirm(catalog, ids[number % len(ids)], pool[-1 - number], limit=1)
    catalog.save(path)
    return Catalog.open(path)


@settings(max_examples=80)
@given(
    first=st.tuples(st.integers(0, 50), st.integers(1, 30)),
    second=st.tuples(st.integers(0, 50), st.integers(1, 30), st.integers(0, 1)),
    indexed=st.sampled_from([0, 5, 256]),
)
def test_apply_gives_the_bytes_of_the_second(
    tmp_path_factory: pytest.TempPathFactory,
    first: tuple[int, int],
    second: tuple[int, int, int],
    indexed: int,
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "INDEXED_PRODUCTS", indexed)
        folder = tmp_path_factory.mktemp("d")
        base = made(folder / "a.catalog", *first)
        result = made(folder / "b.catalog", *second[:2], order=second[2], calibrated=True)
        save_delta(diff(base, result), base, folder / "d.delta")
        shutil.copy(folder / "a.catalog", folder / "store.catalog")
        applied = apply(folder / "store.catalog", folder / "d.delta")
        assert (folder / "store.catalog").read_bytes() == (folder / "b.catalog").read_bytes()
        applied.verify()
        rollback(folder / "store.catalog")
        assert (folder / "store.catalog").read_bytes() == (folder / "a.catalog").read_bytes()


@pytest.fixture
def shop(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A catalog of 2,000 products, another one with some changes, and the delta between them."""
    generator = np.random.default_rng(0)
    ids = [f"49{n:011}" for n in range(2000)]
    rows = generator.normal(size=(2000, 128)).astype(np.float32)
    names = {key: {"name": f"Product {key[-4:]}, 500 g", "price": "1.99"} for key in ids}
    base = Catalog(ids, rows, space="s", attributes=names)
    base.save(tmp_path / "a.catalog")
    changed = base.remove(ids[500:520])
    new = [*(f"new {n}" for n in range(40)), ids[7], ids[1999]]
    attributes = {"new 3": {"name": "New"}, ids[1]: {"price": "2.49"}}
    changed = changed.add(
        new, generator.normal(size=(len(new), 128)).astype(np.float32), attributes=attributes
    )
    changed, _ = confirm(changed, ids[1500], generator.normal(size=128).astype(np.float32))
    changed.save(tmp_path / "b.catalog")
    first, second = (Catalog.open(tmp_path / f"{name}.catalog") for name in "ab")
    save_delta(diff(first, second), first, tmp_path / "d.delta")
    return tmp_path / "a.catalog", tmp_path / "b.catalog", tmp_path / "d.delta"


def changed_bytes(base: Path, result: Path) -> int:
    """Bytes of the records, rows, scales and confirmations of the second that the first lacks."""
    held = [_items(load_file(path)) for path in (base, result)]
    return sum(len(item) for kind in (0, 1) for item in held[1][kind] - held[0][kind])


def _items(tensors: dict[str, np.ndarray]) -> tuple[set[bytes], set[bytes]]:
    bounds = tensors["first_byte"].tolist()
    table = tensors["products"].tobytes()
    records = {table[a:b] for a, b in pairwise(bounds)}
    rows = {
        row.tobytes() + scale.tobytes()
        for row, scale in zip(tensors["rows"], tensors["scales"], strict=True)
    }
    return records, rows


def test_a_delta_is_as_large_as_what_changed(shop: tuple[Path, Path, Path]) -> None:
    base, result, delta = shop
    changed = changed_bytes(base, result)
    assert changed > 5000
    assert delta.stat().st_size <= 1.1 * changed + HEADER


def test_a_delta_of_a_calibration_alone_is_small(tmp_path: Path) -> None:
    base = made(tmp_path / "a.catalog", 1, 30)
    base.with_calibration(Calibration(threshold=0.7)).save(tmp_path / "b.catalog")
    result = Catalog.open(tmp_path / "b.catalog")
    save_delta(diff(base, result), base, tmp_path / "d.delta")
    assert (tmp_path / "d.delta").stat().st_size <= HEADER


def test_scattered_changes_stay_small(tmp_path: Path) -> None:
    """Every tenth product gets another row: runs of all lengths, and many of them."""
    rows = np.random.default_rng(0).normal(size=(3000, 128)).astype(np.float32)
    ids = [f"p{n}" for n in range(3000)]
    base = Catalog(ids, rows, space="s")
    base.save(tmp_path / "a.catalog")
    base.add(ids[::10], -rows[:300]).save(tmp_path / "b.catalog")
    first, second = (Catalog.open(tmp_path / f"{name}.catalog") for name in "ab")
    save_delta(diff(first, second), first, tmp_path / "d.delta")
    changed = changed_bytes(tmp_path / "a.catalog", tmp_path / "b.catalog")
    assert changed == 300 * 132
    assert (tmp_path / "d.delta").stat().st_size <= 1.1 * changed + HEADER


def test_applied_twice_or_to_another_catalog_is_refused(
    run: Run, shop: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    base, result, delta = shop
    store, before = tmp_path / "store.catalog", base.read_bytes()
    shutil.copy(base, store)
    assert run("catalog", "apply", store, delta)[0] == 0
    assert store.read_bytes() == result.read_bytes()
    assert previous_path(store).read_bytes() == before
    status, out, err = run("catalog", "apply", store, delta)
    assert (status, out) == (1, "")
    assert "leads to already; nothing was changed" in err
    assert err.count("\n") == 1
    Catalog.open(base).remove(Catalog.open(base).ids[:1]).save(store)
    changed = store.read_bytes()
    status, _, err = run("catalog", "apply", store, delta)
    assert status == 1
    assert "for another catalog than" in err
    assert store.read_bytes() == changed
    assert previous_path(store).read_bytes() == before, "what was kept stays"


def test_diff_refuses_what_a_delta_is_not_for(run: Run, tmp_path: Path) -> None:
    base = made(tmp_path / "a.catalog", 1, 20)
    base.save(tmp_path / "same.catalog")
    Catalog(["a"], np.ones((1, 8), np.float32), space="t").save(tmp_path / "space.catalog")
    Catalog(["a"], np.ones((1, 9), np.float32), space="s").save(tmp_path / "dim.catalog")
    for name, message in (
        ("same", "there is nothing to ship"),
        ("space", "install the new file instead"),
        ("dim", "install the new file instead"),
        ("a", "there is nothing to ship"),
    ):
        status, _, err = run(
            *("catalog", "diff", tmp_path / "a.catalog", tmp_path / f"{name}.catalog"),
            *("--out", tmp_path / "d.delta"),
        )
        assert status == 1
        assert message in err
        assert err.count("\n") == 1
    assert not (tmp_path / "d.delta").exists()
    status, _, err = run(
        *("catalog", "diff", tmp_path / "a.catalog", tmp_path / "space.catalog"),
        *("--out", tmp_path / "same.catalog"),
    )
    assert "ShelfLens did not write it" in err, "a catalog is no delta to write over"


def test_a_tensor_of_a_later_version_travels_along(tmp_path: Path) -> None:
    """A delta does not need to know what a table means."""
    base = made(tmp_path / "a.catalog", 1, 20)
    made(tmp_path / "plain.catalog", 2, 20)
    tensors, metadata = read_container(tmp_path / "plain.catalog")
    frame = ("format", "version", "fingerprint")
    kept = {k: v for k, v in metadata.items() if k not in frame and not k.startswith("crc32.")}
    extra = {"later": np.arange(12, dtype=np.float32).reshape(3, 4)}
    write_container(tmp_path / "b.catalog", {**tensors, **extra}, {**kept, "later": "text"})
    result = Catalog.open(tmp_path / "b.catalog")
    save_delta(diff(base, result), base, tmp_path / "d.delta")
    apply(tmp_path / "a.catalog", tmp_path / "d.delta")
    assert (tmp_path / "a.catalog").read_bytes() == (tmp_path / "b.catalog").read_bytes()


def test_merge_keeps_both(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(8, 16)).astype(np.float32)
    first = Catalog(
        ["milk", "tea", "tea"],
        rows[:3],
        space="s",
        attributes={"tea": {"name": "Tea", "price": "1"}},
        calibration=Calibration(threshold=0.7),
    )
    second = Catalog(
        ["soap", "tea", "tea"],
        np.stack([rows[3], rows[2], rows[4]]),
        space="s",
        attributes={"tea": {"price": "2", "brand": "B"}, "soap": {"name": "Soap"}},
    )
    first, _ = confirm(first, "tea", rows[5])
    second, _ = confirm(second, "tea", rows[4] + rows[6] / 2, limit=1)
    second, _ = confirm(second, "tea", rows[7], limit=1)
    merged = merge(first, second)
    assert merged.ids == ["milk", "tea", "soap"]
    assert merged.attributes["tea"] == {"name": "Tea", "price": "1", "brand": "B"}
    assert merged.attributes["soap"] == {"name": "Soap"}
    assert merged.row_count == 7, "a row of both is there once"
    assert merged.calibration == Calibration(threshold=0.7)
    assert merged.provenance.of_rows(7).tolist() == [0, 0, 0, 0, 1, 3, 0]
    assert [(row.number, row.by) for row in merged.provenance.dropped] == [(2, 3)]
    merged.save(tmp_path / "c.catalog")
    Catalog.open(tmp_path / "c.catalog").verify()
    undone, _ = unconfirm(merged, "tea")
    assert undone.provenance.of_rows(7).tolist() == [0, 0, 0, 0, 1, 2, 0], "what it pushed out"
    again = merge(merged, second)
    again.save(tmp_path / "again.catalog")
    assert again.ids == merged.ids
    assert again.provenance.dropped == merged.provenance.dropped
    assert again.row_count == merged.row_count


def test_merge_brings_rows_into_the_adaptation_of_the_first(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(6, 16)).astype(np.float32)
    matrix = np.diag(np.linspace(0.5, 1.5, 16))
    first = Catalog(["milk", "tea"], rows[:2], space="s", adaptation=Adaptation.of(matrix, rank=4))
    second = Catalog(["soap"], rows[2:3], space="s", adaptation=Adaptation.of(matrix[::-1, ::-1]))
    merged = merge(first, second)
    merged.save(tmp_path / "c.catalog")
    opened = Catalog.open(tmp_path / "c.catalog")
    assert opened.adaptation.tensors().keys() == first.adaptation.tensors().keys()
    for row, product in zip(rows, ("milk", "tea", "soap"), strict=False):
        best = opened.match(row)[0]
        assert best.id == product
        assert best.score == pytest.approx(1.0, abs=0.002)
    plain = Catalog(["soap"], rows[2:3], space="s")
    assert merge(first, plain).match(rows[2])[0].score == pytest.approx(1.0, abs=0.002)
    assert merge(plain, first).match(rows[1])[0].score == pytest.approx(1.0, abs=0.002)


def test_merge_of_two_spaces_is_refused(run: Run, tmp_path: Path) -> None:
    Catalog(["a"], np.ones((1, 8), np.float32), space="s").save(tmp_path / "a.catalog")
    Catalog(["a"], np.ones((1, 8), np.float32), space="t").save(tmp_path / "b.catalog")
    words = ("catalog", "merge", tmp_path / "a.catalog", tmp_path / "b.catalog")
    status, _, err = run(*words, "--out", tmp_path / "c.catalog")
    assert status == 1
    assert "rows of two models cannot be compared" in err
    assert not (tmp_path / "c.catalog").exists()
    with pytest.raises(SpaceError):
        merge(*(Catalog(["a"], np.ones((1, dim), np.float32), space="s") for dim in (8, 9)))
    status, _, err = run(*words, "--out", tmp_path / "a.catalog")
    assert "is read by this command" in err


def test_a_catalog_in_memory_has_no_delta(tmp_path: Path) -> None:
    base = made(tmp_path / "a.catalog", 1, 20)
    with pytest.raises(CatalogError, match="save the catalog first"):
        diff(base, base.remove([base.ids[0]]))
