"""The first phase of a finder's training: the decoder alone, on features that stand still.

They are computed once and kept on disk: a step then costs a sixth of what it costs with the scenes
made and the first layers run each time, and a random decoder needs many steps.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from shelflens.progress import Progress
from shelflens_train.batchnorm_folding import FoldedNetwork
from shelflens_train.finder.config import FinderConfig
from shelflens_train.finder.network import TAPS, decoder_of, finder_loss, finder_network
from shelflens_train.finder.scenes import Props, make_scene
from shelflens_train.finder.targets import targets_of

_SETTLING = 1 << 21
"""A number of scenes that no span of the training has."""
_KEPT = ("targets", *TAPS)

Arrays = dict[str, NDArray[np.float16]]


def kept_features(network: keras.Model, props: Props, config: FinderConfig, folder: Path) -> Arrays:
    """Features and targets of `config.scenes` scenes, float16, read from disk as they are needed.

    Args:
        network: With the weights of the first layers.
        props: What scenes are made of.
        config: How many scenes, and of which size.
        folder: For the files; what an earlier call finished is used again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "done"
    files = {name: folder / f"{name}.npy" for name in _KEPT}
    if not (done.exists() and done.read_text() == str(config.scenes)):
        _compute(network, props, config, files)
        done.write_text(str(config.scenes))
    return {name: np.load(file, mmap_mode="r") for name, file in files.items()}


def _compute(
    network: keras.Model, props: Props, config: FinderConfig, files: dict[str, Path]
) -> None:
    learner = FoldedNetwork(network, finder_network(config.finder_size, weights=None)).model
    features = keras.Model(
        learner.input,
        learner.get_layer("backbone")(learner.get_layer("scale").output, training=False),
    )
    arrays: dict[str, Any] = {}
    batch = config.finder_batch
    with Progress("scenes", config.scenes, unit="scenes") as bar:
        for start in range(0, config.scenes, batch):
            numbers = range(start, min(start + batch, config.scenes))
            scenes = [
                make_scene(
                    props,
                    np.random.default_rng([config.seed, _SETTLING, number]),
                    config.finder_size,
                )
                for number in numbers
            ]
            pixels = np.stack([scene.pixels for scene in scenes]).astype(np.float32)
            targets = np.stack([targets_of(scene) for scene in scenes])
            made = [targets, *features.predict_on_batch(pixels)]
            for (name, file), values in zip(files.items(), made, strict=True):
                if name not in arrays:
                    shape = (config.scenes, *values.shape[1:])
                    arrays[name] = np.lib.format.open_memmap(file, "w+", np.float16, shape)
                arrays[name][start : numbers.stop] = values
            bar.update(numbers.stop)
    for values in arrays.values():
        values.flush()


class _Features(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of kept features in a new order."""

    def __init__(self, arrays: Arrays, batch: int, order: NDArray[np.int64]) -> None:
        super().__init__(workers=1)
        self._arrays, self._batch, self._order = arrays, batch, order

    def __len__(self) -> int:
        return len(self._order) // self._batch

    def __getitem__(self, index: int) -> tuple[tuple[Any, ...], NDArray[np.float32]]:
        rows = np.sort(self._order[index * self._batch : (index + 1) * self._batch])
        targets, *features = (self._arrays[name][rows].astype(np.float32) for name in _KEPT)
        return tuple(features), targets


def settle(network: keras.Model, arrays: Arrays, config: FinderConfig) -> list[float]:
    """Train the decoder of a network on kept features; gives the loss of each epoch.

    Args:
        network: Its decoder is trained, its first layers are left alone.
        arrays: From `kept_features`.
        config: Epochs and the highest rate, which falls along a cosine to a twentieth.
    """
    decoder = decoder_of(network)
    decoder.compile(
        keras.optimizers.Adam(1e-6, global_clipnorm=1.0), loss=finder_loss, jit_compile=False
    )
    count, losses = len(arrays["targets"]), []
    for epoch in range(config.first_epochs):
        order = np.random.default_rng([config.seed, epoch]).permutation(count)
        batches = _Features(arrays, config.finder_batch, order)
        rate = _Falling(config, epoch, len(batches))
        logs = decoder.fit(batches, epochs=1, verbose=0, shuffle=False, callbacks=[rate])
        losses.append(float(logs.history["loss"][0]))
        print(f"decoder epoch {epoch + 1}/{config.first_epochs}: loss {losses[-1]:.3f}", flush=True)
    return losses


class _Falling(keras.callbacks.Callback):  # type: ignore[misc]
    def __init__(self, config: FinderConfig, epoch: int, steps: int) -> None:
        super().__init__()
        self._config, self._epoch, self._steps = config, epoch, steps

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """The rate of this step."""
        done = self._epoch * self._steps + batch
        share = done / max(1, self._config.first_epochs * self._steps)
        rate = self._config.first_rate * (0.05 + 0.95 * (0.5 + 0.5 * math.cos(math.pi * share)))
        self.model.optimizer.learning_rate = rate * min(1.0, (done + 1) / 50)
