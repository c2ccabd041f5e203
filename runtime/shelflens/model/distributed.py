"""Embedding on the cores or GPUs of several machines with Ray, the extra [ray]: the only module
that imports it.

Each worker holds one network, with one thread or on a GPU of its own, opened from the bytes that
this process read, so no machine needs the model's file. Ray starts a worker that ended once more
and asks it again; a batch counts once, when its answer is here. Photos are read by their paths,
which must lead to the same files everywhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shelflens.errors import DataError, EngineError, PhotoError, ShelfLensError
from shelflens.model import batched
from shelflens.model.embedder import Embedder
from shelflens.model.engines import open_engine, takes_batches
from shelflens.model.image import Photo

LOCAL = "local"
"""In place of an address: workers of this machine alone."""

BATCH = 16
"""Photos of a call: a worker that ends loses the work of so many."""

GPU_CALL = 4 * batched.BATCH
"""Photos of a call to a worker with a GPU, which decodes the next batch while one runs."""

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
    cores: int = 0
    """That decode for a worker's GPU; 0 where workers have none."""

    @property
    def photos_per_call(self) -> int:
        """How many photos a worker is given at once."""
        return GPU_CALL if self.cores else BATCH


class Worker:
    """One network, in a process of its own."""

    def __init__(self) -> None:
        self._embedder: Embedder | None = None

    def engine(self, model: Model) -> str:
        """Engine and version."""
        return self._opened(model).engine

    def embed(self, model: Model, photos: Sequence[Photo]) -> list[NDArray[np.float32] | None]:
        """The embedding of each photo, float32 [d]; None for one that cannot be read."""
        embedder, vectors = self._opened(model), list[NDArray[np.float32] | None]()
        if model.cores:
            kept, rows = embedder.embed_many(photos, on_error=lambda index, error: None)
            found = dict(zip(kept.tolist(), rows, strict=True))
            return [found.get(index) for index in range(len(photos))]
        for photo in photos:
            try:
                vectors.append(embedder.embed(photo))
            except (PhotoError, OSError):
                vectors.append(None)
        return vectors

    def _opened(self, model: Model) -> Embedder:
        if self._embedder is None:
            content, path = _library().get(model.content), Path(model.name)
            embedder = Embedder(open_engine(path, engine=model.engine, threads=1, content=content))
            self._embedder = _on_gpu(embedder, model) if model.cores else embedder
        return self._embedder


def _on_gpu(embedder: Embedder, model: Model) -> Embedder:
    if (found := batched.on_gpu(embedder, cores=model.cores)) is None:
        raise EngineError(
            "--ray: ONNX Runtime of a worker has no CUDA; in place of onnxruntime install "
            "'onnxruntime-gpu[cuda,cudnn]'"
        )
    return found


@contextmanager
def distributed(
    embedder: Embedder, address: str, *, report: Callable[[str], None] = lambda line: None
) -> Iterator[Embedder]:
    """An embedder whose `embed_many` runs on all cores of a Ray cluster, with the same vectors; a
    float ONNX model on its GPUs, if it has any.

    Args:
        embedder: The model.
        address: Of the cluster, as `ray.init` takes it; "local" for this machine alone.
        report: Called with a line when there are GPUs, and they cannot be used.

    Raises:
        EngineError: Ray is not installed, no cluster there, or a worker that cannot run the model
            as this machine does.
    """
    ray = _library()
    try:
        _join(ray, address)
        engine = embedder.opened
        model = Model(engine.path.name, engine.name, ray.put(engine.content))
        model, workers = _workers(ray, model, embedder, report)
        same_space = batched.SpaceCheck(embedder) if model.cores else None
        yield embedder.spread_out(partial(_embedded, ray, workers, model, embedder, same_space))
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


def _workers(
    ray: Any, model: Model, embedder: Embedder, report: Callable[[str], None]
) -> tuple[Model, list[Any]]:
    """A worker for each GPU of the cluster, else for each core, and what they are asked with."""
    cores, count = _gpus(ray) if takes_batches(embedder.opened) else (0, 0)
    if count:
        with_gpu = model._replace(cores=cores)
        try:
            return with_gpu, _started(ray, with_gpu, embedder.engine, count)
        except EngineError as error:
            report(f"{error}; embedding on the cores")
    count = max(1, int(ray.cluster_resources().get("CPU", 1)))
    return model, _started(ray, model, embedder.engine, count)


def _gpus(ray: Any) -> tuple[int, int]:
    """Cores for each GPU, as many as every machine has, and the GPUs of the cluster; a machine
    with fewer cores than GPUs is left out."""
    resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    pairs = [(int(each.get("CPU", 0)), int(each.get("GPU", 0))) for each in resources]
    pairs = [(cores, gpus) for cores, gpus in pairs if cores >= gpus > 0]
    shared = min((cores // gpus for cores, gpus in pairs), default=0)
    return shared, sum(gpus for _, gpus in pairs)


def _started(ray: Any, model: Model, engine: str, count: int) -> list[Any]:
    """So many workers, which run the model with this engine."""
    options = {"num_cpus": max(1, model.cores), "num_gpus": 1 if model.cores else 0}
    options |= {"max_restarts": -1, "max_task_retries": _TRIES}
    made = ray.remote(Worker).options(**options)
    workers = [made.remote() for _ in range(count)]
    found = _answer(ray, [worker.engine.remote(model) for worker in workers])
    if odd := sorted(set(found) - {engine}):
        raise EngineError(
            f"--ray: a worker runs the model with {odd[0]}, this machine with {engine}, whose "
            "vectors may differ; install the same version everywhere"
        )
    return workers


def _embedded(
    ray: Any,
    workers: Sequence[Any],
    model: Model,
    embedder: Embedder,
    same_space: batched.SpaceCheck | None,
    photos: Sequence[Photo],
) -> Iterator[NDArray[np.float32] | Exception]:
    """The embedding of each photo in order, or why it cannot be read."""
    waiting: deque[tuple[Any, Sequence[Photo]]] = deque()

    def taken() -> Iterator[NDArray[np.float32] | Exception]:
        call, asked = waiting.popleft()
        answer = _answer(ray, call)
        if same_space is not None:
            read = [index for index, vector in enumerate(answer) if vector is not None]
            same_space.require([asked[at] for at in read], [answer[at] for at in read])
        for photo, vector in zip(asked, answer, strict=True):
            yield _reason(embedder, photo) if vector is None else vector

    for call, start in enumerate(range(0, len(photos), model.photos_per_call)):
        asked = photos[start : start + model.photos_per_call]
        worker = workers[call % len(workers)]
        waiting.append((worker.embed.remote(model, list(map(_everywhere, asked))), asked))
        if len(waiting) > _CALLS * len(workers):
            yield from taken()
    while waiting:
        yield from taken()


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
