"""Confirmed photos: bounded, undone to the byte, never lost, and no trouble to older readers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors import safe_open

from shelflens import Catalog, CatalogError
from shelflens.catalog.confirm import confirm, unconfirm
from shelflens.catalog.container import read_container, write_container
from shelflens.catalog.provenance import UNDO_LIMIT


def shop(products: int = 6, dim: int = 12) -> Catalog:
    rows = np.random.default_rng(7).normal(size=(2 * products, dim)).astype(np.float32)
    ids = [f"p{n // 2}" for n in range(2 * products)]
    return Catalog(ids, rows, space="s", attributes={"p1": {"name": "One"}})


def photo(seed: int, dim: int = 12) -> NDArray[np.float32]:
    return np.random.default_rng(1000 + seed).normal(size=dim).astype(np.float32)


def saved(catalog: Catalog, folder: Path) -> bytes:
    catalog.save(folder / "saved.catalog")
    return (folder / "saved.catalog").read_bytes()


def test_a_confirmed_photo_is_found(tmp_path: Path) -> None:
    catalog, done = confirm(shop(), "p3", photo(0))
    assert done.to_dict() == {"id": "p3", "kept": True, "replaced": False, "confirmed": 1}
    catalog.save(tmp_path / "a.catalog")
    best = Catalog.open(tmp_path / "a.catalog").match(photo(0), k=1)[0]
    assert (best.id, round(best.score, 2)) == ("p3", 1.0)
    assert shop().match(photo(0), k=1)[0].score < 0.95


@settings(max_examples=30)
@given(
    acts=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 40)), min_size=1, max_size=25),
    limit=st.integers(1, 4),
)
def test_undo_gives_back_every_byte(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[int, int]], limit: int
) -> None:
    folder = tmp_path_factory.mktemp("undo")
    catalog = shop()
    states = [saved(catalog, folder)]
    done: list[str] = []
    for product, seed in acts:
        catalog, confirmed = confirm(catalog, f"p{product}", photo(seed), limit=limit)
        if confirmed.kept:
            done.append(f"p{product}")
            states.append(saved(catalog, folder))
        assert confirmed.confirmed <= limit
        catalog = Catalog.open(folder / "saved.catalog")
    for last in reversed(done):
        assert saved(catalog, folder) == states.pop()
        catalog, gone = unconfirm(catalog, last)
        assert gone == 1
    assert saved(catalog, folder) == states.pop()


def test_enrolled_images_stay_and_confirmed_ones_are_bounded() -> None:
    catalog = shop()
    for seed in range(30):
        catalog, _ = confirm(catalog, "p2", photo(seed), limit=3)
    rows = catalog.vectors_of(catalog.rows_of(catalog.index_of("p2")))
    assert len(rows) == 2 + 3
    assert np.array_equal(rows[:2], shop().vectors[4:6])
    # The metadata must not grow for ever either.
    assert len(catalog.provenance.dropped) <= UNDO_LIMIT


def test_what_is_seen_already_is_not_kept_again() -> None:
    catalog, _ = confirm(shop(), "p2", photo(0))
    again, done = confirm(catalog, "p2", photo(0) + 0.01)
    assert again is catalog
    assert not done.kept
    same, done = confirm(shop(), "p0", shop().vectors[0])
    assert (same.row_count, done.kept, done.confirmed) == (12, False, 0)


def test_a_wrong_photo_is_the_first_to_go() -> None:
    """Good photos lie around the product; one of another product must not push them out."""
    generator = np.random.default_rng(0)
    centres = np.eye(4, 24, dtype=np.float32)
    catalog = Catalog([f"p{n}" for n in range(4)], centres, space="s")

    def near(product: int) -> NDArray[np.float32]:
        noise = generator.normal(size=24).astype(np.float32)
        vector: NDArray[np.float32] = centres[product] + 0.12 * noise
        return vector

    wrong = near(1)
    for vector in [near(0), wrong, near(0), near(0), near(0), near(0), near(0)]:
        catalog, _ = confirm(catalog, "p0", vector, limit=3)
    rows = catalog.vectors_of(catalog.rows_of(0))
    assert len(rows) == 4
    assert float((rows @ (wrong / np.linalg.norm(wrong))).max()) < 0.9


def test_adding_and_removing_keeps_what_was_confirmed(tmp_path: Path) -> None:
    catalog, _ = confirm(shop(), "p2", photo(0))
    catalog, _ = confirm(catalog, "p4", photo(1))
    catalog = catalog.add(["new", "p2"], np.stack([photo(2), photo(3)])).remove(["p0"])
    catalog.save(tmp_path / "a.catalog")
    opened = Catalog.open(tmp_path / "a.catalog")
    confirmations = opened.provenance.of_rows(opened.row_count)
    confirmed = [opened.row_ids[row] for row in np.flatnonzero(confirmations)]
    assert confirmed == ["p2", "p4"]
    smaller, gone = unconfirm(opened, "p2")
    assert gone == 1
    expected = shop().add(["new", "p2"], np.stack([photo(2), photo(3)])).remove(["p0"])
    back, _ = unconfirm(smaller, "p4")
    assert saved(back, tmp_path) == saved(expected, tmp_path)


def test_all_at_once(tmp_path: Path) -> None:
    catalog = shop()
    for seed in range(9):
        catalog, _ = confirm(catalog, "p2", photo(seed), limit=4)
    back, gone = unconfirm(catalog, "p2", everything=True)
    assert gone == 4
    assert saved(back, tmp_path) == saved(shop(), tmp_path)


def test_the_file_stays_a_catalog_of_format_1(tmp_path: Path) -> None:
    """An older reader takes the five tensors it knows; another library opens the file."""
    catalog = shop()
    for seed in range(5):
        catalog, _ = confirm(catalog, "p2", photo(seed), limit=2)
    catalog.save(tmp_path / "a.catalog")
    with safe_open(tmp_path / "a.catalog", "np") as opened:
        names = set(opened.keys())
        confirmations = opened.get_tensor("confirmed")
        metadata = opened.metadata()
    assert names == {"rows", "scales", "first_row", "first_byte", "products", "confirmed"}
    assert metadata["version"] == "1"
    assert (confirmations > 0).sum() == 2
    assert {row["id"] for row in json.loads(metadata["dropped"])} == {"p2"}
    tensors, metadata = read_container(tmp_path / "a.catalog")
    del tensors["confirmed"]
    plain = {key: metadata[key] for key in ("space", "calibration")}
    write_container(tmp_path / "old.catalog", tensors, plain)
    assert np.array_equal(Catalog.open(tmp_path / "old.catalog").vectors, catalog.vectors)


@pytest.mark.parametrize("damage", ["short", "dtype", "json", "dropped"])
def test_tables_that_do_not_fit_are_refused(tmp_path: Path, damage: str) -> None:
    confirm(shop(), "p2", photo(0))[0].save(tmp_path / "a.catalog")
    tensors, metadata = read_container(tmp_path / "a.catalog")
    metadata = {key: metadata[key] for key in ("space", "calibration")}
    tensors = {name: np.array(tensor) for name, tensor in tensors.items()}
    if damage == "short":
        tensors["confirmed"] = tensors["confirmed"][:-1]
    elif damage == "dtype":
        tensors["confirmed"] = tensors["confirmed"].astype(np.float32)
    else:
        metadata["dropped"] = "{" if damage == "json" else '[{"id": "p2"}]'
    write_container(tmp_path / "b.catalog", tensors, metadata)
    with pytest.raises(CatalogError, match="build it again"):
        Catalog.open(tmp_path / "b.catalog")


def test_refusals() -> None:
    with pytest.raises(CatalogError, match="no product 'nope'"):
        confirm(shop(), "nope", photo(0))
    with pytest.raises(CatalogError, match="at least 1"):
        confirm(shop(), "p2", photo(0), limit=0)
    with pytest.raises(CatalogError, match="expected float32"):
        confirm(shop(), "p2", photo(0, dim=5))
    with pytest.raises(CatalogError, match="no confirmed photo"):
        unconfirm(shop(), "p2")
