"""Spreading one training over the devices and processes there are: data parallel, on JAX.

TensorFlow trains on one device. Keras 3 does not take the values of several TensorFlow workers
(`model.fit` fails on `PerReplica`), and under `MirroredStrategy` a loss over a batch becomes a sum
of losses over its parts. JAX compiles one program for all devices, so a loss, and a norm of a
gradient, is that of the whole batch.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import keras

from shelflens.errors import DataError, ShelfLensError, UsageError

_PROCESSES = "KERAS_DISTRIBUTION_NUM_PROCESSES"
_VARIABLES = (_PROCESSES, "KERAS_DISTRIBUTION_PROCESS_ID", "KERAS_DISTRIBUTION_JOB_ADDRESSES")
_HOW = "docs/how-to/clusters.md"


def keep_memory() -> None:
    """Tell glibc not to give memory back between steps.

    TensorFlow frees and takes hundreds of megabytes per step; by default each large block is
    unmapped and faulted in again, which takes a third of the time of a training on a CPU.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(AttributeError, OSError):  # another C library
        glibc = ctypes.CDLL(None)
        for option, value in ((-4, 0), (-1, 2**31 - 1), (-2, 2**28)):  # M_MMAP_MAX, TRIM, TOP_PAD
            glibc.mallopt(option, value)


def join_processes() -> None:
    """Meet the other processes of this training, where Keras' environment variables name some.

    Before anything else of JAX. From here on only the first process prints.

    Raises:
        UsageError: variables that do not fit together, or a backend that cannot.
    """
    count = os.environ.get(_PROCESSES, "1")
    if "TF_CONFIG" in os.environ or (count != "1" and keras.backend.backend() != "jax"):
        given = "TF_CONFIG" if "TF_CONFIG" in os.environ else _PROCESSES
        raise UsageError(
            f"{given}: Keras trains on several machines with JAX only, got "
            f"{keras.backend.backend()}; set KERAS_BACKEND=jax and the variables of {_HOW}"
        )
    if count == "1":
        return
    values = {name: os.environ.get(name, "") for name in _VARIABLES}
    if missing := [name for name, value in values.items() if not value]:
        raise UsageError(f"{_PROCESSES}: expected {missing[0]} beside it; see {_HOW}")
    index = values["KERAS_DISTRIBUTION_PROCESS_ID"]
    if not (count.isdigit() and index.isdigit() and int(index) < int(count)):
        raise UsageError(
            f"KERAS_DISTRIBUTION_PROCESS_ID: expected 0 to {_PROCESSES} less 1, "
            f"got {index} of {count}"
        )
    try:
        keras.distribution.initialize()
    except (RuntimeError, ValueError) as error:
        raise UsageError(f"{values[_VARIABLES[2]]}: {_first_line(error)}; see {_HOW}") from error
    _meet()
    if not is_chief():
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115, until the process ends


def _meet() -> None:
    """Let the processes find each other now: later, one that comes 30 seconds after another, which
    has more photos to read, would be given up (Gloo, on CPUs)."""
    from jax.experimental import multihost_utils

    multihost_utils.sync_global_devices("shelflens train")


def data_parallel(batch: int) -> AbstractContextManager[Any]:
    """The scope to build and train the model in: with JAX, each device takes a part of a batch.

    Args:
        batch: Photos per step, on all devices together.

    Raises:
        DataError: a batch that does not divide.
    """
    if keras.backend.backend() != "jax" or len(keras.distribution.list_devices()) == 1:
        return nullcontext()
    devices = len(keras.distribution.list_devices())
    if batch % devices:
        raise DataError(f"--batch {batch}: expected a multiple of the {devices} devices")
    scope: AbstractContextManager[Any] = keras.distribution.DataParallel(
        auto_shard_dataset=False  # the batches give each process its part
    ).scope()
    return scope


@contextlib.contextmanager
def on_this_process() -> Iterator[None]:
    """Within: networks are built and photos embedded on one device of this process."""
    if keras.backend.backend() != "jax" or keras.distribution.distribution() is None:
        yield
        return
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)


def process_part() -> tuple[int, int]:
    """Index of this process, and how many there are."""
    if keras.backend.backend() != "jax":
        return 0, 1
    import jax

    return jax.process_index(), jax.process_count()


def is_chief() -> bool:
    """Whether this process writes the run folder."""
    return process_part()[0] == 0


@contextlib.contextmanager
def ending_together() -> Iterator[None]:
    """Around the training: when one process ends early, all do, at once.

    Raises:
        ShelfLensError: another process has ended, or cannot be reached.
    """
    if process_part()[1] == 1:
        yield
        return
    import jax

    try:
        yield
    except BaseException as error:
        # JAX would wait for the others for minutes, and then abort; what is run last comes first.
        atexit.register(os._exit, 1)
        # What Gloo says comes as a ValueError where no program of JAX was running.
        if isinstance(error, jax.errors.JaxRuntimeError) or "Gloo" in str(error):
            raise ShelfLensError(
                f"another process of this training ended ({_first_line(error)[:160]}); start all "
                "again with --resume"
            ) from error
        raise
    jax.distributed.shutdown()  # type: ignore[no-untyped-call]


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
