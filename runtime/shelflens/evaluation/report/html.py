"""`report.html`: one file that asks nothing of any network. What to do first, the figures last.

The markup is well-formed XML too, so a test can read it strictly.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from shelflens.evaluation.report import cards
from shelflens.evaluation.report.advice import Advice
from shelflens.evaluation.report.details import figures_section
from shelflens.evaluation.report.images import ReportImages
from shelflens.evaluation.report.style import CSS
from shelflens.evaluation.report.wording import KeyFigure, headline, key_figures, sentence
from shelflens.evaluation.result import Evaluation


def html_report(evaluation: Evaluation, advice: Sequence[Advice], images: ReportImages) -> str:
    """The whole document."""
    parts = [
        '<p class="brand">ShelfLens</p>',
        f"<h1>{escape(headline(evaluation))}</h1>",
        f'<p class="small">{escape(source_line(evaluation))}</p>',
        f'<div class="summary">{"".join(map(_key_figure, key_figures(evaluation)))}</div>',
        *(f'<p class="note">{escape(sentence(notice))}</p>' for notice in evaluation.notices),
        _advice(advice),
        cards.label_errors(evaluation, images),
        cards.needed_photos(evaluation, images),
        cards.confusion_pairs(evaluation, images),
        cards.unknowns(evaluation, images),
        figures_section(evaluation),
        "<footer>Made by <code>shelflens evaluate</code>. Every figure is in report.json; the "
        "documentation says how each is measured.</footer>",
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>ShelfLens: {escape(evaluation.source)}</title><style>{CSS}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def source_line(evaluation: Evaluation) -> str:
    """What was measured with what."""
    unknowns = len(evaluation.unknowns)
    return (
        f"{evaluation.source}: {len(evaluation.catalog)} products, "
        f"{evaluation.catalog.row_count} photos in the catalog; {len(evaluation.results)} test "
        f"photos{f', {unknowns} photos of unknown things' if unknowns else ''}; "
        f"model {evaluation.model}"
    )


def _key_figure(figure: KeyFigure) -> str:
    return (
        f'<div class="key-figure {figure.rating}"><b>{escape(figure.value)}</b>'
        f"<span>{escape(figure.text)}</span><small>{escape(figure.note)}</small></div>"
    )


def _advice(advice: Sequence[Advice]) -> str:
    rows = []
    for item in advice:
        command = f"<p><code>{escape(item.command)}</code></p>" if item.command else ""
        link = f'<p class="more"><a href="#{item.section}">Show me</a></p>' if item.section else ""
        rows.append(
            f"<li><div><h3>{escape(item.title)}</h3><p>{escape(item.text)}</p>{command}"
            f"{link}</div></li>"
        )
    if not rows:
        return (
            '<h2 id="advice">What to do next</h2><p class="intro">Nothing that these photos show. '
            "Test again with more of them, taken as customers take them.</p>"
        )
    return (
        '<h2 id="advice">What to do next</h2><p class="intro">In this order; then test again, with '
        f'photos that are not in the catalog.</p><ol class="advice">{"".join(rows)}</ol>'
    )
