"""Every loss against its paper, one photo and one pair at a time."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

pytestmark = pytest.mark.train

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


def sample(seed: int, b: int = 9, c: int = 5, d: int = 6) -> tuple[Floats, Floats, Labels]:
    """Cosines [b, c], unit embeddings [b, d] and labels [b]."""
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(b, d))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return generator.uniform(-1, 1, (b, c)), vectors, generator.integers(0, c, b)


def cosface(cosines: Floats, labels: Labels, margin: float, scale: float) -> float:
    total = 0.0
    for row, label in zip(cosines, labels, strict=True):
        own = np.exp(scale * (row[label] - margin))
        rest = sum(np.exp(scale * row[j]) for j in range(len(row)) if j != label)
        total -= float(np.log(own / (own + rest)))
    return total / len(labels)


def arcface(cosines: Floats, labels: Labels, margin: float, scale: float) -> float:
    total = 0.0
    for row, label in zip(cosines, labels, strict=True):
        angle = np.arccos(row[label])
        turned = np.cos(angle + margin)
        if angle + margin > np.pi:
            turned = row[label] - margin * np.sin(margin)
        own = np.exp(scale * turned)
        rest = sum(np.exp(scale * row[j]) for j in range(len(row)) if j != label)
        total -= float(np.log(own / (own + rest)))
    return total / len(labels)


def anchors(cosines: Floats, labels: Labels, margin: float, scale: float) -> float:
    pull = push = 0.0
    for proxy in range(cosines.shape[1]):
        own = [row[proxy] for row, label in zip(cosines, labels, strict=True) if label == proxy]
        rest = [row[proxy] for row, label in zip(cosines, labels, strict=True) if label != proxy]
        pull += np.log1p(sum(np.exp(-scale * (s - margin)) for s in own))
        push += np.log1p(sum(np.exp(scale * (s + margin)) for s in rest))
    return float(pull / len(set(labels.tolist())) + push / cosines.shape[1])


@pytest.mark.parametrize(
    ("name", "by_hand"),
    [("cosine_softmax", cosface), ("arc_softmax", arcface), ("proxy_anchor", anchors)],
)
@pytest.mark.parametrize(("margin", "scale"), [(0.0, 1.0), (0.1, 24.0), (0.35, 32.0)])
def test_a_proxy_loss_is_the_papers(
    name: str, by_hand: Callable[..., float], margin: float, scale: float
) -> None:
    from shelflens_train import losses

    for seed in range(3):
        cosines, _, labels = sample(seed)
        loss = float(getattr(losses, name)(cosines, labels, margin=margin, scale=scale))
        assert loss == pytest.approx(by_hand(cosines, labels, margin, scale), rel=1e-4)


def contrasted(vectors: Floats, labels: Labels, temperature: float) -> float:
    parts = []
    for i in range(len(labels)):
        same = [p for p in range(len(labels)) if p != i and labels[p] == labels[i]]
        every = sum(
            np.exp(vectors[i] @ vectors[a] / temperature) for a in range(len(labels)) if a != i
        )
        if same:
            terms = [np.exp(vectors[i] @ vectors[p] / temperature) / every for p in same]
            parts.append(-np.mean(np.log(terms)))
    return float(np.mean(parts))


def weighed(vectors: Floats, labels: Labels) -> float:
    alpha, beta, base, epsilon = 2.0, 50.0, 0.5, 0.1
    total = 0.0
    for i in range(len(labels)):
        pairs = [
            (vectors[i] @ vectors[k], labels[k] == labels[i]) for k in range(len(labels)) if k != i
        ]
        positive = [cosine for cosine, own in pairs if own]
        negative = [cosine for cosine, own in pairs if not own]
        if not positive or not negative:
            continue
        pulled = [s for s in positive if s - epsilon < max(negative)]
        pushed = [s for s in negative if s + epsilon > min(positive)]
        total += np.log1p(sum(np.exp(-alpha * (s - base)) for s in pulled)) / alpha
        total += np.log1p(sum(np.exp(beta * (s - base)) for s in pushed)) / beta
    return total / len(labels)


@pytest.mark.parametrize("seed", range(4))
def test_a_pair_loss_is_the_papers(seed: int) -> None:
    from shelflens_train.losses import multi_similarity, supervised_contrastive

    _, vectors, labels = sample(seed)
    vectors = vectors.astype(np.float32)
    assert len(set(labels.tolist())) < len(labels), "some product has two photos"
    for temperature in (0.1, 1.0):
        loss = float(supervised_contrastive(vectors, labels, temperature=temperature))
        assert loss == pytest.approx(contrasted(vectors, labels, temperature), rel=1e-4)
    assert float(multi_similarity(vectors, labels)) == pytest.approx(
        weighed(vectors, labels), rel=1e-4
    )


@pytest.mark.parametrize("labels", [[0, 1, 2, 3], [5, 5, 5, 5]], ids=["no pair", "one product"])
def test_a_batch_without_pairs_of_a_kind_gives_a_number(labels: list[int]) -> None:
    from shelflens_train.losses import multi_similarity, supervised_contrastive

    _, vectors, _ = sample(0, b=4)
    for loss in (multi_similarity, supervised_contrastive):
        value = float(loss(vectors.astype(np.float32), np.array(labels)))
        assert np.isfinite(value)
        assert value >= 0


@pytest.mark.parametrize("name", ["cosine_softmax", "arc_softmax", "proxy_anchor"])
def test_a_nearer_proxy_costs_less(name: str) -> None:
    from shelflens_train import losses

    loss = getattr(losses, name)
    cosines = np.full((4, 3), 0.1)
    values = []
    for own in np.linspace(-1, 1, 21):
        cosines[np.arange(4), [0, 1, 2, 0]] = own
        values.append(float(loss(cosines, np.array([0, 1, 2, 0]), margin=0.1, scale=16.0)))
    assert np.isfinite(values).all()
    assert all(after < before for before, after in pairwise(values))
