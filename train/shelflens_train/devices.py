"""Spreading one training over the devices there are."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras


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


def spread() -> AbstractContextManager[Any]:
    """The scope to build and train the model in.

    JAX: `keras.distribution.DataParallel` over all devices. TensorFlow: MirroredStrategy over
    the GPUs of one machine, MultiWorkerMirroredStrategy where `TF_CONFIG` describes a cluster.
    One device: nothing to do.
    """
    if keras.backend.backend() == "jax":
        if len(keras.distribution.list_devices()) > 1:
            keras.distribution.set_distribution(keras.distribution.DataParallel())
        return nullcontext()
    if keras.backend.backend() != "tensorflow":
        return nullcontext()
    import tensorflow as tf

    if "TF_CONFIG" in os.environ:
        scope: AbstractContextManager[Any] = tf.distribute.MultiWorkerMirroredStrategy().scope()
        return scope
    devices = tf.config.list_logical_devices("GPU")
    if len(devices) < 2:
        return nullcontext()
    names = [device.name for device in devices]
    mirrored: AbstractContextManager[Any] = tf.distribute.MirroredStrategy(names).scope()
    return mirrored


def is_chief() -> bool:
    """Whether this process writes the run folder (worker 0 of a cluster)."""
    import json

    task = json.loads(os.environ.get("TF_CONFIG", "{}")).get("task", {})
    return task.get("type", "chief") == "chief" or int(task.get("index", 0)) == 0
