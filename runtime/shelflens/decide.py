"""From scores to one answer: match, ambiguous or unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Decision = Literal["match", "ambiguous", "unknown"]

DEFAULT_CALIBRATION: Mapping[str, float] = {"threshold": 0.5, "margin": 0.02}
"""Used only for a catalog made by hand without any measured figure."""


@dataclass(frozen=True)
class Match:
    """One product of the catalog and how well it fits."""

    id: str
    name: str
    score: float
    """Cosine similarity of the query with the product's best picture, -1 to 1."""
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

    @property
    def best(self) -> Match | None:
        """The product, when the decision is `match`."""
        return self.matches[0] if self.decision == "match" else None

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON values."""
        return {
            "decision": self.decision,
            "matches": [match.to_dict() for match in self.matches],
        }


def decide(matches: Sequence[Match], calibration: Mapping[str, float]) -> Answer:
    """Judge the best matches by a threshold and a margin.

    Args:
        matches: Best first.
        calibration: `threshold`, the least cosine similarity of a product that is there, and
            `margin`, the least lead of the best product over the next.

    Returns:
        `unknown` below the threshold, `ambiguous` within the margin, `match` otherwise.
    """
    if not matches or matches[0].score < calibration["threshold"]:
        return Answer("unknown", list(matches))
    if len(matches) > 1 and matches[0].score - matches[1].score < calibration["margin"]:
        return Answer("ambiguous", list(matches))
    return Answer("match", list(matches))
