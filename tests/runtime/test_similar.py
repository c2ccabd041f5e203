"""Similar products: plain loops as oracle, filters, variety, and what is refused."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shelflens import Catalog, CatalogError, DataError
from shelflens.catalog.products import ProductTable
from shelflens.catalog.rows import quantize_rows
from shelflens.catalog.scores import indices_best_first, row_score_table, row_scores
from shelflens.discovery.filters import Condition, conditions, not_numbers, values
from shelflens.discovery.numbers import parse_number
from shelflens.discovery.similar import diversify, similar

Unit = Callable[..., NDArray[np.float32]]

CLOSE = 1e-5
"""float32 sums in another order."""


def store(rows: int = 60, products: int = 20, dim: int = 16, seed: int = 0) -> Catalog:
    generator = np.random.default_rng(seed)
    ids = [f"p{number}" for number in generator.integers(0, products, rows)]
    attributes = {
        f"p{n}": {"price": str(n), "category": "Milk" if n % 2 else "Apple"}
        for n in range(products)
    }
    vectors = generator.normal(size=(rows, dim)).astype(np.float32)
    return Catalog(ids, vectors, space="s", attributes=attributes)


def loops(catalog: Catalog, product: str) -> list[tuple[str, float]]:
    """The definition: the mean of the product's rows against each product's best row."""
    pairs = list(zip(catalog.row_ids, catalog.vectors, strict=True))
    mean = np.mean([row for product_id, row in pairs if product_id == product], axis=0)
    mean /= np.linalg.norm(mean)
    best: dict[str, float] = {}
    for product_id, row in pairs:
        if product_id != product:
            best[product_id] = max(best.get(product_id, -2.0), float(row @ mean))
    return sorted(best.items(), key=lambda item: -item[1])


@settings(max_examples=40)
@given(rows=st.integers(2, 200), products=st.integers(2, 40), seed=st.integers(0, 99))
def test_similar_equals_plain_loops(rows: int, products: int, seed: int) -> None:
    catalog = store(rows, products, seed=seed)
    if len(catalog) < 2:
        return
    found = similar(catalog, catalog.ids[0], k=7)
    expected = loops(catalog, catalog.ids[0])[:7]
    assert [match.id for match in found] == [match for match, _ in expected]
    assert [match.score for match in found] == pytest.approx([s for _, s in expected], abs=CLOSE)


def test_never_itself_and_a_vector_is_the_same_question() -> None:
    catalog = store()
    for product in catalog.ids:
        everything = similar(catalog, product, k=1000)
        assert product not in [match.id for match in everything]
        assert len(everything) == len(catalog) - 1
    vector = catalog.mean_direction(catalog.index_of("p3"))
    by_vector = [match.id for match in similar(catalog, 3 * vector, k=6) if match.id != "p3"]
    assert by_vector[:5] == [match.id for match in similar(catalog, "p3", k=5)][: len(by_vector)]


def mmr_loops(vectors: list[list[float]], scores: list[float], k: int, share: float) -> list[int]:
    """Carbonell and Goldstein's formula, one candidate at a time."""
    chosen: list[int] = []
    while len(chosen) < min(k, len(scores)):
        best, index = -1e9, -1
        for n in range(len(scores)):
            if n in chosen:
                continue
            near = max((float(np.dot(vectors[n], vectors[c])) for c in chosen), default=0.0)
            value = (1 - share) * scores[n] - share * near
            if value > best:
                best, index = value, n
        chosen.append(index)
    return chosen


