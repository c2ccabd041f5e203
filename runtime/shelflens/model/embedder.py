"""From a photo to a unit-length embedding."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shelflens.errors import ModelError, PhotoError
from shelflens.files import Check
from shelflens.model.card import ModelCard
from shelflens.model.engines import Engine, open_engine
from shelflens.model.image import Photo, load_image

BUNDLED_MODEL = Path(__file__).parents[1] / "data" / "model.tflite"
"""The int8 model that the package carries."""

_MANY = 8
"""Photos per core from which it is worth opening a network for each."""


Spread = Callable[[Sequence[Photo]], Iterator[NDArray[np.float32] | Exception]]
"""The embedding of each photo, float32 [d] of length 1 and in order, or why it cannot be read."""


class Embedder:
    """A model that turns photos into embeddings.

    Open it once and keep it. One embedder serves one thread at a time.
    """

    def __init__(self, engine: Engine, spread: Spread | None = None) -> None:
        self._engine, self._spread = engine, spread

    @classmethod
    def open(
        cls,
        model: str | os.PathLike[str] | None = None,
        *,
        engine: str = "auto",
        threads: int | None = None,
        check: Check | None = None,
    ) -> Embedder:
        """Open a model file.

        Args:
            model: A `.tflite` or `.onnx` file from `shelflens export`; None for the bundled one.
            engine: "auto", "litert", "tflite-runtime" or "onnxruntime".
            threads: Threads for one inference; None takes one per core, at most four.
            check: Called with a given file and its bytes before anything else looks at them; the
                bundled model is trusted as the package is.

        Raises:
            ModelError: not a model of ours, or damaged.
            EngineError: no engine here runs it.
            FileNotFoundError: no such file.
            ShelfLensError: what `check` raises.
        """
        if model is None:
            return cls(open_engine(BUNDLED_MODEL, engine=engine, threads=threads))
        return cls(open_engine(Path(model), engine=engine, threads=threads, check=check))

    @property
    def card(self) -> ModelCard:
        """What the model says about itself."""
        return self._engine.card

    @property
    def engine(self) -> str:
        """Engine and version, for a report."""
        return f"{self._engine.name} {self._engine.version}".strip()

    @property
    def opened(self) -> Engine:
        """The opened model."""
        return self._engine

    def spread_out(self, spread: Spread) -> Embedder:
        """The same model, whose `embed_many` leaves the work to this."""
        return Embedder(self._engine, spread)

    def load(self, photo: Photo) -> NDArray[np.uint8]:
        """Decode a photo to this model's input, uint8 [size, size, 3]; see `load_image`."""
        return load_image(photo, size=self.card.size)

    def embed(self, photo: Photo) -> NDArray[np.float32]:
        """Embed one photo.

        Args:
            photo: A path, the bytes of a file, a PIL image, or uint8 RGB [h, w, 3].

        Returns:
            float32 [d], length 1.

        Raises:
            PhotoError: the photo cannot be read.
            ModelError: the model gave numbers that are no direction (NaN, all zero).
        """
        vector: NDArray[np.float32] = self.embed_pixels(self.load(photo)[np.newaxis])[0]
        return vector

    def embed_pixels(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed decoded photos: uint8 [n, size, size, 3] -> float32 [n, d], rows of length 1."""
        return self._run(self._engine, pixels)

    def _run(self, engine: Engine, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        vectors = engine.run(pixels)
        lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
        if not (np.isfinite(lengths).all() and (lengths > 0).all()):
            raise ModelError(
                f"model {self.card.name}: gave an embedding of length "
                f"{lengths[~(lengths > 0)][:1]}; the file is damaged or unsuited to "
                f"{self.engine}; run shelflens selftest"
            )
        unit: NDArray[np.float32] = vectors / lengths[:, np.newaxis]
        return unit

    def embed_many(
        self,
        photos: Sequence[Photo],
        *,
        on_error: Callable[[int, Exception], None] | None = None,
        on_done: Callable[[int], None] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Embed many photos on all cores: each decodes, and runs a network of its own.

        A network that shares its work out to threads waits for the slowest of them at every
        layer; one per core with one thread each does not. Of few photos only the decoding is
        shared out: opening a network costs as much as running it a few times.

        Args:
            photos: What `embed` takes, n of them.
            on_error: Called with index and error of a photo that cannot be read, which is then
                left out; without it the error is raised.
            on_done: Called with the number of photos finished so far.

        Returns:
            The indices of the m photos that were read, int64 [m], and their embeddings,
            float32 [m, d], rows of length 1.
        """
        kept: list[int] = []
        vectors: list[NDArray[np.float32]] = []
        for index, vector in enumerate((self._spread or self._embedded)(photos)):
            if isinstance(vector, Exception):
                if on_error is None:
                    raise vector
                on_error(index, vector)
            else:
                vectors.append(vector)
                kept.append(index)
            if on_done is not None:
                on_done(index + 1)
        rows = np.stack(vectors) if vectors else np.empty((0, self.card.dim), np.float32)
        return np.array(kept, np.int64), rows

    def _embedded(self, photos: Sequence[Photo]) -> Iterator[NDArray[np.float32] | Exception]:
        # Here and not above: a lookup embeds one photo and starts without these.
        from concurrent.futures import Future, ThreadPoolExecutor
        from queue import SimpleQueue

        workers = os.cpu_count() or 1
        free: SimpleQueue[Engine] = SimpleQueue()
        for engine in self._engines(workers if len(photos) >= _MANY * workers else 1):
            free.put(engine)

        def embed(photo: Photo) -> NDArray[np.float32] | Exception:
            try:
                pixels = self.load(photo)
            except (PhotoError, OSError) as error:
                return error
            engine = free.get()
            try:
                vector: NDArray[np.float32] = self._run(engine, pixels[np.newaxis])[0]
            finally:
                free.put(engine)
            return vector

        with ThreadPoolExecutor(workers) as pool:
            # A bounded queue: a million photos must not be opened ahead of who takes the vectors.
            waiting: list[Future[NDArray[np.float32] | Exception]] = []
            for photo in photos:
                waiting.append(pool.submit(embed, photo))
                if len(waiting) > 4 * workers:
                    yield waiting.pop(0).result()
            for future in waiting:
                yield future.result()

    def _engines(self, count: int) -> list[Engine]:
        """Engines with one thread each, or for one the engine there is."""
        if count == 1:
            return [self._engine]
        path, name = self._engine.path, self._engine.name
        content = self._engine.content  # what was checked, also when the file is another by now
        return [open_engine(path, engine=name, threads=1, content=content) for _ in range(count)]
