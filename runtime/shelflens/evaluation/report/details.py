"""The lower half of the HTML report, for engineers: every figure, charts, tables."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from shelflens.evaluation.measure.share import Share
from shelflens.evaluation.report.plots import (
    det_plot,
    k_shot_plot,
    reliability_plot,
    scores_plot,
)
from shelflens.evaluation.report.wording import percent
from shelflens.evaluation.result import Evaluation

Row = tuple[str, str, str]
"""Name, value, what it means."""


def figures_section(evaluation: Evaluation) -> str:
    """Everything below the findings."""
    heads = ("figure", "", "what it is")
    return "".join(
        [
            '<h2 id="figures">The figures</h2><p class="intro">For those who want to know how it '
            "was measured, and to compare two models or two catalogs.</p>",
            f'<div class="figures">{_table(heads, figure_rows(evaluation), wrap=2)}</div>',
            f'<div class="plots">{"".join(_plots(evaluation))}</div>',
            _by_attribute(evaluation),
            _by_product(evaluation),
        ]
    )


def figure_rows(evaluation: Evaluation) -> list[Row]:
    """Every figure with what it means."""
    enrolled, unknown = evaluation.enrolled, evaluation.unknown
    point = unknown.one_percent
    measured = "measured with this store's photos"
    basis = measured if evaluation.basis == "measured" else "the default"
    rows = [
        ("recall@1", _share(enrolled.recall_at_1), "right product first"),
        ("recall@5", f"{enrolled.recall_at_5:.3f}", "right product among the first five"),
        ("recall@10", f"{enrolled.recall_at_10:.3f}", "right product among the first ten"),
        ("MRR", f"{enrolled.mrr:.3f}", "mean reciprocal rank of the right product"),
        ("mAP", f"{enrolled.map:.3f}", "mean average precision over the catalog's rows"),
        ("match, right", _share(enrolled.match_right), "answered match, right product"),
        ("match, wrong", _share(enrolled.match_wrong), "answered match, wrong product"),
        ("ambiguous", _share(enrolled.ambiguous), "look-alikes offered as a choice"),
        (
            "false reject rate",
            _share(enrolled.false_reject_rate),
            "answered unknown though the product is enrolled",
        ),
        ("AUROC", f"{unknown.auroc:.3f}", "probability that enrolled scores above unknown"),
        (
            "FPR@95TPR",
            f"{unknown.fpr_at_95_tpr:.3f}",
            "unknowns accepted where 95 % of enrolled are",
        ),
        (
            "equal error rate",
            f"{unknown.equal_error_rate:.3f}",
            f"both errors equal, at confidence {unknown.equal_error_threshold:.3f}",
        ),
        ("false accept rate", _share(unknown.false_accept_rate), "unknowns answered match"),
        (
            "not rejected",
            _share(unknown.not_rejected),
            f"unknowns answered match or ambiguous; match from {unknown.threshold:.3f} ({basis})",
        ),
        (
            "confidence for 1 %",
            f"{point.threshold:.3f}",
            "at most 1 % of the unknowns are above it, and "
            f"{percent(point.false_reject_rate)} of the enrolled below",
        ),
    ]
    if unknown.basis == "unknowns":
        same_shelf = evaluation.leave_one_out
        rows += [
            ("AUROC, same shelf", f"{same_shelf.auroc:.3f}", "each query's own product removed"),
            ("FPR@95TPR, same shelf", f"{same_shelf.fpr_at_95_tpr:.3f}", "the same"),
            ("false accept rate, same shelf", _share(same_shelf.false_accept_rate), "the same"),
            ("not rejected, same shelf", _share(same_shelf.not_rejected), "the same"),
        ]
    rows.append(("ECE", f"{evaluation.reliability.ece:.3f}", "expected calibration error"))
    if (both := evaluation.reliability.ece_with_unknowns) is not None:
        rows.append(("ECE, all queries", f"{both:.3f}", "the same with the unknowns"))
    return rows


def _share(share: Share) -> str:
    low, high = share.interval
    return f"{share.value:.3f} ({low:.3f}–{high:.3f})"


def _plots(evaluation: Evaluation) -> list[str]:
    unknown, found = evaluation.unknown, []
    if curve := evaluation.k_shot_curve:
        text = "How often the right product is first, by photos of each product."
        found.append(_plot("What more photos do", text, k_shot_plot(curve)))
    removed = "own product removed"
    given = unknown.basis == "unknowns"
    name = "unknown things" if given else removed
    text = "Apart is good: the threshold stands between them."
    svg = scores_plot(unknown) + _key(("good", "own products"), ("bad", name))
    found.append(_plot("Known and unknown", text, svg))
    text = "Each point of a line is a threshold. Down and left is better."
    lines = [("good", name), ("warn", removed)] if given else [("good", name)]
    svg = det_plot(unknown, evaluation.leave_one_out) + _key(*lines)
    found.append(_plot("What a threshold costs (DET)", text, svg))
    text = "On the diagonal, a confidence of 90 % is right 9 times in 10."
    found.append(
        _plot("Can the confidence be believed?", text, reliability_plot(evaluation.reliability))
    )
    return found


def _key(*series: tuple[str, str]) -> str:
    keys = "".join(f'<span><i class="{name}"></i>{text}</span>' for name, text in series)
    return f'<p class="key">{keys}</p>'


def _plot(title: str, text: str, svg: str) -> str:
    return f'<div class="plot"><h3>{escape(title)}</h3><p>{escape(text)}</p>{svg}</div>'


def _by_attribute(evaluation: Evaluation) -> str:
    parts = []
    for column in dict.fromkeys(row.column for row in evaluation.by_attribute):
        rows = [
            (
                row.value,
                str(row.recall_at_1.of),
                percent(row.recall_at_1.value),
                percent(row.same_value.value),
            )
            for row in evaluation.by_attribute
            if row.column == column
        ]
        heads = (column, "queries", "right product first", f"right {column} first")
        parts.append(
            f"<details><summary>By {escape(column)} ({len(rows)})</summary>"
            f"{_table(heads, rows)}</details>"
        )
    return "".join(parts)


def _by_product(evaluation: Evaluation) -> str:
    heads = (
        "product",
        "rows",
        "queries",
        "recall@1",
        "recall@5",
        "match, wrong",
        "ambiguous",
        "unknown",
        "mostly confused with",
    )
    rows = [
        (
            row.name,
            str(row.rows),
            str(row.queries),
            percent(row.right / row.queries),
            percent(row.in_first_5 / row.queries),
            str(row.match_wrong),
            str(row.ambiguous),
            str(row.false_rejects),
            row.confused_with,
        )
        for row in evaluation.by_product
    ]
    return (
        f'<details id="products"><summary>Every product, the worst first ({len(rows)})</summary>'
        f"{_table(heads, rows, wrap=8)}</details>"
    )


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], wrap: int = -1) -> str:
    def cells(tag: str, row: Sequence[str]) -> str:
        marks = [' class="wrap"' if index == wrap else "" for index in range(len(row))]
        return "".join(
            f"<{tag}{mark}>{escape(text)}</{tag}>" for mark, text in zip(marks, row, strict=True)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table><thead><tr>{cells("th", heads)}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
