"""`catalog update` and `catalog export`: attributes by id, without photos."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelflens import Catalog, DataError
from shelflens.commands.attributes import attribute_table, changes_of
from shelflens.ingest.attributes import Attributes
from shelflens.ingest.table import read_table
from shelflens.product_ids import clean_id

Run = Callable[..., tuple[int, str, str]]


def catalog_of(attributes: dict[str, dict[str, str]]) -> Catalog:
    """A catalog with a row per product."""
    rows = np.random.default_rng(0).normal(size=(len(attributes), 8)).astype(np.float32)
    return Catalog(list(attributes), rows, space="s", attributes=attributes)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two products; the current folder is theirs."""
    monkeypatch.chdir(tmp_path)
    given = {"a": {"name": "Tea", "price": "1.99"}, "café": {"name": "Coffee", "price": "4"}}
    catalog_of(given).save("s.catalog")
    return tmp_path / "s.catalog"


def test_prices_change_by_id_and_the_rest_stays(store: Path, run: Run) -> None:
    before = Catalog.open(store)
    Path("p.csv").write_text("SKU;Price;stock\ncafe\u0301;4,50;\na;1,99;7\n", encoding="utf-8")
    status, out, err = run("catalog", "update", store, "p.csv", "--columns", "product=SKU")
    assert (status, err) == (0, "")
    assert "2 of 2 products changed: 3 values set, 0 removed" in out
    after = Catalog.open(store)
    assert after.attributes["café"] == {"name": "Coffee", "price": "4", "Price": "4,50"}
    assert after.attributes["a"]["stock"] == "7"
    assert np.array_equal(after.vectors, before.vectors)
    assert after.space == before.space


def test_an_empty_cell_takes_a_value_away(store: Path, run: Run) -> None:
    Path("p.csv").write_text("product,price\na,\n")
    assert run("catalog", "update", store, "p.csv")[0] == 0
    assert Catalog.open(store).attributes == {"a": {"name": "Tea"}} | {
        "café": {"name": "Coffee", "price": "4"}
    }
    content = store.read_bytes()
    status, out, _ = run("catalog", "update", store, "p.csv")
    assert (status, "0 of 2 products changed" in out) == (0, True)
    assert store.read_bytes() == content


def test_products_that_are_not_in_the_catalog_are_named(store: Path, run: Run) -> None:
    content = store.read_bytes()
    Path("p.csv").write_text("product,price\na,3\nsoap,2\n")
    status, _, err = run("catalog", "update", store, "p.csv", "--strict")
    assert (status, "has no product soap; nothing was changed" in err) == (1, True)
    assert store.read_bytes() == content
    status, _, err = run("catalog", "update", store, "p.csv")
    assert (status, "not in the catalog: 1 products: soap" in err) == (1, True)
    assert Catalog.open(store).attributes["a"]["price"] == "3"
    Path("p.csv").write_text("product,price\nsoap,2\n")
    assert run("catalog", "update", store, "p.csv")[0] == 1
    Path("p.csv").write_text("path,price\na,2\n")
    status, _, err = run("catalog", "update", store, "p.csv")
    assert (status, "no column 'product'; expected product and any others" in err) == (1, True)
    Path("p.csv").write_text("product,price\na,2\na,3\n")
    assert "lines 2 and 3 do not agree" in run("catalog", "update", store, "p.csv")[2]


def test_export_writes_a_new_file_or_standard_output(store: Path, run: Run) -> None:
    assert run("catalog", "export", store, "--csv", "p.csv")[0] == 0
    with Path("p.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert rows[1] == {"product": "café", "name": "Coffee", "price": "4"}
    mine = Path("p.csv").read_bytes()
    status, _, err = run("catalog", "export", store, "--csv", "p.csv")
    assert (status, "exists" in err) == (1, True)
    assert Path("p.csv").read_bytes() == mine
    status, out, _ = run("catalog", "export", store, "--csv", "-")
    assert (status, out) == (0, mine.decode())
    catalog_of({"a": {"Product": "x"}}).save("odd.catalog")
    status, _, err = run("catalog", "export", "odd.catalog", "--csv", "-")
    assert (status, "an attribute is called 'Product'" in err) == (1, True)


def test_typed_ids_come_in_the_form_of_read_ids(store: Path, run: Run) -> None:
    assert run("similar", store, "cafe\u0301")[0] == 0
    assert run("catalog", "remove", store, " cafe\u0301")[0] == 0
    assert Catalog.open(store).ids == ["a"]


TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cf", "Zl", "Zp")), max_size=8
).map(clean_id)
NAMES = TEXT.filter(lambda text: text and text.lower() not in ("product", "path"))
IDS = st.from_regex(r"[a-zä牛][a-zä牛0-9 '\-]{0,6}[a-z]", fullmatch=True)


@given(
    st.dictionaries(
        IDS, st.dictionaries(NAMES, TEXT.filter(bool), max_size=4), min_size=1, max_size=4
    )
)
def test_export_and_update_give_the_same_attributes(
    tmp_path_factory: pytest.TempPathFactory, attributes: dict[str, dict[str, str]]
) -> None:
    catalog = catalog_of(attributes)
    try:
        text = attribute_table(catalog)
    except DataError:  # two names that differ by case
        return
    header = next(csv.reader(io.StringIO(text)))
    if len({clean_id(name).casefold() for name in header}) < len(header):
        return
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_text(text, encoding="utf-8", newline="")
    table = read_table(path, {}, images=False)
    read = Attributes()
    for row in table.rows:
        read.add(row)
    assert read.columns == attributes
    assert not changes_of(catalog, read.columns, table.columns).attributes
    bare = catalog_of({product: {"old": "x"} for product in attributes})
    changes = changes_of(bare, read.columns, [*table.columns, "old"])
    again = bare.with_contents(bare.contents.described(changes.attributes))
    assert again.attributes == attributes
