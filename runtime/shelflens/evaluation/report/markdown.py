"""`report.md`: the same report as text, to read in a terminal or keep in a repository."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from shelflens.evaluation.evaluate import Report
from shelflens.evaluation.report.advice import Todo
from shelflens.evaluation.report.details import figure_rows
from shelflens.evaluation.report.wording import ADVICE, headline, percent, tiles

_SHOWN = 20


def markdown(report: Report, items: Sequence[Todo]) -> str:
    """The whole report."""
    lines = [
        f"# {headline(report)}",
        "",
        f"{report.source}: {len(report.catalog)} products, {report.catalog.row_count} pictures; "
        f"{len(report.looks)} test photos, {len(report.strangers)} of other things; "
        f"model {report.model}.",
        "",
        *(f"- **{one.figure}** {one.text} ({one.note})" for one in tiles(report)),
        "",
        *(f"> {one}\n" for one in report.notices),
        "## What to do next",
        "",
    ]
    for number, item in enumerate(items, start=1):
        lines.append(f"{number}. **{item.title}.** {item.text}")
        if item.command:
            lines.append(f"   `{item.command}`")
    if not items:
        lines.append("Nothing that these photos show.")
    lines += _suspects(report) + _needs(report) + _pairs(report)
    lines += ["", "## The figures", ""]
    lines += _table(("figure", "value", "what it is"), figure_rows(report))
    if report.shots:
        rows = [
            (str(one.photos), f"{one.recall:.3f}", f"{one.low:.3f}–{one.high:.3f}")
            for one in report.shots
        ]
        lines += ["", "## What more photos do", ""]
        lines += _table(("photos a product", "recall@1", "from draw to draw"), rows)
    lines += _attributes(report) + _products(report)
    return "\n".join(lines) + "\n"


def _suspects(report: Report) -> list[str]:
    rows = [
        (
            str(one.path) if one.path else f"picture {one.place} in the catalog",
            one.product,
            one.looks_like,
            f"{one.own:.2f}",
            f"{one.other:.2f}",
        )
        for one in report.suspects
    ]
    heads = ("photo", "labelled", "looks like", "own", "other")
    return _part("Photos that may carry the wrong label", heads, rows)


def _needs(report: Report) -> list[str]:
    rows = [(one.name, one.why) for one in report.needs]
    return _part("Products that need more photos", ("product", "why"), rows)


def _pairs(report: Report) -> list[str]:
    rows = [
        (
            one.first_name,
            one.second_name,
            f"{one.first_as_second} + {one.second_as_first}",
            str(one.undecided),
            f"{one.first_photos} + {one.second_photos}",
            f"{one.likeness:.2f}",
            ADVICE[one.advice][0],
        )
        for one in report.pairs
    ]
    heads = ("product", "and", "mixed up", "undecided", "photos", "likeness", "advice")
    return _part("Products that are mixed up", heads, rows)


def _attributes(report: Report) -> list[str]:
    rows = [
        (
            one.column,
            one.value,
            str(one.right.of),
            percent(one.right.value),
            percent(one.same_value.value),
        )
        for one in report.attributes
    ]
    heads = ("column", "value", "photos", "right product", "right value")
    return _part("By attribute", heads, rows, most=len(rows))


def _products(report: Report) -> list[str]:
    rows = [
        (
            one.name,
            str(one.pictures),
            str(one.photos),
            percent(one.right / one.photos),
            str(one.missed),
            one.taken_for,
        )
        for one in report.products
    ]
    heads = ("product", "pictures", "photos", "right first", "unknown", "mostly taken for")
    return _part("Every product, the worst first", heads, rows, most=len(rows))


def _part(
    title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], most: int = _SHOWN
) -> list[str]:
    if not rows:
        return []
    more = [f"\nand {len(rows) - most} more in report.json"] if len(rows) > most else []
    return ["", f"## {title}", "", *_table(heads, rows[:most]), *more]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(heads)} |", f"| {' | '.join('---' for _ in heads)} |"]
    for row in rows:
        cells = (cell.replace("|", "\\|") for cell in row)
        lines.append(f"| {' | '.join(cells)} |")
    return lines
