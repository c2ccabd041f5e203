"""How long a training will still take, from the first steps on."""

from __future__ import annotations

from collections.abc import Sequence

from shelflens_train.config import TrainConfig
from shelflens_train.phases import phases, spans
from shelflens_train.split import Split

_STEP = 3.0
"""A training step costs about three times looking at the images (forward, backward twice)."""


class TimeLeft:
    """Seconds to the end, by the time that the work so far took.

    Work is counted in looks: one photo of one pixel through the network. Photos cost by their
    area; what is decoded and augmented beside it is taken to cost alike.

    Args:
        epochs: Work of the steps of each epoch.
        validation: Work of the validation after each.
        finish: Work after the last.
        compiled: Epochs whose first step is compiled anew.
    """

    def __init__(
        self,
        epochs: Sequence[float],
        *,
        validation: float,
        finish: float,
        compiled: Sequence[int] = (),
    ) -> None:
        self._epochs, self._validation, self._finish = list(epochs), validation, finish
        self._compiled, self._compiling = list(compiled), 0.0
        self._done = self._seconds = 0.0

    def was_compiled(self, seconds: float) -> None:
        """A first step took so many seconds; it says nothing about the others."""
        self._compiling = seconds

    def took(self, epoch: int, share: float, seconds: float) -> None:
        """A share of the steps of an epoch took so many seconds."""
        self._done += share * self._epochs[epoch]
        self._seconds += seconds

    def seconds(self, epoch: int, share: float, *, validated: bool = False) -> float | None:
        """Seconds to the end, when a share of an epoch is done; None before anything was timed.

        Args:
            epoch: Index of the epoch.
            share: Of its steps, 0 to 1.
            validated: Whether its validation is done too.
        """
        if not self._done:
            return None
        epochs = len(self._epochs) - epoch - validated
        work = (1 - share) * self._epochs[epoch] + sum(self._epochs[epoch + 1 :])
        work += epochs * self._validation + self._finish
        starts = sum(start > epoch for start in self._compiled)
        return work * self._seconds / self._done + starts * self._compiling


def time_left(config: TrainConfig, split: Split, *, steps: int, gallery: int) -> TimeLeft:
    """Of the epochs of a config.

    Args:
        config: The options.
        split: What is trained and validated on.
        steps: Batches per epoch.
        gallery: Photos in the gallery of each validation.
    """
    area = config.size**2
    products, val = len(split.products), len(split.val)
    every = len(split.train) + len(split.auxiliary)
    # All photos once; held-out ones with the network, its start and beside it the bundled model.
    finish = every + 2 * val + products + len(split.train) + val
    return TimeLeft(
        [
            _STEP * steps * config.batch * config.side(epoch) ** 2
            for epoch in range(config.all_epochs)
        ],
        validation=(gallery + val) * area,
        finish=finish * area,
        compiled=[
            start
            for phase in phases(config)
            for start, _ in spans(phase.start, phase.stop, config.side)
        ],
    )
