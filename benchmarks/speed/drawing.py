"""How many images of a synthetic store one core draws in a second.

    python -m benchmarks.speed.drawing

draws a store as `shelflens synthesize` does, studio images and photos, and writes its JPEG files.
Processor time, so that other work does not matter; what is drawn once for all photos (textures,
letters, noise of the sensor) is drawn before. Target: 20 images per second. Half a minute.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.provenance import RESULTS, save, stamp
from shelflens_train.synthetic.store import synthesize_store

SEED, WARM_SEED = 3, 4
TARGET = 20


def main() -> None:
    """Measure and write."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--products", type=int, default=60, help="one studio image each")
    parser.add_argument("--photos", type=int, default=4, help="of each product")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    report = stamp(seed=SEED) | measure(args.products, args.photos)
    text = (
        f"{report['images']} images; {report['per_s']} images per second of one core "
        f"(target {TARGET})."
    )
    save(report, "Drawing a synthetic store", text, "drawing", args.out)


def measure(products: int, photos: int) -> dict[str, Any]:
    """Images per second of processor time."""
    with TemporaryDirectory() as folder:
        synthesize_store(Path(folder), products=10, photos=10, seed=WARM_SEED)
        begin = time.process_time()
        synthesize_store(Path(folder), products=products, photos=photos, seed=SEED)
        seconds = time.process_time() - begin
    images = products * (photos + 1)
    return {"images": images, "cpu_s": round(seconds, 1), "per_s": round(images / seconds, 1)}


if __name__ == "__main__":
    main()
