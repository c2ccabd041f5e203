"""Numbers as shops write them: plain decimals with point or comma, and prices with a currency."""

from __future__ import annotations

import re

_CURRENCIES = (
    "EUR|USD|GBP|CHF|JPY|CNY|INR|SEK|NOK|DKK|ISK|PLN|CZK|HUF|RON|BGN|TRY|UAH|CAD|AUD|NZD|MXN|BRL"
    "|KRW|SGD|HKD|TWD|THB|ZAR|ILS|AED|SAR|kr\\.?|zł|Kč|Ft|lei|Fr\\.|R\\$|US\\$|[$€£¥₹₩₺₴₪฿]"
)
_PRICE = re.compile(
    rf"(?:(?:{_CURRENCIES})\s*)?([+-]?[0-9.,' \u00a0\u202f]*[0-9])(?:\s*(?:{_CURRENCIES}))?", re.I
)
_PLAIN = re.compile(r"([+-]?)(0|[1-9][0-9]*)?(?:[.,]([0-9]+))?")
_GROUPED = re.compile(
    r"[+-]?[1-9][0-9]{0,2}(?:(?:,[0-9]{3})+\.[0-9]+|(?:\.[0-9]{3})+,[0-9]+"
    r"|(?:[' \u00a0\u202f][0-9]{3})+(?:[.,][0-9]+)?|(?:,[0-9]{3}){2,}|(?:\.[0-9]{3}){2,})"
)


def parse_number(text: str) -> float | None:
    """A number, or None for a text.

    Numbers are plain decimals (`1.99`, `1,99`, `-3`), with a currency before or behind them or
    without, and with groups of three where that is beyond doubt (`1.234,50`, `12 000`). `007`,
    `1e5`, `1_000`, `nan` and `inf` are texts. So is `1,234`, which is 1234 to some and 1.234 to
    others.
    """
    price = _PRICE.fullmatch(text.strip())
    if price is None:
        return None
    digits = price[1].strip()
    plain = _PLAIN.fullmatch(digits)
    if plain is not None and (plain[2] or plain[3]):
        if plain[3] and len(plain[3]) == 3 and "," in digits and plain[2] not in (None, "0"):
            return None
        return float(digits.replace(",", "."))
    if _GROUPED.fullmatch(digits) is None:
        return None
    last = max(digits.rfind("."), digits.rfind(","))
    # A separator that occurs once and differs from the rest begins the decimals.
    if last < 0 or digits.count(digits[last]) > 1:
        return float(re.sub("[^0-9+-]", "", digits))
    return float(re.sub("[^0-9+-]", "", digits[:last]) + "." + digits[last + 1 :])
