"""Drawn phone photos of barcodes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

SIZE = (1200, 1600)
"""Width and height."""


def draw_label(number: str, *, kind: str = "EAN13", width: int = 420) -> Image.Image:
    """A code on its label, luminance."""
    import zxingcpp

    code = zxingcpp.create_barcode(number, getattr(zxingcpp.BarcodeFormat, kind))
    bars = Image.fromarray(np.asarray(code.to_image(scale=4))).convert("L")
    label = Image.new("L", (bars.width + 60, bars.height + 80), 235)
    label.paste(bars, (30, 40))
    height = round(label.height * width / label.width)
    return label.resize((width, height), Image.Resampling.LANCZOS)


def draw_photo(
    number: str,
    generator: np.random.Generator,
    *,
    kind: str = "EAN13",
    width: int = 420,
    angle: float = 0.0,
    blur: float = 0.0,
    noise: float = 6.0,
) -> NDArray[np.uint8]:
    """A barcode on a label somewhere in a photo, with its ground smooth and its camera noisy.

    Args:
        number: What the code says.
        generator: All randomness comes from it.
        kind: A barcode format of zxing-cpp.
        width: Of the label, pixels.
        angle: Degrees counterclockwise.
        blur: Standard deviation of the blur, pixels.
        noise: Standard deviation, of 255.

    Returns:
        uint8 [1600, 1200], luminance.
    """
    label = draw_label(number, kind=kind, width=width)
    ground = (generator.random((12, 9)) * 150 + 60).astype(np.uint8)
    photo = Image.fromarray(ground).resize(SIZE, Image.Resampling.BICUBIC)
    bicubic = Image.Resampling.BICUBIC
    turned = label.rotate(angle, bicubic, expand=True)
    cover = Image.new("L", label.size, 255).rotate(angle, bicubic, expand=True)
    left, top = (
        int(generator.integers(0, whole - part + 1))
        for whole, part in zip(SIZE, turned.size, strict=True)
    )
    photo.paste(turned, (left, top), cover)
    if blur:
        photo = photo.filter(ImageFilter.GaussianBlur(blur))
    pixels = np.asarray(photo, np.float64) + generator.normal(0, noise, SIZE[::-1])
    return np.clip(pixels, 0, 255).astype(np.uint8)
