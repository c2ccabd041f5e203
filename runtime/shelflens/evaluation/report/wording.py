"""The figures in plain words, the same in the HTML report, the text report and the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shelflens.evaluation.findings.confusion_pairs import ConfusionPair, Remedy
from shelflens.evaluation.measure.share import Share
from shelflens.evaluation.result import Evaluation, Trials

Rating = Literal["good", "warn", "bad"]

REMEDIES: dict[Remedy, tuple[str, Rating, str]] = {
    "merge": (
        "merge, or offer both",
        "bad",
        "One product under two ids? Merge them. If not, let the customer choose.",
    ),
    "tell apart": (
        "photograph what differs",
        "warn",
        "Add close photos of what differs between {first} and {second}.",
    ),
    "more photos": ("more photos", "good", "Add photos of {first} like this one."),
    "watch": ("watch", "good", "Look-alikes, but not mixed up in these photos."),
}
"""In short, how urgent, and in a sentence."""

UNHELPED: tuple[str, Rating, str] = (
    "mixed up",
    "warn",
    "No remedy helped with photos put aside to try it.",
)
"""In place of a remedy that was tried and does not help, or could not be tried."""


@dataclass(frozen=True)
class KeyFigure:
    """One of the four figures that the report begins with."""

    value: str
    text: str
    note: str
    rating: Rating


def percent(share: float) -> str:
    """A share for people; never 100 % or 0 % when it is not quite."""
    text = f"{100 * share:.0f}"
    if share < 1 and text == "100":
        text = f"{100 * share:.3f}"[:4]
    elif share > 0 and text == "0":
        text = f"{100 * share:.1g}"
    return f"{text}\u00a0%"


def counted(number: int, singular: str, plural: str) -> str:
    """A number with its noun, or its noun and verb."""
    return f"{number} {singular if number == 1 else plural}"


def sentence(text: str) -> str:
    """Text with a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."


def remedy_of(pair: ConfusionPair, trials: Trials) -> tuple[str, Rating, str]:
    """Of `REMEDIES`, where it helps."""
    if pair.remedy == "watch" or trials.helps(pair.remedy):
        return REMEDIES[pair.remedy]
    return UNHELPED


def mistakes(pair: ConfusionPair) -> str:
    """How often two products are mixed up, in a sentence."""
    text = (
        f"{pair.first_as_second} of {pair.first_queries} photos of {pair.first_name} are mistaken "
        f"for {pair.second_name}, {pair.second_as_first} of {pair.second_queries} the other way."
    )
    if not pair.ambiguous:
        return text
    return f"{text[:-1]}; {pair.ambiguous} more could be either."


def headline(evaluation: Evaluation) -> str:
    """The verdict in a sentence."""
    right = evaluation.enrolled.recall_at_1.value
    strong = right >= 0.95 and evaluation.unknown.not_rejected.value <= 0.05
    if strong and evaluation.enrolled.false_reject_rate.value <= 0.1:
        return f"This catalog knows its products: {percent(right)} are found first"
    return f"{percent(right)} of the photos have the right product first"


def key_figures(evaluation: Evaluation) -> list[KeyFigure]:
    """Right product first, right among the matches, false rejects, unknown things accepted."""
    enrolled, unknown = evaluation.enrolled, evaluation.unknown
    precision = enrolled.match_precision
    asked = "photos with their own product removed"
    if unknown.basis == "unknowns":
        asked = "photos of unknown things"
    accepted = _counted(unknown.false_accept_rate, asked)
    if offered := unknown.not_rejected.count - unknown.false_accept_rate.count:
        accepted += f"; {offered} more are answered with a choice"
    if unknown.basis == "unknowns":
        new = percent(evaluation.leave_one_out.false_accept_rate.value)
        accepted += f". Of new products on the same shelf: {new}"
    return [
        KeyFigure(
            percent(enrolled.recall_at_1.value),
            "of the photos have the right product first",
            _counted(enrolled.recall_at_1, "photos"),
            _rating(enrolled.recall_at_1.value, 0.95, 0.85),
        ),
        KeyFigure(
            percent(precision.value),
            'of the "match" answers are right',
            _counted(precision, "answers") if precision.of else "no photo was answered match",
            _rating(precision.value, 0.98, 0.93),
        ),
        KeyFigure(
            percent(enrolled.false_reject_rate.value),
            "of the photos of your own products are answered unknown",
            _counted(enrolled.false_reject_rate, "photos"),
            _rating(1 - enrolled.false_reject_rate.value, 0.9, 0.75),
        ),
        KeyFigure(
            percent(unknown.false_accept_rate.value),
            "of unknown things are mistaken for a product",
            accepted,
            _rating(1 - unknown.false_accept_rate.value, 0.98, 0.9),
        ),
    ]


def _rating(share: float, good: float, fair: float) -> Rating:
    return "good" if share >= good else "warn" if share >= fair else "bad"


def _counted(share: Share, name: str) -> str:
    low, high = share.interval
    return f"{share.count} of {share.of} {name}; likely {100 * low:.0f} to {percent(high)}"
