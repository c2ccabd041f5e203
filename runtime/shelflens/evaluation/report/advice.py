"""What a shop owner should do next, in plain words, the most useful first."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from shelflens.evaluation.evaluate import Report
from shelflens.evaluation.report.wording import percent

TOLERABLE = 0.02
"""Share of unknown things let in, above which the threshold is the next thing to mend."""
CAUTIOUS = 0.2
"""Share of enrolled products' photos answered `unknown`, above which it is too high."""
AT_ONCE = 12
"""Products a list shows: a day's work."""
ENROL_FILE = "enrol.csv"


@dataclass(frozen=True)
class Todo:
    """One thing to do."""

    title: str
    text: str
    section: str
    """Where the page shows it: suspects, needs, alike, strangers, figures, products, or nowhere."""
    command: str = ""
    """What to type, if a command does it."""

    def to_dict(self) -> dict[str, Any]:
        """The item as JSON values."""
        return asdict(self)


def todos(report: Report) -> list[Todo]:
    """The list; labels come first, since every other figure rests on them."""
    steps = [_labels, _photos, _merge, _tell_apart, _threshold, _enrol, _test]
    return [item for step in steps if (item := step(report)) is not None]


def _labels(report: Report) -> Todo | None:
    if not (count := len(report.suspects)):
        return None
    inside = sum(one.enrolled for one in report.suspects)
    where = f" {_count(inside, 'is', 'are')} in the catalog, where a wrong label does harm."
    return Todo(
        f"Look at {_count(count, 'photo', 'photos')} that may carry the wrong label",
        "They look like another product, and not like the other photos of their own. Move a wrong "
        "one to the right product, delete one that shows two, and leave one that is right."
        + (where if inside else ""),
        "suspects",
    )


def _photos(report: Report) -> Todo | None:
    if not report.needs:
        return None
    first = [need.name for need in report.needs[:3]]
    shown = ", ".join(first) + (" and others" if len(report.needs) > 3 else "")
    text = f"Start with {shown}: their photos look like none of the pictures enrolled. "
    command = ""
    if gain := report.gain:
        text += (
            f"{_count(gain.photos, 'of your test photos is', 'of your test photos are')} worth "
            f"enrolling at once; {ENROL_FILE}, beside this page, lists them."
        )
        before, after = percent(gain.before), percent(gain.after)
        if after != before:
            text += (
                f" With {'it' if gain.photos == 1 else 'them'}, {after} of the other photos are "
                f"found instead of {before} (photos taken at the same moment flatter this)."
            )
        command = f"shelflens catalog add STORE.catalog {ENROL_FILE}"
    else:
        text += "Take two or three more of each, as customers hold them."
    total = len(report.needs)
    title = f"Add photos of {_count(total, 'product', 'products')}"
    if total > AT_ONCE:
        title = f"Add photos of the {AT_ONCE} neediest products, then of {total - AT_ONCE} more"
    return Todo(title, text, "needs", command)


def _merge(report: Report) -> Todo | None:
    same = [pair for pair in report.pairs if pair.advice == "merge"]
    if not same:
        return None
    return Todo(
        f"Decide about {_count(len(same), 'pair', 'pairs')} that the camera cannot tell apart",
        f"{same[0].first_name} and {same[0].second_name}"
        + (" and others" if len(same) > 1 else "")
        + " are taken for each other about as often as not. If they are one product, give them one "
        "id; if not, let the customer choose between the two.",
        "alike",
    )


def _tell_apart(report: Report) -> Todo | None:
    near = [pair for pair in report.pairs if pair.advice == "tell apart" and pair.mistakes > 1]
    if not near:
        return None
    return Todo(
        f"Photograph what differs in {_count(len(near), 'pair', 'pairs')} of look-alikes",
        f"{near[0].first_name} and {near[0].second_name}"
        + (" are the worst. " if len(near) > 1 else ". ")
        + "Fill the frame with the part of the pack that differs (the word, the colour, the lid), "
        "straight on, for both products.",
        "alike",
    )


def _threshold(report: Report) -> Todo | None:
    open_, missed = report.unknown, report.known.missed
    command = "shelflens catalog calibrate STORE.catalog --queries PHOTOS --unknowns OTHERS"
    if open_.basis == "unknowns" and open_.let_in.interval[0] > TOLERABLE:
        threshold, cost = open_.one_percent
        return Todo(
            "Make it say unknown more often",
            f"{open_.let_in.count} of {open_.let_in.of} photos of things that are not in the "
            f"catalog are taken for a product. A threshold of {threshold:.2f} instead of "
            f"{open_.threshold:.2f} lets in 1 in 100, and then {percent(cost)} of your own "
            "products' photos are answered unknown: more pictures make that fewer.",
            "strangers",
            command,
        )
    if missed.interval[0] > CAUTIOUS:
        return Todo(
            "Let it answer more often",
            f"{missed.count} of {missed.of} photos of your own products are answered unknown. "
            "Measure the threshold with your own photos; more pictures a product help too.",
            "figures",
            command,
        )
    return None


def _enrol(report: Report) -> Todo | None:
    absent = sorted({look.item.product for look in report.missing})
    if not absent:
        return None
    return Todo(
        f"Enrol {_count(len(absent), 'product', 'products')} that only the test photos know",
        f"{', '.join(absent[:5])}{', ...' if len(absent) > 5 else ''}. Add their pictures, or mend "
        "the spelling of the id.",
        "",
        "shelflens catalog add STORE.catalog NEW",
    )


def _test(report: Report) -> Todo | None:
    few = report.untested
    if not few:
        return None
    names = {
        product: one.get("name", product) for product, one in report.catalog.attributes.items()
    }
    shown = ", ".join(names[product] for product in few[:5])
    return Todo(
        f"Take a test photo of {_count(len(few), 'product', 'products')}",
        f"{shown}{', ...' if len(few) > 5 else ''}: without one nobody knows whether "
        f"{'it is' if len(few) == 1 else 'they are'} found. Two photos each are enough to begin.",
        "products",
    )


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
