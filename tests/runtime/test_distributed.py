"""Embedding on several machines, with a Ray that calls its workers in this process.

`tests/docs/test_ray.py` runs Ray itself and kills its workers.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from shelflens import Embedder, EngineError
from shelflens.errors import DataError, ModelError, SpaceError
from shelflens.model import batched
from shelflens.model import distributed as module
from shelflens.model.distributed import BATCH, Worker, distributed
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens.model.image import Photo
from tests.support.batches import TOLERANCE

Run = Callable[..., tuple[int, str, str]]


class RayError(Exception):
    """Any error of Ray."""


class RayTaskError(RayError):
    """What a call raised."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


def answered(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except RayError:
        raise
    except Exception as error:
        raise RayTaskError(error) from error


def inline_ray(
    worker: type[Worker], joined: list[dict[str, Any]], machines: Sequence[dict[str, float]] = ()
) -> SimpleNamespace:
    """Ray's functions that are used; a call runs when its answer is asked for. What workers are
    made with is noted under "workers" in a further entry of `joined`."""

    def method(act: Callable[..., Any]) -> SimpleNamespace:
        return SimpleNamespace(remote=lambda *values: lambda: act(*values))

    def made() -> SimpleNamespace:
        each = worker()
        return SimpleNamespace(engine=method(each.engine), embed=method(each.embed))

    def get(calls: Any) -> Any:
        if isinstance(calls, list):
            return [answered(call) for call in calls]
        return answered(calls) if callable(calls) else calls

    def options(**values: Any) -> SimpleNamespace:
        joined.append({"workers": values})
        return SimpleNamespace(remote=made)

    return SimpleNamespace(
        init=lambda **options: joined.append(options),
        shutdown=lambda: joined.append({}),
        cluster_resources=lambda: {"CPU": 3.0},
        nodes=lambda: [{"Alive": True, "Resources": each} for each in machines],
        put=lambda value: value,
        get=get,
        remote=lambda _: SimpleNamespace(options=options),
        exceptions=SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError),
    )


