"""Prices and amounts in the web app: by currency, by unit, by language; all else as it is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.runtime.test_webapp_js import JS, node

pytestmark = pytest.mark.browser

SHOW = f"""
import {{ priceOf, shownAttributes }} from "{JS}/languages/attributes.js";
out = given.map(([attributes, tag]) => shownAttributes(attributes, tag));
"""


def shown(attributes: dict[str, str], tag: str = "en") -> dict[str, str]:
    """Key to text, with plain spaces."""
    ((*pairs,),) = node(SHOW, [[attributes, tag]])
    return {key: text.replace("\u00a0", " ").replace("\u202f", " ") for key, text in pairs}


@pytest.mark.parametrize(
    ("attributes", "tag", "expected"),
    [
        ({"price": "4.69", "currency": "EUR"}, "en", {"price": "€4.69"}),
        ({"price": "4.69", "currency": "EUR"}, "de", {"price": "4,69 €"}),
        ({"price": "4,69", "currency": "eur"}, "fr", {"price": "4,69 €"}),
        ({"price": "1200", "currency": "JPY"}, "en", {"price": "¥1,200"}),
        ({"price": "15.00 USD"}, "es", {"price": "15,00 US$"}),
        ({"price": "15 USD", "currency": "EUR"}, "en", {"price": "$15.00", "currency": "EUR"}),
        (
            {"sale_price": "3", "price": "4", "Currency": "GBP"},
            "en",
            {"sale_price": "£3.00", "price": "£4.00"},
        ),
        ({"weight": "500 g"}, "de", {"weight": "500 g"}),
        ({"weight": "1.5", "weight_unit": "kg"}, "de", {"weight": "1,5 kg"}),
        ({"volume": "0.75l"}, "en", {"volume": "0.75 L"}),
        ({"alcohol": "4.8 %"}, "de", {"alcohol": "4,8 %"}),
        # What is no plain number with a known unit stays as it is.
        ({"price": "4.69"}, "de", {"price": "4.69"}),
        ({"price": "1,234", "currency": "EUR"}, "en", {"price": "1,234", "currency": "EUR"}),
        ({"price": "free", "currency": "EUR"}, "en", {"price": "free", "currency": "EUR"}),
        ({"price": "2", "currency": "euros"}, "en", {"price": "2", "currency": "euros"}),
        ({"ean": "4006381333931", "year": "2024"}, "en", {"ean": "4006381333931", "year": "2024"}),
        ({"code": "007 g"}, "en", {"code": "007 g"}),
        ({"size": "3 constructor"}, "en", {"size": "3 constructor"}),
        ({"name": "Tea", "picture": "a.jpg"}, "en", {}),
    ],
)
def test_by_currency_unit_and_language(
    attributes: dict[str, str], tag: str, expected: dict[str, Any]
) -> None:
    assert shown(attributes, tag) == expected


def test_arabic_digits_where_the_region_writes_them() -> None:
    (price,) = shown({"price": "4.50", "currency": "SAR"}, "ar-SA").values()
    assert "٤" in price
