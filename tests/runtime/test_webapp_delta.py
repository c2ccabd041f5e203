"""The delta that the web app exports is the one of `catalog diff`, and `catalog apply` takes it."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shelflens import Catalog
from shelflens.catalog.apply import apply
from shelflens.catalog.container import read_container
from shelflens.catalog.diff import diff, save_delta
from shelflens.webapp.build import build
from tests.runtime.test_webapp_edits import changed, random_edits
from tests.runtime.test_webapp_js import node, random_catalog

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def js(built: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The scripts of a web app as it is built, with the zlib beside them."""
    page = build(built, tmp_path_factory.mktemp("delta") / "page")
    (page / "package.json").write_text('{"type": "module"}')  # for Node.js, which asks
    return (page / "js").as_uri()


def deltas(js: str, pairs: list[tuple[Path, Path]]) -> list[bytes]:
    """What the web app writes for each base and result."""
    code = f"""
import {{ deltaOf }} from "{js}/delta.js";
out = [];
for (const [base, result] of given) {{
  out.push(Buffer.from(await deltaOf(whole(base), whole(result))).toString("base64"));
}}
"""
    found: list[str] = node(code, [[str(base), str(result)] for base, result in pairs])
    return [base64.b64decode(delta) for delta in found]


def edited(path: Path, seed: int, count: int) -> Path:
    """The catalog after some changes, as another file."""
    catalog = Catalog.open(path)
    for edit in random_edits(catalog, seed, count):
        catalog = changed(catalog, edit)
    out = path.with_suffix(f".{count}.catalog")
    catalog.save(out)
    return out


def compare(js: str, pairs: list[tuple[Path, Path]], tmp_path: Path) -> None:
    """Compare bytes, and what comes out of applying them."""
    assert pairs
    for (base, result), delta in zip(pairs, deltas(js, pairs), strict=True):
        ours = tmp_path / "python.delta"
        before = Catalog.open(base)
        save_delta(diff(before, Catalog.open(result)), before, ours)
        assert delta == ours.read_bytes(), (base.name, result.name)
        ours.write_bytes(delta)
        applied = base.with_suffix(".applied")
        applied.write_bytes(base.read_bytes())
        apply(applied, ours)
        assert applied.read_bytes() == result.read_bytes()


def test_deltas_have_the_bytes_of_python(js: str, tmp_path: Path) -> None:
    pairs = []
    for seed in range(40):
        base = tmp_path / f"{seed}.catalog"
        random_catalog(seed).save(base)
        for count in (1, 14):
            result = edited(base, seed, count)
            if result.read_bytes() != base.read_bytes():
                pairs.append((base, result))
    assert len(pairs) > 60
    compare(js, pairs, tmp_path)


def test_back_and_forth_and_between_unlike_catalogs(js: str, tmp_path: Path) -> None:
    """Order, rows that go, a catalog without products, other tables, an index of ids."""
    rng = np.random.default_rng(0)
    paths: list[Path] = []

    def made(ids: list[str], **more: Any) -> None:
        vectors = rng.normal(size=(len(ids), 6)).astype(np.float32)
        path = tmp_path / f"{len(paths)}.catalog"
        Catalog(ids, vectors, space="plain", **more).save(path)
        paths.append(path)

    made(["a", "b", "b", "c"])
    made(["c", "a", "d"], attributes={"d": {"name": "D"}})
    made([f"p{number}" for number in range(300)])
    Catalog.open(paths[0]).remove(["b"]).save(tmp_path / "3.catalog")
    Catalog.open(paths[0]).remove(["a", "b", "c"]).save(tmp_path / "4.catalog")
    paths += [tmp_path / "3.catalog", tmp_path / "4.catalog"]
    pairs = [(one_, two) for one_ in paths for two in paths if one_ != two]
    compare(js, pairs, tmp_path)


def test_a_long_header_is_compressed_with_the_end_of_the_base(js: str, tmp_path: Path) -> None:
    """More than the 32 KiB that zlib looks back: rows that were pushed out stand in the header."""
    base = tmp_path / "base.catalog"
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(400, 512)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    catalog = Catalog(["a"], vectors[:1], space="plain")
    from shelflens.catalog.confirm import confirm

    for vector in vectors[1:90]:
        catalog, _ = confirm(catalog, "a", vector)
    catalog.save(base)
    header = int.from_bytes(base.read_bytes()[:8], "little")
    assert header > 1 << 15
    result = tmp_path / "result.catalog"
    confirm(catalog, "a", vectors[100])[0].save(result)
    compare(js, [(base, result)], tmp_path)
    packed = read_container(tmp_path / "python.delta", kind="delta").tensors["header"].tobytes()
    before = base.read_bytes()[8 : 8 + header]
    stream = zlib.decompressobj(zdict=before[-(1 << 15) :])
    assert stream.decompress(packed).rstrip() == result.read_bytes()[8:][: len(before)].rstrip()
