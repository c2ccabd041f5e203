"""From a customer's events to a few interests: decay, grouping, medoids. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MAX_EVENTS = 200
"""Events that are grouped, those with the highest weights: the cost of grouping is cubic."""


@dataclass(frozen=True)
class Interest:
    """A group of events about similar products."""

    medoid: int
    """Index of the event that stands for the group: the one nearest to all events of it."""
    weight: float
    """Share of all positive weight that lies in the groups kept, 0 to 1."""
    members: tuple[int, ...]
    """Indices of the group's events, the highest weight first."""


def decay(ages: NDArray[np.float64], half_life: float) -> NDArray[np.float64]:
    """The share of each event's weight that is left. Future events count whole.

    Args:
        ages: float64 [n], days.
        half_life: Days.

    Returns:
        float64 [n], 0 to 1.
    """
    left: NDArray[np.float64] = 0.5 ** (np.maximum(ages, 0) / half_life)
    return left


def group(
    vectors: NDArray[np.float32],
    weights: NDArray[np.float64],
    *,
    min_similarity: float,
    max_groups: int,
) -> list[Interest]:
    """Group events into interests; how many there are comes from the events themselves.

    Agglomerative with average linkage (Sokal and Michener 1958): the two groups with the highest
    mean cosine similarity between their events, each counted with its weight, are joined as long
    as that mean reaches `min_similarity`. Each group is represented by its weighted medoid, which
    is an event that happened, not the average of milk and apples.

    Args:
        vectors: float32 [n, d], rows of length 1.
        weights: float64 [n], above 0.
        min_similarity: Minimum mean cosine similarity of two groups that are joined.
        max_groups: Interests to keep, those with the highest weights.

    Returns:
        The highest weight first; the weights add up to 1.
    """
    order = np.argsort(-weights, kind="stable")[:_MAX_EVENTS]
    mass = weights[order].astype(np.float64)
    cosines = (vectors[order] @ vectors[order].T).astype(np.float64)
    groups = [[index] for index in range(len(order))]
    linkage = cosines.copy()
    np.fill_diagonal(linkage, -np.inf)
    while len(groups) > 1:
        a, b = sorted(int(n) for n in np.unravel_index(int(linkage.argmax()), linkage.shape))
        if linkage[a, b] < min_similarity:
            break
        # The weighted mean over the pairs of a union is the weighted mean of the two means.
        merged = (mass[a] * linkage[a] + mass[b] * linkage[b]) / (mass[a] + mass[b])
        linkage[a], linkage[:, a] = merged, merged
        linkage[a, a] = -np.inf
        linkage = np.delete(np.delete(linkage, b, 0), b, 1)
        mass[a] += mass[b]
        mass = np.delete(mass, b)
        groups[a] += groups.pop(b)
    heaviest = sorted(zip(mass.tolist(), groups, strict=True), key=lambda pair: -pair[0])
    heaviest = heaviest[:max_groups]
    total = sum(weight for weight, _ in heaviest)
    interests = []
    for weight, members in heaviest:
        chosen = order[sorted(members)]
        centrality = (vectors[chosen] @ vectors[chosen].T) @ weights[chosen]
        medoid = int(chosen[int(centrality.argmax())])
        interests.append(Interest(medoid, weight / total, tuple(int(n) for n in chosen)))
    return interests


def interleave(weights: Sequence[float], k: int) -> list[int]:
    """Which interest each of k positions goes to, in proportion to the weights in every prefix.

    The next position goes to the highest `weight / (positions so far + 1/2)`: the divisor method of
    Webster and Sainte-Laguë, which does not favour the large.

    Args:
        weights: Above 0; of equal values the first goes first.
        k: How many positions.

    Returns:
        Indices of `weights`, k of them; none if there are no weights.
    """
    counts = [0] * len(weights)
    order: list[int] = []
    while weights and len(order) < k:
        index = max(range(len(weights)), key=lambda n: weights[n] / (counts[n] + 0.5))
        counts[index] += 1
        order.append(index)
    return order
