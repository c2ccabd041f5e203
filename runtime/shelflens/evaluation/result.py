"""What an evaluation found, in one frozen value; as JSON it is `report.json`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shelflens.catalog.catalog import Catalog
from shelflens.evaluation.findings.calibration_trial import CalibrationTrial
from shelflens.evaluation.findings.confusion_pairs import ConfusionPair, Remedy
from shelflens.evaluation.findings.k_shot import KShotPoint
from shelflens.evaluation.findings.label_errors import LabelError
from shelflens.evaluation.findings.needed_photos import NeededPhotos
from shelflens.evaluation.measure.figures import EnrolledFigures, Reliability, UnknownFigures
from shelflens.evaluation.measure.groups import AttributeFigures, ProductFigures
from shelflens.evaluation.measure.query_results import QueryResult
from shelflens.evaluation.measure.trial import Trial


@dataclass(frozen=True)
class Trials:
    """What each proposal does, on queries that it was not made from; None where nothing was
    tried."""

    photos: Trial | None
    """The queries of `needed_photos` enrolled: found."""
    pairs: dict[Remedy, Trial | None]
    """Each remedy of confusion pairs: merged, right or its partner first; else found, with further
    photos enrolled."""
    calibration: CalibrationTrial | None
    training: Trial | None
    """Right product first, by a linear layer in place of training."""

    def helps(self, remedy: Remedy) -> bool:
        """Whether a remedy of confusion pairs does."""
        trial = self.pairs.get(remedy)
        return trial is not None and trial.helps

    def to_dict(self) -> dict[str, Any]:
        """The trials as JSON values."""
        trials = {"photos": self.photos, "training": self.training}
        trials |= {name.replace(" ", "_"): trial for name, trial in self.pairs.items()}
        return {
            **{name: trial.to_dict() if trial else None for name, trial in trials.items()},
            "calibration": self.calibration.to_dict() if self.calibration else None,
        }


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found."""

    catalog: Catalog
    source: str
    """The catalog file, or the gallery it was built from."""
    model: str
    basis: str
    """Whether threshold and confidence are "measured" with this store's photos or "default"."""
    results: list[QueryResult]
    """Of the queries whose product is enrolled."""
    unknowns: list[QueryResult]
    """Of out-of-catalog queries."""
    not_enrolled: list[QueryResult]
    """Of the labelled queries whose product is not enrolled, whether or not among `unknowns`."""
    row_paths: list[Path]
    """The files of the enrolled images, in the order of the rows; empty if not known."""
    enrolled: EnrolledFigures
    unknown: UnknownFigures
    """With `unknowns`, or where there are none, the same as `leave_one_out`."""
    leave_one_out: UnknownFigures
    """Each query with its own product removed: a new product on the same shelf."""
    reliability: Reliability
    by_product: list[ProductFigures]
    by_attribute: list[AttributeFigures]
    k_shot_curve: list[KShotPoint]
    confusion_pairs: list[ConfusionPair]
    needed_photos: list[NeededPhotos]
    label_errors: list[LabelError]
    trials: Trials
    notices: list[str] = field(default_factory=list)

    @property
    def without_queries(self) -> list[str]:
        """Ids of enrolled products that no query shows."""
        shown = {row.id for row in self.by_product}
        return [product for product in self.catalog.ids if product not in shown]

    @property
    def not_rejected(self) -> list[QueryResult]:
        """Out-of-catalog queries that were not answered `unknown`, the highest score first."""
        wrong = [result for result in self.unknowns if result.decision != "unknown"]
        return sorted(wrong, key=lambda result: -result.first.score)

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return {
            "format": 1,
            "source": self.source,
            "model": self.model,
            "space": self.catalog.space,
            "calibration": self.catalog.calibration.to_dict(),
            "basis": self.basis,
            "products": len(self.catalog),
            "rows": self.catalog.row_count,
            "queries": len(self.results),
            "unknown_queries": len(self.unknowns),
            "notices": self.notices,
            "enrolled": self.enrolled.to_dict(),
            "unknown": self.unknown.to_dict(),
            "leave_one_out": self.leave_one_out.to_dict(),
            "reliability": self.reliability.to_dict(),
            "k_shot_curve": [point.to_dict() for point in self.k_shot_curve],
            "trials": self.trials.to_dict(),
            "needed_photos": [need.to_dict() for need in self.needed_photos],
            "confusion_pairs": [pair.to_dict() for pair in self.confusion_pairs],
            "label_errors": [error.to_dict() for error in self.label_errors],
            "not_rejected": [
                {
                    "photo": str(result.path),
                    "decision": result.decision,
                    "first": result.first.to_dict(),
                }
                for result in self.not_rejected
            ],
            "without_queries": self.without_queries,
            "by_product": [row.to_dict() for row in self.by_product],
            "by_attribute": [row.to_dict() for row in self.by_attribute],
        }
