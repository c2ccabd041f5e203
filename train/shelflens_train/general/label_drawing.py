"""Drawing a label from its design."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from shelflens_train.general.label_design import (
    Colour,
    Design,
    Lettering,
    Supplies,
    colour,
    opposite,
    word,
)


def render(design: Design, supplies: Supplies) -> Image.Image:
    width, height = design.shape
    generator = np.random.default_rng(design.detail)
    image = _ground(design, generator, supplies)
    draw = ImageDraw.Draw(image)
    if design.panel_kind:
        box = _pixels(design.panel_box, width, height)
        if design.panel_kind == 1:
            draw.rectangle(box, fill=design.panel)
        elif design.panel_kind == 2:
            draw.rounded_rectangle(
                box,
                radius=min(width, height) // 10,
                fill=design.panel,
                outline=design.accent,
                width=3,
            )
        elif design.panel_kind == 3:
            draw.ellipse(box, fill=design.panel, outline=design.accent, width=4)
        else:
            draw.rectangle((0, box[1], width, box[3]), fill=design.panel)
    _picture(image, design, supplies)
    stripe = generator.random()
    if stripe < 0.35:
        level = int(generator.uniform(0.75, 0.95) * height)
        draw.rectangle(
            (0, level, width, level + int(generator.uniform(0.03, 0.15) * height)),
            fill=design.accent,
        )
    for text in design.texts:
        _write(image, text, backed=design.accent if generator.random() < 0.25 else None)
    if design.badge:
        x, y, radius = design.badge
        round_box = (
            x * width - radius * width,
            y * height - radius * width,
            x * width + radius * width,
            y * height + radius * width,
        )
        draw.ellipse(round_box, fill=design.accent, outline=opposite(design.accent), width=2)
        mark = Lettering(
            word(generator, "")[:4],
            design.texts[2].face,
            (x, y),
            (radius * 1.5, radius),
            opposite(design.accent),
        )
        _write(image, mark)
    if design.small:
        x, y, w, h = design.small
        rows = int(generator.integers(2, 6))
        for row in range(rows):
            top = (y + h * row / rows) * height
            draw.line(
                (x * width, top, (x + w * generator.uniform(0.6, 1)) * width, top),
                fill=opposite(design.ground[0]),
                width=1,
            )
    return image


def _ground(design: Design, generator: np.random.Generator, supplies: Supplies) -> Image.Image:
    width, height = design.shape
    first, second = (np.array(colour, np.float32) for colour in design.ground)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    y, x = y / height, x / width
    kind = design.ground_kind
    if kind == 7:
        photo = supplies.photos[design.detail % len(supplies.photos)].resize((width, height))
        return photo.filter(ImageFilter.GaussianBlur(float(generator.uniform(0, 2))))
    if kind == 1:
        share = y
    elif kind == 2:
        slope = generator.uniform(-0.6, 0.6)
        share = ((y + slope * (x - 0.5)) > generator.uniform(0.3, 0.75)).astype(np.float32)
    elif kind == 3:
        period = generator.uniform(0.05, 0.3)
        angle = generator.choice([0.0, math.pi / 4, math.pi / 2])
        share = ((x * math.cos(angle) + y * math.sin(angle)) % period < period / 2).astype(
            np.float32
        )
    elif kind == 4:
        period = generator.uniform(0.08, 0.25)
        share = (
            ((x % period) - period / 2) ** 2 + ((y % period) - period / 2) ** 2
            < (period * 0.3) ** 2
        ).astype(np.float32)
    elif kind == 5:
        angle = np.arctan2(y - 0.5, x - 0.5)
        share = (np.sin(angle * int(generator.integers(6, 20))) > 0).astype(np.float32)
    elif kind == 6:
        share = (
            y + 0.08 * np.sin(x * generator.uniform(4, 14)) > generator.uniform(0.35, 0.8)
        ).astype(np.float32)
    else:
        share = np.zeros_like(x)
    pixels = first + share[..., np.newaxis] * (second - first)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _picture(image: Image.Image, design: Design, supplies: Supplies) -> None:
    width, height = image.size
    box = _pixels(design.picture_box, width, height)
    size = (max(8, box[2] - box[0]), max(8, box[3] - box[1]))
    if design.picture_kind <= 1:
        source = supplies.pictographs[design.picture % len(supplies.pictographs)]
        for repeat in range(design.repeats):
            side = max(8, int(min(size) * (1 if design.repeats == 1 else 0.6)))
            picture = source.resize((side, side))
            shift = (repeat - (design.repeats - 1) / 2) * side * 0.6
            image.paste(
                picture,
                (
                    int((box[0] + box[2]) / 2 - side / 2 + shift),
                    int((box[1] + box[3]) / 2 - side / 2 + (repeat % 2) * side * 0.2),
                ),
                picture,
            )
        return
    if design.picture_kind == 4:
        draw = ImageDraw.Draw(image)
        generator = np.random.default_rng(design.picture)
        for _ in range(int(generator.integers(2, 7))):
            radius = generator.uniform(0.1, 0.4) * min(size)
            x, y = generator.uniform(box[0], box[2]), generator.uniform(box[1], box[3])
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour(generator))
        return
    photo = supplies.photos[design.picture % len(supplies.photos)].resize(size)
    if design.picture_kind == 2:
        image.paste(photo, (box[0], box[1]))
        return
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).ellipse((0, 0, size[0] - 1, size[1] - 1), fill=255)
    image.paste(photo, (box[0], box[1]), mask)


def _write(image: Image.Image, text: Lettering, *, backed: Colour | None = None) -> None:
    width, height = image.size
    room = (text.size[0] * width, text.size[1] * height)
    if text.turned:
        room = (min(room[0] * 1.6, height * 0.8), min(width * 0.25, room[1]))
    font = ImageFont.truetype(str(text.face), 48)
    left, top, right, bottom = font.getbbox(text.words)
    if right <= left or bottom <= top:
        return
    size = max(7, int(48 * min(room[0] / (right - left), room[1] / (bottom - top))))
    font = ImageFont.truetype(str(text.face), size)
    left, top, right, bottom = font.getbbox(text.words)
    pad = max(2, size // 6)
    layer = Image.new("RGBA", (int(right - left) + 2 * pad, int(bottom - top) + 2 * pad))
    draw = ImageDraw.Draw(layer)
    ink = text.ink
    if backed:
        draw.rounded_rectangle(
            (0, 0, layer.width - 1, layer.height - 1), radius=pad, fill=(*backed, 255)
        )
        ink = opposite(backed)
    draw.text(
        (pad - left, pad - top),
        text.words,
        font=font,
        fill=(*ink, 255),
        stroke_width=max(1, size // 12) if text.outline else 0,
        stroke_fill=text.outline,
    )
    if text.turned:
        layer = layer.rotate(text.turned, expand=True)
    image.paste(
        layer,
        (
            int(text.middle[0] * width - layer.width / 2),
            int(text.middle[1] * height - layer.height / 2),
        ),
        layer,
    )


def _pixels(
    box: tuple[float, float, float, float], width: int, height: int
) -> tuple[int, int, int, int]:
    return int(box[0] * width), int(box[1] * height), int(box[2] * width), int(box[3] * height)
