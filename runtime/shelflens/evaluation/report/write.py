"""Writing a report: everything is made before the first file is written."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

from shelflens.evaluation.evaluate import Report
from shelflens.evaluation.report.advice import ENROL_FILE, Todo, todos
from shelflens.evaluation.report.html import page
from shelflens.evaluation.report.images import Pictures
from shelflens.evaluation.report.markdown import markdown
from shelflens.files import write_text


def write(
    report: Report, out: Path, shown: Callable[[str], Path | None] | None = None
) -> list[Todo]:
    """Write report.json, report.md, report.html and, if photos are proposed, enrol.csv.

    Args:
        report: From `evaluate`.
        out: The folder, made if need be.
        shown: From a product id to its picture, where the report does not know the files.

    Returns:
        What to do next.

    Raises:
        OSError: no permission, no space, or a file of that name.
    """
    items = todos(report)
    texts = {
        "report.json": json.dumps(
            {"todo": [one.to_dict() for one in items], **report.to_dict()},
            ensure_ascii=False,
            indent=1,
        )
        + "\n",
        "report.md": markdown(report, items),
        "report.html": page(report, items, Pictures(report, shown)),
    }
    if proposed := _proposed(report, out):
        texts[ENROL_FILE] = proposed
    out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write_text(out / name, text)
    if not proposed:
        (out / ENROL_FILE).unlink(missing_ok=True)  # of an earlier run, and no longer true
    return items


def _proposed(report: Report, out: Path) -> str:
    """A DATA of the proposed photos, as `catalog add` takes it; "" when there are none."""
    looks = [look for need in report.needs for look in need.enrol]
    if not looks:
        return ""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "product"])
    for look in looks:
        path = os.path.relpath(look.path.resolve(), out.resolve())
        writer.writerow([path, look.item.product])
    return text.getvalue()
