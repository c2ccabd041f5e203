"""How many barcodes are read in drawn photos, turned, blurred and small, and how many are misread.

    python -m benchmarks.quality.barcodes

For each width of the label and each blur, 30 labels with an EAN-13 of random digits. `upright` is
what zxing-cpp reads in the photo of the upright label by itself; `read` what `read_barcodes` reads
in the photo of the label turned by any angle; `wrong` any number that is not the label's. Beside
them, photos without a barcode: Grocery's test photos.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import zxingcpp

from benchmarks.provenance import RESULTS, save, stamp, table
from benchmarks.quality.grocery import SHARED
from shelflens.barcode.gtin import check_digit, gtin
from shelflens.barcode.reader import grey_of, read_barcodes
from tests.support.barcodes import draw_photo

LABELS = 30
WIDTHS = (220, 320, 420, 600, 900)
BLURS = (0.0, 1.0, 1.6, 2.2)
WITHOUT = 200
"""Photos without a barcode."""


def main() -> None:
    """Read them all."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    rows = [labels(width, blur) for width in WIDTHS for blur in BLURS]
    report: dict[str, Any] = stamp(seed=0, libraries=("zxing-cpp",)) | {
        "labels": rows,
        "without": without(),
        "sum": {key: sum(row[key] for row in rows) for key in ("of", "upright", "read", "wrong")},
    }
    save(report, "Barcodes", text(report), "barcodes", args.out)


def labels(width: int, blur: float) -> dict[str, Any]:
    """Labels of one width and blur."""
    generator = np.random.default_rng(0)
    row: dict[str, Any] = {"width": width, "blur": blur, "of": LABELS}
    upright = read = wrong = 0
    spent = []
    for seed in range(LABELS):
        digits = "".join(map(str, generator.integers(0, 10, 12)))
        number = digits + check_digit(digits)
        angle = float(generator.uniform(0, 360))
        drawn = np.random.default_rng(seed)
        straight = draw_photo(number, drawn, width=width, blur=blur)
        turned = draw_photo(number, drawn, width=width, blur=blur, angle=angle)
        codes = zxingcpp.read_barcodes(straight, formats=[zxingcpp.BarcodeFormat.EAN13])
        upright += number in [code.text for code in codes]
        start = time.process_time()
        found = read_barcodes(turned)
        spent.append(time.process_time() - start)
        read += gtin(number) in found
        wrong += any(code != gtin(number) for code in found)
    median = round(float(np.median(spent)) * 1e3, 1)
    return row | {"upright": upright, "read": read, "wrong": wrong, "cpu_ms": median}


def without() -> dict[str, Any]:
    """Photos in which there is no barcode to read."""
    folder = SHARED / "data" / "grocery"
    lines = (folder / "test.txt").read_text(encoding="utf-8").splitlines()
    paths = [folder / line.split(",")[0].strip() for line in lines if line.strip()]
    spent, found = [], 0
    for path in paths[:: max(1, len(paths) // WITHOUT)]:
        grey = grey_of(path)
        start = time.process_time()
        found += bool(read_barcodes(grey))
        spent.append(time.process_time() - start)
    milliseconds = np.percentile(spent, [50, 90]) * 1e3
    p50, p90 = (round(float(value), 1) for value in milliseconds)
    return {"photos": len(spent), "read": found, "cpu_ms_p50": p50, "cpu_ms_p90": p90}


def text(report: dict[str, Any]) -> str:
    """The tables."""
    head = ["label, pixels of 1,200", "blur, pixels", "labels", "zxing-cpp, upright"]
    head += ["read, turned", "wrong", "CPU, ms"]
    total, none = report["sum"], report["without"]
    return (
        f"Of {total['of']} labels zxing-cpp reads {total['upright']} upright; turned by any angle, "
        f"{total['read']} are read, {total['wrong']} wrong.\n\n"
        f"{table(head, (row.values() for row in report['labels']))}\n"
        f"{none['photos']} photos without a barcode: {none['read']} read; CPU time "
        f"{none['cpu_ms_p50']} ms at the median, {none['cpu_ms_p90']} at the 90th percentile.\n"
    )


if __name__ == "__main__":
    main()
