"""Writing a report: everything is made before the first file is written."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from shelflens.evaluation.measure.query_results import QueryResult
from shelflens.evaluation.report.advice import Advice, advise
from shelflens.evaluation.report.commands import ENROL_FILE, NEW_PRODUCTS_FILE, Sources
from shelflens.evaluation.report.html import html_report
from shelflens.evaluation.report.images import ReportImages
from shelflens.evaluation.report.markdown import markdown_report
from shelflens.evaluation.result import Evaluation
from shelflens.files import write_text
from shelflens.spreadsheet import cell

REPORT_FILES = ("report.json", "report.md", "report.html", ENROL_FILE, NEW_PRODUCTS_FILE)
"""What a report's folder holds."""


def write_report(
    evaluation: Evaluation,
    out: Path,
    product_image: Callable[[str], Path | None] | None = None,
    *,
    sources: Sources | None = None,
) -> list[Advice]:
    """Write report.json, report.md, report.html and, if photos are proposed, enrol.csv and
    new-products.csv.

    Args:
        evaluation: From `evaluate`.
        out: The folder, made if need be.
        product_image: From a product id to its image, where the files of the enrolled images are
            not known.
        sources: For the commands of the advice; without them it has none.

    Returns:
        What to do next.

    Raises:
        OSError: no permission, no space, or a file of that name.
    """
    advice = advise(evaluation, sources)
    values = {"advice": [item.to_dict() for item in advice], **evaluation.to_dict()}
    texts = {
        "report.json": json.dumps(values, ensure_ascii=False, indent=1) + "\n",
        "report.md": markdown_report(evaluation, advice),
        "report.html": html_report(evaluation, advice, ReportImages(evaluation, product_image)),
    }
    proposed = [result for need in evaluation.needed_photos for result in need.proposed]
    lists = {ENROL_FILE: proposed, NEW_PRODUCTS_FILE: evaluation.not_enrolled}
    out.mkdir(parents=True, exist_ok=True)
    for name, photos in lists.items():
        if photos:
            texts[name] = _dataset(photos, out)
        else:
            (out / name).unlink(missing_ok=True)  # of an earlier run, and no longer true
    for name, text in texts.items():
        write_text(out / name, text)
    return advice


def _dataset(results: Sequence[QueryResult], out: Path) -> str:
    """A table of photos, as `catalog add` takes it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "product"])
    for result in results:
        path = os.path.relpath(result.path.resolve(), out.resolve())
        writer.writerow(map(cell, [path, result.item.product]))
    return text.getvalue()
