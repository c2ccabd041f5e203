"""Which unknown scene is the counter with nothing on it: the one that comes back between others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SAME = 0.7
"""Cosine similarity from which two views are one scene: a counter in another light, in half shade
or seen from a little aside has 0.81 and more, one with something unknown on it 0.3."""

_MAX_SCENES = 16
"""Unknown scenes that are remembered."""


@dataclass
class _Scene:
    embedding: NDArray[np.float32]
    first: int
    last: int
    visits: int = 0


class EmptyScene:
    """Learns from the scenes of a stream, in order.

    The first scene of a stream, if it is unknown, is taken to be the empty one, and so is an
    unknown scene that comes back while the empty one was not seen (the camera was moved) or that
    comes more often than it.
    """

    def __init__(self) -> None:
        self._scenes: list[_Scene] = []
        self._empty: _Scene | None = None
        self._count = 0
        self.now = False
        """Whether the scene that was seen last is the empty one."""

    def saw_product(self) -> None:
        """Something was recognised."""
        self._count += 1
        self.now = False

    def is_known(self, embedding: NDArray[np.float32]) -> bool:
        """Take an unknown scene; whether it is the empty one, seen before.

        Args:
            embedding: The mean embedding of its photos, float32 [d], not zero.
        """
        self._count += 1
        unit = _unit(embedding)
        scene = self._find(unit)
        if came_back := scene is not None:
            # The light changes slowly.
            scene.embedding = _unit(3 * scene.embedding + unit)
        else:
            scene = _Scene(unit, first=self._count, last=self._count)
            self._scenes = [*self._scenes[1 - _MAX_SCENES :], scene]
        scene.visits, scene.last = scene.visits + 1, self._count
        if self._is_empty(scene, came_back):
            self._empty = scene
        self.now = scene is self._empty
        return self.now and came_back

    def _find(self, unit: NDArray[np.float32]) -> _Scene | None:
        best = max(self._scenes, key=lambda scene: unit @ scene.embedding, default=None)
        return best if best is not None and unit @ best.embedding >= _SAME else None

    def _is_empty(self, scene: _Scene, came_back: bool) -> bool:
        if self._empty is None:
            return came_back or self._count == 1
        return came_back and (self._empty.last < scene.first or scene.visits > self._empty.visits)


def _unit(vector: NDArray[np.floating]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = vector / np.float32(np.linalg.norm(vector))
    return unit