@settings(max_examples=60)
@given(m=st.integers(1, 25), k=st.integers(1, 30), share=st.floats(0, 1), seed=st.integers(0, 999))
def test_diversify_equals_plain_loops(m: int, k: int, share: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(m, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = generator.uniform(-1, 1, m)
    got = diversify(vectors, scores, k, share)
    assert got == mmr_loops(vectors.tolist(), scores.tolist(), k, share)


@settings(max_examples=60)
@given(m=st.integers(2, 20), seed=st.integers(0, 999), share=st.floats(0, 1))
def test_near_duplicates_are_apart_while_there_is_an_alternative(
    m: int, seed: int, share: float
) -> None:
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(m, 2))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    order = diversify(vectors, generator.uniform(0, 1, m), m, share, duplicate_threshold=0.8)
    assert sorted(order) == list(range(m))
    for index, (a, b) in enumerate(itertools.pairwise(order)):
        left = [n for n in order[index + 1 :] if vectors[n] @ vectors[a] < 0.8]
        assert vectors[a] @ vectors[b] < 0.8 or not left


def test_diverse_changes_the_list_and_keeps_the_first() -> None:
    catalog = store(rows=300, products=150)
    plain, varied = (similar(catalog, "p3", k=8, diverse=share) for share in (0.0, 0.7))
    assert plain[0] == varied[0]
    assert plain != varied

    def closeness(found: list[str]) -> float:
        rows = np.stack(
            [catalog.mean_direction(catalog.index_of(product_id)) for product_id in found]
        )
        return float((rows @ rows.T)[np.triu_indices(len(rows), 1)].mean())

    assert closeness([m.id for m in varied]) < closeness([m.id for m in plain])


@pytest.mark.parametrize(
    ("text", "attributes", "holds"),
    [
        ("category=milk", {"category": "Milk"}, True),
        ("category = Milk", {"category": "Cream"}, False),
        ("category==Milk", {"category": "Milk"}, True),
        ("category!=Milk", {"category": "Milk"}, False),
        ("category!=Milk", {}, True),
        ("price<30", {"price": "4"}, True),
        ("price<30", {"price": "200"}, False),
        ("price>=30", {"price": "30.0"}, True),
        ("price=30", {"price": "30.0"}, True),
        ("price<30", {"price": "cheap"}, False),
        ("price<30", {}, False),
        ("until<2026-12-01", {"until": "2026-11-23"}, True),
        ("diet=vegan", {"diet": "organic | Vegan"}, True),
        ("diet!=vegan", {"diet": "organic; vegan"}, False),
        ("size of pack<=2", {"size of pack": "1.5"}, True),
        ("price<5", {"price": "1,99"}, True),
        ("price<5", {"price": "12,49"}, False),
        ("price<5", {"price": "1,99 €"}, True),
        ("price>1000", {"price": "EUR 1.234,50"}, True),
        ("price<5", {"price": "nan"}, False),
        ("price<5", {"price": "-inf"}, False),
        ("price>5", {"price": "1_000"}, False),
        ("price>5", {"price": "1e3"}, False),
        ("brand=NAN", {"brand": "NAN"}, True),
        ("brand=nan", {"brand": "NAN"}, True),
        ("brand!=NAN", {"brand": "NAN"}, False),
        ("brand!=NAN", {"brand": "Bolt"}, True),
        ("code=007", {"code": "007"}, True),
        ("code=007", {"code": "7"}, False),
        ("code=7", {"code": "007"}, False),
        ("code=7", {"code": "7,0"}, True),
    ],
)
def test_conditions(text: str, attributes: dict[str, str], holds: bool) -> None:
    assert Condition.parse(text).holds(attributes) is holds


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *((text, 1.99) for text in ("1.99", "1,99", " 1,99 ", "$1.99", "1,99 €", "1.99 EUR")),
        *((text, 1234.5) for text in ("1,234.50", "1.234,50", "1 234,5", "1'234.50", "1234.5")),
        *((text, 1234567) for text in ("1,234,567", "1.234.567", "1 234 567")),
        *(("0", 0), ("0,125", 0.125), (".5", 0.5), ("-3", -3), ("1.234", 1.234)),
        *((text, None) for text in ("", "007", "1,234", "1e5", "1_000", "nan", "inf", "-inf", "-")),
        *(
            (text, None)
            for text in ("fifty", "1.2.3", "2026-11-23", "1,23,4", "NAN", ".", "€", "٣")
        ),
    ],
)
def test_numbers_as_shops_write_them(text: str, number: float | None) -> None:
    assert parse_number(text) == number


@given(st.text(alphabet="0123456789.,' -+€", max_size=12))
def test_no_text_is_a_number_that_its_digits_do_not_say(text: str) -> None:
    number = parse_number(text)
    if number is not None:
        digits = "".join(character for character in text if character.isdecimal())
        written = f"{Decimal(repr(abs(number))):f}".replace(".", "")
        assert written.strip("0") == digits.strip("0")


