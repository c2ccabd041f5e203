"""`report.md`: the same report as text, to read in a terminal or keep in a repository."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from shelflens.console import printable
from shelflens.evaluation.report.advice import Advice
from shelflens.evaluation.report.details import figure_rows
from shelflens.evaluation.report.html import source_line
from shelflens.evaluation.report.wording import headline, key_figures, percent, remedy_of
from shelflens.evaluation.result import Evaluation

_MAX_ROWS = 20


def markdown_report(evaluation: Evaluation, advice: Sequence[Advice]) -> str:
    """The whole report."""
    lines = [
        f"# {headline(evaluation)}",
        "",
        f"{source_line(evaluation)}.",
        "",
        *(f"- **{row.value}** {row.text} ({row.note})" for row in key_figures(evaluation)),
        "",
        *(f"> {notice}\n" for notice in evaluation.notices),
        "## What to do next",
        "",
    ]
    for number, item in enumerate(advice, start=1):
        lines.append(f"{number}. **{item.title}.** {item.text}")
        if item.command:
            lines += ["", "   ```sh", f"   {item.command}", "   ```", ""]
    if not advice:
        lines.append("Nothing that these photos show.")
    lines += _label_errors(evaluation) + _needed_photos(evaluation) + _pairs(evaluation)
    lines += ["", "## The figures", ""]
    lines += _table(("figure", "value", "what it is"), figure_rows(evaluation))
    if evaluation.k_shot_curve:
        rows = [
            (str(point.k), f"{point.recall_at_1:.3f}", f"{point.low:.3f}–{point.high:.3f}")
            for point in evaluation.k_shot_curve
        ]
        lines += ["", "## What more photos do", ""]
        lines += _table(("images per product", "recall@1", "range of the samples"), rows)
    lines += _by_attribute(evaluation) + _by_product(evaluation)
    text = "\n".join(lines)
    return "\n".join(map(printable, text.split("\n"))) + "\n"


def _label_errors(evaluation: Evaluation) -> list[str]:
    rows = [
        (
            str(error.path) if error.path else f"photo {(error.index or 0) + 1} in the catalog",
            error.label,
            error.suggested,
            f"{error.own_similarity:.2f}",
            f"{error.suggested_similarity:.2f}",
        )
        for error in evaluation.label_errors
    ]
    heads = ("photo", "labelled", "looks like", "similarity to own", "to suggested")
    return _part("Photos that may carry the wrong label", heads, rows)


def _needed_photos(evaluation: Evaluation) -> list[str]:
    rows = [(need.name, need.why) for need in evaluation.needed_photos]
    return _part("Products that need more photos", ("product", "why"), rows)


def _pairs(evaluation: Evaluation) -> list[str]:
    rows = [
        (
            pair.first_name,
            pair.second_name,
            f"{pair.first_as_second} + {pair.second_as_first}",
            str(pair.ambiguous),
            f"{pair.first_queries} + {pair.second_queries}",
            f"{pair.similarity:.2f}",
            remedy_of(pair, evaluation.trials)[0],
        )
        for pair in evaluation.confusion_pairs
    ]
    heads = ("product", "and", "mixed up", "ambiguous", "photos", "similarity", "advice")
    return _part("Products that are mixed up", heads, rows)


def _by_attribute(evaluation: Evaluation) -> list[str]:
    rows = [
        (
            row.column,
            row.value,
            str(row.recall_at_1.of),
            percent(row.recall_at_1.value),
            percent(row.same_value.value),
        )
        for row in evaluation.by_attribute
    ]
    heads = ("column", "value", "queries", "right product first", "right value first")
    return _part("By attribute", heads, rows, len(rows))


def _by_product(evaluation: Evaluation) -> list[str]:
    rows = [
        (
            row.name,
            str(row.rows),
            str(row.queries),
            percent(row.right / row.queries),
            str(row.false_rejects),
            row.confused_with,
        )
        for row in evaluation.by_product
    ]
    heads = ("product", "rows", "queries", "recall@1", "unknown", "mostly confused with")
    return _part("Every product, the worst first", heads, rows, len(rows))


def _part(
    title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], limit: int = _MAX_ROWS
) -> list[str]:
    if not rows:
        return []
    more = [f"\nand {len(rows) - limit} more in report.json"] if len(rows) > limit else []
    return ["", f"## {title}", "", *_table(heads, rows[:limit]), *more]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(heads)} |", f"| {' | '.join('---' for _ in heads)} |"]
    for row in rows:
        cells = (cell.replace("|", "\\|") for cell in row)
        lines.append(f"| {' | '.join(cells)} |")
    return lines
