"""What is asked of the embeddings of a batch."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

LENGTHS = {64: 0.5, 128: 0.5, 256: 1.0, 512: 1.0}
"""Matryoshka prefixes and their weights (Kusupati et al., NeurIPS 2022)."""
ORDER_FROM = 256
"""Shorter prefixes need not keep the teacher's order."""


def unit(vectors: Any) -> Any:
    """Rows of length 1."""
    return vectors * jax.lax.rsqrt(jnp.sum(vectors**2, axis=-1, keepdims=True) + 1e-9)


def contrast(embeddings: Any, identities: Any, *, temperature: float) -> Any:
    """Each view must find the other views of its thing among all views of a batch.

    Supervised contrastive loss (Khosla et al., NeurIPS 2020) in which each positive stands alone
    against the negatives, the mean over `LENGTHS`.

    Args:
        embeddings: float32 [n, d], not of unit length.
        identities: int32 [n].
        temperature: Of the softmax.
    """
    same = identities[:, None] == identities[None, :]
    positive = same & ~jnp.eye(len(identities), dtype=bool)
    total: Any = 0.0
    weights = 0.0
    for length, weight in LENGTHS.items():
        if length > embeddings.shape[1]:
            continue
        vectors = unit(embeddings[:, :length])
        logits = vectors @ vectors.T / temperature
        against = jax.nn.logsumexp(jnp.where(same, -1e9, logits), axis=1)
        each = jax.nn.softplus(against[:, None] - logits)
        loss = jnp.sum(jnp.where(positive, each, 0), 1) / jnp.maximum(positive.sum(1), 1)
        total, weights = total + weight * jnp.mean(loss), weights + weight
    return total / weights


def order_kept(embeddings: Any, wanted: Any, identities: Any, *, temperature: float) -> Any:
    """How far the likeness of different things departs from that of a teacher.

    Relational distillation (Park et al., CVPR 2019) as a Kullback-Leibler divergence of the two
    softmax distributions over the other things of a batch.

    Args:
        embeddings: float32 [n, d].
        wanted: float32 [n, e], the teacher's unit vectors.
        identities: int32 [n].
        temperature: Of both distributions.
    """
    same = identities[:, None] == identities[None, :]
    target = jax.nn.softmax(jnp.where(same, -1e9, wanted @ wanted.T / temperature), axis=1)
    longest = [n for n in LENGTHS if ORDER_FROM <= n <= embeddings.shape[1]]
    divergences: Any = 0.0
    for length in longest or [embeddings.shape[1]]:
        vectors = unit(embeddings[:, :length])
        logs = jax.nn.log_softmax(jnp.where(same, -1e9, vectors @ vectors.T / temperature), axis=1)
        divergence = jnp.where(same, 0, target * (jnp.log(target + 1e-9) - logs))
        divergences += jnp.mean(divergence.sum(1)) / max(1, len(longest))
    return divergences
