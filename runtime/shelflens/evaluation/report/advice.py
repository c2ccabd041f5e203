"""What a shop owner should do next, in plain words, the most useful first.

A proposal that can be tried is shown only where it helped photos that it was not made from
(`evaluation.measure.trial`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from shelflens.evaluation.measure.share import Share
from shelflens.evaluation.measure.trial import Trial
from shelflens.evaluation.report.commands import ENROL_FILE, NEW_PRODUCTS_FILE, Sources
from shelflens.evaluation.report.wording import counted, percent
from shelflens.evaluation.result import Evaluation

MAX_ACCEPTED = 0.02
"""Share of unknown things mistaken for a product, above which the calibration is the next thing to
change."""
MAX_WRONG = 0.05
"""Share of queries whose product is not first, above which training is worth its time."""
MAX_SHOWN = 12
"""Products that a list shows: a day's work."""


@dataclass(frozen=True)
class Advice:
    """One thing to do."""

    title: str
    text: str
    section: str
    """Where the report shows it: label-errors, needed-photos, look-alikes, mix-ups, unknowns,
    figures, products; or empty."""
    command: str = ""
    """What to type, if a command does it."""

    def to_dict(self) -> dict[str, Any]:
        """The advice as JSON values."""
        return asdict(self)


def advise(evaluation: Evaluation, sources: Sources | None = None) -> list[Advice]:
    """The list; labels come first, since every other figure rests on them.

    Args:
        evaluation: What was found.
        sources: For the commands; without them there are none.
    """
    steps = [_labels, _photos, _merge, _tell_apart, _more_photos, _calibrate]
    found = [advice for step in steps if (advice := step(evaluation, sources)) is not None]
    trained = _train(evaluation, sources, left=not any(a.section != "label-errors" for a in found))
    rest = [trained, _enrol(evaluation, sources), _test(evaluation, sources)]
    found += [advice for advice in rest if advice is not None]
    if sources is None or not any(advice.command for advice in found):
        return found
    if command := sources.build():
        text = "The catalog was made for this report only. The commands below change this one."
        return [Advice("Keep the catalog in a file", text, "", command), *found]
    return found


def _labels(evaluation: Evaluation, sources: Sources | None) -> Advice | None:
    if not (count := len(evaluation.label_errors)):
        return None
    inside = sum(error.enrolled for error in evaluation.label_errors)
    where = f" {counted(inside, 'is', 'are')} in the catalog, where a wrong label does harm."
    them = "It looks" if count == 1 else "They look"
    own = "its" if count == 1 else "their"
    return Advice(
        f"Look at {counted(count, 'photo', 'photos')} that may carry the wrong label",
        f"{them} like another product, and not like the other photos of {own} own. Move a wrong "
        "one to the right product, delete one that shows two, and leave one that is right."
        + (where if inside else ""),
        "label-errors",
    )


def _photos(evaluation: Evaluation, sources: Sources | None) -> Advice | None:
    needed, trial = evaluation.needed_photos, evaluation.trials.photos
    if not needed or trial is None:
        return None
    count, products = sum(len(need.proposed) for need in needed), len(needed)
    show = counted(count, "of your test photos shows", "of your test photos show")
    shown = ", ".join(need.name for need in needed[:3]) + (" and others" if products > 3 else "")
    text = (
        f"{shown}: {show} what the photos in the catalog do not. {ENROL_FILE}, beside this report, "
        f"lists {'it' if count == 1 else 'them'}. Tried with photos that were not used to choose: "
        f"{_change(trial, 'are found')}, less if photos were taken at the same moment."
    )
    title = f"Add photos of {counted(products, 'product', 'products')}"
    command = sources.enrol(ENROL_FILE) if sources else ""
    return Advice(title, text, "needed-photos", command)


def _merge(evaluation: Evaluation, sources: Sources | None) -> Advice | None:
    same = [pair for pair in evaluation.confusion_pairs if pair.remedy == "merge"]
    trial = evaluation.trials.pairs.get("merge")
    if not same or trial is None or not trial.helps:
        return None
    named = f"{same[0].first_name} and {same[0].second_name}"
    return Advice(
        f"Decide about {counted(len(same), 'pair', 'pairs')} that the camera cannot tell apart",
        f"{named}{' and others' if len(same) > 1 else ''} are mistaken for each other about as "
        "often as not. If they are one product, give them one id; if not, let the customer choose "
        f"between the two. Tried with photos of such pairs that did not show this: "
        f"{_change(trial, 'are right')} when either of the two counts.",
        "look-alikes",
    )


def _tell_apart(evaluation: Evaluation, sources: Sources | None) -> Advice | None:
    near = [
        pair
        for pair in evaluation.confusion_pairs
        if pair.remedy == "tell apart" and pair.mistakes > 1
    ]
    trial = evaluation.trials.pairs.get("tell apart")
    if not near or trial is None or not trial.helps:
        return None
    return Advice(
        f"Photograph what differs in {counted(len(near), 'pair', 'pairs')} of look-alikes",
        f"{near[0].first_name} and {near[0].second_name}"
        + (" are the worst. " if len(near) > 1 else ". ")
        + "Fill the frame with the part of the pack that differs (the word, the colour, the lid), "
        "straight on, for both products. Tried with up to three of your test photos of each such "
        f"product: {_change(trial, 'of the rest are found')}.",
        "look-alikes",
    )


