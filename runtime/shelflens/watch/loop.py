"""The loop: frames in, one answer per product shown out."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.answer import Answer
from shelflens.catalog.barcodes import CodedAnswer, answer_by_barcode, reads_barcodes
from shelflens.catalog.catalog import Catalog
from shelflens.catalog.fuse import fuse
from shelflens.errors import PhotoError
from shelflens.model.embedder import Embedder
from shelflens.model.image import Photo
from shelflens.watch.debounce import Debounce
from shelflens.watch.empty_scene import EmptyScene
from shelflens.watch.focus import Focus
from shelflens.watch.frame_filter import FrameFilter, downscale
from shelflens.watch.ring_buffer import RingBuffer
from shelflens.watch.scene import Scene, State

if TYPE_CHECKING:  # a camera without --find starts without these
    from shelflens.finding.follow import Follow
    from shelflens.finding.regions import Region


@dataclass(frozen=True)
class Frame:
    """An image of a camera."""

    photo: Photo
    """What `Embedder.load` takes; usually uint8 RGB [h, w, 3]."""
    at: float
    """When it was taken, s, on any clock that does not go back."""


Frames = Generator[Frame | None, None, None]
"""Frames of a source, None while there is nothing new; `close` releases the camera."""


@dataclass(frozen=True)
class Sighting:
    """An answer to what was held in front of the camera."""

    answer: Answer
    frame: int
    """Number of the last frame that was used, from 1."""
    at: float
    """That frame's time."""
    frames: int
    """How many photos were fused."""
    still_ms: float
    """How long the product had been held still, on the frames' clock."""
    latency_ms: float
    """From that frame's arrival to the answer."""
    coded: CodedAnswer | None = None
    """Where a barcode decided."""
    region: Region | None = None
    """Where the product was found in that frame, if it was looked for."""

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
            **({} if self.region is None else {"region": self.region.to_dict()}),
            **(self.coded.to_dict() if self.coded is not None else {}),
        }


