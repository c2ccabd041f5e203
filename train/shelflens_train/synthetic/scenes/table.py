"""The product stands on a table or a counter; the room behind is out of focus."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from shelflens_train.geometry import rectangle, warp_pixels
from shelflens_train.synthetic.packs.pack import TALL
from shelflens_train.synthetic.scenes.room import room
from shelflens_train.synthetic.scenes.stage import Stage, contact, shade, sized, stand
from shelflens_train.synthetic.scenes.surfaces import SIDE, any_surface


def table(stage: Stage) -> Image.Image:
    """The product stands on a table or a counter; the room behind is out of focus."""
    rng, w, h = stage.rng, stage.width, stage.height
    horizon = max(20, round(stage.y - stage.tall * float(rng.uniform(0.22, 0.5))))
    canvas = room(stage, horizon)
    top = any_surface(rng)
    deep = h - horizon
    near_end, wide_end = SIDE * 0.42, SIDE * float(rng.uniform(0.8, 0.98))
    shift = float(rng.uniform(-0.02, 0.02)) * SIDE
    corners = [
        ((SIDE - wide_end) / 2, 0.0),
        ((SIDE + wide_end) / 2, 0.0),
        ((SIDE + near_end) / 2 + shift, float(SIDE)),
        ((SIDE - near_end) / 2 + shift, float(SIDE)),
    ]
    plane = Image.fromarray(warp_pixels(np.asarray(top), corners, rectangle(w, deep), (w, deep)))
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
    relative = stage.tall / TALL[stage.product.design.kind]
    for _ in range(int(rng.choice([0, 0, 1, 2, 3]))):
        product = stage.neighbour()
        pack = sized(
            product,
            min(relative * TALL[product.design.kind], 1.4 * stage.tall)
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
