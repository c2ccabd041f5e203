"""Catalogs that were adapted to their shop: the matrix, enrolment, and everything that asks."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from shelflens import (
    Catalog,
    CatalogError,
    Dataset,
    Embedder,
    build_catalog,
    read_dataset,
)
from shelflens.catalog import enrol
from shelflens.catalog.adapt import LeftOut, views
from shelflens.catalog.adaptation import MAX_REDUCTION, RANK, Adaptation
from shelflens.catalog.confirm import confirm, unconfirm
from shelflens.catalog.enrol import (
    OWN_SIMILARITY,
    Verdict,
    adapted_rows,
    enrolled_already,
    with_views,
)
from shelflens.catalog.fuse import fuse
from shelflens.catalog.install import install
from shelflens.catalog.lock import opened_to_change
from shelflens.dataset import LabelledImage
from shelflens.discovery.similar import similar
from shelflens.model.embedder import BUNDLED_MODEL

Run = Callable[..., tuple[int, str, str]]
Floats = NDArray[np.float32]
DEMO = BUNDLED_MODEL.parent / "demo"


def _unit(rows: NDArray[np.floating]) -> Floats:
    made: Floats = (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)
    return made


def _matrix(seed: int, dim: int) -> NDArray[np.float64]:
    """Symmetric, with eigenvalues from 0.05 to 1."""
    rng = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(rng.normal(size=(dim, dim)))
    made: NDArray[np.float64] = basis * rng.uniform(0.05, 1, dim) @ basis.T
    return made


IDS = [f"p{n}" for n in range(12)] + [f"p{n}" for n in range(0, 12, 2)]


def _enrolled(seed: int, dim: int = 24) -> Floats:
    return _unit(np.random.default_rng(seed).normal(size=(len(IDS), dim)))


def _store(seed: int = 0, dim: int = 24, *, adapt: bool = True) -> tuple[Catalog, Floats]:
    """A catalog of 12 products, every second one with two rows, and embeddings to ask with."""
    rng, rows = np.random.default_rng(seed + 99), _enrolled(seed, dim)
    adaptation = Adaptation.of(_matrix(seed, dim)) if adapt else None
    queries = _unit(rows[:8] + 0.5 * _unit(rng.normal(size=(8, dim))))
    return Catalog(IDS, rows, space="s", adaptation=adaptation), queries


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10_000), dim=st.integers(2, 70))
def test_what_is_applied_can_be_undone_and_read_again(seed: int, dim: int) -> None:
    made = Adaptation.of(_matrix(seed, dim))
    vectors = _unit(np.random.default_rng(seed + 1).normal(size=(5, dim)))
    turned = made.applied(vectors)
    assert np.linalg.norm(turned, axis=1) == pytest.approx(1, abs=1e-5)
    assert made.undone(turned) == pytest.approx(vectors, abs=1e-3)
    assert len(made.axes) <= RANK
    if made:
        read = Adaptation.read(made.tensors(), dim)
        assert np.array_equal(read.applied(vectors), turned)


def test_the_adaptation_is_the_matrix_with_its_weakest_directions() -> None:
    """Of as many dimensions as twice the rank all directions below the mean of the rest stay."""
    strengths = np.r_[np.linspace(0.3, 0.8, 10), np.ones(30)]
    basis, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(40, 40)))
    matrix = basis * strengths @ basis.T
    vectors = _unit(np.random.default_rng(4).normal(size=(20, 40)))
    made = Adaptation.of(3 * matrix)
    assert len(made.axes) == 10
    assert made.applied(vectors) == pytest.approx(_unit(vectors @ matrix), abs=0.01)


def test_a_matrix_that_shortens_nothing_is_no_adaptation() -> None:
    made = Adaptation.of(np.eye(32) * 7)
    assert not made
    assert not made.tensors()
    vectors = _unit(np.random.default_rng(0).normal(size=(3, 32)))
    assert np.array_equal(made.applied(vectors), vectors)
    assert np.array_equal(made.undone(vectors), vectors)


def test_reductions_stay_below_what_a_reader_takes() -> None:
    made = Adaptation.of(np.diag(np.r_[np.full(16, 1e-9), np.ones(16)]))
    wide = made.axes * made.scales[:, np.newaxis]
    assert np.abs(wide @ wide.T).sum(axis=1).max() <= MAX_REDUCTION
    assert Adaptation.read(made.tensors(), 32)


@pytest.mark.parametrize("seed", range(4))
def test_a_catalog_answers_as_adapted_embeddings_do(seed: int, tmp_path: Path) -> None:
    """By hand: rows and queries multiplied before a plain catalog sees them."""
    catalog, queries = _store(seed)
    turn = catalog.adaptation.applied
    by_hand = Catalog(IDS, turn(_enrolled(seed)), space="s")
    catalog.save(tmp_path / "a.catalog")
    opened = Catalog.open(tmp_path / "a.catalog")
    for asked in (catalog, opened):
        for query in queries:
            wanted = by_hand.match(turn(query[np.newaxis])[0], 5)
            found = asked.match(query * 3, 5)
            assert [match.id for match in found] == [match.id for match in wanted]
            scores = [match.score for match in found]
            assert scores == pytest.approx([match.score for match in wanted], abs=1e-5)
            assert all(-1 <= score <= 1 + 1e-6 for score in scores)
            assert asked.answer(query, 3).matches[0].id == wanted[0].id
        assert [m.id for m in asked.match_many(queries, 1)[0]] == [asked.match(queries[0], 1)[0].id]
    mean = _unit(queries[:3].mean(axis=0, dtype=np.float64))
    assert fuse(opened, queries[:3]).matches[0].id == opened.match(mean, 1)[0].id
    assert [m.id for m in similar(opened, queries[0], k=3)] == [
        m.id for m in similar(by_hand, turn(queries[:1])[0], k=3)
    ]
    assert [m.id for m in similar(opened, "p3", k=3)] == [m.id for m in similar(by_hand, "p3", k=3)]


def test_every_writer_keeps_the_adaptation(tmp_path: Path) -> None:
    catalog, queries = _store()
    path = tmp_path / "store.catalog"
    catalog.save(path)
    wanted = catalog.adaptation.tensors()
    with opened_to_change(path) as opened:
        grown = opened.add(["new"], queries[:1])
        grown.save(path)
    grown = Catalog.open(path)
    assert grown.match(queries[0], 1)[0].id == "new"
    assert grown.match(queries[0], 1)[0].score == pytest.approx(1, abs=1e-4)
    more, done = confirm(grown, "p5", queries[5])
    assert done.kept
    row = more.rows_of(more.index_of("p5"))[-1]
    assert more.vectors[row] @ more.queries([queries[5]])[0] > 0.999
    more.save(path)
    less, _ = unconfirm(Catalog.open(path), "p5")
    less.save(tmp_path / "undone.catalog")
    assert np.array_equal(less.vectors, grown.vectors)
    smaller = Catalog.open(path).remove(["p1"]).with_calibration(catalog.calibration)
    smaller.save(path)
    install(path, tmp_path / "used.catalog")
    for name in ("store", "undone", "used"):
        opened = Catalog.open(tmp_path / f"{name}.catalog")
        for key, tensor in wanted.items():
            assert np.array_equal(np.asarray(opened.contents.tensors()[key]), tensor)
        assert opened.contents.version == 2


def test_the_format_number_is_the_lowest_that_holds_the_catalog(tmp_path: Path) -> None:
    """A reader of format 1 says that it must be upgraded, in place of wrong answers."""
    for adapt, version in ((False, b'"version":"1"'), (True, b'"version":"2"')):
        path = tmp_path / f"{adapt}.catalog"
        _store(adapt=adapt)[0].save(path)
        assert version in path.read_bytes()


def test_queries_of_another_shape_are_refused() -> None:
    catalog, _ = _store()
    for wrong in (np.zeros(24), np.ones(23), np.full(24, np.nan)):
        with pytest.raises(CatalogError, match="query"):
            catalog.queries([wrong.astype(np.float32)])
    assert catalog.queries([]).shape == (0, 24)
    assert catalog.match_many([]) == []


class ColourEmbedder:
    """Embeds a picture by its mean colours in a grid; views of it scatter as they are lit."""

    def __init__(self, similarity: float = 0.0) -> None:
        self.card = SimpleNamespace(space="colours", dim=48, calibration={}, category_axes={})
        self.similarity = similarity

    def load(self, photo: Any) -> NDArray[np.uint8]:
        """uint8 [32, 32, 3]."""
        if isinstance(photo, np.ndarray):
            return photo
        return np.asarray(Image.open(photo).convert("RGB").resize((32, 32)))

    def embed_many(
        self, photos: Sequence[Any], *, on_error: Any = None, on_done: Any = None
    ) -> tuple[NDArray[np.int64], Floats]:
        """float32 [n, 48], length 1; with `similarity` drawn towards one vector."""
        pixels = np.stack([self.load(photo) for photo in photos]).astype(np.float64)
        grid = pixels.reshape(len(photos), 4, 8, 4, 8, 3).mean(axis=(2, 4)).reshape(-1, 48)
        rows = grid - grid.mean(axis=1, keepdims=True) + 1e-3
        return np.arange(len(photos)), _unit(_unit(rows) + self.similarity)


def _embedder(similarity: float = 0.0) -> Embedder:
    return cast(Embedder, ColourEmbedder(similarity))


def _pictures(count: int, seed: int = 0) -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 255, (count, 4, 4, 3), dtype=np.uint8)
    return [np.kron(picture, np.ones((8, 8, 1), np.uint8)) for picture in small]


def test_products_with_few_images_are_enrolled_with_their_views() -> None:
    pictures, products = _pictures(6), ["a", "b", "b", "c", "c", "c"]
    vectors = _embedder().embed_many(pictures)[1]
    steps: list[tuple[str, int, int]] = []
    rows = with_views(
        pictures, vectors, products, _embedder(), on_step=lambda *step: steps.append(step)
    )
    seen = _embedder().embed_many([*views(pictures[1])])[1]
    mean, own = _unit(vectors[1] + seen.sum(axis=0)), vectors[1]
    assert own @ mean < OWN_SIMILARITY, "these views are unlike the image"
    assert rows[1] @ own == pytest.approx(OWN_SIMILARITY, abs=1e-5)
    away = _unit(mean - (own @ mean) * own)
    assert rows[1] @ away == pytest.approx(np.sqrt(1 - OWN_SIMILARITY**2), abs=1e-5)
    assert (np.abs(rows[:3] - vectors[:3]).max(axis=1) > 0.01).all()
    assert np.array_equal(rows[3:], vectors[3:])
    assert steps[-1] == ("views", 3, 3)


def test_a_model_that_sees_through_all_views_is_left_as_it_is() -> None:
    pictures = _pictures(10)
    for similarity, adapted in ((0.0, True), (3.0, False)):
        embedder = _embedder(similarity)
        vectors = embedder.embed_many(pictures)[1]
        rows, adaptation, verdict = adapted_rows(pictures, vectors, list("abcdefghij"), embedder)
        assert verdict.adapted is adapted is bool(adaptation)
        assert np.array_equal(rows, vectors) is not adapted
        assert verdict.left_out.asked == 0


@pytest.mark.parametrize("similarity", [0.0, 3.0])
@pytest.mark.parametrize("adapted", [30, 70])
def test_left_out_images_decide_where_the_ways_differ(
    adapted: int, similarity: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = _pictures(24)
    products = [str(n // 2) for n in range(24)]
    embedder = _embedder(similarity)
    vectors = embedder.embed_many(pictures)[1]
    for changed, decides in ((81, True), (900, False)):
        left_out = LeftOut(1000, 50, adapted, changed)
        monkeypatch.setattr(enrol, "left_out_recall", lambda *_, given=left_out: given)
        verdict = adapted_rows(pictures, vectors, products, embedder)[2]
        assert verdict.adapted is (adapted > 50 if decides else similarity == 0)
        assert str(verdict).startswith("adapted" if verdict.adapted else "not adapted")
        assert ("similarity" in str(verdict)) is not decides


@pytest.mark.parametrize("shop", ["one", "flat", "duplicates", "fifty"])
def test_odd_shops_build_and_answer(shop: str, tmp_path: Path) -> None:
    pictures = {
        "one": _pictures(1),
        "flat": [*_pictures(3), np.full((32, 32, 3), 90, np.uint8)],
        "duplicates": [*_pictures(4), *_pictures(4)],
        "fifty": _pictures(52),
    }[shop]
    paths = []
    for number, picture in enumerate(pictures):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(picture).save(paths[-1])
    products = [f"p{min(n, 2) if shop == 'fifty' else n % 4}" for n in range(len(pictures))]
    items = [LabelledImage(*pair) for pair in zip(paths, products, strict=True)]
    verdicts: list[Verdict] = []
    catalog = build_catalog(Dataset(items), _embedder(), on_verdict=verdicts.append)
    assert len(verdicts) == 1
    assert catalog.row_count == len(pictures)
    assert np.isfinite(catalog.vectors).all()
    queries = _embedder().embed_many(pictures)[1]
    found = [catalog.match(query, 1)[0].id for query in queries]
    assert np.mean([a == b for a, b in zip(found, products, strict=True)]) >= 0.75
    again = build_catalog(Dataset(items), _embedder())
    assert np.array_equal(again.vectors, catalog.vectors)


def test_an_enrolled_image_is_known_again() -> None:
    pictures, products = _pictures(60), [f"p{n}" for n in range(60)]
    vectors = _embedder().embed_many(pictures)[1]
    rows, adaptation, _ = adapted_rows(pictures, vectors, products, _embedder())
    catalog = Catalog(products, rows, space="colours", adaptation=adaptation)
    assert enrolled_already(catalog, pictures, vectors, _embedder()).all()
    unknown = _pictures(20, seed=9)
    asked = [*unknown, *pictures[:2]]
    same = enrolled_already(catalog, asked, _embedder().embed_many(asked)[1], _embedder())
    assert same.tolist() == [False] * 20 + [True] * 2
    plain = Catalog(products, vectors, space="colours")
    assert not enrolled_already(plain, pictures, vectors, _embedder()).any()


def test_build_says_what_was_decided_and_add_gives_the_same_rows(run: Run, tmp_path: Path) -> None:
    store, off = tmp_path / "store.catalog", tmp_path / "off.catalog"
    status, out, _ = run("catalog", "build", DEMO / "studio.csv", "--out", store)
    assert status == 0
    assert "; adapted to these images (similarity of views 0.8" in out
    status, out, _ = run("catalog", "build", DEMO / "studio.csv", "--out", off, "--adapt", "off")
    assert (status, "adapted" in out) == (0, False)
    _, info, _ = run("catalog", "info", store, "--json")
    assert json.loads(info)["adapted"] is True
    whole = Catalog.open(store)
    _, out, _ = run("catalog", "add", store, DEMO / "studio.csv")
    assert f"0 images added, {whole.row_count} were there already" in out
    run("catalog", "remove", store, whole.ids[-1])
    run("catalog", "add", store, DEMO / "studio.csv")
    again = Catalog.open(store)
    assert np.array_equal(again.vectors, whole.vectors)


def test_a_profile_keeps_vectors_of_the_model_s_space(run: Run, tmp_path: Path) -> None:
    """They are compared with other catalogs of that space too."""
    from shelflens.discovery.profile import Profile

    embedder, studio = Embedder.open(), read_dataset(DEMO / "studio.csv")
    few = Dataset(studio.items[:8])
    catalog = build_catalog(few, embedder)
    assert catalog.adaptation
    path, profile = tmp_path / "few.catalog", tmp_path / "customer.profile"
    catalog.save(path)
    product = catalog.ids[3]
    assert run("profile", "log", profile, "--catalog", path, "--like", product)[0] == 0
    with Profile(profile) as opened:
        vector = opened.events()[0].vector
    assert catalog.match(vector, 1)[0].id == product
    assert catalog.match(vector, 1)[0].score > 0.999
    assert vector @ embedder.embed(few.items[3].path) > 0.8
