"""From scores to one answer: match, ambiguous or unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from shelflens.catalog.calibration import DEFAULT, MARGIN_CAP, Calibration

Decision = Literal["match", "ambiguous", "unknown"]


@dataclass(frozen=True)
class Match:
    """One product of the catalog and how well it fits."""

    id: str
    name: str
    score: float
    """How well the product fits the query, -1 to 1: a mix of cosine similarities (`Catalog.match`,
    or of the best row alone, `similar`)."""
    attributes: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The match as JSON values."""
        return {
            "id": self.id,
            "name": self.name,
            "score": round(self.score, 4),
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
    """Where thresholds and confidence come from: "measured" with this catalog's own photos, or
    "default", the model card's; or "barcode", where one in the photo decided."""
    candidates: list[Match] = field(default_factory=list)
    """For `ambiguous`, the two or more products that cannot be told apart, best first."""

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
            "basis": self.basis,
            **({"candidates": ids} if ids else {}),
            "matches": [match.to_dict() for match in self.matches],
        }


def decide(matches: Sequence[Match], calibration: Calibration) -> Answer:
    """Judge the best matches by a threshold and a margin.

    Args:
        matches: Best first; ten or so, for all of them may be candidates.
        calibration: The catalog's.

    Returns:
        `unknown` below the threshold, `ambiguous` within the margin, `match` otherwise.
    """
    basis = calibration.basis
    if not matches:
        return Answer("unknown", [], 0.0, basis)
    first = matches[0].score
    margin = first - matches[1].score if len(matches) > 1 else MARGIN_CAP
    confidence = calibration.probability(first, margin)
    if first < calibration.threshold:
        return Answer("unknown", list(matches), confidence, basis)
    if len(matches) > 1 and margin < calibration.margin:
        near = [match for match in matches if first - match.score < calibration.margin]
        return Answer("ambiguous", list(matches), confidence, basis, near)
    return Answer("match", list(matches), confidence, basis)


def shown(answer: Answer, k: int) -> Answer:
    """The answer with its first k matches."""
    return replace(answer, matches=answer.matches[:k])
