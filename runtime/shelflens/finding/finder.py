"""The finder: a small network that says where products are, whatever they are."""

from __future__ import annotations

import math
import os
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shelflens.errors import ModelError
from shelflens.files import Check
from shelflens.finding.regions import CELL_NUMBERS, MIN_SCORE, Region, regions_of
from shelflens.model.card import FINDER, ModelCard
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens.model.engines import Engine, open_engine
from shelflens.model.image import Photo, load_image

BUNDLED_FINDER = BUNDLED_MODEL.with_name("finder.tflite")
"""The int8 finder that the package carries."""


class Finder:
    """A model that gives the regions of a photo that show a product.

    Open it once and keep it. One finder serves one thread at a time.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._grid = math.isqrt(engine.card.dim // CELL_NUMBERS)

    @classmethod
    def open(
        cls,
        model: str | os.PathLike[str] | None = None,
        *,
        engine: str = "auto",
        threads: int | None = None,
        check: Check | None = None,
    ) -> Finder:
        """Open a finder's file.

        Args:
            model: A `.tflite` file from `shelflens export` of a finder; None for the
                bundled one.
            engine: As `Embedder.open`.
            threads: As `Embedder.open`.
            check: Called with a given file and its bytes before anything else looks at them.

        Raises:
            ModelError: not a finder of ours, or damaged.
            EngineError: no engine here runs it.
            FileNotFoundError: no such file.
            ShelfLensError: what `check` raises.
        """
        if model is None:
            opened = open_engine(BUNDLED_FINDER, engine=engine, threads=threads, task=FINDER)
        else:
            path = Path(model)
            opened = open_engine(path, engine=engine, threads=threads, check=check, task=FINDER)
        grid = math.isqrt(opened.card.dim // CELL_NUMBERS)
        if not grid or grid * grid * CELL_NUMBERS != opened.card.dim:
            raise ModelError(
                f"{opened.path}: gives {opened.card.dim} numbers, expected {CELL_NUMBERS} for each "
                "cell of a square grid; export it again"
            )
        return cls(opened)

    @property
    def card(self) -> ModelCard:
        """What the model says about itself."""
        return self._engine.card

    def cells(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The network's output: uint8 [size, size, 3] -> float32 [g, g, 6]; see `regions`."""
        found: NDArray[np.float32] = self._engine.run(pixels[np.newaxis])[0]
        return found.reshape((self._grid, self._grid, CELL_NUMBERS))

    def find(self, photo: Photo, *, min_score: float = MIN_SCORE) -> list[Region]:
        """The products of a photo, surest first; none is an answer.

        Args:
            photo: As `load_image` takes it.
            min_score: Of a region.

        Raises:
            PhotoError, OSError: as `load_image`.
        """
        cells = self.cells(load_image(photo, size=self.card.size))
        return regions_of(cells, min_score=min_score)


def find_products(photo: Photo, *, finder: Finder | None = None) -> list[Region]:
    """Where a photo shows products, whatever they are.

    Args:
        photo: A path, the bytes of a file, a PIL image, or uint8 RGB [h, w, 3].
        finder: An open one; None opens the bundled one, once.

    Returns:
        Regions, surest first; an empty list where no product was found.

    Raises:
        PhotoError, OSError: as `load_image`.
        ModelError: the bundled finder cannot be opened.
    """
    return (finder or _bundled()).find(photo)


@lru_cache(maxsize=1)
def _bundled() -> Finder:
    return Finder.open()
