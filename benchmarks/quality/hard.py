"""Hard photos: how much of recall@1 is left when a Grocery test photo is spoilt.

    python benchmarks/quality/hard.py --model build/int8.tflite --out results

Gallery = train photos as they are; queries = test photos after each of these: turned by 15, 90 and
180 degrees, blurred (radius 3 pixels of 348), dark (a quarter of the light), JPEG of quality 20,
the middle half of each side alone, and small (the photo at a third of the width, on another test
photo that is blurred). `share` is the figure as a share of that for clean photos.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from benchmarks.quality.measuring import embedded, facts, photos_of, recall, save
from shelflens import Embedder
from shelflens.dataset import Dataset
from shelflens.progress import Progress

Picture = Image.Image
Spoil = Callable[[Picture, Picture], Picture]
COLUMNS = {"model": "model", "photo": "photo", "fine": "fine", "share": "share of clean"}


def turned(degrees: float) -> Spoil:
    """Turned about the middle; the corners show the photo's mean colour."""

    def spoil(photo: Picture, other: Picture) -> Picture:
        mean = tuple(int(one) for one in np.asarray(photo).mean((0, 1)))
        return photo.rotate(degrees, Image.Resampling.BILINEAR, expand=True, fillcolor=mean)

    return spoil


def blocky(photo: Picture, other: Picture) -> Picture:
    """JPEG of quality 20."""
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=20)
    return Image.open(file).convert("RGB")


def cropped(photo: Picture, other: Picture) -> Picture:
    """The middle half of each side."""
    width, height = photo.size
    return photo.crop((width // 4, height // 4, 3 * width // 4, 3 * height // 4))


def small(photo: Picture, other: Picture) -> Picture:
    """At a third of the width, in the middle of another photo out of focus."""
    width, height = photo.size
    behind = other.resize(photo.size).filter(ImageFilter.GaussianBlur(width / 40))
    behind.paste(photo.resize((width // 3, height // 3)), (width // 3, height // 3))
    return behind


SPOILT: dict[str, Spoil] = {
    "clean": lambda photo, other: photo,
    "turned 15": turned(15),
    "turned 90": turned(90),
    "turned 180": turned(180),
    "blurred": lambda photo, other: photo.filter(ImageFilter.GaussianBlur(photo.width * 3 / 348)),
    "dark": lambda photo, other: ImageEnhance.Brightness(photo).enhance(0.25),
    "JPEG quality 20": blocky,
    "half crop": cropped,
    "small in the frame": small,
}


def spoilt(spoil: Spoil, paths: Sequence[Path], place: int) -> Picture:
    """The photo at a place among others, one of which may lie behind it."""
    with Image.open(paths[place]) as photo, Image.open(paths[place - 97]) as other:
        return spoil(photo.convert("RGB"), other.convert("RGB"))


def main() -> None:
    """Measure every model given."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--model", nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1, help="use every n-th test photo")
    args = parser.parse_args()
    train, test = photos_of("train"), photos_of("test", args.every)
    report = facts("hard.py")
    report["photos"] = f"train {len(train.items)}, test {len(test.items)}"
    report["rows"] = [row for model in args.model for row in measure(model, train, test)]
    save(report, COLUMNS, args.out, "hard")


def measure(model: str, train: Dataset, test: Dataset) -> list[dict[str, Any]]:
    """One row for each way of spoiling a photo."""
    embedder = Embedder.open(model)
    gallery = embedded(embedder, train, "train")
    rows: list[dict[str, Any]] = []
    for name, spoil in SPOILT.items():
        vectors = []
        with Progress(name, len(test.items)) as bar:
            for place in range(len(test.paths)):
                vectors.append(embedder.embed(spoilt(spoil, test.paths, place)))
                bar.update(place + 1)
        fine = recall(gallery, train.labels, np.stack(vectors), test.labels)
        clean = rows[0]["fine"] if rows else fine
        row = {"model": Path(model).name, "photo": name, "fine": fine, "share": fine / clean}
        rows.append(row)
    return rows


if __name__ == "__main__":
    main()
