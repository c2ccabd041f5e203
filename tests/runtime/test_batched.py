"""Batches of the float model: the code that a GPU runs, here on the processor's provider.

ONNX Runtime is real; which providers it says it has, whether CUDA starts and how many photos its
memory holds are set by each test.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from PIL import Image

from shelflens import Catalog, Embedder, EngineError
from shelflens.errors import SpaceError
from shelflens.model.batched import BATCH, device_model, on_gpu
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens.model.engines import CUDA
from tests.support.batches import TOLERANCE

Run = Callable[..., tuple[int, str, str]]

CPU = "CPUExecutionProvider"


@dataclass
class FakeGpu:
    """What ONNX Runtime says of a GPU, and what it was asked."""

    available: list[str] = field(default_factory=lambda: [CUDA, CPU])
    starts: bool = True
    holds: int = 1000
    """Photos that its memory holds."""
    wrong: bool = False
    """Whether it computes wrong vectors."""
    failure: str = "Failed to allocate memory for requested buffer of size 1"
    asked: list[Any] = field(default_factory=list)
    """The providers of each session."""
    batches: list[int] = field(default_factory=list)
    """Photos of each inference on it that succeeded."""


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> FakeGpu:
    """A GPU that works, until a test says otherwise."""
    fake, opened = FakeGpu(), onnxruntime.InferenceSession

    class Session:
        def __init__(self, content: bytes, *, providers: list[Any], **options: Any) -> None:
            fake.asked.append(providers)
            self._on_gpu = providers[0][0] == CUDA and fake.starts
            self._session = opened(content, providers=[CPU], **options)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._session, name)

        def get_providers(self) -> list[str]:
            return [CUDA, CPU] if self._on_gpu else [CPU]

        def run(self, names: None, feed: dict[str, NDArray[np.uint8]]) -> list[Any]:
            (images,) = feed.values()
            (vectors,) = self._session.run(names, feed)
            if self._on_gpu:
                if len(images) > fake.holds:
                    raise RuntimeError(f"[ONNXRuntimeError] : 6 : {fake.failure}\nat Conv_1")
                fake.batches.append(len(images))
            return [-vectors if self._on_gpu and fake.wrong else vectors]

    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: fake.available)
    return fake


@pytest.fixture
def float_model(tmp_path: Path) -> Path:
    """A float ONNX model."""
    return Path(shutil.copy(BUNDLED_MODEL.with_name("probe.onnx"), tmp_path / "float32.onnx"))


def pictures(count: int, side: int = 4) -> list[Any]:
    pixels = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    return list(pixels)


@pytest.mark.parametrize("count", [0, 1, BATCH - 1, BATCH, 3 * BATCH + 7])
def test_batches_are_embedded_as_single_photos_are(
    count: int, gpu: FakeGpu, float_model: Path
) -> None:
    embedder = Embedder.open(float_model)
    batched = on_gpu(embedder)
    assert batched is not None
    photos = pictures(count)
    kept, vectors = batched.embed_many(photos)
    assert kept.tolist() == list(range(count))
    expected = [embedder.embed(photo) for photo in photos] or np.empty((0, embedder.card.dim))
    assert np.allclose(vectors, expected, atol=TOLERANCE)
    assert gpu.batches == [BATCH] * (count // BATCH) + ([count % BATCH] if count % BATCH else [])
    assert gpu.asked[1][0][0] == CUDA


def test_photos_that_cannot_be_read_keep_their_order(
    gpu: FakeGpu, float_model: Path, tmp_path: Path
) -> None:
    photos: list[Any] = [*pictures(BATCH + 20), tmp_path / "none.jpg"]
    photos[3:3] = [b"no picture"] * 2
    photos[:0] = [b"no picture"] * (BATCH + 2)  # a whole batch
    batched = on_gpu(embedder := Embedder.open(float_model))
    assert batched is not None
    failed: list[int] = []
    kept, vectors = batched.embed_many(photos, on_error=lambda index, _: failed.append(index))
    read = [index for index, photo in enumerate(photos) if isinstance(photo, np.ndarray)]
    assert kept.tolist() == read
    assert sorted([*failed, *read]) == list(range(len(photos)))
    expected = [embedder.embed(photos[index]) for index in read]
    assert np.allclose(vectors, expected, atol=TOLERANCE)


@pytest.mark.parametrize("holds", [BATCH - 1, 10, 1])
def test_a_batch_that_the_memory_does_not_hold_is_halved(
    holds: int, gpu: FakeGpu, float_model: Path
) -> None:
    gpu.holds = holds
    batched = on_gpu(embedder := Embedder.open(float_model))
    assert batched is not None
    photos = pictures(2 * BATCH + 5)
    _, vectors = batched.embed_many(photos)
    expected = [embedder.embed(photo) for photo in photos]
    assert np.allclose(vectors, expected, atol=TOLERANCE)
    assert sum(gpu.batches) == len(photos)
    size = gpu.batches[0]
    assert holds / 2 < size <= holds
    assert max(gpu.batches) == size


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        ("CUDA failure 2: out of memory", r"the GPU has no memory for one photo \(.* out of memo"),
        ("CUDA failure 700: illegal access", r"the GPU failed \(.*illegal access\); CUDA_VISIBLE"),
    ],
)
def test_a_gpu_that_fails_is_said(failure: str, text: str, gpu: FakeGpu, float_model: Path) -> None:
    gpu.holds, gpu.failure = 0, failure
    batched = on_gpu(Embedder.open(float_model))
    assert batched is not None
    with pytest.raises(EngineError, match=text) as caught:
        batched.embed_many(pictures(3))
    assert "\n" not in str(caught.value)


def test_only_a_float_model_goes_to_a_gpu_and_only_where_there_is_cuda(
    gpu: FakeGpu, float_model: Path
) -> None:
    assert on_gpu(Embedder.open()) is None
    gpu.available = ["AzureExecutionProvider", CPU]
    assert on_gpu(Embedder.open(float_model)) is None
    assert gpu.asked == [[CPU]]


def test_the_device_model_is_the_int8_file_beside_it(float_model: Path) -> None:
    embedder = Embedder.open(float_model)
    assert device_model(embedder) is embedder
    float_model.with_name("int8.tflite").write_bytes(b"cut short")
    shutil.copy(float_model, float_model.with_name("int8.onnx"))
    assert device_model(embedder).opened.path.name == "int8.onnx"
    assert device_model(Embedder.open()).opened.path == BUNDLED_MODEL


def test_wrong_vectors_are_refused_as_a_mixed_space(gpu: FakeGpu, float_model: Path) -> None:
    gpu.wrong = True
    shutil.copy(float_model, float_model.with_name("int8.onnx"))
    batched = on_gpu(Embedder.open(float_model))
    assert batched is not None
    with pytest.raises(SpaceError, match=r"16 photos .* of -1\.000 to int8\.onnx, expected 0\.99"):
        batched.embed_many(pictures(40))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A photo each of more products than a batch has photos."""
    folder = tmp_path / "shop"
    folder.mkdir()
    for index, pixels in enumerate(pictures(BATCH + 6, side=24)):
        Image.fromarray(pixels).save(folder / f"{index}.png")
    return folder


