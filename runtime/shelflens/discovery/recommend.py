"""Suggest products to a customer: several interests, interleaved, each suggestion with a reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.answer import Match
from shelflens.catalog.catalog import Catalog
from shelflens.discovery.events import Event
from shelflens.discovery.filters import conditions, require_columns
from shelflens.discovery.interests import Interest, interleave
from shelflens.discovery.numbers import parse_number
from shelflens.discovery.preferences import EVENT_WEIGHTS, RecommendOptions, interests_of
from shelflens.discovery.similar import (
    check_amounts,
    diversify,
    near_duplicate_threshold,
    nothing_left,
    pool_size,
    select_top,
)
from shelflens.errors import DataError

_MAX_DISLIKES = 3
"""Dislikes that are counted, those with the highest weight now."""

_SAMPLE_SIZE = 1000
"""Products from which different ones are chosen for a customer without a history."""


@dataclass(frozen=True)
class Suggestion:
    """One product, and the reason for it."""

    product: Match
    """Its score is the cosine similarity to the interest, less the penalty for dislikes."""
    because: str
    """In words: "because you liked Oat Milk"."""
    event: Event | None
    """The event of the interest that it resembles most; None when the customer has no history."""
    interest: int
    """Which interest, from 0, the strongest; -1 without one."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        event = self.event.to_dict() if self.event else None
        return {
            **self.product.to_dict(),
            "because": self.because,
            "event": event,
            "interest": self.interest,
        }


@dataclass(frozen=True)
class Recommendation:
    """What to show to a customer."""

    basis: Literal["profile", "popular", "diverse"]
    """From the customer's history, or without one: popular products, or different ones."""
    suggestions: list[Suggestion]
    weights: list[float] = field(default_factory=list)
    """The share of each interest, the strongest first."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "basis": self.basis,
            "interests": [round(weight, 4) for weight in self.weights],
            "suggestions": [suggestion.to_dict() for suggestion in self.suggestions],
        }


def recommend(
    catalog: Catalog,
    events: Sequence[Event],
    *,
    k: int = 10,
    where: Sequence[str] = (),
    diverse: float = 0.0,
    consumables: bool = False,
    popular: str | None = None,
    now: float | None = None,
    options: RecommendOptions | None = None,
) -> Recommendation:
    """Suggest products to a customer.

    Events become a few interests (`interests.group`). The query of an interest is the weighted mean
    of its events (chosen by `benchmarks/quality/shop/`); the results are interleaved in
    proportion to the weights of the interests. Products similar to a disliked one are penalised.
    Only images are compared, so a product is suggested as soon as it is added. Products with an
    event are known to the customer and left out; with `consumables` those bought or liked may come
    again.

    Args:
        catalog: The catalog; of the same embedding space as the events (`Profile.require`).
        events: `Profile.events()`; may be empty.
        k: How many.
        where: Conditions that all must hold (`filters`).
        diverse: 0 to 1; variants of what stands above are passed over (`similar.diversify`).
        consumables: Suggest what was bought or liked again.
        popular: A column of numbers, such as "sold", by which products are shown to a customer
            without a history; None shows products that differ from each other.
        now: Seconds since 1970, UTC; None is now.
        options: Half-life, interests and the penalty for dislikes.

    Raises:
        CatalogError: k below 1.
        DataError: a condition or column that does not fit, nothing left to suggest.
    """
    check_amounts(k, diverse)
    options = options or RecommendOptions()
    tests = conditions(where, catalog)
    known = {event.product for event in events if event.product}
    if consumables:
        wanted = {event.product for event in events if event.kind in ("buy", "like")}
        known -= wanted - {event.product for event in events if event.kind == "dislike"}

    def fits(_: int, product: Match) -> bool:
        return product.id not in known and all(test.holds(product.attributes) for test in tests)

    if not any(EVENT_WEIGHTS[event.kind] > 0 for event in events):
        result = _without_history(catalog, k, fits, popular)
    else:
        result = _from_history(catalog, events, k, fits, diverse, now, options)
    if not result.suggestions:
        raise (
            nothing_left(where)
            if where
            else DataError(
                f"{catalog.path or 'the catalog'}: the customer knows all {len(catalog)} products; "
                "ask with --consumables to suggest them again"
            )
        )
    return result


def _from_history(
    catalog: Catalog,
    events: Sequence[Event],
    k: int,
    fits: Callable[[int, Match], bool],
    diverse: float,
    now: float | None,
    options: RecommendOptions,
) -> Recommendation:
    interests, weights = interests_of(events, catalog, now=now, options=options)
    vectors = catalog.queries([event.vector for event in events])
    scores = _interest_scores(catalog, interests, vectors, weights, options.push)
    queues = [_candidates(catalog, row, k, fits, diverse) for row in scores]
    shown: set[int] = set()
    suggestions: list[Suggestion] = []
    shares = [interest.weight for interest in interests]
    for turn in interleave(shares, k * len(interests)):
        while queues[turn] and queues[turn][0][0] in shown:
            queues[turn].pop(0)
        if queues[turn] and len(suggestions) < k:
            index, product = queues[turn].pop(0)
            shown.add(index)
            members = list(interests[turn].members)
            nearest = members[int((vectors[members] @ catalog.mean_direction(index)).argmax())]
            reason = because(events[nearest])
            suggestions.append(Suggestion(product, reason, events[nearest], turn))
    return Recommendation("profile", suggestions, shares)


def _interest_scores(
    catalog: Catalog,
    interests: Sequence[Interest],
    vectors: NDArray[np.float32],
    weights: NDArray[np.float64],
    push: float,
) -> NDArray[np.float32]:
    """Each product's score for each interest, less the penalty for dislikes: float32 [i, p]."""
    queries = [
        _unit(weights[list(interest.members)] @ vectors[list(interest.members)])
        for interest in interests
    ]
    # Only the strongest dislikes: each is a further query.
    disliked = [
        int(n) for n in np.argsort(weights, kind="stable")[:_MAX_DISLIKES] if weights[n] < 0
    ]
    scores = catalog.best_row_scores(
        np.stack([*queries, *(vectors[n] for n in disliked)]).astype(np.float32)
    )
    result = scores[: len(interests)]
    for row, index in zip(scores[len(interests) :], disliked, strict=True):
        penalty = np.float32(push * weights[index] / EVENT_WEIGHTS["dislike"])
        result = result - penalty * np.maximum(row, 0)
    return result


