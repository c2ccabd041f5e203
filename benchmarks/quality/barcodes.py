"""How many barcodes are read in drawn photos, turned, blurred and small, and how many are misread.

    python -m benchmarks.quality.barcodes

For each width of the label and each blur, 30 labels with an EAN-13 of random digits. `upright` is
what zxing-cpp reads in the photo of the upright label by itself; `read` what `read_barcodes` reads
in the photo of the label turned by any angle, `both` those that zxing-cpp read upright too, `wrong`
any number that is not the label's. The reader's rules were chosen on the photos of seed 0, these
are of seed 1. Beside them, photos without a barcode: Grocery's test photos, whole and as a camera
of 640 x 480 gives them.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import zxingcpp
from PIL import Image

from benchmarks.provenance import RESULTS, save, stamp, table
from benchmarks.quality.grocery import SHARED
from shelflens.barcode.gtin import check_digit, gtin
from shelflens.barcode.reader import LONGEST, grey_of, read_barcodes
from tests.support.barcodes import draw_photo

LABELS = 30
WIDTHS = (220, 320, 420, 600, 900)
BLURS = (0.0, 1.0, 1.6, 2.2)
SEED = 1
WITHOUT = 200
"""Photos without a barcode."""
CAMERA_SIDE = 640
COUNTS = ("of", "upright", "read", "both", "wrong")


def main() -> None:
    """Read them all."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    rows = [labels(width, blur) for width in WIDTHS for blur in BLURS]
    report: dict[str, Any] = stamp(seed=SEED, libraries=("zxing-cpp",)) | {
        "labels": rows,
        "without": without(),
        "sum": {key: sum(row[key] for row in rows) for key in COUNTS},
    }
    report["share"] = round(report["sum"]["both"] / report["sum"]["upright"], 4)
    save(report, "Barcodes", text(report), "barcodes", args.out)


def labels(width: int, blur: float) -> dict[str, Any]:
    """Labels of one width and blur."""
    generator = np.random.default_rng(SEED)
    row: dict[str, Any] = {"width": width, "blur": blur, "of": LABELS}
    upright = read = both = wrong = 0
    spent = []
    for seed in range(SEED * 1000, SEED * 1000 + LABELS):
        digits = "".join(map(str, generator.integers(0, 10, 12)))
        number = digits + check_digit(digits)
        angle = float(generator.uniform(0, 360))
        photo_rng = np.random.default_rng(seed)
        straight = draw_photo(number, photo_rng, width=width, blur=blur)
        turned = draw_photo(number, photo_rng, width=width, blur=blur, angle=angle)
        codes = zxingcpp.read_barcodes(straight, formats=[zxingcpp.BarcodeFormat.EAN13])
        plain = number in [code.text for code in codes]
        start = time.process_time()
        found = read_barcodes(turned)
        spent.append(time.process_time() - start)
        upright += plain
        read += gtin(number) in found
        both += plain and gtin(number) in found
        wrong += any(code != gtin(number) for code in found)
    median = round(float(np.median(spent)) * 1e3, 1)
    return row | {"upright": upright, "read": read, "both": both, "wrong": wrong, "cpu_ms": median}


def without() -> list[dict[str, Any]]:
    """Photos in which there is no barcode to read."""
    folder = SHARED / "data" / "grocery"
    lines = (folder / "test.txt").read_text(encoding="utf-8").splitlines()
    paths = [folder / line.split(",")[0].strip() for line in lines if line.strip()]
    chosen = paths[:: max(1, len(paths) // WITHOUT)]
    rows = []
    for name, side in (("photo", LONGEST), ("camera frame", CAMERA_SIDE)):
        spent, found = [], 0
        for path in chosen:
            picture = Image.fromarray(grey_of(path))
            scale = side / max(picture.size)
            size = (round(picture.width * scale), round(picture.height * scale))
            grey = np.asarray(picture.resize(size, Image.Resampling.BICUBIC))
            start = time.process_time()
            found += bool(read_barcodes(grey))
            spent.append(time.process_time() - start)
        p50, p90 = (round(float(ms), 1) for ms in np.percentile(spent, [50, 90]) * 1e3)
        counts = {"photos": len(spent), "read": found, "cpu_ms_p50": p50, "cpu_ms_p90": p90}
        rows.append({"of": name, "side": side, **counts})
    return rows


def text(report: dict[str, Any]) -> str:
    """The tables."""
    head = ["label, pixels of 1,200", "blur, pixels", "labels", "zxing-cpp, upright"]
    head += ["read, turned", "of those read upright", "wrong", "CPU, ms"]
    free = ["without a barcode", "pixels of the longest side", "photos", "read"]
    free += ["CPU, ms p50", "p90"]
    total = report["sum"]
    return (
        f"Of {total['of']} labels zxing-cpp reads {total['upright']} upright. Turned by any angle, "
        f"{total['read']} are read: {total['both']} of those, a share of {report['share']:.3f} "
        f"(target 0.9), and {total['read'] - total['both']} more; {total['wrong']} wrong "
        "(target 0).\n\n"
        f"{table(head, (_cells(row) for row in report['labels']))}\n"
        f"{table(free, (_cells(row) for row in report['without']))}"
    )


def _cells(row: dict[str, Any]) -> list[Any]:
    return [f"{value:.1f}" if isinstance(value, float) else value for value in row.values()]


if __name__ == "__main__":
    main()
