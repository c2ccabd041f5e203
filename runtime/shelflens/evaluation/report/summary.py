"""The report in a dozen lines, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from shelflens.evaluation.report.advice import Advice
from shelflens.evaluation.report.wording import headline, key_figures
from shelflens.evaluation.result import Evaluation


def summary(evaluation: Evaluation, advice: Sequence[Advice]) -> str:
    """The verdict, the four key figures, and what to do next."""
    lines = [headline(evaluation), ""]
    lines += [f"  {row.value:>6}  {row.text} ({row.note})" for row in key_figures(evaluation)]
    lines += ["", "what to do next"]
    lines += [f"  {number}. {item.title}" for number, item in enumerate(advice, start=1)]
    if not advice:
        lines.append("  nothing that these photos show")
    return "\n".join(lines)
