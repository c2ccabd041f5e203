"""Training against fixed proxies; stopped and resumed at any span.

There is no planned end: the rate warms up and stays, and what is used is a running mean of the
weights (exponential moving average), which is good at any time. `cool` spans of a falling rate may
be added last.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from shelflens.files import write_text
from shelflens.progress import Progress, clock
from shelflens_train.batchnorm_folding import FoldedNetwork
from shelflens_train.general.bank import Bank
from shelflens_train.general.batches import DomainBatches, Mixture
from shelflens_train.general.config import GeneralConfig
from shelflens_train.general.start import freeze_until
from shelflens_train.losses import proxy_distillation


@dataclass
class GeneralState:
    """How far a run has come."""

    span: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


class ProxyCosines(keras.layers.Layer):  # type: ignore[misc]
    """Cosines of embeddings with fixed proxies."""

    def __init__(self, proxies: NDArray[np.float32]) -> None:
        super().__init__(dtype="float32", name="proxies")
        self._proxies = proxies

    def build(self, input_shape: Any) -> None:
        """A constant, held as a weight that is not trained."""
        self.kernel = self.add_weight(
            name="kernel",
            shape=self._proxies.T.shape,
            initializer=lambda shape, dtype=None: ops.convert_to_tensor(self._proxies.T, dtype),
            trainable=False,
        )

    def call(self, embeddings: Any) -> Any:
        """float32 [b, d] -> float32 [b, c]."""
        return ops.matmul(embeddings, self.kernel)


class GeneralRun:
    """A run folder's `state/`, from which training goes on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "state"
        self._state_file = self._folder / "state.json"

    def read(self) -> GeneralState:
        """Where the run stands; a new state when nothing is there."""
        if not self._state_file.exists():
            return GeneralState()
        return GeneralState(**json.loads(self._state_file.read_text()))

    def write(self, state: GeneralState, model: keras.Model, mean: list[Any]) -> None:
        """Save weights, optimizer and running mean, then the file that names them."""
        self._folder.mkdir(parents=True, exist_ok=True)
        model.save_weights(self._weights(state.span), overwrite=True)
        np.savez(self._mean(state.span), *mean)
        write_text(self._state_file, json.dumps(asdict(state)))
        for old in [*self._folder.glob("last-*.weights.h5"), *self._folder.glob("mean-*.npz")]:
            if old not in (self._weights(state.span), self._mean(state.span)):
                old.unlink()

    def load(self, state: GeneralState, model: keras.Model) -> list[Any]:
        """Put weights and optimizer back, and give the running mean."""
        model.load_weights(self._weights(state.span))
        return self.running_mean(state)

    def running_mean(self, state: GeneralState) -> list[Any]:
        """The running mean of the trained weights."""
        with np.load(self._mean(state.span)) as arrays:
            return [arrays[name] for name in arrays.files]

    def _weights(self, span: int) -> Path:
        return self._folder / f"last-{span:04d}.weights.h5"

    def _mean(self, span: int) -> Path:
        return self._folder / f"mean-{span:04d}.npz"


def fit(
    learner: FoldedNetwork,
    bank: Bank,
    taught: NDArray[np.float32],
    proxies: NDArray[np.float32],
    config: GeneralConfig,
    folder: Path,
    *,
    spans: int,
    cool: int = 0,
) -> GeneralState:
    """Train from where the run folder says it stands, up to a number of spans.

    Args:
        learner: The network in its fast layout, with its start weights; afterwards it holds the
            running mean.
        bank: The images.
        taught: float32 [n, d], the teachers' embedding of each image.
        proxies: float32 [c, d], of each identity.
        config: How.
        folder: The run folder.
        spans: Where to stop, counted from the run's beginning.
        cool: So many spans before the end the rate starts to fall, to nothing at the end.

    Returns:
        The final state.
    """
    run = GeneralRun(folder)
    state = run.read()
    freeze_until(learner.model, config.frozen)
    image = keras.Input((None, None, 3), name="photo")
    model = keras.Model(image, ProxyCosines(proxies)(learner.model(image)), name="general")
    model.compile(
        keras.optimizers.Adam(config.rate, global_clipnorm=config.clip),
        loss=partial(_loss, proxies=ops.convert_to_tensor(proxies.T), config=config),
        jit_compile=False,
    )
    model.optimizer.build(model.trainable_variables)
    if state.span:
        mean = run.load(state, model)
    else:
        mean = [np.asarray(variable) for variable in model.trainable_variables]
    mixture = Mixture(
        config.shares, config.batch, config.side, config.strength, config.colour, config.seed
    )
    while state.span < spans:
        start = time.perf_counter()
        batches = DomainBatches(bank, taught, mixture, steps=config.span, span=state.span)
        steps = _Steps(config, state.span, spans, cool, mean)
        logs = model.fit(batches, epochs=1, verbose=0, callbacks=[steps]).history
        seconds = time.perf_counter() - start
        state.span += 1
        state.seconds += seconds
        entry = {
            "span": state.span,
            "loss": float(logs["loss"][0]),
            "photos_per_second": config.span * config.batch / seconds,
        }
        state.history.append(entry)
        run.write(state, model, mean)
        print(
            f"span {state.span}: loss {entry['loss']:.3f}, {entry['photos_per_second']:.1f} "
            f"photos/s, {clock(state.seconds)} in all",
            flush=True,
        )
    for variable, value in zip(model.trainable_variables, mean, strict=True):
        variable.assign(value)
    return state


def _loss(wanted: Any, cosines: Any, *, proxies: Any, config: GeneralConfig) -> Any:
    return proxy_distillation(
        cosines,
        ops.matmul(wanted[:, 1:], proxies),
        ops.cast(wanted[:, 0], "int32"),
        scale=config.scale,
        share=config.share,
        taught_scale=config.taught_scale,
    )


class _Steps(keras.callbacks.Callback):  # type: ignore[misc]
    """Sets the rate of each step, keeps the running mean, shows progress."""

    def __init__(
        self, config: GeneralConfig, span: int, spans: int, cool: int, mean: list[Any]
    ) -> None:
        super().__init__()
        self._config, self._mean = config, mean
        self._first, self._last = span * config.span, spans * config.span
        self._falling = cool * config.span
        self._bar = Progress(f"span {span + 1}/{spans}", config.span)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """The rate of this step."""
        step = self._first + batch
        factor = min(1.0, (step + 1) / self._config.warmup)
        if self._falling:
            factor *= min(1.0, (self._last - step) / self._falling)
        self.model.optimizer.learning_rate = self._config.rate * factor

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the running mean, which in the beginning is that of all steps so far."""
        step = self._first + batch + 1
        if step % _EVERY == 0:
            kept = min(self._config.averaging, step / (step + 10)) ** _EVERY
            for number, variable in enumerate(self.model.trainable_variables):
                self._mean[number] = kept * self._mean[number] + (1 - kept) * np.asarray(variable)
        self._bar.update(batch + 1, f"loss {(logs or {}).get('loss', math.nan):.3f}")


_EVERY = 5
"""Steps between two updates of the running mean: they take time."""
