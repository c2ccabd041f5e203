"""Global Trade Item Numbers: EAN-13, EAN-8 and UPC-A are one number in several lengths.

Lengths, check digit and the form with leading zeros: GS1 General Specifications, section 7.9.
"""

from __future__ import annotations

LENGTHS = (8, 12, 13, 14)
DIGITS = 14
"""All lengths are compared as 14 digits, with leading zeros."""


def gtin(text: str) -> str | None:
    """A number as 14 digits, or None when it is none.

    Blanks and hyphens between digits are left out. A number that a spreadsheet took leading zeros
    from is completed, since its check digit stays right.

    Args:
        text: Such as "4006381333931", "036000-291452", "96385074".
    """
    digits = text.replace(" ", "").replace("-", "")
    if not (digits.isascii() and digits.isdigit()) or not LENGTHS[0] - 2 <= len(digits) <= DIGITS:
        return None
    padded = digits.zfill(DIGITS)
    if not int(padded) or check_digit(padded[:-1]) != padded[-1]:
        return None
    return padded


def printed(number: str) -> str:
    """A number of 14 digits as it stands below its bars: 8, 13 or 14 digits."""
    return number[6:] if number.startswith("000000") else number.removeprefix("0")


def check_digit(digits: str) -> str:
    """The last digit of a number, from those before it.

    From the right, digits count threefold and once in turn; the check digit completes their sum to
    a multiple of ten.
    """
    threefold, once = digits[::-2], digits[-2::-2]
    return str(-(3 * sum(map(int, threefold)) + sum(map(int, once))) % 10)
