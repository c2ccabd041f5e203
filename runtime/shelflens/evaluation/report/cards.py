"""The sections of `report.html` that show photos side by side, one card for each finding."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from shelflens.evaluation.findings.confusion_pairs import ConfusionPair, Remedy
from shelflens.evaluation.findings.label_errors import LabelError
from shelflens.evaluation.findings.needed_photos import NeededPhotos
from shelflens.evaluation.report.advice import MAX_SHOWN
from shelflens.evaluation.report.images import ReportImages
from shelflens.evaluation.report.wording import mistakes, remedy_of, sentence
from shelflens.evaluation.result import Evaluation

_MAX_MIXUPS = MAX_SHOWN // 2
_PAIR_SECTIONS: tuple[tuple[str, str, str, tuple[Remedy, ...], int], ...] = (
    (
        "look-alikes",
        "Look-alikes",
        "Products that are mistaken for each other. The photo, what it shows, and what it was "
        "mistaken for.",
        ("merge", "tell apart"),
        MAX_SHOWN,
    ),
    (
        "mix-ups",
        "Other mix-ups",
        "These do not look alike, and are mistaken for each other all the same.",
        ("more photos",),
        _MAX_MIXUPS,
    ),
)
"""Id, title, text, remedies, and how many cards: the rest is in report.json."""


def label_errors(evaluation: Evaluation, images: ReportImages) -> str:
    """Photos that may carry the wrong label."""
    attributes = evaluation.catalog.attributes
    names = {product: columns.get("name", product) for product, columns in attributes.items()}
    vectors = {result.path: result.vector for result in evaluation.results}

    def card(error: LabelError) -> str:
        label, suggested = names[error.label], names[error.suggested]
        vector = vectors.get(error.path) if error.path else None
        figures = [
            _figure(images.photo(error.path), label, "labelled", "no"),
            _figure(images.product(error.suggested, vector), suggested, "looks like", "ok"),
            _figure(images.product(error.label, vector), label, "its label's nearest"),
        ]
        file = error.path.name if error.path else f"photo {(error.index or 0) + 1} of {label}"
        where = ("in the catalog", "bad") if error.enrolled else ("test photo", "warn")
        text = f'<p class="file">{escape(file)}</p>'
        return _card(where, f"{label}, or {suggested}?", figures, text)

    return _section(
        "label-errors",
        "Photos that may carry the wrong label",
        "Each looks like another product and not like the other photos of its own. Usual reasons: "
        "a wrong label, two products in one photo, the back of a pack, or a maker's photo unlike "
        "what stands on the shelf. Where the label is right, leave it.",
        [card(error) for error in evaluation.label_errors[:MAX_SHOWN]],
        len(evaluation.label_errors),
    )


def needed_photos(evaluation: Evaluation, images: ReportImages) -> str:
    """Products that need more photos."""

    def card(need: NeededPhotos) -> str:
        example = need.example
        missed = "answered unknown" if example.right else f"mistaken for {example.first.name}"
        now = images.product(need.id, example.vector)
        figures = [
            _figure(now, f"1 of {need.rows}", "in the catalog"),
            _figure(images.photo(example.path), missed, "not found", "no"),
        ]
        figures += [
            _figure(images.photo(result.path), "", "add this", "ok") for result in need.proposed
        ]
        return _card(("", ""), need.name, figures, f"<p>{escape(sentence(need.why))}</p>")

    return _section(
        "needed-photos",
        "Products that need more photos",
        "Most to gain first. Each of your test photos was looked up again with the best of the "
        "others added to the catalog, and more were found. Add those marked “add this”.",
        [card(need) for need in evaluation.needed_photos[:MAX_SHOWN]],
        len(evaluation.needed_photos),
    )


def confusion_pairs(evaluation: Evaluation, images: ReportImages) -> str:
    """Look-alikes, and other products that are mixed up."""

    def card(pair: ConfusionPair) -> str:
        tag, rating, remedy = remedy_of(pair, evaluation.trials)
        example = pair.examples[0]
        names = {pair.first: pair.first_name, pair.second: pair.second_name}
        own = pair.first if example.item.product == pair.first else pair.second
        answer = images.product(example.first.id, example.vector)
        figures = [
            _figure(images.photo(example.path), f"score {example.first.score:.2f}", "the photo"),
            _figure(images.product(own, example.vector), names[own], "shows", "ok"),
            _figure(answer, example.first.name, "mistaken for", "no"),
        ]
        todo = remedy.format(first=pair.first_name, second=pair.second_name)
        text = f"<p>{escape(mistakes(pair))} {escape(todo)}</p>"
        return _card((tag, rating), f"{pair.first_name} and {pair.second_name}", figures, text)

    parts = []
    for name, title, intro, remedies, limit in _PAIR_SECTIONS:
        pairs = [p for p in evaluation.confusion_pairs if p.remedy in remedies and p.examples]
        pairs.sort(key=lambda pair: (pair.remedy != "merge", -pair.mistakes))
        parts.append(_section(name, title, intro, [card(p) for p in pairs[:limit]], len(pairs)))
    return "".join(parts)


def unknowns(evaluation: Evaluation, images: ReportImages) -> str:
    """Unknown things that were not answered unknown."""
    accepted = evaluation.not_rejected
    cards = []
    for result in accepted[:MAX_SHOWN]:
        first = result.first
        answer = images.product(first.id, result.vector)
        figures = [
            _figure(images.photo(result.path), result.item.product, "not in the catalog"),
            _figure(answer, first.name, "mistaken for", "no"),
        ]
        tag = ("match", "bad") if result.decision == "match" else ("offered as a choice", "warn")
        cards.append(_card(tag, f"{first.name}, at {first.score:.2f}", figures, ""))
    return _section(
        "unknowns",
        "Not in the catalog, yet mistaken for a product",
        "The highest score first. If one of them is a product you sell, add it.",
        cards,
        len(accepted),
    )


def _section(name: str, title: str, intro: str, cards: Sequence[str], total: int) -> str:
    if not cards:
        return ""
    more = f'<p class="small">and {total - len(cards)} more in report.json</p>'
    return (
        f'<h2 id="{name}">{escape(title)}</h2><p class="intro">{escape(intro)}</p>'
        f'<div class="cards">{"".join(cards)}</div>{more if total > len(cards) else ""}'
    )


def _figure(source: str, name: str, note: str, frame: str = "") -> str:
    image = (
        f'<img src="{source}" alt="{escape(f"{note}: {name}", quote=True)}"/>'
        if source
        else '<div class="none">no photo</div>'
    )
    bold = f"<b>{escape(name)}</b>" if name else ""
    return f'<figure class="{frame}">{image}<figcaption>{escape(note)}{bold}</figcaption></figure>'


def _card(tag: tuple[str, str], title: str, figures: Sequence[str], text: str) -> str:
    """A card; the tag is a word and its rating."""
    pill = f'<span class="tag {tag[1]}">{escape(tag[0])}</span>' if tag[0] else ""
    two = " two" if len(figures) == 2 else ""
    return (
        f'<article class="card">{pill}<h3>{escape(title)}</h3>'
        f'<div class="pics{two}">{"".join(figures)}</div>{text}</article>'
    )
