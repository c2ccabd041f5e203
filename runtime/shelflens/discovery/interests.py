"""From what a customer did to a few interests: decay, grouping, medoids. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_EVENTS = 200
"""Events that are grouped, the weightiest ones: grouping costs their number cubed."""


@dataclass(frozen=True)
class Interest:
    """One thing a customer likes."""

    medoid: int
    """Which event stands for it: the one nearest to all others of the group."""
    weight: float
    """Share of all positive weight that lies in the groups kept, 0 to 1."""
    members: tuple[int, ...]
    """The events of the group, the weightiest first."""


def decay(ages: NDArray[np.float64], half_life: float) -> NDArray[np.float64]:
    """What is left of each event's weight: half after one half-life. Future events count whole.

    Args:
        ages: float64 [n], days.
        half_life: Days.

    Returns:
        float64 [n], 0 to 1.
    """
    left: NDArray[np.float64] = 0.5 ** (np.maximum(ages, 0) / half_life)
    return left


def group(
    vectors: NDArray[np.float32], weights: NDArray[np.float64], *, join: float, most: int
) -> list[Interest]:
    """Group events into interests; how many there are comes from the events themselves.

    Agglomerative: the two groups with the highest mean cosine similarity between their events,
    each counted with its weight, are joined as long as that mean reaches `join` (average linkage,
    Sokal and Michener 1958). Each group is shown by its weighted medoid, which is an event that
    happened, not the average of milk and apples.

    Args:
        vectors: float32 [n, d], rows of length 1.
        weights: float64 [n], above 0.
        join: Least mean cosine similarity of one interest.
        most: Interests to keep, the weightiest.

    Returns:
        The weightiest first; their weights add up to 1.
    """
    order = np.argsort(-weights, kind="stable")[:_EVENTS]
    mass = weights[order].astype(np.float64)
    cosines = (vectors[order] @ vectors[order].T).astype(np.float64)
    groups = [[place] for place in range(len(order))]
    linkage = cosines.copy()
    np.fill_diagonal(linkage, -np.inf)
    while len(groups) > 1:
        a, b = sorted(int(n) for n in np.unravel_index(int(linkage.argmax()), linkage.shape))
        if linkage[a, b] < join:
            break
        # The weighted mean over the pairs of a union is the weighted mean of the two means.
        merged = (mass[a] * linkage[a] + mass[b] * linkage[b]) / (mass[a] + mass[b])
        linkage[a], linkage[:, a] = merged, merged
        linkage[a, a] = -np.inf
        linkage = np.delete(np.delete(linkage, b, 0), b, 1)
        mass[a] += mass[b]
        mass = np.delete(mass, b)
        groups[a] += groups.pop(b)
    kept = sorted(zip(mass.tolist(), groups, strict=True), key=lambda one: -one[0])[:most]
    total = sum(weight for weight, _ in kept)
    found = []
    for weight, members in kept:
        chosen = order[sorted(members)]
        near = (vectors[chosen] @ vectors[chosen].T) @ weights[chosen]
        medoid = int(chosen[int(near.argmax())])
        found.append(Interest(medoid, weight / total, tuple(int(n) for n in chosen)))
    return found


def turns(weights: Sequence[float], k: int) -> list[int]:
    """Whose turn it is, k times, in proportion to the weights at every point of the list.

    The next turn goes to the highest `weight / (turns had + 1/2)`: the divisor method of Webster
    and Sainte-Laguë, which shares seats out without favouring the large.

    Args:
        weights: Above 0; of equal values the first goes first.
        k: How many turns.

    Returns:
        Places in `weights`, k of them; none if there are no weights.
    """
    had = [0] * len(weights)
    result: list[int] = []
    while weights and len(result) < k:
        place = max(range(len(weights)), key=lambda n: weights[n] / (had[n] + 0.5))
        had[place] += 1
        result.append(place)
    return result
