"""The figures in plain words, the same on the page and in the text report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shelflens.evaluation.evaluate import Report
from shelflens.evaluation.findings.confusion_pairs import Advice, Pair
from shelflens.evaluation.measure.metrics import Share

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


def percent(share: float) -> str:
    """A share for people; never 100 % or 0 % when it is not quite."""
    text = f"{100 * share:.0f}"
    if share < 1 and text == "100":
        text = f"{100 * share:.3f}"[:4]
    elif share > 0 and text == "0":
        text = f"{100 * share:.1g}"
    return f"{text}\u00a0%"


def counted(pair: Pair) -> str:
    """How often two products are mixed up, in a sentence."""
    said = (
        f"{pair.first_as_second} of {pair.first_photos} photos of {pair.first_name} are taken for "
        f"{pair.second_name}, {pair.second_as_first} of {pair.second_photos} the other way."
    )
    if not pair.undecided:
        return said
    return f"{said[:-1]}; {pair.undecided} more {'is' if pair.undecided == 1 else 'are'} undecided."


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
    strangers = _counted(open_.let_in, "photos with their own product taken out")
    if open_.basis == "unknowns":
        new = percent(report.left_out.let_in.value)
        strangers = _counted(open_.let_in, "photos of other things")
        strangers += f". Of new products on the same shelf: {new}"
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
            strangers,
            _mood(1 - open_.let_in.value, 0.98, 0.9),
        ),
    ]


def _mood(share: float, good: float, fair: float) -> Mood:
    return "good" if share >= good else "warn" if share >= fair else "bad"


def _counted(share: Share, what: str) -> str:
    low, high = share.interval
    return f"{share.count} of {share.of} {what}; likely {100 * low:.0f} to {percent(high)}"
