"""A catalog's calibration: threshold, margin, confidence, and how they were measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

MEASURED, DEFAULT = "measured", "default"
"""The basis of a calibration."""

MARGIN_CAP = 0.2
"""A margin above this says no more; also the margin of the only product of a catalog."""

DEFAULT_SLOPE = 20.0
"""Rise of the log odds per unit of score and of margin when nothing was measured: 0.1 above the
threshold or the margin is e squared to one, about 7 in 8."""

Interval = tuple[float, float]
"""95 %."""


@dataclass(frozen=True)
class Measurement:
    """What a calibration was measured on, and what it gave there; all for people to read."""

    threshold_interval: Interval
    false_accept_rate: float
    """Target share of unknown things that are answered with a product."""
    measured_false_accept_rate: float
    """What it is for things other than those that the threshold was measured on."""
    false_accept_rate_interval: Interval
    weight: float
    """How much of the threshold these photos decide, 0 to 1; the rest is the default's."""
    accepted: float
    """Of the photos of enrolled products, the share not answered `unknown`."""
    matched: float
    """The share answered `match`."""
    matched_right: float | None
    """Of these, the share with the right product; None where there are none."""
    unknown_share: float
    """Share of unknown things among the photos that the confidence is made for."""
    queries: int
    """Photos of enrolled products."""
    unknowns: int
    """Photos of unknown things; 0 when products were left out in turn instead."""
    products: int
    """Products of the catalog then."""
    rows: int
    """Its rows."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Measurement | None:
        """From the keys of a calibration in a file; None unless all of them are there."""
        names = [field.name for field in fields(cls)]
        if any(name not in values for name in names):
            return None
        given = {name: values[name] for name in names}
        for name in ("threshold_interval", "false_accept_rate_interval"):
            low, high = given[name]
            given[name] = (low, high)
        return cls(**given)


@dataclass(frozen=True)
class Calibration:
    """What `decide` goes by. The defaults are for a catalog of which nothing was measured."""

    threshold: float = 0.5
    """Smallest score of a product that is there."""
    margin: float = 0.02
    """Smallest difference between the first score and the second of a match."""
    confidence: tuple[float, float, float] | None = None
    """Log odds at score and margin zero, their rise per unit of score and per unit of margin (Platt
    1999). The last two are not negative. None takes the default's."""
    basis: str = DEFAULT
    """"measured" with photos of this catalog's products, or "default", the model card's."""
    measurement: Measurement | None = None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calibration:
        """From the JSON of a catalog or a model card; keys that are missing get the defaults, and
        keys of other versions are ignored.

        Raises:
            TypeError, ValueError: a value of another type.
        """
        confidence = None
        if curve := values.get("confidence"):
            height, of_score, of_margin = map(float, curve)
            confidence = (height, of_score, of_margin)
        return cls(
            float(values.get("threshold", cls.threshold)),
            float(values.get("margin", cls.margin)),
            confidence,
            str(values.get("basis", cls.basis)),
            Measurement.from_dict(values),
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, for a file: what was measured only where something was."""
        values: dict[str, Any] = {"threshold": self.threshold, "margin": self.margin}
        if self.basis != DEFAULT:
            values["basis"] = self.basis
        if self.confidence is not None:
            values["confidence"] = list(self.confidence)
        measured = asdict(self.measurement) if self.measurement is not None else {}
        lists = {key: list(v) if isinstance(v, tuple) else v for key, v in measured.items()}
        return {**values, **lists}

    def probability(self, score: float, margin: float) -> float:
        """The probability that the first product is right, 0 to 1.

        Args:
            score: The first product's.
            margin: Its difference to the second product's; above `MARGIN_CAP` it says no more.
        """
        height, of_score, of_margin = self.confidence or self._default_curve()
        odds = height + of_score * score + of_margin * min(margin, MARGIN_CAP)
        return 1 / (1 + math.exp(-min(max(odds, -30.0), 30.0)))

    def _default_curve(self) -> tuple[float, float, float]:
        """One in two at the threshold and the margin."""
        return -DEFAULT_SLOPE * (self.threshold + self.margin), DEFAULT_SLOPE, DEFAULT_SLOPE
