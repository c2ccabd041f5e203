"""Inference engines: the only module that imports one.

An engine is found by *constructing* an interpreter for the model at hand: some engines import
well and fail only then (tflite-runtime 2.14 under NumPy 2).
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.errors import EngineError, ModelError
from shelflens.files import Check
from shelflens.model.card import CARD_KEY, EMBEDDING, ModelCard, tflite_card
from shelflens.model.content import read_model, verify_onnx

Run = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""uint8 [n, size, size, 3] -> float32 [n, d]."""


CUDA = "CUDAExecutionProvider"
"""ONNX Runtime's name for an NVIDIA GPU."""

# Full float32, for photos take longer to decode; no search of algorithms for every size of a batch.
_CUDA_OPTIONS = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
_NO_MEMORY = ("Failed to allocate memory", "out of memory", "ALLOC_FAILED")
"""Of ONNX Runtime's arena, CUDA, and cuDNN with cuBLAS; they raise no class of their own."""

IS_64_BIT = sys.maxsize > 2**32
"""Whether this is a 64-bit system: the processor may be one when the system is not."""


@dataclass(frozen=True)
class Engine:
    """A model, ready to run."""

    name: str
    """litert, tflite-runtime or onnxruntime."""
    version: str
    card: ModelCard
    threads: int
    path: Path
    """The model file."""
    content: bytes
    """What it held when it was opened."""
    run: Run


@dataclass(frozen=True)
class EngineType:
    """One engine that ShelfLens can use."""

    name: str
    suffix: str
    install: str
    """The pip line that installs it."""
    open: Callable[[Path, bytes, int], Engine]
    only_64_bit: bool = True
    """Whether it is built for 64-bit systems only."""

    @property
    def how_to_install(self) -> str:
        """What to type for it here, or that there is nothing to type."""
        if self.only_64_bit and not IS_64_BIT:
            return "not possible, it is made for 64-bit systems only"
        return self.install


def open_engine(
    path: Path,
    *,
    engine: str = "auto",
    threads: int | None = None,
    check: Check | None = None,
    content: bytes | None = None,
    task: str = EMBEDDING,
) -> Engine:
    """Open a model file with the first engine that can construct an interpreter for it.

    Args:
        path: A `.tflite` or `.onnx` file made by `shelflens export`.
        engine: "auto", or one of the names in `ENGINE_TYPES`.
        threads: Threads for one inference; None takes one per core, at most four.
        check: Called with the path and the bytes of the file before anything else looks at them.
        content: The bytes of the file, where it was opened before.
        task: What the model must be made for, as its card says.

    Raises:
        ModelError: not a model of ours, made for another task, or damaged.
        EngineError: no engine here runs it; the message has the line to type.
        ShelfLensError: what `check` raises.
        FileNotFoundError: no such file.
    """
    if content is None and not path.exists():
        raise FileNotFoundError(2, "no such model file", str(path))
    if path.is_dir():
        raise ModelError(f"{path}: is a folder; give a .tflite or .onnx file")
    suited = [each for each in ENGINE_TYPES if each.suffix == path.suffix.lower()]
    if not suited:
        raise ModelError(f"{path}: expected a file ending in .tflite or .onnx")
    wanted = [each for each in suited if engine in ("auto", each.name)]
    if not wanted:
        names = ", ".join(each.name for each in suited)
        raise EngineError(f"{path}: engine {engine!r} cannot run it; expected auto, {names}")
    content = read_model(path, check) if content is None else content
    reasons = []
    for engine_type in wanted:
        try:
            opened = engine_type.open(path, content, threads or min(4, os.cpu_count() or 1))
        except ModelError:
            raise
        except Exception as error:  # what a missing or mismatched binary raises is unpredictable
            reasons.append(f"{engine_type.name}: {why(error)}")
            continue
        if opened.card.task != task:
            raise ModelError(
                f"{path}: its card says {opened.card.task!r}, expected {task!r}; an embedding goes "
                "with --model, a finder with --finder"
            )
        return opened
    possible = [each for each in wanted if each.how_to_install == each.install] or wanted
    raise EngineError(
        f"{path}: no engine here runs it ({'; '.join(reasons)}); "
        f"try: {possible[0].how_to_install}; shelflens doctor tells more"
    )


def why(error: BaseException) -> str:
    """The first line of what an engine raised, for a person."""
    if isinstance(error, ModuleNotFoundError):
        return "not installed"
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _open_litert(path: Path, content: bytes, threads: int) -> Engine:
    card = tflite_card(content, path)
    import ai_edge_litert
    from ai_edge_litert.interpreter import Interpreter

    version = getattr(ai_edge_litert, "__version__", "")
    run = _tflite_run(Interpreter, path, content, card, threads)
    return Engine("litert", version, card, threads, path, content, run)


def _open_tflite_runtime(path: Path, content: bytes, threads: int) -> Engine:
    card = tflite_card(content, path)
    import tflite_runtime
    from tflite_runtime.interpreter import Interpreter

    run = _tflite_run(Interpreter, path, content, card, threads)
    return Engine("tflite-runtime", tflite_runtime.__version__, card, threads, path, content, run)


