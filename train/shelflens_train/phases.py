"""The epochs of a training: two phases, and spans with images of one size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shelflens_train.config import TrainConfig


@dataclass(frozen=True)
class Phase:
    """Some epochs with the same layers trained."""

    name: str
    start: int
    stop: int
    learning_rate: float
    warmup: float
    """Epochs over which the learning rate is reached."""


def phases(config: TrainConfig) -> list[Phase]:
    """Head first with the backbone frozen, then everything."""
    head = config.head_epochs
    return [
        Phase("head", 0, head, config.head_learning_rate, 0.0),
        Phase("all", head, config.all_epochs, config.learning_rate, config.warmup),
    ]


def spans(start: int, stop: int, side: Callable[[int], int]) -> list[tuple[int, int]]:
    """These epochs, parted where the size of the images changes."""
    cuts = [epoch for epoch in range(start + 1, stop) if side(epoch) != side(epoch - 1)]
    return list(zip([start, *cuts], [*cuts, stop], strict=True))