def built(run: Run, shop: Path, model: Path, name: str = "store") -> tuple[int, str, str]:
    """A catalog NAME.catalog beside the model."""
    words = ["catalog", "build", shop, "--flat", "--model", model, "--adapt", "off"]
    return run(*words, "--out", model.with_name(f"{name}.catalog"))


def test_a_build_on_the_gpu(gpu: FakeGpu, float_model: Path, shop: Path, run: Run) -> None:
    gpu.available = [CPU]
    status, _, errors = built(run, shop, float_model, "cores")
    assert (status, gpu.batches) == (0, [])
    gpu.available = [CUDA, CPU]
    assert built(run, shop, float_model, "gpu")[::2] == (0, errors)
    assert gpu.batches == [BATCH, 6]
    cores, graphics = (
        Catalog.open(float_model.with_name(f"{name}.catalog")) for name in ("cores", "gpu")
    )
    assert graphics.row_ids == cores.row_ids
    for photo in sorted(shop.iterdir())[::20]:
        query = Embedder.open(float_model).embed(photo)
        found = graphics.match(query, k=1)[0]
        assert found.id == photo.stem
        assert found.score == pytest.approx(cores.match(query, k=1)[0].score, abs=0.01)


def test_a_gpu_that_does_not_start_is_said_and_the_cores_embed(
    gpu: FakeGpu, float_model: Path, shop: Path, run: Run
) -> None:
    gpu.starts = False
    status, _, errors = built(run, shop, float_model)
    assert (status, gpu.batches) == (0, [])
    assert errors.splitlines()[0] == (
        f"note: {float_model}: ONNX Runtime has CUDA but cannot start it (no driver, or CUDA and "
        "cuDNN of another version); onnxruntime.print_debug_info() in Python says more; embedding "
        "on the cores"
    )


def test_a_build_of_a_mixed_space_writes_nothing(
    gpu: FakeGpu, float_model: Path, shop: Path, run: Run
) -> None:
    gpu.wrong = True
    status, out, errors = built(run, shop, float_model)
    assert (status, out, errors.count("\n")) == (1, "", 1)
    assert "to itself on the cores, expected 0.99 or more" in errors
    assert not float_model.with_name("store.catalog").exists()


def test_an_addition_on_the_gpu(gpu: FakeGpu, float_model: Path, shop: Path, run: Run) -> None:
    assert built(run, shop, float_model)[0] == 0
    for path in list(shop.iterdir()):
        Image.open(path).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path)
    gpu.batches.clear()
    catalog = float_model.with_name("store.catalog")
    assert run("catalog", "add", catalog, shop, "--flat", "--model", float_model)[0] == 0
    assert gpu.batches == [BATCH, 6]
    assert Catalog.open(catalog).row_count == 2 * (BATCH + 6)
