"""Does scaled JPEG decoding cost accuracy? recall@1 with it, beside decoding every pixel.

    python benchmarks/quality/scaled.py --every 8 --out results

`load_image` lets the JPEG decoder give 1/2, 1/4 or 1/8 of a large photo. The Grocery photos are 348
pixels wide, too small for that, so they are enlarged eight times (2784 pixels, about 8 MP) and
written as JPEG again: what is compared is two ways to decode one and the same file. A photo with
real detail in every pixel is not measured.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.quality.measuring import Vectors, embedded, facts, nearest, photos_of, save
from shelflens import Embedder, load_image
from shelflens.progress import Progress

TIMES = 8


def main() -> None:
    """Measure one model."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--model", default=None)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1, help="use every n-th test photo")
    args = parser.parse_args()
    embedder = Embedder.open(args.model)
    train, test = photos_of("train"), photos_of("test", args.every)
    gallery = embedded(embedder, train, "train")
    size = embedder.card.size
    vectors: dict[str, list[Vectors]] = {"scaled": [], "full": []}
    with Progress("enlarged", len(test.items)) as bar:
        for done, path in enumerate(test.paths):
            data = enlarged(path)
            every_pixel = load_image(load_image(data), size=size)
            vectors["scaled"].append(embedder.embed(data))
            vectors["full"].append(embedder.embed_pixels(every_pixel[np.newaxis])[0])
            bar.update(done + 1)
    found = {name: np.stack(one) for name, one in vectors.items()}
    cosines = np.einsum("nd,nd->n", found["scaled"], found["full"])
    report = facts("scaled.py")
    report["photos"] = f"{len(test.items)} test photos, enlarged {TIMES} times"
    report["rows"] = [
        {
            "decoding": name,
            "recall": float(np.mean([
                a == b for a, b in zip(nearest(gallery, train.labels, one)[0], test.labels,
                                       strict=True)
            ])),
            "cosine": float(cosines.mean()),
        }
        for name, one in found.items()
    ]  # fmt: skip
    save(report, {"decoding": "decoding", "recall": "recall@1", "cosine": "cosine between"},
         args.out, "scaled")  # fmt: skip


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
