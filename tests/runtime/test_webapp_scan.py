"""The web app's scan kernel: made by its source, and the best are those of all scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shelflens import Catalog
from shelflens.webapp.kernel import TARGET, script
from tests.runtime.test_webapp_js import JS, node


def test_the_kernel_is_what_its_source_makes() -> None:
    assert TARGET.read_text(encoding="utf-8") == script()


SCAN = f"""
import {{ Catalog }} from "{JS}/catalog.js";
import {{ best }} from "{JS}/vectors.js";
out = given.map(({{ path, queries, k }}) => {{
  const catalog = new Catalog(whole(path));
  const asked = queries.map((query) => Float32Array.from(query));
  const exact = asked.map((query) => best(catalog.scores(query), k));
  const kernel = catalog.scan !== null;
  const near = asked.map((query) => catalog.nearest(query, k));
  return {{ kernel, exact, near }};
}});
"""


@pytest.mark.browser
def test_the_best_are_those_of_all_scores(tmp_path: Path) -> None:
    """Whatever the dimension, with equal rows, opposite ones, and queries that are rows."""
    rng = np.random.default_rng(0)
    given = []
    for dim in (1, 7, 16, 63, 128, 256, 1000):
        owners = np.sort(rng.integers(0, 1500, 2500))
        vectors = rng.normal(size=(2500, dim)).astype(np.float32)
        vectors[::9] = vectors[1]
        vectors[5::50] *= -1
        path = tmp_path / f"{dim}.catalog"
        Catalog([f"p{owner}" for owner in owners], vectors, space="plain").save(path)
        queries = [*rng.normal(size=(4, dim)), vectors[1], vectors[77], np.eye(dim)[0]]
        units = [(query / np.linalg.norm(query)).tolist() for query in queries]
        given.append({"path": str(path), "queries": units, "k": 10})
    for case, got in zip(given, node(SCAN, given), strict=True):
        assert got["kernel"], case["path"]
        assert got["near"] == got["exact"], case["path"]
