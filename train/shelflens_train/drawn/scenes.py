"""Where a phone photo is taken: before a shop shelf, at a table, or looking down on a surface.

A scene is painted flat and larger than the frame; ``phone`` then looks at it at an angle.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .colour import darker, mix, parse, turn
from .folded import homography
from .packs import TALL
from .shelf import shelf
from .stage import Stage, contact, halo, shade, sized, stand
from .surfaces import SIDE, SURFACES, VARIANTS, surface


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
        pack = sized(stage.other(), sh * float(rng.uniform(0.4, 0.8)))
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


def _texture(rng: np.random.Generator) -> Image.Image:
    return surface(SURFACES[int(rng.integers(len(SURFACES)))], int(rng.integers(VARIANTS)))


def table(stage: Stage) -> Image.Image:
    """The product stands on a table or a counter; the room behind is out of focus."""
    rng, w, h = stage.rng, stage.width, stage.height
    horizon = max(20, round(stage.y - stage.tall * float(rng.uniform(0.22, 0.5))))
    canvas = room(stage, horizon)
    top = _texture(rng)
    deep = h - horizon
    near, far = SIDE * 0.42, SIDE * float(rng.uniform(0.8, 0.98))
    shift = float(rng.uniform(-0.02, 0.02)) * SIDE
    corners = [
        ((SIDE - far) / 2, 0.0),
        ((SIDE + far) / 2, 0.0),
        ((SIDE + near) / 2 + shift, float(SIDE)),
        ((SIDE - near) / 2 + shift, float(SIDE)),
    ]
    way = homography(corners, [(0, 0), (w, 0), (w, deep), (0, deep)])
    plane = top.transform((w, deep), Image.Transform.PERSPECTIVE, way, Image.Resampling.BILINEAR)
    # The far end of the table is out of focus, as the room is.
    blurred = (
        plane.reduce(4)
        .filter(ImageFilter.GaussianBlur(1.5))
        .resize(plane.size, Image.Resampling.BICUBIC)
    )
    sharp_from = (
        Image.linear_gradient("L")
        .resize((w, deep))
        .point([min(255, round(v * 2.2)) for v in range(256)])
    )
    canvas.paste(Image.composite(plane, blurred, sharp_from), (0, horizon))
    main = sized(stage.product, stage.tall)
    relative = stage.tall / TALL[stage.product.look.kind]
    for _ in range(int(rng.choice([0, 0, 1, 2, 3]))):
        product = stage.other()
        pack = sized(
            product,
            min(relative * TALL[product.look.kind], 1.4 * stage.tall)
            * float(rng.uniform(0.65, 0.85)),
        )
        side = int(rng.choice([-1, 1]))
        x = stage.x + side * round(main.width * 0.5 + pack.width * float(rng.uniform(0.15, 1.0)))
        behind = round(horizon + (stage.y - horizon) * float(rng.uniform(0.15, 0.6)))
        contact(canvas, pack, x, behind, 0.5)
        ghost = Image.new("RGBA", (pack.width // 2 + 10, pack.height // 2 + 10))
        ghost.paste(pack.reduce(2), (5, 5))
        ghost = ghost.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.7, 1.8))))
        ghost = ghost.resize((ghost.width * 2, ghost.height * 2), Image.Resampling.BILINEAR)
        canvas.paste(ghost, (x - ghost.width // 2, behind - ghost.height + 10), ghost)
    _throw(canvas, main, stage)
    stand(canvas, main, stage.x, stage.y, depth=0.8)
    return canvas


def _throw(canvas: Image.Image, main: Image.Image, stage: Stage) -> None:
    """Throws the pack's long shadow over the table, away from the light."""
    rng = stage.rng
    alpha = main.getchannel("A").reduce(4)
    lean, flat = float(rng.uniform(-1.4, 1.4)), float(rng.uniform(0.22, 0.4))
    high = max(4, round(alpha.height * flat))
    wide = alpha.width + round(abs(lean) * high) + 40
    start = 20 + (round(-lean * high) if lean < 0 else 0)
    # From the shadow's row y up to its foot the outline slides sideways by ``lean`` a row.
    way = (1.0, lean, -start - lean * high, 0.0, 1 / flat, 0.0)
    mask = alpha.transform((wide, high), Image.Transform.AFFINE, way, Image.Resampling.BILINEAR)
    room_ = Image.new("L", (wide, high + 16))
    room_.paste(mask, (0, 8))
    room_ = room_.filter(ImageFilter.GaussianBlur(float(rng.uniform(1.2, 3.5)))).resize(
        (wide * 4, (high + 16) * 4)
    )
    left = stage.x - main.width // 2 - start * 4
    shade(canvas, room_, (left, stage.y - (high + 8) * 4), float(rng.uniform(0.2, 0.5)))


def above(stage: Stage) -> Image.Image:
    """Looking down: the product lies on a surface, others reach into the frame."""
    rng, w, h = stage.rng, stage.width, stage.height
    top = _texture(rng)
    if rng.random() < 0.5:
        top = top.transpose(Image.Transpose.ROTATE_90)
    zoom = float(rng.uniform(1.0, 1.6)) * max(w, h) / SIDE
    x0, y0 = (float(rng.uniform(0, SIDE - side / zoom)) for side in (w, h))
    canvas = top.resize((w, h), Image.Resampling.BICUBIC, (x0, y0, x0 + w / zoom, y0 + h / zoom))
    main = sized(stage.product, stage.tall)
    dx, dy = int(rng.integers(-16, 17)), int(rng.integers(4, 18))
    relative = stage.tall / TALL[stage.product.look.kind]
    for _ in range(int(rng.choice([0, 1, 2, 3]))):
        product = stage.other()
        pack = sized(product, min(relative * TALL[product.look.kind], 1.3 * stage.tall))
        pack = pack.rotate(float(rng.uniform(-80, 80)), Image.Resampling.BILINEAR, expand=True)
        angle = float(rng.uniform(0, 2 * np.pi))
        x = stage.x + round(np.cos(angle) * (main.width * 0.55 + pack.width * 0.52))
        y = stage.y + round(np.sin(angle) * (main.height * 0.55 + pack.height * 0.5))
        place = (x - pack.width // 2, y - pack.height // 2)
        shade(canvas, halo(pack, 8), (place[0] - 22 + dx, place[1] - 22 + dy), 0.45)
        canvas.paste(pack, place, pack)
    place = (stage.x - main.width // 2, stage.y - main.height // 2)
    shade(canvas, halo(main, 12), (place[0] - 22 + dx, place[1] - 22 + dy), 0.4)
    shade(canvas, halo(main, 4), (place[0] - 22 + dx // 3, place[1] - 20), 0.5)
    canvas.paste(main, place, main)
    return canvas


Scene = Callable[[Stage], Image.Image]

SCENES: tuple[tuple[Scene, float], ...] = ((shelf, 0.45), (table, 0.35), (above, 0.2))

"""Each scene and how often it is chosen."""