class Watcher:
    """Processes frames one by one; `watch` does so for all frames of a source."""

    def __init__(
        self,
        catalog: Catalog,
        embedder: Embedder,
        *,
        frame_filter: FrameFilter | None = None,
        k: int = 5,
        barcodes: bool = True,
        follow: Follow | None = None,
    ) -> None:
        """Start with an empty scene.

        Args:
            catalog: The catalog.
            embedder: A model of the catalog's space.
            frame_filter: When a frame is used and an answer given.
            k: Matches of an answer.
            barcodes: Whether those of products decide, where the catalog has them and zxing-cpp is
                here. They are looked for in the first photo of a burst only: that takes ten times
                what an embedding does, and a still product shows no other code.
            follow: Looks for the product in each photo of a burst; its crop is embedded beside the
                whole.

        Raises:
            SpaceError: model and catalog do not fit.
        """
        frame_filter = frame_filter or FrameFilter()
        catalog.require(embedder.card.space)
        self._catalog, self._embedder, self._k = catalog, embedder, k
        self._scene, self._debounce = Scene(frame_filter), Debounce(frame_filter.again)
        self._focus, self._empty = Focus(frame_filter.sharp), EmptyScene()
        self._burst: list[NDArray[np.float32]] = []
        self._barcodes, self._numbers = barcodes, list[str]()
        self._follow = follow
        self._at = 0.0
        self.state: State = "moving"
        """What the last frame was."""
        self.frames = 0
        """Frames so far."""
        self.work, self.latency, self.arrivals = RingBuffer(), RingBuffer(), RingBuffer(64)
        """ms per frame, ms per answer, and the times of arrival, s."""

    def use(self, catalog: Catalog, embedder: Embedder) -> None:
        """Go on with another catalog or model, and answer again what is being shown.

        Raises:
            SpaceError: they do not fit each other; the old ones stay.
        """
        catalog.require(embedder.card.space)
        if embedder.card.space != self._embedder.card.space:
            self._empty = EmptyScene()
        self._catalog, self._embedder = catalog, embedder
        self._burst.clear()
        self._numbers.clear()
        self._scene.reopen()

    def see(self, frame: Frame) -> Sighting | None:
        """Process the next frame; gives the answer when it completes a new one.

        Raises:
            PhotoError: the frame cannot be read as an image; the scene is as before.
            OSError: it cannot be read at all.
        """
        start = time.perf_counter()
        self.frames += 1
        self.arrivals.add(start)
        pixels = self._embedder.load(frame.photo)
        self._at = frame.at
        sharpness = self._focus.judge(pixels)
        self.state = self._scene.update(frame.at, downscale(pixels), sharpness)
        self._focus.learn(self.state)
        new = self.state == "take"
        if self._scene.taken == new:  # the previous burst was interrupted
            self._burst.clear()
            self._numbers.clear()
        if new:
            self._burst.append(self._embedder.embed_pixels(pixels[np.newaxis])[0])
            if self._follow is not None:
                crops = self._follow.crops(frame.photo, self._embedder.card.size)
                self._burst += [self._embedder.embed(crop) for crop in crops]
            if self._barcodes and self._scene.taken == 1 and reads_barcodes(self._catalog):
                self._numbers = _barcodes_in(frame.photo)
        sighting = self._answer(start) if self._scene.ready else None
        self.work.add((time.perf_counter() - start) * 1e3)
        return sighting

    def finish(self) -> Sighting | None:
        """The answer to an unfinished burst, at the end of the frames."""
        return self._answer(time.perf_counter()) if self._burst else None

    def _answer(self, start: float) -> Sighting | None:
        answer = fuse(self._catalog, self._burst, self._k)
        coded = answer_by_barcode(self._catalog, self._numbers, answer, self._burst[0])
        answer = answer if coded is None else coded.answer
        scene, count = self._scene, self._scene.taken
        still = (self._at - scene.since) * 1e3
        threshold = self._catalog.calibration.threshold
        embedding = np.mean(self._burst, axis=0)
        is_new = self._debounce.is_new(answer, embedding, scene.away, threshold=threshold)
        self._burst.clear()
        self._numbers.clear()
        is_known = is_new and self._is_empty_again(answer, embedding)
        scene.close(is_empty=self._empty.now)
        if not is_new or is_known:
            return None
        spent = (time.perf_counter() - start) * 1e3
        self.latency.add(spent)
        region = None if self._follow is None else self._follow.region
        return Sighting(answer, self.frames, self._at, count, still, spent, coded, region)

    def _is_empty_again(self, answer: Answer, embedding: NDArray[np.float32]) -> bool:
        if answer.decision == "unknown":
            return self._empty.is_known(embedding)
        self._empty.saw_product()
        return False


def _barcodes_in(photo: Photo) -> list[str]:
    from shelflens.barcode.reader import grey_of, read_barcodes  # a shop without starts sooner

    return read_barcodes(grey_of(photo))


def watch(
    frames: Iterable[Frame | None],
    catalog: Catalog,
    embedder: Embedder,
    *,
    frame_filter: FrameFilter | None = None,
    k: int = 5,
    on_error: Callable[[int, Exception], None] | None = None,
) -> Iterator[Sighting]:
    """Answer what is shown in a sequence of frames, once per product shown.

    Args:
        frames: Of a camera, a video, or rendered; None (nothing new yet) is left out.
        catalog: The catalog.
        embedder: A model of the catalog's space.
        frame_filter: When a frame is used and an answer given.
        k: Matches of an answer.
        on_error: Called with number and error of a frame that cannot be read, which is then left
            out; without it the error is raised.

    Raises:
        SpaceError: model and catalog do not fit.
        PhotoError, OSError: a frame cannot be read, and `on_error` is not given.
    """
    watcher = Watcher(catalog, embedder, frame_filter=frame_filter, k=k)
    for frame in frames:
        if frame is None:
            continue
        try:
            sighting = watcher.see(frame)
        except (PhotoError, OSError) as error:
            if on_error is None:
                raise
            on_error(watcher.frames, error)
            continue
        if sighting is not None:
            yield sighting
    last = watcher.finish()
    if last is not None:
        yield last
