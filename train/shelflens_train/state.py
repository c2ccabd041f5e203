"""What a run needs to go on after a kill: one file of weights, and one of JSON that names it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras

from shelflens.files import write_text
from shelflens_train.devices import on_this_process

_START = "start.weights.h5"


@dataclass
class State:
    """How far a run has come."""

    epoch: int = 0
    """Epochs finished, both phases together."""
    weights: str = ""
    """File with weights, optimizer and random states after that epoch."""
    best: float = -1.0
    """Best recall@1 so far."""
    best_weights: str = ""
    """File with the embedder's weights of the epoch that is kept: the last one no worse than that
    by more than a standard error (`epoch_monitor.standard_error`)."""
    kept: int = 0
    """That epoch; 0 for a mean of runs."""
    bundled: float = -1.0
    """Recall@1 of the bundled model, measured as after each epoch; -1 before it is."""
    seconds: float = 0.0
    """Time spent training, all sittings together."""
    history: list[dict[str, Any]] = field(default_factory=list)
    """One entry per epoch."""


class StateFolder:
    """Writes and reads a `State`. The JSON is replaced at once, after the files they name."""

    def __init__(self, run: Path) -> None:
        self._folder = run / "state"
        self._json = self._folder / "state.json"

    def read(self) -> State | None:
        """The last state, or None when no epoch was finished."""
        return State(**json.loads(self._json.read_text())) if self._json.exists() else None

    def write(self, state: State, model: keras.Model, embedder: keras.Model) -> None:
        """Save the state after an epoch; `state.best_weights` empty means this one is kept."""
        self._folder.mkdir(parents=True, exist_ok=True)
        state.weights = f"last-{state.epoch:03d}.weights.h5"
        # Keras makes variables while it saves, which the other processes do not.
        with on_this_process():
            model.save_weights(self._folder / state.weights, overwrite=True)
            if not state.best_weights:
                state.kept = state.epoch
                state.best_weights = f"best-{state.epoch:03d}.weights.h5"
                embedder.save_weights(self._folder / state.best_weights, overwrite=True)
        write_text(self._json, json.dumps(asdict(state)))
        for old in self._folder.glob("*.weights.h5"):
            if old.name not in (state.weights, state.best_weights, _START):
                old.unlink()

    def write_start(self, embedder: keras.Model) -> None:
        """Save the weights from which the run starts, head included."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with on_this_process():
            embedder.save_weights(self._folder / _START, overwrite=True)

    def load_start(self, embedder: keras.Model) -> None:
        """Put the weights from which the run started into an embedding network."""
        embedder.load_weights(self._folder / _START)

    def load_last(self, state: State, model: keras.Model) -> None:
        """Put weights, optimizer and random states back into a compiled model."""
        model.load_weights(self._folder / state.weights)

    def load_best(self, state: State, embedder: keras.Model) -> None:
        """Put the weights of the epoch that is kept into an embedding network."""
        embedder.load_weights(self._folder / state.best_weights)