def _more_photos(evaluation: Evaluation, sources: Sources | None) -> Advice | None:
    lacking = [pair for pair in evaluation.confusion_pairs if pair.remedy == "more photos"]
    trial = evaluation.trials.pairs.get("more photos")
    if not lacking or evaluation.needed_photos or trial is None or not trial.helps:
        return None
    names = list(dict.fromkeys(pair.first_name for pair in lacking))
    count = len(names)
    return Advice(
        f"Add photos of {counted(count, 'product', 'products')} as customers hold "
        f"{'it' if count == 1 else 'them'}",
        f"{', '.join(names[:3])}{' and others' if count > 3 else ''}: mistaken for products that "
        f"do not look like {'it' if count == 1 else 'them'}. Tried with up to three of your test "
        f"photos of each such product: {_change(trial, 'of the rest are found')}.",
        "mix-ups",
    )


def _calibrate(evaluation: Evaluation, sources: Sources | None) -> Advice | None:
    trial = evaluation.trials.calibration
    if trial is None or not trial.better:
        return None
    command = sources.calibrate() if sources else ""
    if evaluation.not_enrolled:  # it takes photos of enrolled products only
        command = ""
    accepted = evaluation.unknown.false_accept_rate
    too_many = evaluation.unknown.basis == "unknowns" and accepted.interval[0] > MAX_ACCEPTED
    if too_many and trial.refused is not None and trial.refused.helps:
        return Advice(
            "Make it say unknown more often: calibrate",
            f"{accepted.count} of {accepted.of} photos of things that are not in the catalog are "
            "mistaken for a product. Tried with photos that were not measured with: "
            f"{_change(trial.refused, 'of such photos are not answered match')}; of your own "
            f"products' photos, {percent(trial.right.before)} are answered match and right before "
            f"and {percent(trial.right.after)} after.",
            "unknowns",
            command,
        )
    gained = max((trial.right, trial.answered), key=lambda part: part.low)
    if gained.helps and not trial.answered.harms:
        what = "answered match, and right" if gained is trial.right else "answered, and right"
        return Advice(
            "Let it answer more often: calibrate",
            f"Tried with photos that were not measured with: {_change(gained, f'are {what}')}"
            + (
                f"; of unknown things, {percent(1 - trial.refused.before)} are answered match "
                f"before and {percent(1 - trial.refused.after)} after."
                if trial.refused
                else "."
            ),
            "figures",
            command,
        )
    return None


def _train(evaluation: Evaluation, sources: Sources | None, *, left: bool) -> Advice | None:
    """Where it would gain more than noise; or, said so, where nothing else is `left`."""
    trial, right = evaluation.trials.training, evaluation.enrolled.recall_at_1
    wrong = Share(right.of - right.count, right.of)
    if trial is None or wrong.interval[0] <= MAX_WRONG:
        return None
    if trial.harms or not (trial.helps or left):
        return None
    if trial.helps:
        gain = _change(trial, "have the right product first")
    else:
        low, high = 100 * trial.low, 100 * trial.high
        gain = (
            f"{percent(trial.after)} have the right product first, now {percent(trial.before)} "
            f"({trial.queries} photos; likely {low:+.1f} to {high:+.1f} points: no sure gain)"
        )
    return Advice(
        "Train on your products" if trial.helps else "Training is what is left to try",
        f"{percent(wrong.value)} of the photos have another product first. What training might "
        "gain is estimated by its cheapest part, a linear layer learnt on the catalog's photos and "
        "two thirds of the test photos. Of the remaining third, "
        f"{gain}. Training changes the whole network and may gain more, or nothing: shelflens "
        "train measures it on photos that it holds out. Test the new model with new photos.",
        "figures",
        sources.train() if sources else "",
    )


def _enrol(evaluation: Evaluation, sources: Sources | None) -> Advice | None:
    absent = sorted({result.item.product for result in evaluation.not_enrolled})
    if not absent:
        return None
    count = len(absent)
    return Advice(
        f"Add {counted(count, 'product', 'products')} that only the test photos show",
        f"{', '.join(absent[:5])}{', ...' if count > 5 else ''}. If you sell "
        f"{'it' if count == 1 else 'them'}, add the photos that {NEW_PRODUCTS_FILE}, beside this "
        f"report, lists; if {'the id is' if count == 1 else 'an id is'} misspelt, correct it.",
        "",
        sources.enrol(NEW_PRODUCTS_FILE) if sources else "",
    )


def _test(evaluation: Evaluation, sources: Sources | None) -> Advice | None:
    untested = evaluation.without_queries
    if not untested:
        return None
    attributes = evaluation.catalog.attributes
    shown = ", ".join(attributes[product].get("name", product) for product in untested[:5])
    single = len(untested) == 1
    return Advice(
        f"Take a test photo of {counted(len(untested), 'product', 'products')}",
        f"{shown}{', ...' if len(untested) > 5 else ''}: without one nobody knows whether "
        f"{'it is' if single else 'they are'} found. Two photos{'' if single else ' each'} are "
        "enough to begin.",
        "products",
    )


def _change(trial: Trial, what: str) -> str:
    """From the share before to the share after, and what the gain may really be, in points."""
    low, high = 100 * trial.low, 100 * trial.high
    return (
        f"{percent(trial.after)} {what}, up from {percent(trial.before)} ({trial.queries} photos; "
        f"likely {low:.1f} to {high:.1f} points more)"
    )
