"""The figures in plain words, the same on the page and in the text report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shelflens.evaluation.metrics import Share
from shelflens.evaluation.pairs import Advice
from shelflens.evaluation.report import Report

Mood = Literal["good", "warn", "bad"]

ADVICE: dict[Advice, tuple[str, Mood, str]] = {
    "merge": (
        "merge, or offer both",
        "bad",
        "One product under two ids? Merge them. If not, let the customer choose.",
    ),
    "tell apart": (
        "photograph what differs",
        "warn",
        "Add close pictures of what differs between {first} and {second}.",
    ),
    "more photos": ("more photos", "good", "Add photos of {first} like this one."),
    "watch": ("watch", "good", "Alike, but not mixed up in these photos."),
}


@dataclass(frozen=True)
class Tile:
    """One big figure."""

    figure: str
    text: str
    note: str
    mood: Mood


def percent(share: float, digits: int = 0) -> str:
    """A share for people; never 100 % or 0 % when it is not quite."""
    text = f"{100 * share:.{digits}f}"
    if share < 1 and float(text) == 100:
        text = f"{100 * share:.3f}"[:4]
    elif share > 0 and float(text) == 0:
        return f"{100 * share:.1g} %"
    return f"{text} %"


def headline(report: Report) -> str:
    """The verdict in a sentence."""
    right = report.known.right
    strong = right.value >= 0.95 and report.unknown.let_in.value <= 0.05
    if strong and report.known.missed.value <= 0.1:
        return f"This catalog knows its products: {percent(right.value)} are found first"
    return f"{percent(right.value)} of the photos have the right product first"


def tiles(report: Report) -> list[Tile]:
    """Four figures that tell how it stands."""
    known, open_ = report.known, report.unknown
    stood_in = (
        "photos of other things"
        if open_.basis == "unknowns"
        else "measured by taking each photo's own product out"
    )
    return [
        Tile(
            percent(known.right.value),
            "have the right product first",
            _counted(known.right, "photos"),
            _mood(known.right.value, 0.95, 0.85),
        ),
        Tile(
            percent(known.named.value),
            "of the products named outright are right",
            _counted(known.named, "answers") if known.named.of else "none was named outright",
            _mood(known.named.value, 0.98, 0.93),
        ),
        Tile(
            percent(known.missed.value),
            "of your own products' photos are answered unknown",
            _counted(known.missed, "photos"),
            _mood(1 - known.missed.value, 0.9, 0.75),
        ),
        Tile(
            percent(open_.let_in.value),
            "of unknown things are taken for a product",
            f"{_counted(open_.let_in, 'photos')}, {stood_in}",
            _mood(1 - open_.let_in.value, 0.98, 0.9),
        ),
    ]


def _mood(share: float, good: float, fair: float) -> Mood:
    return "good" if share >= good else "warn" if share >= fair else "bad"


def _counted(share: Share, what: str) -> str:
    low, high = share.interval
    return f"{share.count} of {share.of} {what}; likely {100 * low:.0f} to {percent(high)}"
