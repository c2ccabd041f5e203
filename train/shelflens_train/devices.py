"""Spreading one training over the devices there are."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras


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
