"""After each epoch: recall@1 through the device's catalog, a line on the screen, the state."""

from __future__ import annotations

import math
import time
from typing import Any, Protocol

import keras

from shelflens.progress import Progress, clock
from shelflens_train.bundled import BundledModel
from shelflens_train.config import TrainConfig
from shelflens_train.devices import is_chief
from shelflens_train.evaluate import retrieval, retrieve, sample_per_product
from shelflens_train.phases import Phase
from shelflens_train.photo_bank import PhotoBank
from shelflens_train.split import Split
from shelflens_train.state import State, StateFolder
from shelflens_train.time_left import time_left

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
        config: The options.
        steps: Batches per epoch.
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
        config: TrainConfig,
        steps: int,
    ) -> None:
        super().__init__()
        self._embedder, self._learner, self._val = embedder, learner, split.val
        self._bank, self._state, self._folder = bank, state, folder
        self._batch, self._steps, self._epochs = config.batch, steps, config.all_epochs
        # Of products that are not asked for one photo is enough: measuring takes time too.
        asked = {item.product for item in split.val}
        self._gallery = [
            *sample_per_product([i for i in split.train if i.product in asked], _GALLERY),
            *sample_per_product([i for i in split.train if i.product not in asked], 1),
        ]
        self._time = time_left(config, split, steps=steps, gallery=len(self._gallery))

    def judge_bundled(self, bundled: BundledModel) -> None:
        """Measure the bundled model as the epochs will be: that is what they have to beat."""
        both = bundled.embed([*self._gallery, *self._val])
        count = len(self._gallery)
        found = retrieve(
            both[:count],
            [item.product for item in self._gallery],
            both[count:],
            [item.product for item in self._val],
        )
        self._state.bundled = found.recall
        print(
            f"bundled model: recall@1 {found.recall:.3f} of {len(self._val)} looked up among "
            f"{count} enrolled photos; training has to beat that",
            flush=True,
        )

    def begin(self, phase: Phase) -> None:
        """A phase, or a span of it with images of another size, starts."""
        self._phase = phase
        self._first_of_span = True

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the clock and the bar."""
        self._start = self._tick = time.perf_counter()
        self._epoch = epoch
        self._bar = Progress(f"epoch {epoch + 1}/{self._epochs}", self._steps * self._batch)
        self._bar.begin("the first step takes longest" if self._first_of_span else "")

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar."""
        now = time.perf_counter()
        if self._first_of_span:
            self._time.was_compiled(now - self._tick)
        else:
            self._time.took(self._epoch, 1 / self._steps, now - self._tick)
        self._tick, self._first_of_span = now, False
        left = self._time.seconds(self._epoch, (batch + 1) / self._steps)
        note = f"loss {(logs or {}).get('loss', 0):.3f}"
        self._bar.update(
            (batch + 1) * self._batch, note if left is None else f"{note}, {clock(left)} to the end"
        )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Measure, print a line, save."""
        self._bar.close()
        speed = self._steps * self._batch / (time.perf_counter() - self._start)
        self._learner.write_back()
        recall = retrieval(
            self._embedder, self._gallery, self._val, self._bank, progress="validating"
        ).recall
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
        left = self._time.seconds(epoch, 1.0, validated=True)
        bundled = f", bundled {state.bundled:.3f}" if state.bundled >= 0 else ""
        print(
            f"epoch {epoch + 1} ({self._phase.name}): loss {loss:.3f}, "
            f"recall@1 {recall:.3f} (best {state.best:.3f}{bundled}), "
            f"{speed:.1f} photos/s, {clock(state.seconds)} so far"
            + ("" if left is None else f", about {clock(left)} left"),
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
