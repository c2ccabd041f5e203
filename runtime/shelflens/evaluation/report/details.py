"""The lower half of the page: figures with what they mean, plots, tables."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from shelflens.evaluation.evaluate import Report
from shelflens.evaluation.measure.metrics import Share
from shelflens.evaluation.report.plots import det_plot, reliability_plot, scores_plot, shots_plot
from shelflens.evaluation.report.wording import percent

Row = tuple[str, str, str]
"""Name, value, what it means."""


_FACTS = ("figure", "", "what it is")


def science(report: Report) -> str:
    """Everything below the lists of things to do."""
    return "".join(
        [
            '<h2 id="figures">The figures</h2><p class="lead">For who wants to know how it was '
            "measured, and to compare two models or two sets of pictures.</p>",
            f'<div class="facts">{_table(_FACTS, figure_rows(report), wrap=2)}</div>',
            f'<div class="plots">{"".join(_plots(report))}</div>',
            _attributes(report),
            _products(report),
        ]
    )


def figure_rows(report: Report) -> list[Row]:
    """Every figure with what it means."""
    known, open_ = report.known, report.unknown
    one, missed = open_.one_percent
    rows = [
        ("recall@1", _share(known.right), "right product first"),
        ("recall@5", f"{known.recall_at_5:.3f}", "right product among the first five"),
        ("recall@10", f"{known.recall_at_10:.3f}", "right product among the first ten"),
        ("MRR", f"{known.mrr:.3f}", "mean of one over the place of the right product"),
        ("mAP", f"{known.map:.3f}", "mean average precision over the catalog's pictures"),
        ("match, right", _share(known.named_right), "named outright, and right"),
        ("match, wrong", _share(known.named_wrong), "named outright, and wrong"),
        ("ambiguous", _share(known.undecided), "look-alikes offered as a choice"),
        ("unknown", _share(known.missed), "answered unknown though enrolled"),
        ("AUROC", f"{open_.auroc:.3f}", "chance that a known thing scores above an unknown one"),
        ("FPR@95TPR", f"{open_.fpr_at_95_tpr:.3f}", "unknown let in when 95 % of known are"),
        (
            "equal error rate",
            f"{open_.equal_error_rate:.3f}",
            f"both errors alike, at threshold {open_.equal_error_threshold:.3f}",
        ),
        (
            "false accepts",
            _share(open_.let_in),
            f"unknown things let in at the threshold {open_.threshold:.3f} ({_basis(report)})",
        ),
        ("named outright", _share(open_.named), "unknown things answered match"),
        (
            "threshold for 1 %",
            f"{one:.3f}",
            f"lets in 1 % of the unknown things; {percent(missed)} are missed then",
        ),
    ]
    if open_.basis == "unknowns":
        new = report.left_out
        rows += [
            ("AUROC, same shelf", f"{new.auroc:.3f}", "each photo with its own product taken out"),
            ("FPR@95TPR, same shelf", f"{new.fpr_at_95_tpr:.3f}", "the same"),
            ("false accepts, same shelf", _share(new.let_in), "the same, at the threshold"),
        ]
    rows.append(("ECE", f"{report.confidence.ece:.3f}", "mean gap of confidence and truth"))
    if report.confidence.ece_with_unknowns is not None:
        value = f"{report.confidence.ece_with_unknowns:.3f}"
        rows.append(("ECE, all photos", value, "the same with the unknown things"))
    return rows


def _basis(report: Report) -> str:
    return "measured with this store's photos" if report.basis == "measured" else "the default"


def _share(share: Share) -> str:
    low, high = share.interval
    return f"{share.value:.3f} ({low:.3f}–{high:.3f})"


def _plots(report: Report) -> list[str]:
    open_, found = report.unknown, []
    if report.shots:
        text = "How often the right product is first, with so many photos of each."
        found.append(_plot("What more photos do", text, shots_plot(report.shots)))
    taken_out = "own product taken out"
    given = open_.basis == "unknowns"
    others = "other things" if given else taken_out
    text = "Apart is good: the threshold stands between them."
    svg = scores_plot(open_) + _key(("known", "own products"), ("bad", others))
    found.append(_plot("Known and unknown", text, svg))
    text = "Each point of a line is a threshold. Down and left is better."
    lines = [("known", others), ("warn", taken_out)] if given else [("known", others)]
    svg = det_plot(open_, report.left_out) + _key(*lines)
    found.append(_plot("What a threshold costs (DET)", text, svg))
    text = "On the diagonal, “90 % sure” is right 9 times in 10."
    found.append(_plot("Can it be believed?", text, reliability_plot(report.confidence)))
    return found


def _key(*kinds: tuple[str, str]) -> str:
    keys = "".join(f'<span><i class="{kind}"></i>{text}</span>' for kind, text in kinds)
    return f'<p class="key">{keys}</p>'


def _plot(title: str, text: str, svg: str) -> str:
    return f'<div class="plot"><h3>{escape(title)}</h3><p>{escape(text)}</p>{svg}</div>'


def _attributes(report: Report) -> str:
    parts = []
    for column in dict.fromkeys(one.column for one in report.attributes):
        rows = [
            (
                one.value,
                str(one.right.of),
                percent(one.right.value),
                percent(one.same_value.value),
            )
            for one in report.attributes
            if one.column == column
        ]
        heads = (column, "photos", "right product first", f"right {column} first")
        parts.append(
            f"<details><summary>By {escape(column)} ({len(rows)})</summary>"
            f"{_table(heads, rows)}</details>"
        )
    return "".join(parts)


def _products(report: Report) -> str:
    heads = (
        "product",
        "pictures",
        "photos",
        "right first",
        "in first 5",
        "named wrongly",
        "undecided",
        "unknown",
        "mostly taken for",
    )
    rows = [
        (
            row.name,
            str(row.pictures),
            str(row.photos),
            percent(row.right / row.photos),
            percent(row.in_first_5 / row.photos),
            str(row.named_wrong),
            str(row.undecided),
            str(row.missed),
            row.taken_for,
        )
        for row in report.products
    ]
    return (
        f'<details id="products"><summary>Every product, the worst first ({len(rows)})</summary>'
        f"{_table(heads, rows, wrap=8)}</details>"
    )


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], wrap: int = -1) -> str:
    def cells(tag: str, row: Sequence[str]) -> str:
        marks = [' class="wrap"' if place == wrap else "" for place in range(len(row))]
        return "".join(
            f"<{tag}{mark}>{escape(text)}</{tag}>" for mark, text in zip(marks, row, strict=True)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table><thead><tr>{cells("th", heads)}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
