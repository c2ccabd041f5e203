"""Embedding on several machines, with a Ray that calls its workers in this process.

`tests/docs/test_ray.py` runs Ray itself and kills its workers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from shelflens import Embedder, EngineError
from shelflens.errors import DataError, ModelError
from shelflens.model import distributed as module
from shelflens.model.distributed import BATCH, Worker, distributed
from shelflens.model.image import Photo

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


def inline_ray(worker: type[Worker], joined: list[dict[str, Any]]) -> SimpleNamespace:
    """Ray's functions that are used; a call runs when its answer is asked for."""

    def method(act: Callable[..., Any]) -> SimpleNamespace:
        return SimpleNamespace(remote=lambda *values: lambda: act(*values))

    def made() -> SimpleNamespace:
        each = worker()
        return SimpleNamespace(engine=method(each.engine), embed=method(each.embed))

    def get(calls: Any) -> Any:
        if isinstance(calls, list):
            return [answered(call) for call in calls]
        return answered(calls) if callable(calls) else calls

    return SimpleNamespace(
        init=lambda **options: joined.append(options),
        shutdown=lambda: joined.append({}),
        cluster_resources=lambda: {"CPU": 3.0},
        put=lambda value: value,
        get=get,
        remote=lambda _: SimpleNamespace(options=lambda **_: SimpleNamespace(remote=made)),
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
