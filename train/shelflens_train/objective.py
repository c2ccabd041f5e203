"""What a training minimises: losses over products, categories and pairs, at every prefix."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from keras import ops

from shelflens_train.config import TrainConfig
from shelflens_train.losses import (
    arc_softmax,
    cosine_softmax,
    multi_similarity,
    proxy_anchor,
    supervised_contrastive,
)

Loss = Callable[..., Any]
PROXY: dict[str, Loss] = {
    "softmax": cosine_softmax,
    "arcface": arc_softmax,
    "proxy-anchor": proxy_anchor,
}
PAIR: dict[str, Loss] = {
    "multi-similarity": multi_similarity,
    "contrastive": supervised_contrastive,
}


def training_loss(config: TrainConfig, *, categories: int) -> Any:
    """One loss for each output of the network that is trained (`classifier`).

    Args:
        config: The losses, with their weights.
        categories: How many there are.
    """
    proxies = partial(
        proxy_objective,
        proxy_loss=PROXY[config.loss],
        margin=config.margin,
        scale=config.scale,
        categories=categories,
        category_weight=config.category_weight,
    )
    if config.pair_loss == "none":
        return proxies
    pairs = partial(
        pair_objective,
        pair_loss=PAIR[config.pair_loss],
        dims=config.dims,
        weight=config.pair_weight,
    )
    return [proxies, pairs]


def proxy_objective(
    labels: Any,
    cosines: Any,
    *,
    proxy_loss: Loss,
    margin: float,
    scale: float,
    categories: int,
    category_weight: float,
) -> Any:
    """Products at every prefix of the embedding, and categories at the whole of it.

    Args:
        labels: int32 [b, 2], index of the class and of the category, -1 for none.
        cosines: float32 [b, p, c + categories].
        proxy_loss: One of `PROXY`.
        margin: In units of cosine, or radians for arcface.
        scale: Inverse temperature.
        categories: How many there are.
        category_weight: Weight of the softmax over them.
    """
    product, category = labels[:, 0], labels[:, 1]
    classes = cosines.shape[2] - categories
    parts = [
        proxy_loss(cosines[:, prefix, :classes], product, margin=margin, scale=scale)
        for prefix in range(cosines.shape[1])
    ]
    loss = sum(parts) / len(parts)
    if not categories:
        return loss
    category_loss = cosine_softmax(
        cosines[:, -1, classes:],
        ops.maximum(category, 0),
        margin=0.0,
        scale=scale,
        weights=ops.cast(category >= 0, "float32"),
    )
    return loss + category_weight * category_loss


def pair_objective(
    labels: Any, embeddings: Any, *, pair_loss: Loss, dims: tuple[int, ...], weight: float
) -> Any:
    """The weighted loss over pairs, at every prefix of the embedding: int32 [b, 2], [b, d]."""
    parts = [pair_loss(ops.normalize(embeddings[:, :dim], axis=1), labels[:, 0]) for dim in dims]
    return weight * sum(parts) / len(parts)
