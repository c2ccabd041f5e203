"""The frozen networks that ours is compared with, as functions from pixels to unit vectors.

- ImageNet MobileNetV2 1.0 at 224 pixels, pooled features [1280]; pixels to [-1, 1]. Converted to a
  float32 file, which these cores run three times as fast as Keras.
- MediaPipe's image embedder (MobileNetV3-Small 0.75, [1024]). Its file is run as it is, not through
  the MediaPipe package, which scales the photo to 224 x 224 and the pixels to [0, 1] (the range its
  model card names) and runs the same interpreter.

Both get the pixels of `shelflens.load_image`, so only the networks differ.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.grocery import SHARED
from shelflens import load_image
from shelflens.progress import Progress

Vectors = NDArray[np.float32]
Embed = Callable[[NDArray[np.uint8]], Vectors]
"""uint8 [n, 224, 224, 3] -> float32 [n, d], rows of length 1."""

SIZE = 224
BATCH = 32


def imagenet_mobilenet() -> Embed:
    """Keras' MobileNetV2 with its ImageNet weights, average-pooled."""
    import keras
    import tensorflow as tf

    path = SHARED / "weights" / "mobilenet_v2_1.0_224_no_top_ema.h5"
    network = keras.applications.MobileNetV2(
        input_shape=(SIZE, SIZE, 3), include_top=False, weights=str(path), pooling="avg"
    )
    return litert(tf.lite.TFLiteConverter.from_keras_model(network).convert(), 1 / 127.5, -1.0)


def mediapipe() -> Embed:
    """MediaPipe's embedder file."""
    path = SHARED / "peers" / "mobilenet_v3_small_075_224_embedder.tflite"
    return litert(path.read_bytes(), 1 / 255, 0.0)


def litert(content: bytes, scale: float, offset: float) -> Embed:
    """A float32 file that takes one image, pixels times `scale` plus `offset`; one per core."""
    from ai_edge_litert.interpreter import Interpreter

    workers = os.cpu_count() or 1
    free: SimpleQueue[Any] = SimpleQueue()
    for _ in range(workers):
        network = Interpreter(model_content=content, num_threads=1)
        network.allocate_tensors()
        free.put(network)

    def embed_one(image: NDArray[np.uint8]) -> Vectors:
        network = free.get()
        batch = image[np.newaxis].astype(np.float32) * np.float32(scale) + np.float32(offset)
        network.set_tensor(network.get_input_details()[0]["index"], batch)
        network.invoke()
        row: Vectors = network.get_tensor(network.get_output_details()[0]["index"])[0].copy()
        free.put(network)
        return row

    pool = ThreadPoolExecutor(workers)
    return lambda pixels: unit(np.stack(list(pool.map(embed_one, pixels))))


def of_files(embed: Embed, name: str) -> Callable[[Sequence[Path]], Vectors]:
    """The same, from image files, with a progress line of this name."""

    def embed_files(paths: Sequence[Path]) -> Vectors:
        blocks = []
        with Progress(name, len(paths)) as bar:
            for start in range(0, len(paths), BATCH):
                part = paths[start : start + BATCH]
                blocks.append(embed(np.stack([load_image(path, size=SIZE) for path in part])))
                bar.update(start + len(part))
        return np.concatenate(blocks)

    return embed_files


def unit(rows: Vectors) -> Vectors:
    """Rows of length 1."""
    scaled: Vectors = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return scaled
