"""The loop: frames in, one answer per product shown out."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.answer import Answer
from shelflens.catalog.catalog import Catalog
from shelflens.catalog.fuse import fuse
from shelflens.errors import PhotoError
from shelflens.model.embedder import Embedder
from shelflens.model.image import Photo
from shelflens.watch.debounce import Debounce
from shelflens.watch.gate import FrameFilter, sharpness, small
from shelflens.watch.meter import Ring
from shelflens.watch.scene import Scene, State


@dataclass(frozen=True)
class Frame:
    """A picture of a camera."""

    photo: Photo
    """What `Embedder.load` takes; usually uint8 RGB [h, w, 3]."""
    at: float
    """When it was taken, s, on any clock that does not go back."""


Frames = Generator[Frame | None, None, None]
"""Of a source: None when there is nothing new yet; `close` releases the camera."""


@dataclass(frozen=True)
class Sighting:
    """An answer to what was held before the camera."""

    answer: Answer
    frame: int
    """Number of the last frame that it is of, from 1."""
    at: float
    """That frame's time."""
    frames: int
    """How many photos were fused."""
    still_ms: float
    """How long it had been held still, on the frames' clock."""
    latency_ms: float
    """From that frame's arrival to the answer."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; `id` and `name` are null unless the decision is `match`."""
        best = self.answer.best
        return {
            "frame": self.frame,
            "at": round(self.at, 3),
            "frames": self.frames,
            "still_ms": round(self.still_ms, 1),
            "latency_ms": round(self.latency_ms, 2),
            "id": best.id if best else None,
            "name": best.name if best else None,
            **self.answer.to_dict(),
        }


class Watcher:
    """Looks at frames one by one; see `watch` for the short way."""

    def __init__(
        self, catalog: Catalog, embedder: Embedder, *, gates: FrameFilter | None = None, k: int = 5
    ) -> None:
        """Start with an empty scene.

        Args:
            catalog: The catalog.
            embedder: A model of the catalog's space.
            gates: When a frame is taken and an answer given.
            k: Matches of an answer.

        Raises:
            SpaceError: model and catalog do not fit.
        """
        gates = gates or FrameFilter()
        catalog.require(embedder.card.space)
        self._catalog, self._embedder, self._k = catalog, embedder, k
        self._scene, self._debounce = Scene(gates), Debounce(gates.again)
        self._burst: list[NDArray[np.float32]] = []
        self._at = 0.0
        self.state: State = "moving"
        """What the last frame was."""
        self.frames = 0
        """Frames so far."""
        self.work, self.latency, self.arrivals = Ring(), Ring(), Ring(64)
        """ms a frame, ms an answer, and when frames came (their rate)."""

    def use(self, catalog: Catalog, embedder: Embedder) -> None:
        """Go on with another catalog or model, and look again at what is being shown.

        Raises:
            SpaceError: they do not fit each other; the old ones stay.
        """
        catalog.require(embedder.card.space)
        self._catalog, self._embedder = catalog, embedder
        self._burst.clear()
        self._scene.reopen()

    def see(self, frame: Frame) -> Sighting | None:
        """Look at the next frame; the answer, when it completes one that is news.

        Raises:
            PhotoError: the frame cannot be read as a picture; the scene is as before.
            OSError: it cannot be read at all.
        """
        start = time.perf_counter()
        self.frames += 1
        self.arrivals.add(start)
        pixels = self._embedder.load(frame.photo)
        self._at = frame.at
        self.state = self._scene.see(frame.at, small(pixels), sharpness(pixels))
        new = self.state == "take"
        if self._scene.taken == new:  # the burst before was broken off
            self._burst.clear()
        if new:
            self._burst.append(self._embedder.embed_pixels(pixels[np.newaxis])[0])
        found = self._answer(start) if self._scene.ready else None
        self.work.add((time.perf_counter() - start) * 1e3)
        return found

    def finish(self) -> Sighting | None:
        """The frames have ended: the answer to a burst that was not full yet."""
        return self._answer(time.perf_counter()) if self._burst else None

    def _answer(self, start: float) -> Sighting | None:
        answer = fuse(self._catalog, self._burst, self._k)
        scene, count = self._scene, len(self._burst)
        still = (self._at - scene.since) * 1e3
        alike = self._catalog.calibration.threshold
        looks = np.mean(self._burst, axis=0)
        news = self._debounce.news(answer, looks, scene.away, alike=alike)
        self._burst.clear()
        scene.close()
        if not news:
            return None
        spent = (time.perf_counter() - start) * 1e3
        self.latency.add(spent)
        return Sighting(answer, self.frames, self._at, count, still, spent)


def watch(
    frames: Iterable[Frame | None],
    catalog: Catalog,
    embedder: Embedder,
    *,
    gates: FrameFilter | None = None,
    k: int = 5,
    on_error: Callable[[int, Exception], None] | None = None,
) -> Iterator[Sighting]:
    """Answer what is shown in a row of frames, once per product shown.

    Args:
        frames: Of a camera, a video, or rendered; None (nothing new yet) is left out.
        catalog: The catalog.
        embedder: A model of the catalog's space.
        gates: When a frame is taken and an answer given.
        k: Matches of an answer.
        on_error: Called with number and error of a frame that cannot be read, which is then left
            out; without it the error is raised.

    Raises:
        SpaceError: model and catalog do not fit.
        PhotoError, OSError: a frame cannot be read, and `on_error` is not given.
    """
    watcher = Watcher(catalog, embedder, gates=gates, k=k)
    for frame in frames:
        if frame is None:
            continue
        try:
            found = watcher.see(frame)
        except (PhotoError, OSError) as error:
            if on_error is None:
                raise
            on_error(watcher.frames, error)
            continue
        if found is not None:
            yield found
    last = watcher.finish()
    if last is not None:
        yield last
