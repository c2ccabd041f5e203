"""What a shop owner should do next, in plain words, the most useful first."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from shelflens.evaluation.report.wording import percent
from shelflens.evaluation.result import Evaluation

MAX_ACCEPTED = 0.02
"""Share of unknown things mistaken for a product, above which the threshold is the next thing to
change."""
MAX_REJECTED = 0.2
"""Share of enrolled products' queries answered `unknown`, above which it is too high."""
MAX_SHOWN = 12
"""Products that a list shows: a day's work."""
ENROL_FILE = "enrol.csv"


@dataclass(frozen=True)
class Advice:
    """One thing to do."""

    title: str
    text: str
    section: str
    """Where the report shows it: label-errors, needed-photos, look-alikes, unknowns, figures,
    products; or empty."""
    command: str = ""
    """What to type, if a command does it."""

    def to_dict(self) -> dict[str, Any]:
        """The advice as JSON values."""
        return asdict(self)


def advise(evaluation: Evaluation) -> list[Advice]:
    """The list; labels come first, since every other figure rests on them."""
    steps = [_labels, _photos, _merge, _tell_apart, _threshold, _enrol, _test]
    return [advice for step in steps if (advice := step(evaluation)) is not None]


def _labels(evaluation: Evaluation) -> Advice | None:
    if not (count := len(evaluation.label_errors)):
        return None
    inside = sum(error.enrolled for error in evaluation.label_errors)
    where = f" {_count(inside, 'is', 'are')} in the catalog, where a wrong label does harm."
    return Advice(
        f"Look at {_count(count, 'photo', 'photos')} that may carry the wrong label",
        "They look like another product, and not like the other photos of their own. Move a wrong "
        "one to the right product, delete one that shows two, and leave one that is right."
        + (where if inside else ""),
        "label-errors",
    )


def _photos(evaluation: Evaluation) -> Advice | None:
    needed = evaluation.needed_photos
    if not needed:
        return None
    shown = ", ".join(need.name for need in needed[:3]) + (" and others" if len(needed) > 3 else "")
    text = f"Start with {shown}: the catalog has no photo of them like the test photos. "
    command = ""
    if gain := evaluation.gain:
        text += (
            f"{_count(gain.proposed, 'of your test photos is', 'of your test photos are')} worth "
            f"adding at once; {ENROL_FILE}, beside this report, lists them."
        )
        before, after = percent(gain.found_before), percent(gain.found_after)
        if after != before:
            text += (
                f" With {'it' if gain.proposed == 1 else 'them'}, {after} of the other photos are "
                f"found, up from {before} (less if photos were taken at the same moment)."
            )
        command = f"shelflens catalog add STORE.catalog {ENROL_FILE}"
    else:
        text += "Take two or three more of each, as customers hold them."
    title = f"Add photos of {_count(len(needed), 'product', 'products')}"
    if len(needed) > MAX_SHOWN:
        title = (
            f"Add photos of the {MAX_SHOWN} products that need them most, then of "
            f"{len(needed) - MAX_SHOWN} more"
        )
    return Advice(title, text, "needed-photos", command)


def _merge(evaluation: Evaluation) -> Advice | None:
    same = [pair for pair in evaluation.confusion_pairs if pair.remedy == "merge"]
    if not same:
        return None
    return Advice(
        f"Decide about {_count(len(same), 'pair', 'pairs')} that the camera cannot tell apart",
        f"{same[0].first_name} and {same[0].second_name}"
        + (" and others" if len(same) > 1 else "")
        + " are mistaken for each other about as often as not. If they are one product, give them "
        "one id; if not, let the customer choose between the two.",
        "look-alikes",
    )


def _tell_apart(evaluation: Evaluation) -> Advice | None:
    near = [
        pair
        for pair in evaluation.confusion_pairs
        if pair.remedy == "tell apart" and pair.mistakes > 1
    ]
    if not near:
        return None
    return Advice(
        f"Photograph what differs in {_count(len(near), 'pair', 'pairs')} of look-alikes",
        f"{near[0].first_name} and {near[0].second_name}"
        + (" are the worst. " if len(near) > 1 else ". ")
        + "Fill the frame with the part of the pack that differs (the word, the colour, the lid), "
        "straight on, for both products.",
        "look-alikes",
    )


def _threshold(evaluation: Evaluation) -> Advice | None:
    unknown, rejected = evaluation.unknown, evaluation.enrolled.false_reject_rate
    command = "shelflens catalog calibrate STORE.catalog --queries PHOTOS --unknowns OTHERS"
    accepted = unknown.false_accept_rate
    if unknown.basis == "unknowns" and accepted.interval[0] > MAX_ACCEPTED:
        point = unknown.one_percent
        return Advice(
            "Make it say unknown more often",
            f"{accepted.count} of {accepted.of} photos of things that are not in the catalog are "
            f"mistaken for a product. A match only from a confidence of "
            f"{point.threshold:.2f}, now {unknown.threshold:.2f}, lets 1 in 100 pass, and then "
            f"{percent(point.false_reject_rate)} of your own products' photos are not answered "
            "match: more photos of them in the catalog make that fewer.",
            "unknowns",
            command,
        )
    if rejected.interval[0] > MAX_REJECTED:
        return Advice(
            "Let it answer more often",
            f"{rejected.count} of {rejected.of} photos of your own products are answered unknown. "
            "Measure how sure it may be with your own photos; more photos per product help too.",
            "figures",
            command,
        )
    return None


def _enrol(evaluation: Evaluation) -> Advice | None:
    absent = sorted({result.item.product for result in evaluation.not_enrolled})
    if not absent:
        return None
    return Advice(
        f"Add {_count(len(absent), 'product', 'products')} that only the test photos show",
        f"{', '.join(absent[:5])}{', ...' if len(absent) > 5 else ''}. Add photos of them to the "
        "catalog, or correct the spelling of the id.",
        "",
        "shelflens catalog add STORE.catalog NEW",
    )


def _test(evaluation: Evaluation) -> Advice | None:
    untested = evaluation.without_queries
    if not untested:
        return None
    attributes = evaluation.catalog.attributes
    shown = ", ".join(attributes[product].get("name", product) for product in untested[:5])
    return Advice(
        f"Take a test photo of {_count(len(untested), 'product', 'products')}",
        f"{shown}{', ...' if len(untested) > 5 else ''}: without one nobody knows whether "
        f"{'it is' if len(untested) == 1 else 'they are'} found. Two photos each are enough to "
        "begin.",
        "products",
    )


def _count(number: int, singular: str, plural: str) -> str:
    return f"{number} {singular if number == 1 else plural}"
