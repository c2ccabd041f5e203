"""Does scaled JPEG decoding cost accuracy? recall@1 with it, beside decoding every pixel.

    python -m benchmarks.quality.scaled --every 3

`load_image` lets the JPEG decoder give 1/2, 1/4 or 1/8 of a large photo. The Grocery photos are 348
pixels wide, too small for that, so they are enlarged eight times (2784 pixels, about 8 MP) and
written as JPEG again: what is compared is two ways to decode one and the same file. A photo with
real detail in every pixel is not measured.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.provenance import RESULTS, save, stamp, table
from benchmarks.quality.measuring import Vectors, embedded, photos_of, recall
from shelflens import Embedder, load_image
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens.progress import Progress

TIMES = 8


def main() -> None:
    """Measure one model."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--model", type=Path, default=BUNDLED_MODEL)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--every", type=int, default=1, help="use every n-th test photo")
    args = parser.parse_args()
    embedder = Embedder.open(args.model)
    train, test = photos_of("train"), photos_of("test", args.every)
    gallery = embedded(embedder, train, "train")
    vectors = decoded_both_ways(embedder, test.paths)
    cosines = np.einsum("nd,nd->n", vectors["scaled"], vectors["every pixel"])
    report = stamp(card=embedder.card)
    report["photos"] = len(test.items)
    report["cosine"] = float(cosines.mean())
    report["rows"] = [
        {"decoding": name, "recall": recall(gallery, train.labels, rows, test.labels)}
        for name, rows in vectors.items()
    ]
    save(report, "Scaled JPEG decoding", markdown(report), "scaled", args.out)


def markdown(report: dict[str, Any]) -> str:
    """The figures as a table."""
    rows = ([row["decoding"], row["recall"]] for row in report["rows"])
    return (
        f"{report['photos']} test photos, enlarged {TIMES} times; mean cosine of the two "
        f"embeddings {report['cosine']:.4f}.\n{table(('decoding', 'recall@1'), rows)}"
    )


def decoded_both_ways(embedder: Embedder, paths: list[Path]) -> dict[str, Vectors]:
    """Embeddings of the enlarged photos, float32 [n, d], by way of decoding."""
    size = embedder.card.size
    vectors: dict[str, list[Vectors]] = {"scaled": [], "every pixel": []}
    with Progress("enlarged", len(paths)) as bar:
        for done, path in enumerate(paths, 1):
            data = enlarged(path)
            pixels = load_image(load_image(data), size=size)
            vectors["scaled"].append(embedder.embed(data))
            vectors["every pixel"].append(embedder.embed_pixels(pixels[np.newaxis])[0])
            bar.update(done)
    return {name: np.stack(rows) for name, rows in vectors.items()}


def enlarged(path: Path) -> bytes:
    """The photo as a JPEG of `TIMES` times its width and height."""
    picture = Image.fromarray(load_image(path))
    width, height = picture.size
    buffer = io.BytesIO()
    large = picture.resize((width * TIMES, height * TIMES), Image.Resampling.BICUBIC)
    large.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
