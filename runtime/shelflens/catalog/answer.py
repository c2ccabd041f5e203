"""From scores to one answer: match, ambiguous or unknown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Decision = Literal["match", "ambiguous", "unknown"]

MEASURED, DEFAULT = "measured", "default"
"""The basis of an answer."""

DEFAULT_CALIBRATION: Mapping[str, Any] = {"threshold": 0.5, "margin": 0.02, "basis": DEFAULT}
"""Threshold and margin are used only for a catalog made by hand without any measured figure."""

MOST_LEAD = 0.2
"""Lead over the second product from which the first is as sure as it gets; also the lead of the
only product of a catalog."""

STEEP = 20.0
"""Rise of the log odds per unit of score and of lead when nothing was measured: 0.1 above the
threshold or the margin is e squared to one, about 7 in 8."""


@dataclass(frozen=True)
class Match:
    """One product of the catalog and how well it fits."""

    id: str
    name: str
    score: float
    """How well the product fits the query, -1 to 1: a mix of cosine similarities (`Catalog.match`,
    or of the best picture alone, `similar`)."""
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
    """The chance that the first product is the right one, 0 to 1, whatever the decision."""
    basis: str = DEFAULT
    """Where thresholds and confidence come from: "measured" with this catalog's own photos, or
    "default", the model card's."""
    candidates: list[Match] = field(default_factory=list)
    """For `ambiguous`, the two or more products that cannot be told apart, best first."""

    @property
    def best(self) -> Match | None:
        """The product, when the decision is `match`."""
        return self.matches[0] if self.decision == "match" else None

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON values; `candidates`, as ids, for `ambiguous` only."""
        told = {"candidates": [one.id for one in self.candidates]} if self.candidates else {}
        return {
            "decision": self.decision,
            "confidence": round(self.confidence, 4),
            "basis": self.basis,
            **told,
            "matches": [match.to_dict() for match in self.matches],
        }


def decide(matches: Sequence[Match], calibration: Mapping[str, Any]) -> Answer:
    """Judge the best matches by a threshold and a margin.

    Args:
        matches: Best first; ten or so, for all of them may be candidates.
        calibration: `threshold`, the least score of a product that is there; `margin`, the least
            lead of the best product over the next; `confidence`, three numbers (`chance`);
            `basis`. What is missing is taken from `DEFAULT_CALIBRATION`.

    Returns:
        `unknown` below the threshold, `ambiguous` within the margin, `match` otherwise.
    """
    facts = {**DEFAULT_CALIBRATION, **calibration}
    basis = str(facts["basis"])
    if not matches:
        return Answer("unknown", [], 0.0, basis)
    first, margin = matches[0].score, facts["margin"]
    lead = first - matches[1].score if len(matches) > 1 else MOST_LEAD
    curve = facts.get("confidence") or default_curve(facts["threshold"], margin)
    sure = chance(curve, first, lead)
    if first < facts["threshold"]:
        return Answer("unknown", list(matches), sure, basis)
    if len(matches) > 1 and lead < margin:
        near = [one for one in matches if first - one.score < margin]
        return Answer("ambiguous", list(matches), sure, basis, near)
    return Answer("match", list(matches), sure, basis)


def chance(curve: Sequence[float], score: float, lead: float) -> float:
    """The chance that the first product is right, 0 to 1.

    Args:
        curve: Three numbers: log odds at score and lead zero, their rise per unit of score and
            per unit of lead (Platt 1999). The last two are not negative: monotone in both.
        score: The first product's.
        lead: Over the second product; above `MOST_LEAD` more lead says no more.
    """
    odds = curve[0] + curve[1] * score + curve[2] * min(lead, MOST_LEAD)
    return 1 / (1 + math.exp(-min(max(odds, -30.0), 30.0)))


def default_curve(threshold: float, margin: float) -> tuple[float, float, float]:
    """The curve when nothing was measured: one in two at the threshold and the margin."""
    return -STEEP * (threshold + margin), STEEP, STEEP


def shown(answer: Answer, k: int) -> Answer:
    """The answer with its first k matches."""
    return replace(answer, matches=answer.matches[:k])
