"""A photo before a shop shelf: neighbours on both sides, price tags below, a board above."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from shelflens_train.synthetic.colour import Colour, darker, lighter, parse
from shelflens_train.synthetic.lettering import write
from shelflens_train.synthetic.packs.pack import TALL
from shelflens_train.synthetic.scenes.stage import Stage, halo, shade, sized, stand


def shelf(stage: Stage) -> Image.Image:
    """A shop shelf: neighbours on both sides, a price rail below, the next board above."""
    rng, w, h = stage.rng, stage.width, stage.height
    tone = parse(
        str(rng.choice(["#7B7874", "#A8A49C", "#4C4A4B", "#C9C3B8", "#8A7A66", "#DAD8D4"]))
    )
    y = np.linspace(1.2, 0.72, h, dtype=np.float32)[:, None, None]
    column = (np.array(tone, np.float32) * y).clip(0, 255).astype(np.uint8)
    canvas = Image.fromarray(np.repeat(column, w, 1))
    # Beside a squat product the others are drawn no larger than keeps the scene readable.
    relative = stage.tall / max(TALL[stage.product.design.kind], 0.5)
    board = stage.y + max(4, round(stage.tall * 0.025))
    steel = parse(str(rng.choice(["#D8D6D2", "#EDEBE6", "#BFC2C6", "#C9B79C", "#4A4A4D"])))
    high = max(26, round(h * 0.062))
    # Behind: dark, out of focus, only to fill the gaps. Below: what stands on the next board down.
    _crowd(canvas, stage, (0, board), board - round(0.02 * h), relative * 0.65)
    _crowd(canvas, stage, (board + high, h), board + round(high * 1.6 + relative * 0.85), relative)
    _rail(canvas, stage, board, high, steel)
    main = sized(stage.product, stage.tall)
    gap = max(3, round(0.012 * w))
    for way in (-1, 1):
        # Facings: a shop puts the same product twice or thrice before the next one begins.
        first = edge = stage.x + way * (main.width // 2 + gap - int(rng.integers(0, 3 * gap)))
        while -main.width < edge < w + main.width:
            again = rng.random() < 0.35 and edge == first
            product = stage.product if again else stage.neighbour()
            grow = 1.0 if again else float(rng.uniform(0.92, 1.05))
            pack = sized(product, min(relative * TALL[product.design.kind] * grow, 0.95 * board))
            for _ in range(int(rng.integers(1, 4))):
                centre = edge + way * pack.width // 2
                stand(canvas, pack, centre, board - int(rng.integers(0, 7)), depth=0.55)
                edge += way * (pack.width + int(rng.integers(0, gap + 2)))
    shade(canvas, halo(main, 9), (stage.x - main.width // 2 - 22, stage.y - main.height - 14), 0.5)
    stand(canvas, main, stage.x, stage.y, depth=0.75)
    over = round(board - max(relative * 1.12, stage.tall * 1.2))
    if over > -40:  # the underside of the board above, and its shadow
        ImageDraw.Draw(canvas).rectangle((0, over - 60, w, over), fill=darker(steel, 0.18))
        ramp = (
            Image.linear_gradient("L")
            .transpose(Image.Transpose.FLIP_TOP_BOTTOM)
            .resize((w, round(0.22 * h)))
        )
        shade(canvas, ramp, (0, over), 0.6)
        ImageDraw.Draw(canvas).rectangle((0, over - 76, w, over - 12), fill=steel)
    return canvas


def _crowd(
    canvas: Image.Image, stage: Stage, rows: tuple[int, int], foot: int, tall: float
) -> None:
    """Fills the canvas between two heights with a row of packs in the dark and out of focus.

    Args:
        rows: First and last height that is painted.
        foot: Where the packs stand; may lie below the last one.
        tall: Height of a cereal box in this row, pixels.
    """
    rng, (top, bottom) = stage.rng, rows
    dim, less = float(rng.uniform(0.2, 0.5)), 3
    if bottom - top < 2 * less:
        return
    part = canvas.crop((0, top, canvas.width, bottom)).reduce(less)
    x = -int(rng.integers(14))
    while x < part.width:
        product = stage.neighbour()
        high = min(tall * (0.4 + 0.6 * TALL[product.design.kind]), stage.height)
        pack = sized(product, high * float(rng.uniform(0.9, 1.1)) / less)
        part.paste(pack, (x, (foot - top) // less - pack.height), pack)
        x += max(4, round(pack.width * float(rng.uniform(0.95, 1.2))))
    part = Image.blend(part, Image.new("RGB", part.size, (30, 27, 30)), dim)
    part = part.filter(ImageFilter.GaussianBlur(1.1))
    canvas.paste(part.resize((canvas.width, bottom - top), Image.Resampling.BILINEAR), (0, top))


def _rail(canvas: Image.Image, stage: Stage, board: int, high: int, steel: Colour) -> None:
    """Paints the board's front edge, ``high`` pixels of it, with its price tags."""
    rng, w = stage.rng, stage.width
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((0, board - 10, w, board), fill=lighter(steel, 0.25))
    draw.rectangle((0, board, w, board + high), fill=steel)
    draw.rectangle((0, board, w, board + 2), fill=lighter(steel, 0.7))
    paper = parse(str(rng.choice(["#FFFFFF", "#FFF3B8", "#F7F7F2"])))
    tag = round(high * 1.9)
    x = int(rng.integers(0, tag)) - tag
    while x < w:
        box = (x, board + high * 0.12, x + tag, board + high * 0.9)
        draw.rectangle(box, fill=paper)
        price = f"{float(rng.uniform(0.8, 9.9)):.2f}"
        write(
            canvas,
            price,
            (x + tag * 0.42, box[1] + high * 0.2, x + tag * 0.95, box[3] - high * 0.2),
            "condensed",
            (40, 38, 44),
            align="right",
        )
        for i in range(3):
            y = box[1] + high * (0.16 + 0.16 * i)
            draw.line(
                (x + tag * 0.07, y, x + tag * (0.34 - 0.06 * i), y), fill=(130, 128, 134), width=2
            )
        x += round(tag * float(rng.uniform(1.4, 3.2)))
    ramp = (
        Image.linear_gradient("L").transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize((w, 2 * high))
    )
    shade(canvas, ramp, (0, board + high), 0.75)
