"""Embedding in batches on a GPU: all cores decode while it runs the float model.

A catalog that a GPU embeds is asked by devices that run the int8 model of the same training. Before
the first batch counts, its vectors are compared with that model's, of the same photos.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shelflens.errors import EngineError, ModelError, PhotoError, SpaceError
from shelflens.model.card import ModelCard
from shelflens.model.embedder import BUNDLED_MODEL, Embedder
from shelflens.model.engines import Engine, cuda_engine
from shelflens.model.image import Photo

BATCH = 64
"""Photos of one inference."""

MIN_COSINE = 0.99
"""Smallest mean cosine of a GPU's embeddings with those of the model on the devices. Float and int8
of the bundled model lie at 0.995 to 0.998 on sets of real photos, those of two trainings near 0."""

_COMPARED = 16
"""Photos that are compared."""

_INT8_FILES = ("int8.tflite", "int8-qat.tflite", "int8.onnx")
"""What `shelflens export` calls the models for devices, beside the float one."""


def on_gpu(embedder: Embedder, *, cores: int | None = None) -> Embedder | None:
    """The same model, whose `embed_many` runs batches on an NVIDIA GPU.

    Args:
        embedder: The model; a float `.onnx`, or there is nothing to gain.
        cores: How many decode; None for all.

    Returns:
        None where the model gains nothing, or ONNX Runtime has no CUDA.

    Raises:
        EngineError: ONNX Runtime has CUDA and cannot start it.
    """
    engine = cuda_engine(embedder.opened)
    return None if engine is None else embedder.spread_out(Batches(embedder, engine, cores=cores))


class Batches:
    """What `Embedder.spread_out` takes: batches for an engine, decoded ahead by all cores.

    Calling it raises SpaceError where the first batch is not of the devices' embedding space, and
    EngineError where the GPU fails or has no memory for a single photo. A batch that its memory
    does not hold is halved, and those after it are no longer.
    """

    def __init__(self, embedder: Embedder, engine: Engine, *, cores: int | None = None) -> None:
        self._embedder, self._batched = embedder, Embedder(engine)
        self._cores = cores or os.cpu_count() or 1
        self._size, self._same_space = BATCH, SpaceCheck(embedder)

    def __call__(self, photos: Sequence[Photo]) -> Iterator[NDArray[np.float32] | Exception]:
        """The embedding of each photo in order, or why it cannot be read."""
        from concurrent.futures import Future, ThreadPoolExecutor

        left, waiting = iter(photos), deque[Future[NDArray[np.uint8] | Exception]]()
        with ThreadPoolExecutor(self._cores) as pool:

            def decode_ahead() -> None:
                room = max(0, 3 * self._size - len(waiting))
                waiting.extend(pool.submit(self._decoded, photo) for photo in islice(left, room))

            decode_ahead()
            while waiting:
                taken = [waiting.popleft().result() for _ in range(min(self._size, len(waiting)))]
                decode_ahead()  # while the batch runs
                pixels = [photo for photo in taken if not isinstance(photo, Exception)]
                vectors = iter(self._embedded(np.stack(pixels)) if pixels else ())
                for photo in taken:
                    yield photo if isinstance(photo, Exception) else next(vectors)

    def _decoded(self, photo: Photo) -> NDArray[np.uint8] | Exception:
        try:
            return self._embedder.load(photo)
        except (PhotoError, OSError) as error:
            return error

    def _embedded(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        parts: list[NDArray[np.float32]] = []
        start = 0
        while start < len(pixels):
            part = pixels[start : start + self._size]
            try:
                parts.append(self._batched.embed_pixels(part))
            except MemoryError as error:
                if len(part) == 1:
                    raise EngineError(
                        f"{self._embedder.opened.path}: the GPU has no memory for one photo "
                        f"({error}); end what else uses it, or put CUDA_VISIBLE_DEVICES=-1 before "
                        "the command to embed on the cores"
                    ) from error
                self._size = len(part) // 2
            else:
                start += len(part)
        vectors = np.concatenate(parts)
        self._same_space.require(list(pixels), list(vectors))
        return vectors


class SpaceCheck:
    """Whether vectors are of the embedding space that devices search in; looks at the first."""

    def __init__(self, embedder: Embedder) -> None:
        # Opened now, not in the middle of a progress line: its engine greets.
        self._embedder, self._device, self._done = embedder, device_model(embedder), False

    def require(self, photos: Sequence[Photo], vectors: Sequence[NDArray[np.float32]]) -> None:
        """Compare embeddings, float32 [d] each, with the device model's of the same photos.

        Raises:
            SpaceError: the mean cosine of the first `_COMPARED` is below `MIN_COSINE`.
        """
        if self._done or not len(photos):
            return
        self._done = True
        device, own = self._device, self._embedder.opened.path
        pixels = np.stack([self._embedder.load(photo) for photo in photos[:_COMPARED]])
        expected = device.embed_pixels(pixels)
        cosine = float(np.einsum("nd,nd->n", vectors[:_COMPARED], expected).mean())
        if not cosine >= MIN_COSINE:
            beside = device.opened.path
            raise SpaceError(
                f"{own}: embeds {len(pixels)} photos on the GPU at a mean cosine of {cosine:.3f} "
                f"to {beside.name if beside != own else 'itself on the cores'}, expected "
                f"{MIN_COSINE} or more; rows of two embedding spaces cannot be compared; build "
                f"with {f'--model {beside}' if beside != own else 'CUDA_VISIBLE_DEVICES=-1'}"
            )


def device_model(embedder: Embedder) -> Embedder:
    """The int8 model of a float model's space: the bundled one, or one that was exported beside it;
    the float model itself where there is neither."""

    def fits(card: ModelCard) -> bool:
        own = embedder.card
        return (card.space, card.size, card.dim) == (own.space, own.size, own.dim)

    folder = embedder.opened.path.parent
    for path in (BUNDLED_MODEL, *(folder / name for name in _INT8_FILES)):
        if (found := _opened(path)) and fits(found.card):
            return found
    return embedder


def _opened(path: Path) -> Embedder | None:
    try:
        return Embedder.open(path)
    except (ModelError, OSError):  # none there, damaged, or no engine for it here
        return None
