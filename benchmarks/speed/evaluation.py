"""What `shelflens evaluate` and `catalog calibrate` take beside embedding the photos.

    python -m benchmarks.speed.evaluation

measures embeddings made at random: families of three products alike, three images each in the
catalog, ten times as many queries as products, and a tenth of that of unknown things. Processor
time of all threads, so that other work does not matter. One minute.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.provenance import RESULTS, save, stamp, table
from shelflens import Catalog
from shelflens.calibration.calibrate import calibrate
from shelflens.catalog.default_calibration import default_calibration
from shelflens.dataset import LabelledImage
from shelflens.evaluation.evaluate import evaluate
from shelflens.evaluation.measure.query_results import EmbeddedImages

SEED, DIM, IMAGES, FAMILY = 0, 256, 3, 3
APART, NOISE = 0.8, 1.1
"""Of products from their family, and of photos from their product, beside families of variance 1:
as hard as products that look alike."""


def main() -> None:
    """Measure and write."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    report = stamp(seed=SEED) | measure(args.queries)
    rows = ((name, str(seconds)) for name, seconds in report["cpu_s"].items())
    text = f"{report['queries']} queries, {report['products']} products.\n"
    text += table(("", "processor seconds"), rows)
    save(report, "Evaluating and calibrating", text, "evaluation", args.out)


def measure(count: int) -> dict[str, Any]:
    """Processor seconds of each."""
    generator = np.random.default_rng(SEED)
    products = count // 10
    families = generator.normal(size=(-(-products // FAMILY), DIM)).repeat(FAMILY, 0)[:products]
    centres = families + APART * generator.normal(size=families.shape)
    owners = np.repeat(np.arange(products), IMAGES)
    shown = generator.integers(0, products, count)
    rows, queries = (
        (centres[of] + NOISE * generator.normal(size=(len(of), DIM))).astype(np.float32)
        for of in (owners, shown)
    )
    unknowns = generator.normal(size=(products, DIM)).astype(np.float32)
    catalog = Catalog([f"p{owner}" for owner in owners], rows, space="random")
    default = default_calibration(catalog, {})
    catalog = catalog.with_calibration(default)
    labels = [f"p{owner}" for owner in shown]
    strange = [f"unknown {index}" for index in range(products)]
    asked, foreign = (
        EmbeddedImages([LabelledImage(Path(f"{name}.jpg"), name) for name in names], vectors)
        for names, vectors in ((labels, queries), (strange, unknowns))
    )
    begin = time.process_time()
    evaluate(catalog, asked, foreign, default=default)
    middle = time.process_time()
    calibrate(catalog, queries, labels, unknowns=unknowns, unknown_labels=strange, default=default)
    end = time.process_time()
    seconds = {"evaluate": round(middle - begin, 1), "calibrate": round(end - middle, 1)}
    return {"queries": count, "products": products, "cpu_s": seconds}


if __name__ == "__main__":
    main()
