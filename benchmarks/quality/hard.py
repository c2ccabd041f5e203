"""Perturbed photos: how much of recall@1 is left when a Grocery test photo is rotated, dark ...

    python -m benchmarks.quality.hard

Gallery = train photos as they are; queries = test photos after each of these: rotated by 15, 90
and 180 degrees, blurred (radius 3 pixels of 348), dark (a quarter of the light), JPEG of quality
20, the middle half of each side alone, and small (the photo at a third of the width, on another
test photo that is blurred). `share` is the figure as a share of that for clean photos.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from benchmarks.provenance import RESULTS, save, stamp, table
from benchmarks.quality.measuring import embedded, photos_of, recall
from shelflens import Embedder
from shelflens.dataset import Dataset
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens.progress import Progress

Picture = Image.Image
Perturb = Callable[[Picture, Picture], Picture]
"""From a photo, and another one that may lie behind it."""


def rotated(degrees: float) -> Perturb:
    """Rotated about the middle; the corners show the photo's mean colour."""

    def perturb(photo: Picture, background: Picture) -> Picture:
        mean = tuple(int(channel) for channel in np.asarray(photo).mean((0, 1)))
        return photo.rotate(degrees, Image.Resampling.BILINEAR, expand=True, fillcolor=mean)

    return perturb


def blocky(photo: Picture, background: Picture) -> Picture:
    """JPEG of quality 20."""
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=20)
    return Image.open(file).convert("RGB")


def cropped(photo: Picture, background: Picture) -> Picture:
    """The middle half of each side."""
    width, height = photo.size
    return photo.crop((width // 4, height // 4, 3 * width // 4, 3 * height // 4))


def small(photo: Picture, background: Picture) -> Picture:
    """At a third of the width, in the middle of another photo out of focus."""
    width, height = photo.size
    behind = background.resize(photo.size).filter(ImageFilter.GaussianBlur(width / 40))
    behind.paste(photo.resize((width // 3, height // 3)), (width // 3, height // 3))
    return behind


PERTURBED: dict[str, Perturb] = {
    "clean": lambda photo, _: photo,
    "rotated 15": rotated(15),
    "rotated 90": rotated(90),
    "rotated 180": rotated(180),
    "blurred": lambda photo, _: photo.filter(ImageFilter.GaussianBlur(photo.width * 3 / 348)),
    "dark": lambda photo, _: ImageEnhance.Brightness(photo).enhance(0.25),
    "JPEG quality 20": blocky,
    "half crop": cropped,
    "small in the frame": small,
}


def perturbed(perturb: Perturb, paths: Sequence[Path], index: int) -> Picture:
    """The photo at an index; the photo 97 before it may lie behind."""
    with Image.open(paths[index]) as photo, Image.open(paths[index - 97]) as background:
        return perturb(photo.convert("RGB"), background.convert("RGB"))


def main() -> None:
    """Measure one model."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--model", type=Path, default=BUNDLED_MODEL)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--every", type=int, default=1, help="use every n-th test photo")
    args = parser.parse_args()
    train, test = photos_of("train"), photos_of("test", args.every)
    embedder = Embedder.open(args.model)
    report = stamp(card=embedder.card)
    report["photos"] = {"train": len(train.items), "test": len(test.items)}
    report["rows"] = measure(embedder, train, test)
    save(report, "Perturbed photos of Grocery", markdown(report), "hard", args.out)


def markdown(report: dict[str, Any]) -> str:
    """The figures as a table."""
    photos = ", ".join(f"{name} {count}" for name, count in report["photos"].items())
    rows = ([row["photo"], row["fine"], row["share"]] for row in report["rows"])
    return f"Photos: {photos}.\n{table(('photo', 'fine', 'share of clean'), rows)}"


def measure(embedder: Embedder, train: Dataset, test: Dataset) -> list[dict[str, Any]]:
    """One row for each way to perturb a photo."""
    gallery = embedded(embedder, train, "train")
    model = f"{embedder.card.variant}.tflite"
    rows: list[dict[str, Any]] = []
    for name, perturb in PERTURBED.items():
        vectors = []
        with Progress(name, len(test.items)) as bar:
            for index in range(len(test.paths)):
                vectors.append(embedder.embed(perturbed(perturb, test.paths, index)))
                bar.update(index + 1)
        fine = recall(gallery, train.labels, np.stack(vectors), test.labels)
        clean = rows[0]["fine"] if rows else fine
        rows.append({"model": model, "photo": name, "fine": fine, "share": fine / clean})
    return rows


if __name__ == "__main__":
    main()