@pytest.fixture
def joined(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What `ray.init` was called with; an empty entry for `ray.shutdown`."""
    calls: list[dict[str, Any]] = []
    monkeypatch.setitem(sys.modules, "ray", inline_ray(Worker, calls))
    yield calls
    assert calls[-1] == {}, "the cluster was not left"


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder.open()


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """More than two batches, of which two photos cannot be read."""
    paths = []
    for index in range(2 * BATCH + 5):
        pixels = np.random.default_rng(index).integers(0, 256, (40, 40, 3), dtype=np.uint8)
        paths.append(tmp_path / f"{index}.png")
        Image.fromarray(pixels).save(paths[-1])
    paths[3].write_text("no picture")
    paths[20].unlink()
    return paths


def embedded(embedder: Embedder, photos: Any) -> tuple[list[int], NDArray[np.float32], list[str]]:
    errors: list[str] = []
    kept, vectors = embedder.embed_many(
        photos, on_error=lambda index, error: errors.append(f"{index} {error!r}")
    )
    return kept.tolist(), vectors, errors


def test_the_same_vectors_and_errors_in_the_same_order(
    joined: list[dict[str, Any]],
    embedder: Embedder,
    photos: list[Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(photos[0].parent)
    names = [path.name for path in photos]  # relative, as a person types them
    kept, vectors, errors = embedded(embedder, names)
    with distributed(embedder, "local") as spread:
        again = embedded(spread, names)
        assert spread.card is embedder.card
    assert again[0] == kept
    assert np.array_equal(again[1], vectors)
    assert again[2] == errors
    assert len(errors) == 2
    assert joined[0]["address"] == "local"


def test_pixels_and_bytes_travel_too(
    joined: list[dict[str, Any]], embedder: Embedder, photos: list[Path]
) -> None:
    mixed: list[Photo] = [photos[0].read_bytes(), np.asarray(Image.open(photos[1])), str(photos[2])]
    with distributed(embedder, "local") as spread:
        _, vectors = spread.embed_many(mixed)
    assert np.array_equal(vectors, np.stack([embedder.embed(photo) for photo in mixed]))


def test_a_photo_that_only_this_machine_has(
    joined: list[dict[str, Any]],
    embedder: Embedder,
    photos: list[Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_everywhere", lambda photo: f"/nowhere/{photo.name}")
    with (
        distributed(embedder, "local") as spread,
        pytest.raises(DataError, match=r"0\.png: a worker cannot read it, this machine can"),
    ):
        embedded(spread, photos)


@pytest.mark.parametrize(
    ("error", "raised", "text"),
    [
        (ModelError("model m: damaged"), ModelError, "^model m: damaged$"),
        (MemoryError("no\nmemory"), EngineError, r"a worker failed \(no memory\)"),
        (RayError("The actor died"), EngineError, r"ended 4 times at one batch \(The actor died\)"),
    ],
)
def test_a_worker_that_fails(
    embedder: Embedder,
    photos: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    raised: type[Exception],
    text: str,
) -> None:
    class Failing(Worker):
        def embed(self, model: Any, photos: Any) -> Any:
            raise error

    calls: list[dict[str, Any]] = []
    monkeypatch.setitem(sys.modules, "ray", inline_ray(Failing, calls))
    with distributed(embedder, "local") as spread, pytest.raises(raised, match=text):
        embedded(spread, photos)
    assert calls[-1] == {}


def test_a_worker_with_another_engine_is_refused(
    embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Older(Worker):
        def engine(self, model: Any) -> str:
            return "litert 1.0"

    calls: list[dict[str, Any]] = []
    monkeypatch.setitem(sys.modules, "ray", inline_ray(Older, calls))
    with (
        pytest.raises(EngineError, match=r"a worker runs the model with litert 1\.0"),
        distributed(embedder, "local"),
    ):
        pass
    assert calls[-1] == {}


def test_a_ray_that_does_not_start_is_said(
    embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def init(**_: Any) -> None:
        raise Exception("The current node timed out\nduring startup.")

    calls: list[dict[str, Any]] = []
    ray = inline_ray(Worker, calls)
    ray.init = init
    monkeypatch.setitem(sys.modules, "ray", ray)
    with (
        pytest.raises(EngineError, match=r"does not start, local \(The current node timed out d"),
        distributed(embedder, "local"),
    ):
        pass
    assert calls == [{}]


MACHINES = ({"CPU": 8.0, "GPU": 2.0}, {"CPU": 16.0}, {"CPU": 12.0, "GPU": 1.0}, {"GPU": 4.0})
"""Two machines whose GPUs have four cores each or more; the last has none to decode."""


@pytest.fixture
def float_embedder(tmp_path: Path) -> Embedder:
    """A float ONNX model."""
    path = tmp_path / "float32.onnx"
    return Embedder.open(shutil.copy(BUNDLED_MODEL.with_name("probe.onnx"), path))


def test_a_float_model_takes_the_gpus_of_the_cluster(
    float_embedder: Embedder, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(batched, "cuda_engine", lambda engine: engine)
    monkeypatch.setattr(module, "GPU_CALL", 20)  # two calls
    kept, vectors, errors = embedded(float_embedder, photos)
    opened: list[Worker] = []

    class Counted(Worker):
        def __init__(self) -> None:
            super().__init__()
            opened.append(self)

    monkeypatch.setitem(sys.modules, "ray", inline_ray(Counted, calls, MACHINES))
    notes: list[str] = []
    with distributed(float_embedder, "local", report=notes.append) as spread:
        again = embedded(spread, photos)
    assert notes == []
    assert len(opened) == 3
    workers = calls[1]["workers"]
    assert (workers["num_cpus"], workers["num_gpus"]) == (4, 1)
    assert (again[0], again[2]) == (kept, errors)
    assert np.allclose(again[1], vectors, atol=TOLERANCE)


def test_vectors_of_a_gpu_in_a_mixed_space_are_refused(
    float_embedder: Embedder, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wrong(Worker):
        def embed(self, model: Any, photos: Any) -> Any:
            return [None if row is None else -row for row in super().embed(model, photos)]

    calls: list[dict[str, Any]] = []
    monkeypatch.setitem(sys.modules, "ray", inline_ray(Wrong, calls, MACHINES))
    monkeypatch.setattr(batched, "cuda_engine", lambda engine: engine)
    with (
        distributed(float_embedder, "local") as spread,
        pytest.raises(SpaceError, match="rows of two embedding spaces cannot be compared"),
    ):
        embedded(spread, photos)
    assert calls[-1] == {}


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (None, "--ray: ONNX Runtime of a worker has no CUDA"),
        (EngineError("no driver"), "no driver"),
    ],
)
def test_gpus_that_cannot_be_used_are_said_and_the_cores_embed(
    float_embedder: Embedder,
    photos: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception | None,
    line: str,
) -> None:
    def cuda_engine(engine: Any) -> None:
        if error is not None:
            raise error

    calls: list[dict[str, Any]] = []
    monkeypatch.setitem(sys.modules, "ray", inline_ray(Worker, calls, MACHINES))
    monkeypatch.setattr(batched, "cuda_engine", cuda_engine)
    notes: list[str] = []
    with distributed(float_embedder, "local", report=notes.append) as spread:
        again = embedded(spread, photos)
    assert [note.startswith(line) for note in notes] == [True]
    assert notes[0].endswith("; embedding on the cores")
    assert [call["workers"]["num_gpus"] for call in calls[1:-1]] == [1, 0]
    assert np.array_equal(again[1], embedded(float_embedder, photos)[1])


def test_without_ray_the_command_says_what_to_install(
    tmp_path: Path, run: Run, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    out = tmp_path / "store.catalog"
    words = ["catalog", "build", photo.parent, "--flat", "--ray", "local", "--out", out]
    status, _, error = run(*words)
    assert (status, out.exists()) == (1, False)
    assert error.splitlines()[-1] == (
        "shelflens catalog: --ray: Ray is not installed: pip install 'shelflens[ray]'"
    )
