"""What the network should say of a scene: six numbers for each cell of a grid.

0      share of the cell that shows a product (the mask)
1      1 at the middle of a product, falling off as a Gaussian (CenterNet: Zhou, Wang and
       Krähenbühl, "Objects as Points", 2019)
2..5   left, top, right and bottom: from the cell to the sides of the product's box, as shares
       of the picture (FCOS: Tian et al., ICCV 2019), where channel 6 is above 0
6      how much those four count
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shelflens_train.finder.scenes import Scene

STRIDE = 4
"""Pixels of a cell's side."""
MIN_SHOWN = 0.4
"""Share of a product that must be seen for it to count as one."""
MIN_AREA = 24
"""Pixels: smaller ones are part of the mask and no more."""
BOX_LEVEL = 0.1
"""Cells whose second number reaches this learn a box; that of the middle is read."""
CHANNELS = 7


def boxes_of(scene: Scene) -> NDArray[np.float32]:
    """Boxes of what is seen of each product, float32 [n, 4]: x0, y0, x1, y1 as shares."""
    side = len(scene.owners)
    boxes = []
    for number, area in enumerate(scene.areas, 1):
        rows, columns = np.nonzero(scene.owners == number)
        if len(rows) < max(MIN_AREA, MIN_SHOWN * area):
            continue
        boxes.append((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
    shares: NDArray[np.float32] = np.array(boxes, np.float32).reshape(-1, 4) / np.float32(side)
    return shares


def targets_of(scene: Scene) -> NDArray[np.float32]:
    """float32 [s / 4, s / 4, 7]."""
    cells = len(scene.owners) // STRIDE
    shown = (scene.owners > 0).reshape(cells, STRIDE, cells, STRIDE)
    made = np.zeros((cells, cells, CHANNELS), np.float32)
    made[..., 0] = shown.mean((1, 3))
    middles = (np.arange(cells, dtype=np.float32) + 0.5) / cells
    boxes = boxes_of(scene)
    # Small ones last: where two overlap, the cell belongs to the smaller.
    order = np.argsort([-(x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in boxes])
    for x0, y0, x1, y1 in boxes[order]:
        x, y = ((x0 + x1) / 2) * cells, ((y0 + y1) / 2) * cells
        column, row = min(int(x), cells - 1), min(int(y), cells - 1)
        spread = np.maximum(0.11 * np.array([x1 - x0, y1 - y0]) * cells, 0.5)
        across = np.exp(-0.5 * ((np.arange(cells) - column) / spread[0]) ** 2)
        down = np.exp(-0.5 * ((np.arange(cells) - row) / spread[1]) ** 2)
        heat = (down[:, None] * across).astype(np.float32)
        made[..., 1] = np.maximum(made[..., 1], heat)
        near = heat >= BOX_LEVEL
        columns, rows = np.broadcast_to(middles, near.shape), middles[:, None] + 0 * middles
        sides = np.stack([columns - x0, rows - y0, x1 - columns, y1 - rows], -1)
        made[near, 2:6] = np.clip(sides, 0, 1)[near]
        made[near, 6] = heat[near]
    return made


def mirrored(targets: NDArray[np.float32]) -> NDArray[np.float32]:
    """Targets of scenes seen in a mirror: [n, g, g, 7], left and right exchanged."""
    return targets[:, :, ::-1, [0, 1, 4, 3, 2, 5, 6]]
