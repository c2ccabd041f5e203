"""A network that is held still, and shows the one in training how alike pictures are.

A larger one teaches what it has learnt; the network's own start reminds it of what it knew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
from keras import ops

from shelflens.model.card import read_tflite_card
from shelflens_train.config import TrainConfig, saved_config
from shelflens_train.from_tflite import start_file
from shelflens_train.losses import similarity_distillation
from shelflens_train.model import embedding_model, starting_model

OWN_START = "start"


class Lesson(keras.layers.Layer):  # type: ignore[misc]
    """Adds to the loss how differently network and teacher see the pictures of a batch."""

    def __init__(self, prefixes: tuple[int, ...], weight: float) -> None:
        super().__init__(dtype="float32", name="lesson")
        self._prefixes, self._weight = prefixes, weight

    def call(self, embeddings: Any, taught: Any) -> Any:
        """float32 [b, d] and [b, e], rows of length 1 -> the first, unchanged."""
        taught = ops.stop_gradient(taught)
        parts = [
            similarity_distillation(ops.normalize(embeddings[:, :length], axis=1), taught)
            for length in self._prefixes
        ]
        self.add_loss(self._weight * sum(parts) / len(parts))
        return embeddings


def teacher_network(config: TrainConfig) -> keras.Model | None:
    """The embedding network that teaches, at any input size, or None.

    That of `--teacher start` has no weights yet: they are those that the run starts from.

    Raises:
        FileNotFoundError: no such file or run folder.
        ModelError: a file that gives no start weights.
    """
    source = config.teacher
    if not source:
        return None
    if source == OWN_START:
        made, weights = config, None
    elif file := start_file(source):
        card = read_tflite_card(file)
        name, _, alpha = card.backbone.partition(" ")
        made = replace(
            config,
            backbone=name,
            alpha=float(alpha),
            minimalistic=False,
            dim=card.dim,
            weights=source,
        )
        weights = starting_model(made).get_weights()
    else:
        run = Path(source)
        if not (run / "model.keras").exists():
            raise FileNotFoundError(2, "no run folder with a model.keras", source)
        made = saved_config(run)
        weights = keras.models.load_model(run / "model.keras", compile=False).get_weights()
    # Statistics stay as they are: "none" alone would let them move.
    network = embedding_model(replace(made, weights="imagenet"), weights=None, side=None)
    if weights is not None:
        network.set_weights(weights)
    teacher = keras.Model(network.input, network.output, name="teacher")
    teacher.trainable = False
    return teacher


def lesson(teacher: keras.Model | None, config: TrainConfig) -> Callable[[Any, Any], Any] | None:
    """What `classifier` does with pictures and embeddings, when there is a teacher."""
    if teacher is None:
        return None
    layer = Lesson(config.lengths, config.teacher_weight)
    return lambda image, embeddings: layer(embeddings, teacher(image, training=False))
