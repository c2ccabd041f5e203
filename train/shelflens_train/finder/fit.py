"""The training of a finder: after each step the run folder holds all that is needed to go on."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from shelflens.files import write_text
from shelflens.progress import Progress
from shelflens_train.batchnorm_folding import FoldedNetwork
from shelflens_train.finder.config import FinderConfig
from shelflens_train.finder.network import finder_loss, finder_network, freeze_backbone
from shelflens_train.finder.outlined import SHARE, part_of
from shelflens_train.finder.scenes import Props, make_scene
from shelflens_train.finder.settle import kept_features, settle
from shelflens_train.finder.targets import CHANNELS, STRIDE, mirrored, targets_of

FINEST = "block_2_add"
"""Layers up to here stay as they were: they see edges and colours, and cost the largest share."""
_WEIGHTS = "last-{:04d}.weights.h5"


class SceneBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """The scenes of a span, the same ones in every run with the same seed.

    They are made once and seen `config.passes` times, each time in another order, mirrored or not,
    and in another light: making a scene costs as much as a step on it.
    """

    def __init__(self, props: Props, config: FinderConfig, span: int) -> None:
        super().__init__(workers=1)
        self._props, self._config, self._span = props, config, span
        side, cells = config.finder_size, config.finder_size // STRIDE
        self._pixels = np.zeros((config.span, side, side, 3), np.uint8)
        self._targets = np.zeros((config.span, cells, cells, CHANNELS), np.float16)
        self._made = np.zeros(config.span, bool)

    def __len__(self) -> int:
        return self._config.passes * self._per_pass

    @property
    def _per_pass(self) -> int:
        return self._config.span // self._config.finder_batch

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        turn, step = divmod(index, self._per_pass)
        rng = np.random.default_rng([self._config.seed, self._span, turn])
        order = rng.permutation(self._config.span)
        batch = self._config.finder_batch
        chosen = order[step * batch : (step + 1) * batch]
        for number in chosen[~self._made[chosen]].tolist():
            self._make(number)
        rng = np.random.default_rng([self._config.seed, self._span, turn, step])
        return seen_again(
            self._pixels[chosen].astype(np.float32), self._targets[chosen].astype(np.float32), rng
        )

    def _make(self, number: int) -> None:
        rng = np.random.default_rng([self._config.seed, self._span, number, 0])
        photos, side = self._props.outlined, self._config.finder_size
        if photos and rng.random() < SHARE:
            scene = part_of(photos[int(rng.integers(len(photos)))], rng, side)
        else:
            scene = make_scene(self._props, rng, side)
        self._pixels[number], self._targets[number] = scene.pixels, targets_of(scene)
        self._made[number] = True


def seen_again(
    pixels: NDArray[np.float32], targets: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Scenes mirrored by chance, each in another light: float32 [n, s, s, 3], [n, g, g, 7]."""
    flipped = rng.random(len(pixels)) < 0.5
    pixels = np.where(flipped[:, None, None, None], pixels[:, :, ::-1], pixels)
    targets = np.where(flipped[:, None, None, None], mirrored(targets), targets)
    gain = rng.uniform(0.75, 1.3, (len(pixels), 1, 1, 1))
    shift = rng.uniform(-15, 15, (len(pixels), 1, 1, 1))
    return np.clip(pixels * gain + shift, 0, 255).astype(np.float32), targets


def fit(network: keras.Model, props: Props, config: FinderConfig, run: Path) -> dict[str, Any]:
    """Train from where the run folder says it stands, to the end: the decoder, then all of it.

    Args:
        network: With its start weights; afterwards with the result.
        props: What scenes are made of.
        config: How.
        run: The run folder; its `state/` is written after the decoder and after each span.

    Returns:
        `decoder`, the loss of each epoch, and `spans`, the loss and the rate of each span.
    """
    state = run / "state"
    state.mkdir(parents=True, exist_ok=True)
    history: dict[str, Any] = {"decoder": [], "spans": []}
    if (state / "state.json").exists():
        history = json.loads((state / "state.json").read_text())
        network.load_weights(state / _WEIGHTS.format(len(history["spans"])))
    elif config.first_epochs:
        arrays = kept_features(network, props, config, state)
        history["decoder"] = settle(network, arrays, config)
        _keep(network, history, state)
        for file in state.glob("*.npy"):
            file.unlink()
    if len(history["spans"]) < config.spans:
        _fit_all(network, props, config, state, history)
    return history


def _fit_all(
    network: keras.Model, props: Props, config: FinderConfig, state: Path, history: dict[str, Any]
) -> None:
    learner = FoldedNetwork(network, finder_network(config.finder_size, weights=None))
    freeze_backbone(learner.model, until=FINEST)
    steps = len(SceneBatches(props, config, 0))
    # After each span the weights become their moving average over its last fifty steps or so.
    adam = keras.optimizers.Adam(
        1e-6, global_clipnorm=1.0, use_ema=True, ema_momentum=0.98, ema_overwrite_frequency=steps
    )
    learner.model.compile(adam, loss=finder_loss, jit_compile=False)
    for span in range(len(history["spans"]), config.spans):
        begin = time.perf_counter()
        batches, rates = SceneBatches(props, config, span), _Steps(config, span, steps)
        logs = learner.model.fit(batches, epochs=1, verbose=0, shuffle=False, callbacks=[rates])
        rate = len(batches) * config.finder_batch / (time.perf_counter() - begin)
        loss = float(logs.history["loss"][0])
        history["spans"].append({"loss": loss, "scenes_per_second": rate})
        learner.write_back()
        _keep(network, history, state)
        print(f"span {span + 1}/{config.spans}: loss {loss:.3f}, {rate:.1f} scenes/s", flush=True)


def _keep(network: keras.Model, history: dict[str, Any], state: Path) -> None:
    span = len(history["spans"])
    network.save_weights(state / _WEIGHTS.format(span))
    write_text(state / "state.json", json.dumps(history) + "\n")
    (state / _WEIGHTS.format(span - 1)).unlink(missing_ok=True)


class _Steps(keras.callbacks.Callback):  # type: ignore[misc]
    """Sets the rate of each step, shows progress."""

    def __init__(self, config: FinderConfig, span: int, steps: int) -> None:
        super().__init__()
        self._config, self._span, self._steps = config, span, steps
        self._bar = Progress(f"span {span + 1}/{config.spans}", steps, unit="steps")

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """A short warm-up, then down along a cosine."""
        done = self._span * self._steps + batch
        share = done / (self._config.spans * self._steps)
        rate = self._config.rate * (0.5 + 0.5 * math.cos(math.pi * share))
        self.model.optimizer.learning_rate = rate * min(1.0, (done + 1) / 50)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Show the loss so far."""
        self._bar.update(batch + 1, f"loss {(logs or {}).get('loss', math.nan):.3f}")
