"""Rows of a catalog as Parquet and `.npy` shards: what comes back, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyarrow import parquet

from shelflens import Calibration, Catalog, CatalogError, ShelfLensError, SpaceError
from shelflens.catalog.adaptation import Adaptation
from shelflens.catalog.category_axes import CategoryAxes
from shelflens.catalog.confirm import confirm
from shelflens.catalog.posterior import Posterior
from shelflens.errors import DataError
from shelflens.vectors.export import export_parquet, export_shards
from shelflens.vectors.gather import gather

Run = Callable[..., tuple[int, str, str]]
Unit = Callable[..., NDArray[np.float32]]
GOLDEN = Path(__file__).parents[1] / "golden"

TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
IDS = st.sampled_from(["milk", "äpple", "tea/green", "日本", 'a "quoted" id', "p-6"])


def catalog_of(ids: list[str], attributes: dict[str, dict[str, str]], seed: int) -> Catalog:
    """A catalog with all that its file can hold: adapted, calibrated, with a confirmed photo."""
    generator = np.random.default_rng(seed)
    matrix = np.diag(np.linspace(0.2, 1, 16))
    made = Catalog(
        ids,
        generator.normal(size=(len(ids), 16)).astype(np.float32),
        space="s-1",
        attributes=attributes,
        calibration=Calibration(Posterior(9.0, 3.0, 4.0, 0.1), 0.9, threshold=0.61),
        category_axes=CategoryAxes.of(generator.normal(size=(2, 16))) if seed % 2 else None,
        adaptation=Adaptation.of(matrix) if seed % 3 else None,
    )
    if seed % 5 == 0:
        for _ in range(3):  # the third pushes the first out
            photo = generator.normal(size=16).astype(np.float32)
            made, _ = confirm(made, ids[0], photo, limit=2)
    return made


@settings(max_examples=40)
@given(
    ids=st.lists(IDS, min_size=1, max_size=9),
    attributes=st.dictionaries(IDS, st.dictionaries(TEXTS, TEXTS, max_size=2), max_size=4),
    seed=st.integers(0, 29),
    size=st.integers(1, 5),
)
def test_what_comes_back_is_the_same_file(
    tmp_path_factory: pytest.TempPathFactory,
    ids: list[str],
    attributes: dict[str, dict[str, str]],
    seed: int,
    size: int,
) -> None:
    folder = tmp_path_factory.mktemp("vectors")
    catalog = catalog_of(ids, attributes, seed)
    catalog.save(folder / "store.catalog")
    opened = Catalog.open(folder / "store.catalog")
    export_parquet(opened, folder / "rows.parquet")
    assert export_shards(opened, folder / "rows", shard_rows=size) == -(-opened.row_count // size)
    for source in (folder / "rows.parquet", folder / "rows"):
        gather([source]).save(folder / "back.catalog")
        assert (folder / "back.catalog").read_bytes() == (folder / "store.catalog").read_bytes()


@pytest.mark.parametrize("name", ["catalog-1.catalog", "catalog-2.catalog"])
def test_golden_catalogs_come_back(tmp_path: Path, run: Run, name: str) -> None:
    rows, back = tmp_path / "rows.parquet", tmp_path / "back.catalog"
    assert run("catalog", "export", GOLDEN / name, "--vectors", rows)[0] == 0
    assert run("catalog", "from-vectors", rows, "--out", back)[0] == 0
    Catalog.open(GOLDEN / name).save(tmp_path / "saved.catalog")  # by today's rule of decision
    assert back.read_bytes() == (tmp_path / "saved.catalog").read_bytes()


def test_the_columns_are_those_that_engines_load(tmp_path: Path) -> None:
    catalog = Catalog.open(GOLDEN / "catalog-1.catalog")
    export_parquet(catalog, tmp_path / "rows.parquet")
    table = parquet.read_table(tmp_path / "rows.parquet")
    vector = table.schema.field("vector").type
    assert pyarrow.types.is_fixed_size_list(vector)
    assert (vector.value_type, vector.list_size) == (pyarrow.float32(), catalog.dim)
    assert table.column("id").to_pylist() == catalog.row_ids
    first = table.slice(0, 1).to_pylist()[0]
    row = np.frombuffer(first["row"], np.int8).astype(np.float32)
    assert np.array_equal(np.float32(first["scale"]) * row, np.float32(first["vector"]))
    assert np.allclose(np.linalg.norm(np.array(table.column("vector").to_pylist()), axis=1), 1)
    names = [json.loads(text).get("name") for text in table.column("attributes").to_pylist()]
    assert "Milk 1 l" in names


def test_shards_are_laid_out_as_clip_retrieval_does(tmp_path: Path, unit: Unit) -> None:
    catalog = Catalog([f"p{n}" for n in range(25)], unit(25, 8), space="s")
    assert export_shards(catalog, tmp_path / "rows", shard_rows=2) == 13
    names = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*_12.*"))
    assert names == ["rows/img_emb/img_emb_12.npy", "rows/metadata/metadata_12.parquet"]
    stacked = [np.load(tmp_path / f"rows/img_emb/img_emb_{n}.npy") for n in range(13)]
    assert np.array_equal(np.concatenate(stacked), catalog.vectors)
    assert gather([tmp_path / "rows"]).ids == catalog.ids  # in the order of numbers, not of names


def foreign(path: Path, vectors: Any, **columns: Any) -> Path:
    """A Parquet file that another program wrote."""
    lists = pyarrow.array(np.asarray(vectors).tolist(), pyarrow.list_(pyarrow.float64()))
    ids = {"id": [f"p{n}" for n in range(len(vectors))]}
    parquet.write_table(pyarrow.table({**ids, "vector": lists, **columns}), path)
    return path


def test_rows_of_another_program_become_a_catalog(tmp_path: Path, run: Run, unit: Unit) -> None:
    vectors, out = 3 * unit(7, 8), tmp_path / "store.catalog"
    source = foreign(tmp_path / "rows.parquet", vectors)
    status, text, _ = run("catalog", "from-vectors", source, "--space", "s", "--out", out)
    assert (status, text) == (0, f"{out}: 7 products, 7 images, 1 KiB, space s\n")
    assert out.read_bytes() == saved(Catalog([f"p{n}" for n in range(7)], vectors, space="s"), out)


def saved(catalog: Catalog, beside: Path) -> bytes:
    path = beside.with_name("expected.catalog")
    catalog.save(path)
    return path.read_bytes()


def test_a_folder_of_parquet_files_is_read_in_order(tmp_path: Path, unit: Unit) -> None:
    vectors = unit(6, 8)
    for part in range(3):
        rows = slice(2 * part, 2 * part + 2)
        foreign(tmp_path / f"part-{part}.parquet", vectors[rows], id=[f"a{part}", f"b{part}"])
    found = gather([tmp_path], space="s")
    assert found.ids == ["a0", "b0", "a1", "b1", "a2", "b2"]


def test_shards_of_two_spaces_are_refused(tmp_path: Path, run: Run, unit: Unit) -> None:
    for name in ("a", "b"):
        export_parquet(
            Catalog([name], unit(1, 8), space=f"space-{name}"), tmp_path / f"{name}.parquet"
        )
    out = tmp_path / "store.catalog"
    status, _, error = run("catalog", "from-vectors", tmp_path, "--out", out)
    assert (status, out.exists()) == (1, False)
    assert error == (
        f"shelflens catalog: {tmp_path / 'b.parquet'}: of embedding space 'space-b' and 8 "
        f"dimensions, {tmp_path / 'a.parquet'} of 'space-a' and 8; rows of two models cannot be "
        "compared\n"
    )
    with pytest.raises(SpaceError, match="expected 'space-b'"):
        gather([tmp_path / "a.parquet"], space="space-b")


def test_catalogs_of_two_adaptations_are_not_mixed(tmp_path: Path) -> None:
    for seed in (3, 4):
        export_parquet(catalog_of(["milk"], {}, seed), tmp_path / f"{seed}.parquet")
    with pytest.raises(CatalogError, match=r"another calibration or adaptation .* catalog merge"):
        gather([tmp_path])


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("harm", [cut, emptied, Path.unlink])
@pytest.mark.parametrize("file", ["img_emb/img_emb_1.npy", "metadata/metadata_1.parquet"])
def test_a_shard_that_is_not_whole_is_named(
    tmp_path: Path, run: Run, unit: Unit, file: str, harm: Callable[[Path], None]
) -> None:
    out, rows = tmp_path / "store.catalog", tmp_path / "rows"
    export_shards(Catalog(list("abcdef"), unit(6, 64), space="s"), rows, shard_rows=3)
    harm(rows / file)
    status, _, error = run("catalog", "from-vectors", rows, "--out", out)
    assert (status, out.exists(), error.count("\n")) == (1, False, 1)
    assert f"{rows / file}: " in error
    assert "write" in error


def test_a_shard_with_the_metadata_of_another(tmp_path: Path, unit: Unit) -> None:
    export_shards(Catalog(list("abcde"), unit(5, 8), space="s"), tmp_path / "rows", shard_rows=3)
    emb = tmp_path / "rows" / "img_emb"
    shutil.copy(emb / "img_emb_0.npy", emb / "img_emb_1.npy")
    with pytest.raises(DataError, match=r"2 rows, 3 vectors beside it"):
        gather([tmp_path / "rows"])
    shutil.copy(emb / "img_emb_0.npy", tmp_path / "zero.npy")
    swapped = np.load(tmp_path / "zero.npy")[::-1]
    np.save(emb / "img_emb_0.npy", swapped)
    with pytest.raises(DataError, match="vector is not scale times row"):
        gather([tmp_path / "rows"])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": ["a", None]}, "1 rows without a value of 'id'"),
        ({"id": ["a", ""]}, "product id: expected a text"),
        ({"id": ["a", "b\n"]}, "has blanks at its ends"),
        ({"space": ["s", "t"]}, "rows of embedding spaces 's', 't'"),
        ({"attributes": ["{}", "[]"]}, "attributes that are no JSON object"),
        ({"attributes": ["{}", "{"]}, "a column of another type"),
        ({"vector": pyarrow.array([[1.0, 2.0], [1.0]])}, "vectors of several lengths"),
        ({"vector": pyarrow.array(["a", "b"])}, "a column of another type"),
        ({"vector": pyarrow.array([[0.0, 0.0], [1.0, 0.0]])}, "not all zero"),
        ({"vector": pyarrow.array([[float("nan"), 0.0], [1.0, 0.0]])}, "expected finite"),
        ({"row": [b"\1\0", b"\0\1"], "scale": [1.0, 0.5]}, "a scale that is not one over"),
        ({"row": [b"\1", b"\1"], "scale": [1.0, 1.0]}, "row of 1 bytes"),
        ({"row": [b"\1\0", b"\1"], "scale": [1.0, 1.0]}, "a column of another type"),
    ],
)
def test_rows_that_cannot_be_in_a_catalog(
    tmp_path: Path, run: Run, columns: dict[str, Any], message: str
) -> None:
    good = {
        "id": ["a", "b"],
        "vector": pyarrow.array([[1.0, 0.0], [0.0, 1.0]]),
        "space": ["s", "s"],
    }
    parquet.write_table(pyarrow.table({**good, **columns}), tmp_path / "rows.parquet")
    out = tmp_path / "store.catalog"
    status, _, error = run("catalog", "from-vectors", tmp_path / "rows.parquet", "--out", out)
    assert (status, out.exists(), error.count("\n")) == (1, False, 1)
    assert f"{tmp_path / 'rows.parquet'}: " in error
    assert message in error


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"metadata": {}, "tensors": 3}', "nonsense"])
def test_hostile_metadata_is_refused_or_passed_by(tmp_path: Path, text: str) -> None:
    table = pyarrow.table({"id": ["a"], "vector": [[1.0, 0.0]], "space": ["s"]})
    parquet.write_table(
        table.replace_schema_metadata({"shelflens": text}), tmp_path / "rows.parquet"
    )
    if not text:
        assert gather([tmp_path / "rows.parquet"]).ids == ["a"]
        return
    with pytest.raises(DataError, match="metadata that is none of ShelfLens"):
        gather([tmp_path / "rows.parquet"])


def test_missing_things_are_said(tmp_path: Path, unit: Unit) -> None:
    with pytest.raises(FileNotFoundError):
        gather([tmp_path / "none.parquet"])
    with pytest.raises(DataError, match=r"expected .parquet files in it"):
        gather([tmp_path])
    source = foreign(tmp_path / "rows.parquet", unit(1, 4))
    with pytest.raises(SpaceError, match="does not say its embedding space"):
        gather([source])
    parquet.write_table(pyarrow.table({"name": ["a"]}), tmp_path / "names.parquet")
    with pytest.raises(DataError, match="no column 'id' among name"):
        gather([tmp_path / "names.parquet"])
    parquet.write_table(
        pyarrow.table(
            {
                "id": pyarrow.array([], pyarrow.string()),
                "vector": pyarrow.array([], pyarrow.list_(pyarrow.float32())),
            }
        ),
        tmp_path / "empty.parquet",
    )
    with pytest.raises(ShelfLensError, match="no rows in it"):
        gather([tmp_path / "empty.parquet"], space="s")


def test_nothing_is_written_over(tmp_path: Path, run: Run, unit: Unit) -> None:
    catalog = tmp_path / "store.catalog"
    Catalog(["a"], unit(1, 8), space="s").save(catalog)
    (tmp_path / "rows.parquet").write_text("mine")
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "mine.txt").write_text("mine")
    for out in ("rows.parquet", "rows"):
        status, _, error = run("catalog", "export", catalog, "--vectors", tmp_path / out)
        assert (status, error.count("\n")) == (1, 1)
        assert "exists" in error
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "mine.txt", "rows", "rows.parquet", "store.catalog",
    ]  # fmt: skip


def test_a_catalog_without_rows_gives_no_file(tmp_path: Path) -> None:
    empty = Catalog([], np.empty((0, 8), np.float32), space="s")
    for write in (export_parquet, export_shards):
        with pytest.raises(CatalogError, match="nothing to export"):
            write(empty, tmp_path / "rows")
    assert not list(tmp_path.iterdir())


def test_merged_catalogs_of_vectors_are_those_of_the_catalogs(tmp_path: Path, run: Run) -> None:
    first, second = catalog_of(list("ab"), {}, 4), catalog_of(list("bc"), {}, 4)
    for name, catalog in (("first", first), ("second", second)):
        catalog.save(tmp_path / f"{name}.catalog")
        export_parquet(catalog, tmp_path / f"{name}.parquet")
        gather([tmp_path / f"{name}.parquet"]).save(tmp_path / f"{name}-2.catalog")
    for end in ("", "-2"):
        paths = [tmp_path / f"{name}{end}.catalog" for name in ("first", "second")]
        assert run("catalog", "merge", *paths, "--out", tmp_path / f"both{end}.catalog")[0] == 0
    both = (tmp_path / "both.catalog").read_bytes()
    assert (tmp_path / "both-2.catalog").read_bytes() == both
