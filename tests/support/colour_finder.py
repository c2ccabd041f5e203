"""A finder of rectangles in pure colours: exact, so that what is done with regions shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shelflens import ModelCard
from shelflens.finding.finder import Finder
from shelflens.finding.regions import CELL_NUMBERS, Box
from shelflens.model.card import FINDER
from shelflens.model.engines import Engine

GRID = 40


def cells_of(boxes: list[Box], *, grid: int = GRID, score: float = 0.9) -> NDArray[np.float32]:
    """What a perfect finder says of boxes: float32 [g, g, 6]."""
    cells = np.zeros((grid, grid, CELL_NUMBERS), np.float32)
    middles = (np.arange(grid) + 0.5) / grid
    for left, top, right, bottom in boxes:
        across, down = (
            (middles >= low) & (middles < high) for low, high in ((left, right), (top, bottom))
        )
        cells[np.ix_(down, across)] = np.maximum(cells[np.ix_(down, across)], [1, 0, 0, 0, 0, 0])
        column, row = (
            min(grid - 1, int((low + high) / 2 * grid))
            for low, high in ((left, right), (top, bottom))
        )
        x, y = middles[column], middles[row]
        cells[row, column] = (1, score, x - left, y - top, right - x, bottom - y)
    return cells


def colour_finder(colours: list[tuple[int, int, int]], *, score: float = 0.9) -> Finder:
    """A finder of the rectangles that have one of these colours, in pictures without blur."""

    def run(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        found = []
        for image in images:
            boxes: list[Box] = []
            for colour in colours:
                near = np.abs(image.astype(int) - colour).max(-1) < 40
                rows, columns = np.nonzero(near)
                if len(rows) > 4:
                    edges = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
                    x0, y0, x1, y1 = (float(edge) / len(image) for edge in edges)
                    boxes.append((x0, y0, x1, y1))
            found.append(cells_of(boxes, score=score).reshape(-1))
        return np.stack(found)

    card = ModelCard("colours", "colours-0", 160, GRID * GRID * CELL_NUMBERS, task=FINDER)
    return Finder(Engine("test", "1", card, 1, Path("colours.tflite"), b"", run))
