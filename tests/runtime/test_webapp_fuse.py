"""Several photos fused in JavaScript give the answers of `shelflens.catalog.fuse`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shelflens import Catalog
from shelflens.catalog.fuse import fuse
from tests.runtime.test_webapp_js import JS, node, random_catalog

pytestmark = pytest.mark.browser

FUSE = f"""
import {{ Catalog }} from "{JS}/catalog.js";
import {{ fuse }} from "{JS}/fuse.js";
const catalog = new Catalog(whole(given.path));
const named = ({{ index, score, probability }}) => [catalog.product(index).id, score, probability];
out = given.photos.map((vectors) => {{
  try {{
    const answer = fuse(catalog, vectors.map((vector) => Float32Array.from(vector)), 4);
    const {{ decision, confidence, unknownProbability, matches, candidates }} = answer;
    return {{ decision, confidence, unknownProbability, matches: matches.map(named),
      candidates: candidates.map(named) }};
  }} catch (error) {{ return {{ refused: error.message }}; }}
}});
"""


def photos_of(catalog: Catalog, rng: np.random.Generator) -> list[list[list[float]]]:
    """One to five photos near a product, and photos of nothing in common."""
    groups = []
    for count in (1, 2, 3, 5):
        for spread in (0.05, 0.3, 2.0):
            centre = catalog.mean_direction(int(rng.integers(len(catalog))))
            longer = 5 * catalog.space.startswith("short")
            centre = np.pad(centre, (0, longer), constant_values=0.1)
            vectors = centre + rng.normal(size=(count, catalog.dim + longer)) * spread
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            groups.append(vectors.astype(np.float32).tolist())
    return groups


@pytest.mark.parametrize("seed", range(6))
def test_the_same_answer_as_python(seed: int, tmp_path: Path) -> None:
    random_catalog(seed).save(tmp_path / "store.catalog")
    catalog = Catalog.open(tmp_path / "store.catalog")
    groups = photos_of(catalog, np.random.default_rng(seed))
    got = node(FUSE, {"path": str(tmp_path / "store.catalog"), "photos": groups})
    for vectors, answer in zip(groups, got, strict=True):
        compare(answer, catalog, np.array(vectors, np.float32))


def compare(answer: dict[str, Any], catalog: Catalog, vectors: Any) -> None:
    """Scores within 1e-5, what follows from them within 1e-3; near a border either decision."""
    expected = fuse(catalog, vectors, 4)
    assert answer["confidence"] == pytest.approx(expected.confidence, abs=1e-3)
    border = min(abs(expected.confidence - 0.95), abs(answer["unknownProbability"] - 0.5))
    assert answer["decision"] == expected.decision or border < 1e-3
    scores = [match[1] for match in answer["matches"]]
    assert scores == pytest.approx([match.score for match in expected.matches], abs=1e-5)
    for (name, score, _), match in zip(answer["matches"], expected.matches, strict=True):
        tied = np.isclose([m.score for m in expected.matches], score, atol=1e-5).sum() > 1
        assert name == match.id or tied


def test_photos_that_point_in_opposite_directions_are_refused(tmp_path: Path) -> None:
    random_catalog(1).save(tmp_path / "store.catalog")
    dim = Catalog.open(tmp_path / "store.catalog").dim
    vector = np.eye(dim, dtype=np.float32)[0]
    groups = [[vector.tolist(), (-vector).tolist()]]
    (got,) = node(FUSE, {"path": str(tmp_path / "store.catalog"), "photos": groups})
    assert got == {
        "refused": "The photos do not show the same thing. Start again with one of them."
    }
