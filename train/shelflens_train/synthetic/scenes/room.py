"""An out-of-focus room, behind what stands on a table."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from shelflens_train.synthetic.colour import darker, mix, parse, turn
from shelflens_train.synthetic.scenes.stage import Stage, sized


def room(stage: Stage, horizon: int) -> Image.Image:
    """Returns an out-of-focus room: wall, furniture, maybe a window, packs, lamps as discs."""
    rng, w, h = stage.rng, stage.width, stage.height
    less = 4
    wall = turn(
        parse(
            str(
                rng.choice(
                    ["#D9D2C5", "#B7C0BC", "#E6DED2", "#7F8C8D", "#C7A98B", "#54616B", "#A8B59B"]
                )
            )
        ),
        float(rng.uniform(-0.05, 0.05)),
    )
    small = Image.new("RGB", (w // less, horizon // less + 2), wall)
    draw = ImageDraw.Draw(small)
    sw, sh = small.size
    if rng.random() < 0.6:
        x = int(rng.integers(-10, sw))
        pane = (x, -6, x + int(rng.integers(20, 60)), int(sh * rng.uniform(0.5, 0.9)))
        draw.rectangle(pane, fill=(252, 250, 240))
        draw.line((x + 14, -6, x + 14, pane[3]), fill=darker(wall, 0.2), width=2)
    for _ in range(int(rng.integers(3, 8))):
        x, wide = int(rng.integers(-10, sw)), int(rng.integers(8, 36))
        tone = mix(wall, turn((190, 110, 80), float(rng.random())), float(rng.uniform(0.1, 0.55)))
        draw.rectangle(
            (x, sh - int(rng.integers(10, max(11, sh // 2))), x + wide, sh),
            fill=darker(tone, float(rng.uniform(0, 0.6))),
        )
    if rng.random() < 0.4:
        draw.rectangle((0, int(sh * 0.3), sw, int(sh * 0.3) + 3), fill=darker(wall, 0.35))
    for _ in range(int(rng.integers(0, 4))):
        pack = sized(stage.neighbour(), sh * float(rng.uniform(0.4, 0.8)))
        small.paste(pack, (int(rng.integers(-8, sw)), sh - pack.height), pack)
    small = small.filter(ImageFilter.GaussianBlur(float(rng.uniform(2.2, 5.0))))
    if rng.random() < 0.5:
        glow = Image.new("RGB", small.size)
        draw = ImageDraw.Draw(glow)
        for _ in range(int(rng.integers(4, 14))):
            x, y, r = (
                int(rng.integers(sw)),
                int(rng.integers(max(1, int(sh * 0.8)))),
                int(rng.integers(4, 11)),
            )
            tone = mix((255, 214, 150), (255, 255, 255), float(rng.random()))
            draw.ellipse(
                (x - r, y - r, x + r, y + r),
                fill=mix((0, 0, 0), tone, float(rng.uniform(0.2, 0.5))),
            )
        lit = np.asarray(small, np.uint16) + np.asarray(
            glow.filter(ImageFilter.GaussianBlur(0.8)), np.uint16
        )
        small = Image.fromarray(np.minimum(lit, 255).astype(np.uint8))
    canvas = Image.new("RGB", (w, h), wall)
    canvas.paste(
        small.resize((w, small.height * less), Image.Resampling.BICUBIC),
        (0, horizon - small.height * less + 8),
    )
    return canvas