def _tflite_run(
    interpreter_class: Any, path: Path, content: bytes, card: ModelCard, threads: int
) -> Run:
    interpreter = interpreter_class(model_content=content, num_threads=threads)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]
    target = interpreter.get_output_details()[0]
    _check_input(path, list(source["shape"]), source["dtype"], card)
    where, wanted = source["index"], target["index"]
    scale, zero = target["quantization"]

    def run(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        vectors = np.empty((len(images), card.dim), np.float32)
        for row, image in enumerate(images):
            interpreter.set_tensor(where, image[np.newaxis])
            interpreter.invoke()
            # Outputs may be shaped [1, 1, 1, d], or quantized.
            vector = interpreter.get_tensor(wanted).reshape(-1)
            vectors[row] = (vector.astype(np.float32) - zero) * scale if scale else vector
        return vectors

    return run


def _open_onnx(path: Path, content: bytes, threads: int) -> Engine:
    import onnxruntime

    verify_onnx(content, path)
    try:
        session = _session(content, threads, ["CPUExecutionProvider"])
        text = session.get_modelmeta().custom_metadata_map[CARD_KEY]
    except KeyError as error:
        raise ModelError(
            f"{path}: carries no ShelfLens model card; not made by shelflens export"
        ) from error
    except Exception as error:
        raise ModelError(
            f"{path}: not an ONNX model, or cut short ({why(error)}); copy or export it again"
        ) from error
    card = ModelCard.from_json(text, where=str(path))
    source = session.get_inputs()[0]
    _check_input(path, [1, *source.shape[1:]], np.uint8 if "uint8" in source.type else None, card)
    run = _onnx_run(session, card)
    return Engine("onnxruntime", onnxruntime.__version__, card, threads, path, content, run)


def _session(content: bytes, threads: int, providers: list[Any]) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, sess_options=options, providers=providers)


def _onnx_run(session: Any, card: ModelCard) -> Run:
    name = session.get_inputs()[0].name

    def run(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        (vectors,) = session.run(None, {name: images})
        return np.asarray(vectors, np.float32).reshape(len(images), card.dim)

    return run


def takes_batches(engine: Engine) -> bool:
    """Whether a GPU gains anything: a float ONNX model; int8 is made for processors."""
    return engine.name == "onnxruntime" and engine.card.variant.startswith("float")


def cuda_engine(engine: Engine) -> Engine | None:
    """The same model on an NVIDIA GPU.

    Returns:
        An engine whose `run` takes whole batches, and raises MemoryError for one that the GPU has
        no memory for; None for a model that gains nothing, or where ONNX Runtime has no CUDA.

    Raises:
        EngineError: ONNX Runtime has CUDA and cannot start it, which it would pass over.
    """
    if not takes_batches(engine):
        return None
    import onnxruntime

    if CUDA not in onnxruntime.get_available_providers():
        return None
    failure = "no driver, or CUDA and cuDNN of another version"
    try:
        with redirect_stdout(io.StringIO()):  # what is missing is printed there, over many lines
            getattr(onnxruntime, "preload_dlls", lambda: None)()  # since 1.21
            providers = [(CUDA, _CUDA_OPTIONS), "CPUExecutionProvider"]
            session = _session(engine.content, engine.threads, providers)
        session.disable_fallback()
        started = CUDA in session.get_providers()
    except Exception as error:
        started, failure = False, why(error)
    if not started:
        raise EngineError(
            f"{engine.path}: ONNX Runtime has CUDA but cannot start it ({failure}); "
            "onnxruntime.print_debug_info() in Python says more"
        )
    run = _onnx_run(session, engine.card)

    def guarded(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        try:
            return run(images)
        except Exception as error:
            if any(sign in str(error) for sign in _NO_MEMORY):
                raise MemoryError(why(error)) from error
            raise EngineError(
                f"{engine.path}: the GPU failed ({why(error)}); CUDA_VISIBLE_DEVICES=-1 before "
                "the command embeds on the cores"
            ) from error

    return replace(engine, run=guarded)


def _check_input(path: Path, shape: list[Any], dtype: Any, card: ModelCard) -> None:
    expected = [1, card.size, card.size, 3]
    if [int(side) for side in shape] != expected or dtype != np.uint8:
        raise ModelError(
            f"{path}: takes {dtype} {shape}, its card says uint8 {expected}; export it again"
        )


ENGINE_TYPES = (
    EngineType("litert", ".tflite", "pip install ai-edge-litert", _open_litert),
    EngineType(
        "tflite-runtime",
        ".tflite",
        "pip install tflite-runtime 'numpy<2'",
        _open_tflite_runtime,
        only_64_bit=False,
    ),
    EngineType("onnxruntime", ".onnx", "pip install 'shelflens[onnx]'", _open_onnx),
)
"""In the order in which "auto" tries them."""
