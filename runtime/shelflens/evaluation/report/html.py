"""`report.html`: one file that asks nothing of any network. What to do first, the science last.

The markup is well-formed XML too, so a test can read it strictly.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from shelflens.evaluation.evaluate import Report
from shelflens.evaluation.report.advice import AT_ONCE, Todo
from shelflens.evaluation.report.details import science
from shelflens.evaluation.report.images import Pictures
from shelflens.evaluation.report.style import CSS
from shelflens.evaluation.report.wording import ADVICE, Tile, counted, headline, tiles

_SHOWN = AT_ONCE
"""Cards a section: the rest is in report.json, and tomorrow's list."""


def page(report: Report, items: Sequence[Todo], pictures: Pictures) -> str:
    """The whole page."""
    parts = [
        '<p class="brand">ShelfLens</p>',
        f"<h1>{escape(headline(report))}</h1>",
        f'<p class="from">{escape(_from(report))}</p>',
        f'<div class="tiles">{"".join(map(_tile, tiles(report)))}</div>',
        *(f'<p class="note">{escape(_sentence(one))}</p>' for one in report.notices),
        _todo(items),
        _suspects(report, pictures),
        _needs(report, pictures),
        _alike(report, pictures),
        _strangers(report, pictures),
        science(report),
        "<footer>Made by <code>shelflens evaluate</code>. Everything in numbers: report.json. "
        "How each list is made: the README of the runtime.</footer>",
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>ShelfLens: {escape(report.source)}</title><style>{CSS}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _from(report: Report) -> str:
    strangers = f", {len(report.strangers)} photos of other things" if report.strangers else ""
    return (
        f"{report.source}: {len(report.catalog)} products, {report.catalog.row_count} pictures; "
        f"{len(report.looks)} test photos{strangers}; model {report.model}"
    )


def _tile(tile: Tile) -> str:
    return (
        f'<div class="tile {tile.mood}"><b>{escape(tile.figure)}</b>'
        f"<span>{escape(tile.text)}</span><small>{escape(tile.note)}</small></div>"
    )


def _todo(items: Sequence[Todo]) -> str:
    rows = []
    for item in items:
        command = f"<p><code>{escape(item.command)}</code></p>" if item.command else ""
        link = f'<p class="more"><a href="#{item.section}">Show me</a></p>' if item.section else ""
        rows.append(
            f"<li><div><h3>{escape(item.title)}</h3><p>{escape(item.text)}</p>{command}"
            f"{link}</div></li>"
        )
    if not rows:
        return (
            '<h2 id="todo">What to do next</h2><p class="lead">Nothing that these photos show. '
            "Test again with more of them, taken as customers take them.</p>"
        )
    return (
        '<h2 id="todo">What to do next</h2><p class="lead">In this order; then test again, with '
        f'photos that are not enrolled.</p><ol class="todo">{"".join(rows)}</ol>'
    )


def _section(name: str, title: str, lead: str, cards: Sequence[str], total: int) -> str:
    if not cards:
        return ""
    more = f'<p class="from">and {total - len(cards)} more in report.json</p>'
    return (
        f'<h2 id="{name}">{escape(title)}</h2><p class="lead">{escape(lead)}</p>'
        f'<div class="cards">{"".join(cards)}</div>{more if total > len(cards) else ""}'
    )


def _figure(source: str, name: str, note: str, kind: str = "") -> str:
    picture = (
        f'<img src="{source}" alt="{escape(f"{note}: {name}", quote=True)}"/>'
        if source
        else '<div class="none">no picture</div>'
    )
    bold = f"<b>{escape(name)}</b>" if name else ""
    return f'<figure class="{kind}">{picture}<figcaption>{escape(note)}{bold}</figcaption></figure>'


def _card(tag: str, mood: str, title: str, figures: Sequence[str], text: str) -> str:
    pill = f'<span class="tag {mood}">{escape(tag)}</span>' if tag else ""
    two = " two" if len(figures) == 2 else ""
    return (
        f'<article class="card">{pill}<h3>{escape(title)}</h3>'
        f'<div class="pics{two}">{"".join(figures)}</div>{text}</article>'
    )


def _suspects(report: Report, pictures: Pictures) -> str:
    names = _names(report)
    vectors = {look.path: look.vector for look in report.looks}
    cards = []
    for one in report.suspects[:_SHOWN]:
        label, like = names[one.product], names[one.looks_like]
        vector = vectors.get(one.path) if one.path else None
        photo = _figure(pictures.photo(one.path), label, "labelled", "no")
        file = one.path.name if one.path else f"picture {one.place} of {label}"
        figures = [
            photo,
            _figure(pictures.product(one.looks_like, vector), like, "looks like", "ok"),
            _figure(pictures.product(one.product, vector), label, "its label's nearest"),
        ]
        cards.append(
            _card(
                "in the catalog" if one.enrolled else "test photo",
                "bad" if one.enrolled else "warn",
                f"{label}, or {like}?",
                figures,
                f'<p class="file">{escape(file)}</p>',
            )
        )
    return _section(
        "suspects",
        "Photos that may carry the wrong label",
        "Each looks like another product and not like the other photos of its own. Usual reasons: "
        "a wrong label, two products in one photo, the back of a pack, or a studio picture unlike "
        "what stands on the shelf. Where the label is right, leave it.",
        cards,
        len(report.suspects),
    )


def _needs(report: Report, pictures: Pictures) -> str:
    cards = []
    for need in report.needs[:_SHOWN]:
        now = pictures.product(need.id, need.example.vector)
        missed = (
            "answered unknown" if need.example.right else f"taken for {need.example.first.name}"
        )
        figures = [
            _figure(now, f"1 of {need.pictures}", "enrolled now"),
            _figure(pictures.photo(need.example.path), missed, "not found", "no"),
        ]
        figures += [
            _figure(pictures.photo(look.path), "", "enrol this", "ok") for look in need.enrol
        ]
        cards.append(_card("", "", need.name, figures, f"<p>{escape(_sentence(need.why))}</p>"))
    return _section(
        "needs",
        "Products that need more photos",
        "Most to gain first. We tried your test photos as further pictures: those marked “enrol "
        "this” bring others home. Where there are none, take photos like the one not found.",
        cards,
        len(report.needs),
    )


def _alike(report: Report, pictures: Pictures) -> str:
    groups = (
        (
            "Look-alikes",
            "Products that are taken for each other. The photo, what it shows, and what it was "
            "taken for.",
            ("merge", "tell apart"),
        ),
        (
            "Other mix-ups",
            "These are not alike; a picture is missing that shows the product as in the photo.",
            ("more photos",),
        ),
    )
    parts = []
    for number, (title, lead, kinds) in enumerate(groups):
        chosen = [p for p in report.pairs if p.advice in kinds and p.examples]
        chosen.sort(key=lambda pair: (pair.advice != "merge", -pair.mistakes))
        cards = []
        for pair in chosen[: _SHOWN - 6 * number]:
            tag, mood, text = ADVICE[pair.advice]
            look = pair.examples[0]
            own = pair.first if look.item.product == pair.first else pair.second
            names = {pair.first: pair.first_name, pair.second: pair.second_name}
            figures = [
                _figure(pictures.photo(look.path), f"score {look.first.score:.2f}", "the photo"),
                _figure(pictures.product(own, look.vector), names[own], "shows", "ok"),
                _figure(
                    pictures.product(look.first.id, look.vector), look.first.name, "taken for", "no"
                ),
            ]
            said = text.format(first=pair.first_name, second=pair.second_name)
            body = f"<p>{escape(counted(pair))} {escape(said)}</p>"
            title_ = f"{pair.first_name} and {pair.second_name}"
            cards.append(_card(tag, mood, title_, figures, body))
        name = "alike" if not number else "mixups"
        parts.append(_section(name, title, lead, cards, len(chosen)))
    return "".join(parts)


def _strangers(report: Report, pictures: Pictures) -> str:
    wrong = report.let_in
    cards = []
    for look in wrong[:_SHOWN]:
        named = look.decision == "match"
        figures = [
            _figure(pictures.photo(look.path), look.item.product, "not in the catalog"),
            _figure(
                pictures.product(look.first.id, look.vector), look.first.name, "taken for", "no"
            ),
        ]
        cards.append(
            _card(
                "named outright" if named else "offered as a choice",
                "bad" if named else "warn",
                f"{look.first.name}, at {look.first.score:.2f}",
                figures,
                "",
            )
        )
    return _section(
        "strangers",
        "Not in the catalog, yet taken for a product",
        "The surest first. If one of them is a product you sell, enrol it; else a higher threshold "
        "keeps it out.",
        cards,
        len(wrong),
    )


def _names(report: Report) -> dict[str, str]:
    return {key: one.get("name", key) for key, one in report.catalog.attributes.items()}


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