def test_columns_that_are_no_numbers_are_said() -> None:
    rows = np.eye(3, dtype=np.float32)

    def catalog(*prices: str) -> Catalog:
        attributes = {f"p{n}": {"price": price} for n, price in enumerate(prices)}
        return Catalog(["p0", "p1", "p2"], rows, space="s", attributes=attributes)

    with pytest.raises(DataError, match="price is not a number in 3 of 3 products, such as 'low'"):
        similar(catalog("low", "high", "1,234"), "p0", where=["price<5"])
    with pytest.raises(DataError, match="'fifty' is not a number"):
        similar(catalog("1", "2", "3"), "p0", where=["price<fifty"])
    assert not_numbers(["price<5"], catalog("1", "2,5", "low")) == [
        "price is not a number in 1 of 3 products, such as 'low'"
    ]
    assert not_numbers(["price=low"], catalog("1", "2", "low")) == []


def test_an_order_of_numbers_does_not_parse_every_product(monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = store(rows=900, products=300)
    parsed: list[int] = []
    record = ProductTable.record

    def counted(table: ProductTable, index: int) -> dict[str, Any]:
        parsed.append(index)
        return record(table, index)

    monkeypatch.setattr(ProductTable, "record", counted)
    conditions(["price<5"], catalog)
    assert len(parsed) == 1


def test_a_column_without_a_value_meets_no_order() -> None:
    attributes = {"p0": {"price": ""}, "p1": {"price": ""}}
    catalog = Catalog(["p0", "p1"], np.eye(2, dtype=np.float32), space="s", attributes=attributes)
    with pytest.raises(DataError, match="no other product with"):
        similar(catalog, "p0", where=["price<5"])


def test_several_values() -> None:
    assert values("a | b;c ;") == ["a", "b", "c"]
    assert values("") == []


@settings(max_examples=40)
@given(k=st.integers(1, 30), min_price=st.integers(0, 19), seed=st.integers(0, 20))
def test_where_equals_filtering_afterwards(k: int, min_price: int, seed: int) -> None:
    catalog = store(seed=seed)
    product = catalog.ids[0]
    wanted = [
        match
        for match in similar(catalog, product, k=1000)
        if float(match.attributes["price"]) >= min_price and match.attributes["category"] == "Milk"
    ]
    where = [f"price>={min_price}", "category=Milk"]
    if wanted:
        assert similar(catalog, product, k=k, where=where) == wanted[:k]
    else:
        with pytest.raises(DataError, match="no other product with"):
            similar(catalog, product, k=k, where=where)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"where": ["colour=red"]}, "no column 'colour' in the catalog; it has category, price"),
        ({"where": ["price"]}, "expected COLUMN=VALUE"),
        ({"where": ["price<"]}, "expected COLUMN=VALUE"),
        ({"diverse": 1.5}, "expected 0 .* to 1"),
        ({"k": 0}, "at least 1"),
    ],
)
def test_refusals(options: dict[str, object], message: str) -> None:
    with pytest.raises((DataError, CatalogError), match=message):
        similar(store(), "p3", **options)  # type: ignore[arg-type]


def test_unknown_product_and_wrong_vector() -> None:
    with pytest.raises(CatalogError, match="no product 'nope'"):
        similar(store(), "nope")
    with pytest.raises(CatalogError, match="expected float32"):
        similar(store(), np.ones(3, np.float32))


def test_index_of_finds_every_id(tmp_path: Path) -> None:
    ids = ['quote " in it', "äpple", "a", "a/b", "b", '{"id":"z"']
    attributes = {"a": {"name": '{"id":"b"', "id": "b"}}
    catalog = Catalog(ids, np.eye(6, dtype=np.float32), space="s", attributes=attributes)
    catalog.save(tmp_path / "a.catalog")
    for stored in (catalog, Catalog.open(tmp_path / "a.catalog")):
        assert [stored.index_of(product) for product in ids] == list(range(6))


@settings(max_examples=40)
@given(n=st.integers(0, 40_000), levels=st.integers(1, 9_000), seed=st.integers(0, 99))
def test_best_first_is_a_stable_sort(n: int, levels: int, seed: int) -> None:
    scores = np.random.default_rng(seed).integers(0, levels, n).astype(np.float32)
    expected = np.argsort(-scores, kind="stable").tolist()
    assert list(indices_best_first(scores)) == expected


def test_several_queries_score_like_one_at_a_time(unit: Unit) -> None:
    rows, scales = quantize_rows(unit(5000, 32))
    queries = unit(5, 32, seed=1)
    table = row_score_table(rows, scales, queries)
    for query, scores in zip(queries, table, strict=True):
        assert np.allclose(scores, row_scores(rows, scales, query), atol=CLOSE)
