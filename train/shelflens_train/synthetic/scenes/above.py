"""Looking down: the product lies on a surface, others reach into the frame."""

from __future__ import annotations

import numpy as np
from PIL import Image

from shelflens_train.synthetic.packs.pack import TALL
from shelflens_train.synthetic.scenes.stage import Stage, halo, shade, sized
from shelflens_train.synthetic.scenes.surfaces import SIDE, any_surface


def above(stage: Stage) -> Image.Image:
    """Looking down: the product lies on a surface, others reach into the frame."""
    rng, w, h = stage.rng, stage.width, stage.height
    top = any_surface(rng)
    if rng.random() < 0.5:
        top = top.transpose(Image.Transpose.ROTATE_90)
    zoom = float(rng.uniform(1.0, 1.6)) * max(w, h) / SIDE
    x0, y0 = (float(rng.uniform(0, SIDE - side / zoom)) for side in (w, h))
    canvas = top.resize((w, h), Image.Resampling.BICUBIC, (x0, y0, x0 + w / zoom, y0 + h / zoom))
    main = sized(stage.product, stage.tall)
    dx, dy = int(rng.integers(-16, 17)), int(rng.integers(4, 18))
    relative = stage.tall / TALL[stage.product.design.kind]
    for _ in range(int(rng.choice([0, 1, 2, 3]))):
        product = stage.neighbour()
        pack = sized(product, min(relative * TALL[product.design.kind], 1.3 * stage.tall))
        pack = pack.rotate(float(rng.uniform(-80, 80)), Image.Resampling.BILINEAR, expand=True)
        angle = float(rng.uniform(0, 2 * np.pi))
        x = stage.x + round(np.cos(angle) * (main.width * 0.55 + pack.width * 0.52))
        y = stage.y + round(np.sin(angle) * (main.height * 0.55 + pack.height * 0.5))
        corner = (x - pack.width // 2, y - pack.height // 2)
        shade(canvas, halo(pack, 8), (corner[0] - 22 + dx, corner[1] - 22 + dy), 0.45)
        canvas.paste(pack, corner, pack)
    corner = (stage.x - main.width // 2, stage.y - main.height // 2)
    shade(canvas, halo(main, 12), (corner[0] - 22 + dx, corner[1] - 22 + dy), 0.4)
    shade(canvas, halo(main, 4), (corner[0] - 22 + dx // 3, corner[1] - 20), 0.5)
    canvas.paste(main, corner, main)
    return canvas
