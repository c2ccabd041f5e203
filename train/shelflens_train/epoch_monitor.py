"""After each epoch: recall@1 through the device's catalog, a line on the screen, the state."""

from __future__ import annotations

import math
import time
from typing import Any, Protocol

import keras

from shelflens.progress import Progress, clock
from shelflens_train.devices import is_chief
from shelflens_train.evaluate import retrieval, sample_per_product
from shelflens_train.phases import Phase
from shelflens_train.photo_bank import PhotoBank
from shelflens_train.split import Split
from shelflens_train.state import State, StateFolder

_GALLERY = 3
"""Photos per product in the gallery that judges an epoch; the final figures use all of them."""


class Learner(Protocol):
    """A network in training that stands for another one."""

    model: keras.Model

    def write_back(self) -> None:
        """Copy the trained weights into the network it stands for."""


class EpochMonitor(keras.callbacks.Callback):  # type: ignore[misc]
    """Shows progress, measures recall@1 after each epoch, saves the state.

    Args:
        embedder: The embedding network.
        learner: Its layout for training.
        split: What is trained and validated on.
        bank: Photos, at the size of use.
        state: How far the run has come; it is kept up to date.
        folder: Where the state is saved.
        batch: Photos per step.
    """

    def __init__(
        self,
        embedder: keras.Model,
        learner: Learner,
        split: Split,
        bank: PhotoBank,
        state: State,
        folder: StateFolder,
        *,
        batch: int,
    ) -> None:
        super().__init__()
        self._embedder, self._learner, self._val = embedder, learner, split.val
        self._bank, self._state, self._folder, self._batch = bank, state, folder, batch
        # Of products that are not asked for one photo is enough: measuring takes time too.
        asked = {item.product for item in split.val}
        self._gallery = [
            *sample_per_product([i for i in split.train if i.product in asked], _GALLERY),
            *sample_per_product([i for i in split.train if i.product not in asked], 1),
        ]

    def begin(self, phase: Phase, steps: int) -> None:
        """A phase starts."""
        self._phase, self._steps = phase, steps

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the clock and the bar."""
        self._start = time.perf_counter()
        self._bar = Progress(f"epoch {epoch + 1}/{self._phase.stop}", self._steps * self._batch)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar."""
        self._bar.update((batch + 1) * self._batch, f"loss {(logs or {}).get('loss', 0):.3f}")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Measure, print a line, save."""
        speed = self._steps * self._batch / (time.perf_counter() - self._start)
        self._learner.write_back()
        recall = retrieval(self._embedder, self._gallery, self._val, self._bank).recall
        logs = {} if logs is None else logs
        logs["val_recall_at_1"] = recall
        state, loss = self._state, float(logs["loss"])
        state.seconds += time.perf_counter() - self._start
        state.epoch = epoch + 1
        state.history.append(
            {
                "epoch": epoch + 1,
                "phase": self._phase.name,
                "loss": loss,
                "val_recall_at_1": recall,
                "photos_per_second": speed,
            }
        )
        if recall >= state.best - standard_error(state.best, len(self._val)):
            state.best_weights = ""
        state.best = max(state.best, recall)
        if is_chief():
            self._folder.write(state, self.model, self._embedder)
        print(
            f"epoch {epoch + 1} ({self._phase.name}): loss {loss:.3f}, "
            f"recall@1 {recall:.3f} (best {state.best:.3f}), "
            f"{speed:.1f} photos/s, {clock(state.seconds)} in all",
            flush=True,
        )


def standard_error(recall: float, queries: int) -> float:
    """Standard error of a recall@1 measured with so many queries.

    Of epochs that differ by less the last is kept, which was trained for longest and at the lowest
    learning rate (the one-standard-error rule of Breiman et al., "Classification and Regression
    Trees", 1984): the best of dozens on a few held-out photos is the luckiest. One query more that
    is right and one that is wrong are counted, so that no recall is certain.
    """
    share = (max(recall, 0.0) * queries + 1) / (queries + 2)
    return math.sqrt(share * (1 - share) / max(queries, 1))
