"""Catalogs whose rows are the first numbers of embeddings: built, asked, changed, kept apart."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shelflens import Catalog, CatalogError, Embedder, SpaceError, build_catalog, read_dataset
from shelflens.catalog.adaptation import Adaptation
from shelflens.catalog.apply import apply
from shelflens.catalog.category_axes import CategoryAxes
from shelflens.catalog.confirm import confirm, unconfirm
from shelflens.catalog.diff import diff, save_delta
from shelflens.catalog.enrol import enrolled_already
from shelflens.catalog.fuse import fuse
from shelflens.catalog.merge import merge
from shelflens.catalog.nearest import unit_queries
from shelflens.catalog.prefix import prefix, prefix_dim, prefix_space
from shelflens.catalog.reload import Reloader
from shelflens.discovery.profile import Profile
from shelflens.discovery.recommend import recommend
from shelflens.discovery.similar import similar
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens.serve.enrolled_photos import rows_of
from shelflens.serve.uploads import Upload
from shelflens.serve.worker_pool import Resources
from shelflens.vectors.export import export_parquet
from shelflens.vectors.gather import gather

Run = Callable[..., tuple[int, str, str]]
Floats = NDArray[np.float32]
DEMO = BUNDLED_MODEL.parent / "demo"
WHOLE, DIM, SPACE = 24, 16, "model-1"
IDS = [f"p{n}" for n in range(12)] + [f"p{n}" for n in range(0, 12, 2)]


def _vectors(seed: int, count: int) -> Floats:
    """Embeddings of the model, of any length."""
    return np.random.default_rng(seed).normal(size=(count, WHOLE)).astype(np.float32)


def _store(seed: int = 0, dim: int = DIM, *, adapt: bool = False) -> Catalog:
    """Of the first numbers of embeddings; of all where `dim` is their length."""
    shrink = np.diag(np.linspace(0.2, 1, dim))
    return Catalog(
        IDS,
        prefix(_vectors(seed, len(IDS)), dim),
        space=SPACE if dim == WHOLE else prefix_space(SPACE, dim),
        attributes={"p1": {"name": "One"}},
        category_axes=CategoryAxes.of(np.random.default_rng(1).normal(size=(2, dim))),
        adaptation=Adaptation.of(shrink) if adapt else None,
    )


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), dim=st.integers(2, WHOLE - 1), adapt=st.booleans())
def test_an_embedding_is_cut_wherever_it_is_asked(seed: int, dim: int, adapt: bool) -> None:
    catalog, queries = _store(seed, dim, adapt=adapt), _vectors(seed + 1, 4)
    cut = prefix(queries, dim)
    assert np.allclose(np.linalg.norm(cut, axis=1), 1, atol=1e-5)
    assert np.allclose(catalog.queries(queries), catalog.queries(cut), atol=1e-6)
    for whole, short in zip(queries, cut, strict=True):
        asked, expected = catalog.answer(whole), catalog.answer(short)
        assert asked.decision == expected.decision
        assert asked.confidence == pytest.approx(expected.confidence, abs=1e-5)
    fused, expected = fuse(catalog, queries), fuse(catalog, cut)
    assert fused.confidence == pytest.approx(expected.confidence, abs=1e-5)
    found = [match.id for match in similar(catalog, queries[0], k=4)]
    assert found == [match.id for match in similar(catalog, cut[0], k=4)]


def test_what_is_added_or_confirmed_is_cut(tmp_path: Path) -> None:
    catalog, (photo, further) = _store(adapt=True), _vectors(5, 2)
    grown, done = confirm(catalog, "p3", photo)
    assert done.kept
    assert grown.match(photo, 1)[0].score == pytest.approx(1, abs=0.15), "p3 has another row"
    back, _ = unconfirm(grown, "p3")
    for made, to in ((catalog, "before"), (grown, "grown"), (back, "back")):
        made.save(tmp_path / f"{to}.catalog")
    before, again = tmp_path / "before.catalog", tmp_path / "back.catalog"
    assert again.read_bytes() == before.read_bytes()
    added = catalog.add(["new"], further[np.newaxis])
    assert added.dim == DIM
    assert added.match(further, 1)[0].id == "new"
    assert added.match(further, 1)[0].score == pytest.approx(1, abs=1e-3)
    assert catalog.add(["new"], prefix(further[np.newaxis], DIM)).vectors == pytest.approx(
        added.vectors
    )
    assert added.add(["new"], further[np.newaxis]).row_count == added.row_count, "there already"


@pytest.mark.parametrize("length", [DIM - 1, 0])
def test_what_is_too_short_is_refused(length: int) -> None:
    with pytest.raises(CatalogError, match="expected float32"):
        _store().match(np.ones(length, np.float32))


def test_numbers_behind_the_first_are_no_direction() -> None:
    empty = np.zeros(WHOLE, np.float32)
    empty[DIM:] = 1
    with pytest.raises(CatalogError, match="not all zero"):
        _store().match(empty)
    with pytest.raises(CatalogError, match="zero"):
        _store().add(["new"], empty[np.newaxis])


def test_only_the_model_of_the_longer_space_is_accepted() -> None:
    short, whole = _store(), _store(dim=WHOLE)
    short.require(SPACE)
    short.require(prefix_space(SPACE, DIM))
    for catalog, space in (
        (short, "model-2"),
        (short, prefix_space(SPACE, DIM + 1)),
        (whole, prefix_space(SPACE, DIM)),
        (whole, prefix_space(SPACE, WHOLE)),
    ):
        with pytest.raises(SpaceError, match=space):
            catalog.require(space)
    with pytest.raises(CatalogError, match=f"expected float32 .{WHOLE}."):
        whole.match(np.ones(WHOLE + 1, np.float32))


@pytest.mark.parametrize(
    ("space", "dim"),
    [("model-1:16", 16), ("model-1", None), ("model-1:", None), ("model-1:x", None),
     ("model-1:016", None), ("model-1:" + "9" * 5000, None), ("model-2:16", None),
     ("model-1:16:8", None), ("model-1:١٦", None)],
)  # fmt: skip
def test_the_space_says_the_length(space: str, dim: int | None) -> None:
    assert prefix_dim(space, SPACE) == dim


def test_two_lengths_are_never_mixed(tmp_path: Path) -> None:
    paths = [tmp_path / f"{dim}.catalog" for dim in (DIM, WHOLE)]
    short, whole = _store(), _store(dim=WHOLE)
    for catalog, path in zip((short, whole), paths, strict=True):
        catalog.save(path)
        export_parquet(catalog, path.with_suffix(".parquet"))
    for first, second in ((short, whole), (whole, short)):
        with pytest.raises(SpaceError, match=f"{SPACE}:{DIM}"):
            merge(first, second)
    with pytest.raises(SpaceError, match=f"{SPACE}:{DIM}"):
        diff(Catalog.open(paths[0]), Catalog.open(paths[1]))
    with pytest.raises(SpaceError, match=f"{SPACE}:{DIM}"):
        gather([path.with_suffix(".parquet") for path in paths])


def test_two_of_one_length_are_merged_and_travel(tmp_path: Path) -> None:
    first, second = _store(), _store(3, adapt=True).add(["new"], _vectors(8, 1))
    both = merge(first, second)
    assert (both.space, both.dim, len(both)) == (f"{SPACE}:{DIM}", DIM, 13)
    assert both.match(_vectors(8, 1)[0], 1)[0].id == "new"
    store, rows = tmp_path / "store.catalog", tmp_path / "rows.parquet"
    first.save(store)
    both.save(tmp_path / "both.catalog")
    opened = Catalog.open(tmp_path / "both.catalog")
    base = Catalog.open(store)
    save_delta(diff(base, opened), base, tmp_path / "d.delta")
    assert apply(store, tmp_path / "d.delta").fingerprint == opened.fingerprint
    export_parquet(opened, rows)
    gather([rows]).save(tmp_path / "again.catalog")
    assert (tmp_path / "again.catalog").read_bytes() == (tmp_path / "both.catalog").read_bytes()


def test_a_profile_goes_with_the_catalog(tmp_path: Path) -> None:
    short, (liked,) = _store(), _vectors(4, 1)
    with Profile(tmp_path / "short.profile", create=True) as profile:
        profile.log("like", short.mean_direction(3), space=short.space, product="p3")
        profile.log("photo", liked, space=SPACE)
        assert profile.space == short.space
        assert {event.vector.shape for event in profile.events()} == {(DIM,)}
        profile.require(short.space)
        with pytest.raises(SpaceError):
            profile.require(SPACE)
        assert recommend(short, profile.events(), k=3).suggestions
    with Profile(tmp_path / "whole.profile", create=True) as profile:
        profile.log("photo", liked, space=SPACE)
        profile.require(short.space)
        assert recommend(short, profile.events(), k=3).suggestions
        with pytest.raises(SpaceError):
            profile.log("like", short.mean_direction(3), space=short.space, product="p3")
        assert len(profile.events()) == 1


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    """The bundled model."""
    return Embedder.open(threads=1)


@pytest.fixture(scope="module")
def short_store(tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> Path:
    """The demo store with 64 numbers per row, adapted."""
    path = tmp_path_factory.mktemp("short") / "store.catalog"
    build_catalog(read_dataset(DEMO / "studio.csv"), embedder, dim=64).save(path)
    return path


def test_a_shop_is_built_with_the_first_numbers(
    short_store: Path, built: Path, embedder: Embedder
) -> None:
    short, whole = Catalog.open(short_store), Catalog.open(built)
    assert (short.dim, short.space) == (64, prefix_space(embedder.card.space, 64))
    assert bool(short.category_axes) == bool(whole.category_axes)
    assert len(short) == len(whole)
    saved = built.stat().st_size - short_store.stat().st_size
    assert saved >= (whole.dim - 64) * whole.row_count
    photos = read_dataset(DEMO / "photos.csv").items[::3]
    vectors = [embedder.embed(photo.path) for photo in photos]
    found = [
        short.match(vector, 1)[0].id == p.product for vector, p in zip(vectors, photos, strict=True)
    ]
    assert np.mean(found) >= 0.7
    assert Reloader(short_store, lambda: embedder).catalog.dim == 64


def test_its_own_images_are_known_again(short_store: Path, embedder: Embedder, run: Run) -> None:
    images = read_dataset(DEMO / "studio.csv").items[:3]
    catalog, paths = Catalog.open(short_store), [image.path for image in images]
    vectors = np.stack([embedder.embed(path) for path in paths])
    assert catalog.adaptation, "else the next line says nothing"
    assert enrolled_already(catalog, paths, vectors, embedder).all()
    assert unit_queries(catalog.contents, vectors).shape == (3, 64)
    status, out, _ = run("catalog", "add", short_store, DEMO / "studio.csv")
    assert (status, out.split(";")[0]) == (
        0,
        f"{short_store}: 0 images added, {catalog.row_count} were there already",
    )


def test_the_edit_page_enrols_what_the_build_enrolled(
    short_store: Path, embedder: Embedder
) -> None:
    catalog, (image, *_) = Catalog.open(short_store), read_dataset(DEMO / "studio.csv").items
    resources = Resources(catalog, embedder, threading.Lock(), threading.Lock())
    rows = rows_of(resources, [Upload(image.path.name, image.path.read_bytes())])
    assert rows.shape == (1, 64)
    assert catalog.add([image.product], rows).row_count == catalog.row_count, "there already"


def test_the_command_builds_and_refuses(tmp_path: Path, run: Run, photo: Path) -> None:
    table, out = tmp_path / "shop.csv", tmp_path / "s.catalog"
    table.write_text(f"path,product\n{photo},milk\n")
    for dim in (8, 257):
        status, _, error = run("catalog", "build", table, "--out", out, "--dim", dim)
        assert status == 1
        assert "--dim: expected 16 to 256" in error
        assert len(error.splitlines()) == 1
        assert not out.exists()
    assert run("catalog", "build", table, "--out", out, "--dim", 32)[0] == 0
    status, text, _ = run("catalog", "info", out, "--json")
    assert json.loads(text)["dim"] == 32
    status, text, _ = run("lookup", photo, "--catalog", out, "--json")
    assert json.loads(text)["matches"][0]["id"] == "milk"
    profile = tmp_path / "me.profile"
    logged = ["--catalog", out, "--like", "milk", "--photo", photo]
    assert run("profile", "log", profile, *logged)[0] == 0
    assert run("profile", "show", profile)[0] == 0
