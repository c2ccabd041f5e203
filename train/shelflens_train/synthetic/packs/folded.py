"""Folded cardboard: boxes, bars and gable-top cartons as flat faces in perspective."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from shelflens_train.geometry import rectangle, warp
from shelflens_train.synthetic.colour import Colour, darker, lighter, mix, readable
from shelflens_train.synthetic.lettering import write
from shelflens_train.synthetic.product import SyntheticProduct

Point3 = tuple[float, float, float]


class Folded:
    """A scene of flat faces; x right, y down, z towards the camera, all in pixels.

    Args:
        yaw: Degrees the pack is turned, so that its right side shows.
        pitch: Degrees the camera looks down by.
        size: Rough size of the pack in pixels; sets how far away the camera is.
    """

    def __init__(self, *, yaw: float, pitch: float, size: float) -> None:
        self._yaw, self._pitch = math.radians(yaw), math.radians(pitch)
        self._distance = 4.5 * size
        self._faces: list[tuple[Image.Image, list[tuple[float, float]]]] = []

    def see(self, point: Point3) -> tuple[float, float]:
        """Returns where a point is seen, pixels."""
        x, y, z = point
        x, z = (
            x * math.cos(self._yaw) - z * math.sin(self._yaw),
            x * math.sin(self._yaw) + z * math.cos(self._yaw),
        )
        y, z = (
            y * math.cos(self._pitch) + z * math.sin(self._pitch),
            z * math.cos(self._pitch) - y * math.sin(self._pitch),
        )
        scale = self._distance / (self._distance - z)
        return x * scale, y * scale

    def face(
        self,
        art: Image.Image,
        corners: Sequence[Point3],
        *,
        light: tuple[float, float],
        upright: bool = False,
    ) -> None:
        """Adds a face, in front of those before it.

        Args:
            art: Its picture, RGB or RGBA.
            corners: Top left, top right, bottom right, bottom left.
            light: How bright its left and its right edge are; 1 shows the art as it is.
            upright: Whether the light runs from top to bottom instead.
        """
        count = art.height if upright else art.width
        ramp = np.linspace(light[0], light[1], count, dtype=np.float32)
        shade = ramp[:, None, None] if upright else ramp[None, :, None]
        pixels = np.asarray(art.convert("RGBA"), np.float32).copy()
        pixels[..., :3] = (pixels[..., :3] * shade).clip(0, 255)
        self._faces.append(
            (
                Image.fromarray(pixels.astype(np.uint8)),
                [self.see(corner) for corner in corners],
            )
        )

    def render(self) -> Image.Image:
        """Returns the pack cut out, RGBA, just as large as it needs to be."""
        points = [corner for _, corners in self._faces for corner in corners]
        left, top = min(x for x, _ in points) - 1, min(y for _, y in points) - 1
        right, bottom = max(x for x, _ in points) + 1, max(y for _, y in points) + 1
        canvas = Image.new("RGBA", (math.ceil(right - left), math.ceil(bottom - top)))
        for art, corners in self._faces:
            # Only the face's own rectangle is warped: a pack's side is a fraction of its canvas.
            x0, y0 = (math.floor(min(c[k] for c in corners) - (left, top)[k]) - 1 for k in (0, 1))
            x1, y1 = (math.ceil(max(c[k] for c in corners) - (left, top)[k]) + 1 for k in (0, 1))
            there = [(x - left - x0, y - top - y0) for x, y in corners]
            warped = warp(art, rectangle(*art.size), there, (x1 - x0, y1 - y0))
            canvas.paste(warped, (x0, y0), warped)
        return canvas


def side_art(product: SyntheticProduct, width: int, height: int, ground: Colour) -> Image.Image:
    """Returns the narrow side of a box: brand upwards, a table, the flavour as a foot."""
    design = product.design
    art = Image.new("RGB", (width, height), ground)
    draw = ImageDraw.Draw(art)
    draw.rectangle((0, round(height * 0.86), width, height), fill=product.accent)
    tag = Image.new("RGB", (round(height * 0.4), round(width * 0.5)), ground)
    ink = readable(ground, design.ink, design.panel)
    write(tag, product.brand, (4, 4, tag.width - 4, tag.height - 8), design.brand_face, ink)
    art.paste(tag.rotate(90, expand=True), (round(width * 0.25), round(height * 0.06)))
    x0, x1, y0 = width * 0.16, width * 0.84, height * 0.54
    pale = mix(ink, ground, 0.25)
    draw.rectangle((x0, y0, x1, height * 0.8), outline=pale, width=2)
    for i in range(1, 8):
        y = y0 + (height * 0.26) * i / 8
        draw.line((x0 + 6, y, x0 + (x1 - x0) * (0.62 if i % 3 else 0.4), y), fill=pale, width=3)
        draw.line((x1 - (x1 - x0) * 0.2, y, x1 - 6, y), fill=pale, width=3)
    return art


def box(
    product: SyntheticProduct, front: Image.Image, depth: int, *, pitch: float = 7
) -> Image.Image:
    """Returns an upright cardboard box, turned a little so that its right side shows."""
    w, h, d = front.width, front.height, depth
    sample = front.getpixel((w - 3, h // 4))
    ground = product.design.ground if not isinstance(sample, tuple) else sample
    edge: Colour = (int(ground[0]), int(ground[1]), int(ground[2]))
    scene = Folded(yaw=17, pitch=pitch, size=max(w, h))
    a, b, z = w / 2, h / 2, d / 2
    lid = Image.new("RGB", (w, d), edge)
    ImageDraw.Draw(lid).line((0, d // 2, w, d // 2), fill=darker(edge, 0.12), width=3)
    scene.face(lid, [(-a, -b, -z), (a, -b, -z), (a, -b, z), (-a, -b, z)], light=(1.08, 1.04))
    side = side_art(product, d, h, edge)
    scene.face(side, [(a, -b, z), (a, -b, -z), (a, b, -z), (a, b, z)], light=(0.78, 0.68))
    scene.face(front, [(-a, -b, z), (a, -b, z), (a, b, z), (-a, b, z)], light=(1.02, 0.95))
    return scene.render()


def carton(product: SyntheticProduct, front: Image.Image, depth: int) -> Image.Image:
    """Returns a gable-top drinks carton with a screw cap on its roof."""
    w, h, d = front.width, front.height, depth
    design = product.design
    sample = front.getpixel((w // 2, 2))
    ground: Colour = design.ground
    if isinstance(sample, tuple):
        ground = (int(sample[0]), int(sample[1]), int(sample[2]))
    scene = Folded(yaw=20, pitch=6, size=h)
    a, b, z, rise, fin = w / 2, h / 2, d / 2, d * 0.44, d * 0.17
    side = side_art(product, d, h, ground)
    scene.face(side, [(a, -b, z), (a, -b, -z), (a, b, -z), (a, b, z)], light=(0.78, 0.7))
    ridge = -b - rise
    # The gable's side folds inwards: two triangles that meet under the fin.
    fold = Image.new("RGBA", (200, 120))
    draw = ImageDraw.Draw(fold)
    draw.polygon([(0, 120), (200, 120), (100, 0)], fill=(*darker(ground, 0.08), 255))
    draw.polygon([(20, 120), (180, 120), (100, 62)], fill=(*darker(ground, 0.2), 255))
    scene.face(fold, [(a, ridge, z), (a, ridge, -z), (a, -b, -z), (a, -b, z)], light=(0.8, 0.72))
    roof = Image.new("RGB", (w, round(d * 0.66)), ground)
    draw = ImageDraw.Draw(roof)
    draw.rectangle((0, roof.height - 7, w, roof.height), fill=darker(ground, 0.1))
    ink = readable(ground, design.ink, design.panel)
    text = mix(ink, ground, 0.25)
    write(
        roof,
        product.flavour,
        (w * 0.06, roof.height * 0.5, w * 0.36, roof.height * 0.8),
        design.text_face,
        text,
        align="left",
        cap=w * 0.045,
    )
    scene.face(roof, [(-a, ridge, 0), (a, ridge, 0), (a, -b, z), (-a, -b, z)], light=(1.06, 1.0))
    strip = Image.new("RGB", (w, round(fin)), lighter(ground, 0.12))
    draw = ImageDraw.Draw(strip)
    for y in (0.3, 0.5, 0.7):
        draw.line((0, fin * y, w, fin * y), fill=darker(ground, 0.1), width=2)
    scene.face(
        strip,
        [(-a, ridge - fin, 2), (a, ridge - fin, 2), (a, ridge + 2, 2), (-a, ridge + 2, 2)],
        light=(1.05, 0.97),
    )
    scene.face(front, [(-a, -b, z), (a, -b, z), (a, b, z), (-a, b, z)], light=(1.02, 0.95))
    cap = _cap(design.spark if design.detail % 2 else design.panel)
    c, y, s = a * 0.2, -b - rise * 0.5, d * 0.2
    near = z * 0.56
    scene.face(
        cap,
        [
            (c - s, y - s * 0.9, near),
            (c + s, y - s * 0.9, near),
            (c + s, y + s * 0.9, near),
            (c - s, y + s * 0.9, near),
        ],
        light=(1.03, 0.95),
    )
    return scene.render()


def _cap(colour: Colour) -> Image.Image:
    """Returns a screw cap seen from the front and above, RGBA."""
    cap = Image.new("RGBA", (200, 180))
    draw = ImageDraw.Draw(cap)
    skirt = darker(colour, 0.16)
    draw.ellipse((10, 60, 190, 176), fill=(*skirt, 255))
    draw.rectangle((10, 62, 190, 118), fill=(*skirt, 255))
    for i in range(1, 18):
        x = 100 - 89 * math.cos(math.pi * i / 18)
        y = 118 + 57 * math.sin(math.pi * i / 18)
        draw.line((x, y - 52, x, y - 4), fill=(*darker(colour, 0.3), 255), width=3)
    draw.ellipse((10, 4, 190, 120), fill=(*lighter(colour, 0.12), 255))
    draw.ellipse((24, 12, 176, 112), fill=(*colour, 255))
    return cap