def _candidates(
    catalog: Catalog,
    scores: NDArray[np.float32],
    k: int,
    fits: Callable[[int, Match], bool],
    diverse: float,
) -> list[tuple[int, Match]]:
    """Index and product of what one interest may suggest, best first."""
    indices, products = select_top(catalog, scores, pool_size(k) if diverse else 2 * k, fits)
    if diverse and indices:
        order = diversify(
            np.stack([catalog.mean_direction(index) for index in indices]),
            np.array([product.score for product in products]),
            2 * k,
            diverse,
            duplicate_threshold=near_duplicate_threshold(catalog),
        )
        indices, products = [indices[n] for n in order], [products[n] for n in order]
    return list(zip(indices, products, strict=True))


def _without_history(
    catalog: Catalog, k: int, fits: Callable[[int, Match], bool], popular: str | None
) -> Recommendation:
    """For a customer without a history."""
    if popular is not None:
        require_columns([popular], catalog)
        popularity = np.full(len(catalog), -np.inf, np.float32)
        for index in range(len(catalog)):
            number = parse_number(catalog.at(index).attributes.get(popular, ""))
            if number is not None:
                popularity[index] = number
        _, products = select_top(catalog, popularity, k, fits)
        reasons = [
            f"popular: {popular} {product.attributes.get(popular, 'unknown')}"
            for product in products
        ]
        suggestions = [
            Suggestion(product, reason, None, -1)
            for product, reason in zip(products, reasons, strict=True)
        ]
        return Recommendation("popular", suggestions)
    # The first of the sample, then always the farthest from those shown (Gonzalez 1985).
    indices = np.unique(np.linspace(0, len(catalog) - 1, _SAMPLE_SIZE).round().astype(int))
    chosen = [(int(n), catalog.at(int(n), 0.0)) for n in indices if len(catalog)]
    chosen = [(index, product) for index, product in chosen if fits(index, product)]
    if len(chosen) < k:  # strict conditions: look at every product
        zeros = np.zeros(len(catalog), np.float32)
        chosen = list(zip(*select_top(catalog, zeros, k, fits), strict=True))
    if not chosen:
        return Recommendation("diverse", [])
    vectors = np.stack([catalog.mean_direction(index) for index, _ in chosen])
    order = diversify(vectors, np.zeros(len(chosen), np.float32), k, 1.0)
    reason = "to look around"
    return Recommendation("diverse", [Suggestion(chosen[n][1], reason, None, -1) for n in order])


def because(event: Event) -> str:
    """The reason for a suggestion in words."""
    verbs = {"view": "viewed", "like": "liked", "buy": "bought", "photo": "photographed"}
    name = "this" if event.kind == "photo" and not event.name else event.name
    return f"because you {verbs[event.kind]} {name}"


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    length = float(np.sqrt(vector @ vector))
    return vector / length if length > 0 else vector
