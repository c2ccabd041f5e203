"""Distillation: a teacher that is held still shows how alike images are.

A larger teacher passes on what it has learnt; a network's own start reminds it of what it knew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
from keras import ops

from shelflens.model.card import read_tflite_card
from shelflens_train.backbones import embedding_network
from shelflens_train.config import AUTO, saved_config
from shelflens_train.from_tflite import start_file
from shelflens_train.losses import similarity_distillation
from shelflens_train.spec import BackboneSpec
from shelflens_train.start_weights import brings_head, starting_network

OWN_START, NONE = "start", "none"


class Distillation(keras.layers.Layer):  # type: ignore[misc]
    """Adds to the loss how differently student and teacher see the images of a batch.

    Args:
        dims: The prefixes of the student's embedding that are compared.
        weight: Factor on the loss.
    """

    def __init__(self, dims: tuple[int, ...], weight: float) -> None:
        super().__init__(dtype="float32", name="distillation")
        self._dims, self._weight = dims, weight

    def call(self, student: Any, teacher: Any) -> Any:
        """float32 [b, d] and [b, e], rows of length 1 -> the first, unchanged."""
        teacher = ops.stop_gradient(teacher)
        parts = [
            similarity_distillation(ops.normalize(student[:, :dim], axis=1), teacher)
            for dim in self._dims
        ]
        self.add_loss(self._weight * sum(parts) / len(parts))
        return student


def teacher_of(teacher: str, weights: str) -> str:
    """The teacher that `--teacher` asks for by name; "" for none.

    Args:
        teacher: "auto" is the run's own start where that has a head worth keeping, else none.
        weights: The start, by name.
    """
    if teacher == AUTO:
        return OWN_START if brings_head(weights) else ""
    return "" if teacher == NONE else teacher


def teacher_network(source: str, spec: BackboneSpec) -> keras.Model | None:
    """The embedding network that teaches, at any input size.

    Args:
        source: As `teacher_of` gives it: a run folder, "bundled", a `.tflite`, or "start"; "" for
            none.
        spec: The student's; that of "start", which has no weights yet: they are set when the
            student's start is known.

    Raises:
        FileNotFoundError: no such file or run folder.
        ModelError: a file that gives no start weights.
    """
    if not source:
        return None
    weights = None
    if file := start_file(source):
        spec = BackboneSpec.from_card(read_tflite_card(file))
        weights = starting_network(spec, source).get_weights()
    elif source != OWN_START:
        run = Path(source)
        if not (run / "model.keras").exists():
            raise FileNotFoundError(2, "no run folder with a model.keras", source)
        spec = saved_config(run).spec
        weights = keras.models.load_model(run / "model.keras", compile=False).get_weights()
    network = embedding_network(replace(spec, trains_statistics=False))
    if weights is not None:
        network.set_weights(weights)
    teacher = keras.Model(network.input, network.output, name="teacher")
    teacher.trainable = False
    return teacher


def distillation(
    teacher: keras.Model | None, dims: tuple[int, ...], weight: float
) -> Callable[[Any, Any], Any] | None:
    """What `classifier` does with images and embeddings, when there is a teacher."""
    if teacher is None:
        return None
    layer = Distillation(dims, weight)
    return lambda image, embeddings: layer(embeddings, teacher(image, training=False))
