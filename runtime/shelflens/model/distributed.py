"""Embedding on the cores of several machines with Ray, the extra [ray]: the only module that
imports it.

Each worker holds one network with one thread, opened from the bytes that this process read, so no
machine needs the model's file. Ray starts a worker that ended once more and asks it again; a batch
counts once, when its answer is here. Photos are read by their paths, which must lead to the same
files everywhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shelflens.errors import DataError, EngineError, PhotoError, ShelfLensError
from shelflens.model.embedder import Embedder
from shelflens.model.engines import open_engine
from shelflens.model.image import Photo

LOCAL = "local"
"""In place of an address: workers of this machine alone."""

BATCH = 16
"""Photos of a call: a worker that ends loses the work of so many."""

_CALLS = 3
"""Calls that wait at each worker, so that it need not wait for this process."""

_TRIES = 3
"""How often a batch is tried again when its worker ends: a photo that ends every worker must not
go round for ever."""


_ANSWER_SECONDS = 60.0
"""How long a cluster may take to say that it is there."""


class Model(NamedTuple):
    """What a worker opens. Every call brings it, for one that was started again has none."""

    name: str
    """Of the file."""
    engine: str
    content: Any
    """Reference to its bytes in Ray's memory."""


class Worker:
    """One network, in a process of its own."""

    def __init__(self) -> None:
        self._embedder: Embedder | None = None

    def engine(self, model: Model) -> str:
        """Engine and version."""
        return self._opened(model).engine

    def embed(self, model: Model, photos: Sequence[Photo]) -> list[NDArray[np.float32] | None]:
        """The embedding of each photo, float32 [d]; None for one that cannot be read."""
        vectors: list[NDArray[np.float32] | None] = []
        for photo in photos:
            try:
                vectors.append(self._opened(model).embed(photo))
            except (PhotoError, OSError):
                vectors.append(None)
        return vectors

    def _opened(self, model: Model) -> Embedder:
        if self._embedder is None:
            content, path = _library().get(model.content), Path(model.name)
            engine = open_engine(path, engine=model.engine, threads=1, content=content)
            self._embedder = Embedder(engine)
        return self._embedder


@contextmanager
def distributed(embedder: Embedder, address: str) -> Iterator[Embedder]:
    """An embedder whose `embed_many` runs on all cores of a Ray cluster, with the same vectors.

    Args:
        embedder: The model.
        address: Of the cluster, as `ray.init` takes it; "local" for this machine alone.

    Raises:
        EngineError: Ray is not installed, no cluster there, or a worker that cannot run the model
            as this machine does.
    """
    ray = _library()
    try:
        _join(ray, address)
        engine = embedder.opened
        model = Model(engine.path.name, engine.name, ray.put(engine.content))
        workers = _workers(ray, model, embedder.engine)
        yield embedder.spread_out(partial(_embedded, ray, workers, model, embedder))
    finally:
        ray.shutdown()


def _library() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    try:
        import ray
    except ModuleNotFoundError as error:
        raise EngineError("--ray: Ray is not installed: pip install 'shelflens[ray]'") from error
    return ray


def _join(ray: Any, address: str) -> None:
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address == LOCAL:
        options |= {"address": LOCAL, "num_cpus": os.cpu_count() or 1, "include_dashboard": False}
    else:
        _require_cluster(address)
        options["address"] = address
    try:
        ray.init(**options)
    except Exception as error:  # a start that takes too long raises no narrower class
        raise EngineError(f"--ray: Ray does not start, {address} ({_line(error)})") from error


def _require_cluster(address: str) -> None:
    """Refuse an address where nothing answers: `ray.init` would try again for ever.

    Raises:
        EngineError: nothing answers in time.
    """
    words = [sys.executable, "-m", "ray.scripts.scripts", "status", "--address", address]
    try:
        done = subprocess.run(words, capture_output=True, timeout=_ANSWER_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        done = None
    if done is None or done.returncode:
        raise EngineError(
            f"--ray: no Ray cluster answers at {address}; expected HOST:PORT, as ray start --head "
            "prints it, or local"
        )


def _workers(ray: Any, model: Model, engine: str) -> list[Any]:
    """One worker for each core of the cluster, which runs the model with this engine."""
    made = ray.remote(Worker).options(num_cpus=1, max_restarts=-1, max_task_retries=_TRIES)
    count = max(1, int(ray.cluster_resources().get("CPU", 1)))
    workers = [made.remote() for _ in range(count)]
    found = _answer(ray, [worker.engine.remote(model) for worker in workers])
    if odd := sorted(set(found) - {engine}):
        raise EngineError(
            f"--ray: a worker runs the model with {odd[0]}, this machine with {engine}, whose "
            "vectors may differ; install the same version everywhere"
        )
    return workers


def _embedded(
    ray: Any, workers: Sequence[Any], model: Model, embedder: Embedder, photos: Sequence[Photo]
) -> Iterator[NDArray[np.float32] | Exception]:
    """The embedding of each photo in order, or why it cannot be read."""
    waiting: deque[tuple[Any, Sequence[Photo]]] = deque()
    for call, start in enumerate(range(0, len(photos), BATCH)):
        batch = [_everywhere(photo) for photo in photos[start : start + BATCH]]
        worker = workers[call % len(workers)]
        waiting.append((worker.embed.remote(model, batch), photos[start : start + BATCH]))
        if len(waiting) > _CALLS * len(workers):
            yield from _taken(ray, embedder, *waiting.popleft())
    while waiting:
        yield from _taken(ray, embedder, *waiting.popleft())


def _taken(
    ray: Any, embedder: Embedder, call: Any, photos: Sequence[Photo]
) -> Iterator[NDArray[np.float32] | Exception]:
    for photo, vector in zip(photos, _answer(ray, call), strict=True):
        yield _reason(embedder, photo) if vector is None else vector


def _everywhere(photo: Photo) -> Photo:
    """The same photo for a process in another folder."""
    return os.path.abspath(photo) if isinstance(photo, str | os.PathLike) else photo  # noqa: PTH100


def _reason(embedder: Embedder, photo: Photo) -> Exception:
    """Why a photo that a worker could not read cannot be read.

    Raises:
        DataError: this machine can read it.
    """
    try:
        embedder.load(photo)
    except (PhotoError, OSError) as error:
        return error
    name = os.fspath(photo) if isinstance(photo, str | os.PathLike) else "a photo"
    raise DataError(
        f"{name}: a worker cannot read it, this machine can; photos must lie under the same path "
        "on every machine of the cluster"
    )


def _answer(ray: Any, calls: Any) -> Any:
    """What calls gave.

    Raises:
        ShelfLensError: what they raised, or EngineError when a worker does not stay alive.
    """
    try:
        return ray.get(calls)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, ShelfLensError):
            raise error.cause from error
        raise EngineError(f"--ray: a worker failed ({_line(error.cause)})") from error
    except ray.exceptions.RayError as error:
        raise EngineError(
            f"--ray: a worker cannot open the model, or ended {_TRIES + 1} times at one batch "
            f"({_line(error)}); nothing was written"
        ) from error


def _line(error: BaseException) -> str:
    """What an error says, on one line."""
    return " ".join(str(error).split())[:200] or type(error).__name__
