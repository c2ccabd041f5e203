"""What the two limits of `serve/photo_check.py` are decided by: sharpness, and which side is seen.

    python -m benchmarks.quality.photo_check

prints, for 200 photos of the Grocery Store Dataset as they are and blurred, the share that counts
as sharp and the cosine of the blurred photo with its original; and for the rendered views of 79
household objects (YCB), the share of neighbouring views, views at least 90 degrees apart, and the
same view with the camera moved a little, that count as the same side. Two minutes.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from shelflens import Embedder, load_image
from shelflens.serve.photo_check import MIN_SHARPNESS, SAME_SIDE, sharpness

SHARED = Path(os.environ.get("SHELFLENS_SHARED", "../shared"))
RADII = (0.0, 1.0, 1.5, 2.0, 3.0)
"""Of the blur, pixels of the model's input."""


def main() -> None:
    """Measure and print."""
    raw = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(description=__doc__, formatter_class=raw).parse_args()
    embedder, rng = Embedder.open(), np.random.default_rng(0)
    files = sorted((SHARED / "data" / "grocery").rglob("*.jpg"))
    chosen = [files[index] for index in rng.choice(len(files), 200, replace=False)]
    images = [load_image(file, size=embedder.card.size) for file in chosen]
    originals = [embedder.embed(image) for image in images]
    for radius in RADII:
        blurred = [
            np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))
            for image in images
        ]
        sharp = np.mean([sharpness(image) >= MIN_SHARPNESS for image in blurred])
        pairs = zip(blurred, originals, strict=True)
        cosine = np.mean([embedder.embed(image) @ original for image, original in pairs])
        print(f"blur {radius:.1f}: sharp {sharp:.3f}, cosine with the original {cosine:.3f}")
    near, apart, moved = sides(embedder, rng)
    for name, cosines in (("22.5 degrees", near), ("90 or more", apart), ("moved", moved)):
        same = np.mean(np.array(cosines) >= SAME_SIDE)
        print(f"{name}: {len(cosines)} pairs, the same side {same:.3f}")


def sides(
    embedder: Embedder, rng: np.random.Generator
) -> tuple[list[float], list[float], list[float]]:
    """Cosines of neighbouring views, of views far apart, and of a view with the camera moved."""
    near: list[float] = []
    apart: list[float] = []
    moved: list[float] = []
    for folder in sorted((SHARED / "data" / "ycb").glob("ycb_*")):
        views = [opaque(file) for file in sorted(folder.glob("*.webp"))]
        vectors = np.array([embedder.embed(view) for view in views])
        cosines = vectors @ vectors.T
        count = len(views)
        near += [float(cosines[index, index + 1]) for index in range(count - 1)]
        apart += [
            float(cosines[first, second])
            for first in range(count)
            for second in range(first + 4, min(first + count - 3, count))
        ]
        moved += [float(embedder.embed(jolted(views[0], rng)) @ vectors[0]) for _ in range(3)]
    return near, apart, moved


def opaque(file: Path) -> Image.Image:
    """A view on grey."""
    with Image.open(file) as image:
        view = image.convert("RGBA")
    background = Image.new("RGBA", view.size, (200, 200, 200, 255))
    background.alpha_composite(view)
    return background.convert("RGB")


def jolted(view: Image.Image, rng: np.random.Generator) -> Image.Image:
    """As a hand moves a camera: 3 % aside, 5 % nearer or farther, 4 degrees, 10 % of the light."""
    across, down = rng.uniform(-0.03, 0.03, 2)
    scale, angle = rng.uniform(0.95, 1.05), rng.uniform(-4, 4)
    turned = view.rotate(angle, Image.Resampling.BILINEAR, fillcolor=(200, 200, 200))
    shifted = turned.transform(
        view.size,
        Image.Transform.AFFINE,
        (scale, 0, across * view.width, 0, scale, down * view.height),
        Image.Resampling.BILINEAR,
        fillcolor=(200, 200, 200),
    )
    return ImageEnhance.Brightness(shifted).enhance(rng.uniform(0.9, 1.1))


if __name__ == "__main__":
    main()
