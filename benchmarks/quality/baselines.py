"""The embedders that ours is compared with, as functions from photos to unit vectors.

- ImageNet MobileNetV2 1.0 at 224 pixels, pooled features [1280], through Keras; pixels to [-1, 1].
- MediaPipe's image embedder (MobileNetV3-Small 0.75, [1024]). The model file is run by LiteRT
  directly, not through the MediaPipe package: MediaPipe scales the photo to 224 x 224 and the
  pixels to [0, 1] (the range its model card names) and runs the same interpreter.

Both get the pixels of `shelflens.load_image`, so only the networks differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.grocery import SHARED
from shelflens import load_image
from shelflens.progress import Progress

Embed = Callable[[Sequence[Path]], NDArray[np.float32]]

_SIZE = 224
_BATCH = 32


def imagenet_mobilenet() -> Embed:
    """Keras' MobileNetV2 with its ImageNet weights, average-pooled."""
    import keras

    path = SHARED / "weights" / "mobilenet_v2_1.0_224_no_top_ema.h5"
    network = keras.applications.MobileNetV2(
        input_shape=(_SIZE, _SIZE, 3), include_top=False, weights=str(path), pooling="avg"
    )

    def embed(paths: Sequence[Path]) -> NDArray[np.float32]:
        rows = [
            np.asarray(network(pixels / 127.5 - 1, training=False))
            for pixels in _batches(paths, "ImageNet MobileNetV2")
        ]
        return _unit(np.concatenate(rows))

    return embed


def mediapipe() -> Embed:
    """MediaPipe's embedder file, run by LiteRT."""
    from ai_edge_litert.interpreter import Interpreter

    path = SHARED / "peers" / "mobilenet_v3_small_075_224_embedder.tflite"
    network = Interpreter(str(path), num_threads=2)
    network.allocate_tensors()
    source = network.get_input_details()[0]["index"]
    target = network.get_output_details()[0]["index"]

    def embed(paths: Sequence[Path]) -> NDArray[np.float32]:
        rows = []
        for batch in _batches(paths, "MediaPipe"):
            for pixels in batch:
                network.set_tensor(source, pixels[np.newaxis] / 255)
                network.invoke()
                rows.append(network.get_tensor(target)[0].copy())
        return _unit(np.stack(rows))

    return embed


def _batches(paths: Sequence[Path], name: str) -> Iterator[NDArray[np.float32]]:
    with Progress(name, len(paths)) as bar:
        for start in range(0, len(paths), _BATCH):
            part = paths[start : start + _BATCH]
            yield np.stack([load_image(path, size=_SIZE) for path in part]).astype(np.float32)
            bar.update(start + len(part))


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit
