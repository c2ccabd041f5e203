"""How well a finder finds: IoU of masks, average precision of boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shelflens.finding.regions import Box, Region, intersection, iou


def mask_iou(found: NDArray[np.float32], shown: NDArray[np.float32]) -> float:
    """IoU of the foreground, both cut at a half: numbers from 0 to 1 of the same shape.

    Returns:
        1 where neither shows anything.
    """
    first, second = found >= 0.5, shown >= 0.5
    union = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / union if union else 1.0


def average_precision(
    found: Sequence[Sequence[Region]],
    wanted: Sequence[Sequence[Box]],
    *,
    limit: float = 0.5,
    crowds: Sequence[Sequence[Box]] | None = None,
) -> float:
    """Area under the curve of precision against recall (AP50 with an IoU of 0.5).

    Regions of all pictures are taken in the order of their scores. A region is right when it has
    the limit's IoU with a box that no region before it had; precision is made monotonic, as in
    PASCAL VOC since 2010 (Everingham et al., IJCV 2010).

    Args:
        found: Of each picture, the regions.
        wanted: Of each picture, the boxes that are there.
        limit: IoU from which a region counts as right.
        crowds: Of each picture, where products are that have no box of their own, as in COCO (Lin
            et al., ECCV 2014): a region that lies there, and for less than half in a box, counts
            neither as right nor as wrong.

    Returns:
        0 to 1; 0 where there is no box.
    """
    total = sum(map(len, wanted))
    if not total:
        return 0.0
    ranked = sorted(
        ((region.score, picture, region) for picture, mine in enumerate(found) for region in mine),
        key=lambda entry: -entry[0],
    )
    taken: list[set[int]] = [set() for _ in wanted]
    right = []
    for _, picture, region in ranked:
        overlaps = [iou(region.box, box) for box in wanted[picture]]
        free = [index for index in range(len(overlaps)) if index not in taken[picture]]
        best = max(free, key=lambda index: overlaps[index], default=None)
        hit = best is not None and overlaps[best] >= limit
        if hit and best is not None:
            taken[picture].add(best)
        elif crowds is not None and _in_crowd(region.box, crowds[picture], wanted[picture]):
            continue
        right.append(hit)
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(hits) + 1)
    smooth = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(smooth * np.asarray(right)) / total) if len(right) else 0.0


def _in_crowd(box: Box, crowds: Sequence[Box], wanted: Sequence[Box]) -> bool:
    area = (box[2] - box[0]) * (box[3] - box[1])
    return any(intersection(box, crowd) >= 0.5 * area for crowd in crowds) and all(
        intersection(box, labelled) < 0.5 * area for labelled in wanted
    )
