"""How sure an answer must be, and how that was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from shelflens.catalog.posterior import Posterior, number

MEASURED, DEFAULT = "measured", "default"
"""The basis of a calibration."""

Interval = tuple[float, float]
"""95 %."""


@dataclass(frozen=True)
class Measurement:
    """What a calibration was measured on, and what it gave there; all for people to read."""

    min_probability_interval: Interval
    false_accept_rate: float
    """Target share of unknown things that are answered `match`."""
    measured_false_accept_rate: float
    """What it is for things other than those that the least probability was measured on."""
    false_accept_rate_interval: Interval
    weight: float
    """How much of the least probability these photos decide, 0 to 1; the rest is the default's."""
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
        names = [item.name for item in fields(cls)]
        if any(name not in values for name in names):
            return None
        given = {name: values[name] for name in names}
        for name in ("min_probability_interval", "false_accept_rate_interval"):
            low, high = given[name]
            given[name] = (low, high)
        return cls(**given)


@dataclass(frozen=True)
class Calibration:
    """What `decide` goes by. The defaults are for a catalog of which nothing was measured."""

    posterior: Posterior = field(default_factory=Posterior)
    min_probability: float = 0.95
    """Smallest probability of the first product that is answered `match`; 0.5 to below 1."""
    basis: str = DEFAULT
    """"measured" with photos of this catalog's products, or "default", the model card's."""
    measurement: Measurement | None = None
    threshold: float = 0.5
    """Score from which two images are of one thing where no catalog is asked: near-duplicates, and
    what a camera shows twice. The model card's; a calibration leaves it."""
    view_similarity: float | None = None
    """Mean cosine of an image and its random views when the catalog was built; None where it was
    not looked at. For people, and for the default that `calibrate` makes again."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calibration:
        """From the JSON of a catalog or a model card; keys that are missing get the defaults, and
        keys of other versions are ignored.

        Raises:
            TypeError, ValueError: a value of another type, or out of its range.
        """
        min_probability = number(
            "min_probability", values.get("min_probability", cls.min_probability)
        )
        threshold = number("threshold", values.get("threshold", cls.threshold))
        similarity = None
        if "view_similarity" in values:
            similarity = number("view_similarity", values["view_similarity"])
        cosines = (threshold, similarity or 0.0)
        if not (0.5 <= min_probability < 1 and all(-1 <= value <= 1 for value in cosines)):
            raise ValueError(
                f"a calibration in its range, got min_probability {min_probability}, "
                f"threshold {threshold} and view_similarity {similarity}"
            )
        if "posterior" not in values:  # of an earlier rule: a threshold
            posterior, basis = Posterior(), str(values.get("basis", cls.basis))
            if basis == MEASURED and "threshold" in values:
                posterior = posterior.with_alone(threshold, min_probability)
            return cls(posterior, min_probability, basis, None, threshold, similarity)
        return cls(
            Posterior.from_dict(values["posterior"]),
            min_probability,
            str(values.get("basis", cls.basis)),
            Measurement.from_dict(values),
            threshold,
            similarity,
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, for a file: what was measured only where something was."""
        values = {key: value for key, value in asdict(self).items() if key != "measurement"}
        if self.view_similarity is None:
            del values["view_similarity"]
        measured = asdict(self.measurement) if self.measurement is not None else {}
        lists = {key: list(v) if isinstance(v, tuple) else v for key, v in measured.items()}
        return {**values, **lists}
