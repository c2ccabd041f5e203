"""Writing a report: everything is made before the first file is written."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

from shelflens.evaluation.report.advice import ENROL_FILE, Advice, advise
from shelflens.evaluation.report.html import html_report
from shelflens.evaluation.report.images import ReportImages
from shelflens.evaluation.report.markdown import markdown_report
from shelflens.evaluation.result import Evaluation
from shelflens.files import write_text


def write_report(
    evaluation: Evaluation,
    out: Path,
    product_image: Callable[[str], Path | None] | None = None,
) -> list[Advice]:
    """Write report.json, report.md, report.html and, if photos are proposed, enrol.csv.

    Args:
        evaluation: From `evaluate`.
        out: The folder, made if need be.
        product_image: From a product id to its image, where the files of the enrolled images are
            not known.

    Returns:
        What to do next.

    Raises:
        OSError: no permission, no space, or a file of that name.
    """
    advice = advise(evaluation)
    values = {"advice": [item.to_dict() for item in advice], **evaluation.to_dict()}
    texts = {
        "report.json": json.dumps(values, ensure_ascii=False, indent=1) + "\n",
        "report.md": markdown_report(evaluation, advice),
        "report.html": html_report(evaluation, advice, ReportImages(evaluation, product_image)),
    }
    if proposed := _proposed(evaluation, out):
        texts[ENROL_FILE] = proposed
    out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write_text(out / name, text)
    if not proposed:
        (out / ENROL_FILE).unlink(missing_ok=True)  # of an earlier run, and no longer true
    return advice


def _proposed(evaluation: Evaluation, out: Path) -> str:
    """A dataset of the proposed photos, as `catalog add` takes it; "" when there are none."""
    results = [result for need in evaluation.needed_photos for result in need.proposed]
    if not results:
        return ""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "product"])
    for result in results:
        path = os.path.relpath(result.path.resolve(), out.resolve())
        writer.writerow([path, result.item.product])
    return text.getvalue()
