"""From scores to one answer: match, ambiguous or unknown."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from shelflens.catalog.calibration import DEFAULT, Calibration
from shelflens.catalog.nearest import Nearest
from shelflens.catalog.scores import MATCH_CANDIDATES

Decision = Literal["match", "ambiguous", "unknown"]

MIN_UNKNOWN = 0.5
"""Probability of "not enrolled" above which the answer is `unknown`: up to it, the nearest products
are named as possible ones."""

CANDIDATE_SHARE = 0.8
"""Share of the products' probability that the candidates of `ambiguous` have together."""


@dataclass(frozen=True)
class Match:
    """One product of the catalog and how well it fits."""

    id: str
    name: str
    score: float
    """How well the product fits the query, -1 to 1: a mix of cosine similarities (`Catalog.match`,
    or of the best row alone, `similar`)."""
    attributes: dict[str, str] = field(default_factory=dict)
    probability: float | None = None
    """That the photo shows this product, 0 to 1; None where no photo was asked about, as in
    `similar`, and past the products that were judged."""

    def to_dict(self) -> dict[str, Any]:
        """The match as JSON values."""
        known = {} if self.probability is None else {"probability": round(self.probability, 4)}
        return {
            "id": self.id,
            "name": self.name,
            "score": round(self.score, 4),
            **known,
            "attributes": dict(self.attributes),
        }


@dataclass(frozen=True)
class Answer:
    """What a photo shows, as far as the catalog can tell."""

    decision: Decision
    matches: list[Match]
    """Best first; for `unknown` the nearest products, for information."""
    confidence: float = 0.0
    """The probability that the first product is the right one, 0 to 1, whatever the decision."""
    basis: str = DEFAULT
    """Where the probabilities come from: "measured" with this catalog's own photos, or "default",
    the model card's; or "barcode", where one in the photo decided."""
    candidates: list[Match] = field(default_factory=list)
    """For `ambiguous`, the products that it may be, best first; a single one is "perhaps this"."""
    unknown_probability: float = 1.0
    """That the photo shows no enrolled product, 0 to 1."""

    @property
    def best(self) -> Match | None:
        """The product, when the decision is `match`."""
        return self.matches[0] if self.decision == "match" else None

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON values; `candidates`, as ids, for `ambiguous` only."""
        ids = [match.id for match in self.candidates]
        return {
            "decision": self.decision,
            "confidence": round(self.confidence, 4),
            "unknown_probability": round(self.unknown_probability, 4),
            "basis": self.basis,
            **({"candidates": ids} if ids else {}),
            "matches": [match.to_dict() for match in self.matches],
        }


def match_of(record: dict[str, Any], score: float, probability: float | None = None) -> Match:
    """A product as the catalog's table has it, with a score."""
    attributes = dict(record["attributes"])
    name = attributes.get("name") or record["id"]
    return Match(record["id"], name, score, attributes, probability)


def matches_of(nearest: Nearest, record: Callable[[int], dict[str, Any]]) -> list[list[Match]]:
    """The matches of q queries, from the indices and scores of each one's nearest products."""
    indices, scores = (table.tolist() for table in nearest)
    return [
        [match_of(record(index), score) for index, score in zip(*each, strict=True)]
        for each in zip(indices, scores, strict=True)
    ]


def decide(matches: Sequence[Match], products: int, calibration: Calibration) -> Answer:
    """Judge the best matches by the posterior.

    Args:
        matches: Best first. Only the first `MATCH_CANDIDATES` are judged and may be candidates, so
            that the answer does not depend on how many are shown; further ones get no probability.
        products: How many the catalog has.
        calibration: The catalog's.

    Returns:
        `match` when the first product has at least `calibration.min_probability`, `unknown` when
        "not enrolled" has more than `MIN_UNKNOWN`, `ambiguous` otherwise, with the fewest products
        that have `CANDIDATE_SHARE` of what is not "not enrolled".
    """
    scores = np.array([match.score for match in matches[:MATCH_CANDIDATES]])
    probabilities = calibration.posterior.probabilities(scores, products).tolist()
    judged = [
        Match(match.id, match.name, match.score, match.attributes, probability)
        for match, probability in zip(matches, probabilities[:-1], strict=False)
    ]
    return _decided([*judged, *matches[MATCH_CANDIDATES:]], probabilities, calibration)


def answers(
    nearest: Nearest,
    record: Callable[[int], dict[str, Any]],
    products: int,
    calibration: Calibration,
    k: int,
) -> Iterator[Answer]:
    """`decide` for q queries, the posterior of all of them at once.

    Args:
        nearest: Indices and scores of the nearest products of each, `MATCH_CANDIDATES` or more
            where the catalog has as many.
        record: From an index to the product's record.
        products: How many the catalog has.
        calibration: The catalog's.
        k: Matches to show.
    """
    indices, scores = nearest
    table = calibration.posterior.probabilities(scores[:, :MATCH_CANDIDATES], products).tolist()
    rest = [None] * max(0, scores.shape[1] - MATCH_CANDIDATES)
    asked = zip(indices.tolist(), scores.tolist(), table, strict=True)
    for products_found, scores_found, probabilities in asked:
        judged = zip(products_found, scores_found, [*probabilities[:-1], *rest], strict=True)
        matches = [match_of(record(index), score, p) for index, score, p in judged]
        yield shown(_decided(matches, probabilities, calibration), k)


def _decided(
    matches: list[Match], probabilities: Sequence[float], calibration: Calibration
) -> Answer:
    """The answer of matches that have their probabilities; the last of all is "not enrolled"'s."""
    none = probabilities[-1]
    answer = Answer(
        "unknown",
        matches,
        probabilities[0] if matches else 0.0,
        calibration.basis,
        unknown_probability=none,
    )
    if none > MIN_UNKNOWN:
        return answer
    if answer.confidence >= calibration.min_probability:
        return replace(answer, decision="match")
    return replace(answer, decision="ambiguous", candidates=_candidates(matches[:MATCH_CANDIDATES]))


def _candidates(matches: Sequence[Match]) -> list[Match]:
    """The fewest products, at least one, that have `CANDIDATE_SHARE` of all products' probability.

    A product with the same score as the last of them is one too.
    """
    total = math.fsum(match.probability or 0.0 for match in matches)
    candidates: list[Match] = []
    reached = 0.0
    for match in matches:
        if reached >= CANDIDATE_SHARE * total and match.score < candidates[-1].score:
            break
        candidates.append(match)
        reached += match.probability or 0.0
    return candidates


def shown(answer: Answer, k: int) -> Answer:
    """The answer with its first k matches."""
    return replace(answer, matches=answer.matches[:k])
