"""A catalog changed by the web app is the file that Python writes for the same vectors."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from shelflens import Catalog
from shelflens.catalog.confirm import MAX_CONFIRMED, confirm
from tests.runtime.test_webapp_js import JS, node, random_catalog

pytestmark = pytest.mark.browser

CHANGE = f"""
import {{ CatalogFile }} from "{JS}/catalog_file.js";
out = given.map(({{ path, edits }}) => {{
  const file = new CatalogFile(whole(path));
  const steps = [];
  for (const {{ act, id, vectors, texts }} of edits) {{
    const rows = vectors.map((vector) => Float32Array.from(vector));
    if (act === "add") file.add(id, rows, texts);
    if (act === "confirm") file.confirm(id, rows[0]);
    if (act === "describe") file.describe(id, texts);
    if (act === "remove") file.remove(id);
    steps.push(Buffer.from(file.write()).toString("base64"));
  }}
  return steps;
}});
"""

Vectors = NDArray[np.float32]


def changed(catalog: Catalog, edit: dict[str, Any]) -> Catalog:
    """The same change by Python."""
    product, texts = edit["id"], dict(edit["texts"])
    vectors = np.array(edit["vectors"], np.float32)
    if edit["act"] == "add":
        return catalog.add([product] * len(vectors), vectors, attributes={product: texts})
    if edit["act"] == "confirm":
        return confirm(catalog, product, vectors[0])[0]
    if edit["act"] == "remove":
        return catalog.remove([product])
    before = catalog.attributes[product]
    merged = {key: text for key, text in {**before, **texts}.items() if text}
    return catalog.with_contents(catalog.contents.described({product: merged}))


def random_edits(catalog: Catalog, seed: int, count: int = 14) -> list[dict[str, Any]]:
    """Changes that fit one another: of known products, of new ones, and of what was added."""
    rng = np.random.default_rng(seed)
    ids, edits = list(catalog.ids), []

    def vectors(near: str, number: int) -> list[list[float]]:
        longer = 5 * catalog.space.startswith("short")
        made = rng.normal(size=(number, catalog.dim + longer)) * 0.6
        if near in catalog.ids:
            made[:, : catalog.dim] += catalog.mean_direction(catalog.ids.index(near))
        made = made / np.linalg.norm(made, axis=1, keepdims=True)
        rows: list[list[float]] = made.astype(np.float32).tolist()
        return rows

    for number in range(count):
        act = str(rng.choice(["add", "confirm", "confirm", "confirm", "describe", "remove"]))
        product = str(rng.choice(ids))
        if act == "add" and rng.random() < 0.6:
            product = f"neu {number}/ö “{seed}” 😀"
            ids.append(product)
        if act == "remove":
            if len(ids) < 2:
                continue
            ids.remove(product)
        texts = [["name", f"N\x7f {number} ü\u2028"], ["7", "x"], ["1", ""], ["größe", '"\\']]
        size = int(rng.integers(1, 4))
        edits.append({"act": act, "id": product, "texts": texts, "vectors": vectors(product, size)})
    return edits


def compare(
    tmp_path: Path, catalogs: dict[Path, Catalog], edits: list[list[dict[str, Any]]]
) -> int:
    """Compare the file after every change."""
    given = [{"path": str(path), "edits": own} for path, own in zip(catalogs, edits, strict=True)]
    compared, file = 0, tmp_path / "python.catalog"
    for path, own, steps in zip(catalogs, edits, node(CHANGE, given), strict=True):
        catalog = Catalog.open(path)
        for edit, step in zip(own, steps, strict=True):
            changed(catalog, edit).save(file)
            data = base64.b64decode(step)
            assert data == file.read_bytes(), (path.name, edit["act"], edit["id"])
            compared += 1
            catalog = Catalog.open(file)
    return compared


def test_every_change_gives_the_bytes_of_python(tmp_path: Path) -> None:
    catalogs = {tmp_path / f"{seed}.catalog": random_catalog(seed) for seed in range(60)}
    for path, catalog in catalogs.items():
        catalog.save(path)
    edits = [random_edits(catalog, seed) for seed, catalog in enumerate(catalogs.values())]
    assert compare(tmp_path, catalogs, edits) > 600
    assert {edit["act"] for own in edits for edit in own} == {
        "add", "confirm", "describe", "remove",
    }  # fmt: skip


def test_more_confirmations_than_a_product_keeps(tmp_path: Path) -> None:
    catalogs, edits = {}, []
    for seed in (1, 2, 4):
        path = tmp_path / f"{seed}.catalog"
        catalogs[path] = random_catalog(seed)
        catalogs[path].save(path)
        rng = np.random.default_rng(seed)
        product = catalogs[path].ids[0]
        made = rng.normal(size=(MAX_CONFIRMED + 20, catalogs[path].dim))
        made /= np.linalg.norm(made, axis=1, keepdims=True)
        edits.append(
            [
                {"act": "confirm", "id": product, "texts": [], "vectors": [row.tolist()]}
                for row in made.astype(np.float32)
            ]
        )
    compare(tmp_path, catalogs, edits)
    catalog = Catalog.open(tmp_path / "python.catalog")
    assert catalog.provenance.dropped


def test_a_catalog_with_an_index_of_ids(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for count in (255, 256, 257, 258):  # the index comes and goes here
        path = tmp_path / f"{count}.catalog"
        vectors = rng.normal(size=(count, 8)).astype(np.float32)
        catalog = Catalog([f"p{n} ü" for n in range(count)], vectors, space="plain")
        catalog.save(path)
        edits = random_edits(catalog, count, 6)
        assert compare(tmp_path, {path: catalog}, [edits]) >= 4


def test_rows_are_rounded_as_python_rounds_them(tmp_path: Path) -> None:
    """Components that fall on a half, and all exponents."""
    rng = np.random.default_rng(3)
    halves = (np.arange(-127, 128) / 2 + 0.25).round(0) / 127 + 0.5 / 127
    rows = [np.concatenate([[1.0], halves])]
    rows += [rng.normal(size=256) * 10.0**power for power in range(-8, 9)]
    rows += [np.concatenate([[127.0], np.arange(255) % 127 + 0.5])]
    matrix = np.array(rows, np.float32)
    path = tmp_path / "base.catalog"
    base = Catalog(["a"], rng.normal(size=(1, 256)).astype(np.float32), space="plain")
    base.save(path)
    edits = [
        {"act": "add", "id": f"p{n}", "texts": [], "vectors": [row.tolist()]}
        for n, row in enumerate(matrix)
    ]
    assert compare(tmp_path, {path: base}, [edits]) == len(matrix)
