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
from shelflens_train.finder.scenes import Props, make_scene
from shelflens_train.finder.settle import kept_features, settle
from shelflens_train.finder.targets import mirrored, targets_of

FINEST = "block_2_add"
"""Layers up to here stay as they were: they see edges and colours, and cost the largest share."""
_WEIGHTS = "last-{:04d}.weights.h5"


class SceneBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """New scenes in every span, the same ones in every run with the same seed.

    The second half of a span shows the first half mirrored: a scene costs as much as a step.
    """

    def __init__(self, props: Props, config: FinderConfig, span: int) -> None:
        super().__init__(workers=2, max_queue_size=8)
        self._props, self._config, self._span = props, config, span
        self._half = -(-len(self) // 2)
        self._made: dict[int, tuple[NDArray[np.uint8], NDArray[np.float32]]] = {}

    def __len__(self) -> int:
        return self._config.span // self._config.finder_batch

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        made = self._made.pop(index - self._half, None)
        if made is not None:
            return made[0][:, :, ::-1].astype(np.float32), mirrored(made[1])
        scenes = []
        for number in range(self._config.finder_batch):
            rng = np.random.default_rng([self._config.seed, self._span, index, number])
            scenes.append(make_scene(self._props, rng, self._config.finder_size))
        pixels = np.stack([scene.pixels for scene in scenes])
        targets = np.stack([targets_of(scene) for scene in scenes])
        if index < self._half:
            self._made[index] = pixels, targets
        return pixels.astype(np.float32), targets


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
    learner.model.compile(
        keras.optimizers.Adam(1e-6, global_clipnorm=1.0), loss=finder_loss, jit_compile=False
    )
    for span in range(len(history["spans"]), config.spans):
        begin = time.perf_counter()
        batches, steps = SceneBatches(props, config, span), _Steps(config, span)
        logs = learner.model.fit(batches, epochs=1, verbose=0, shuffle=False, callbacks=[steps])
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

    def __init__(self, config: FinderConfig, span: int) -> None:
        super().__init__()
        self._config, self._span = config, span
        self._steps = config.span // config.finder_batch
        self._bar = Progress(f"span {span + 1}/{config.spans}", self._steps, unit="steps")

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """A short warm-up, then down along a cosine."""
        done = self._span * self._steps + batch
        share = done / (self._config.spans * self._steps)
        rate = self._config.rate * (0.5 + 0.5 * math.cos(math.pi * share))
        self.model.optimizer.learning_rate = rate * min(1.0, (done + 1) / 50)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Show the loss so far."""
        self._bar.update(batch + 1, f"loss {(logs or {}).get('loss', math.nan):.3f}")
