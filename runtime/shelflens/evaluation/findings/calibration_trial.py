"""What calibrating with these photos would do, on photos that it was not measured with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.calibration.calibrate import Calibrated
from shelflens.calibration.check import SAME_IMAGE
from shelflens.calibration.fit import fit_calibration
from shelflens.calibration.judge import judge, mean_judgement
from shelflens.calibration.scores import Scores, score_photos
from shelflens.catalog.answer import MIN_UNKNOWN
from shelflens.catalog.calibration import Calibration
from shelflens.catalog.catalog import Catalog
from shelflens.errors import DataError
from shelflens.evaluation.measure.query_results import QueryResult
from shelflens.evaluation.measure.trial import Trial, compare


@dataclass(frozen=True)
class CalibrationTrial:
    """The catalog's calibration and one measured with the other half of the things."""

    right: Trial
    """Queries of enrolled products: `match`, and right."""
    answered: Trial
    """The same: right, and not `unknown`."""
    refused: Trial | None
    """Unknown things: not `match`; None without any."""
    better: bool
    """Whether `catalog calibrate` would take it."""

    def to_dict(self) -> dict[str, Any]:
        """The trial as JSON values."""
        return {
            "right": self.right.to_dict(),
            "answered": self.answered.to_dict(),
            "refused": self.refused.to_dict() if self.refused else None,
            "better": self.better,
        }


def calibration_trial(
    catalog: Catalog,
    results: Sequence[QueryResult],
    unknowns: Sequence[QueryResult],
    default: Calibration | None,
) -> CalibrationTrial | None:
    """As `catalog calibrate` measures it, in two halves of the things.

    Args:
        catalog: Its calibration is what the new one is compared with.
        results: Queries of enrolled products.
        unknowns: Photos of unknown things that were given as such; may be none.
        default: The model's calibration for this catalog.

    Returns:
        None where halves cannot be judged, or the catalog was calibrated with these photos.
    """
    new = [result for result in results if result.best_row_score < SAME_IMAGE]
    if not new:  # all are images of the catalog
        return None
    try:
        photos = score_photos(
            catalog,
            np.stack([result.vector for result in new]),
            [result.item.product for result in new],
            np.stack([result.vector for result in unknowns]) if unknowns else None,
            [result.item.product for result in unknowns],
        )
    except DataError:  # all alike: nothing to measure with
        return None
    full = fit_calibration(photos, default=default)
    if full == catalog.calibration:
        return None
    known: list[_Outcomes] = []
    strange: list[_Outcomes] = []
    judged_before, judged_after = [], []
    for parity in (0, 1):
        learnt, judged = photos.half(parity), photos.half(1 - parity)
        if not (len(learnt.known) and len(judged.known) and learnt.not_enrolled):
            return None
        after = fit_calibration(learnt, default=default)
        ways = (catalog.calibration, after)
        known.append(_Outcomes.of(judged.known, ways))
        if judged.unknown is not None:
            strange.append(_Outcomes.of(judged.unknown, ways))
        judged_before.append(judge(judged, catalog.calibration))
        judged_after.append(judge(judged, after))
    calibrated = Calibrated(full, mean_judgement(judged_before), mean_judgement(judged_after))
    both = _Outcomes.joined(known)
    right = _compared(both.matched & both.first, both.labels)
    answered = _compared(both.offered & both.first, both.labels)
    refused = None
    if strange:
        rest = _Outcomes.joined(strange)
        refused = _compared(~rest.matched, rest.labels)
    if right is None or answered is None:
        return None
    return CalibrationTrial(right, answered, refused, calibrated.better)


def _compared(ways: NDArray[np.bool_], labels: list[str]) -> Trial | None:
    """Before and after, bool [2, m], of these labels [m]."""
    return compare(ways[0], ways[1], labels)


@dataclass(frozen=True)
class _Outcomes:
    """How m photos are answered, before and after."""

    labels: list[str]
    first: NDArray[np.bool_]
    """Whether the right product is first, [m]."""
    matched: NDArray[np.bool_]
    """[2, m]."""
    offered: NDArray[np.bool_]
    """Not `unknown`, [2, m]."""

    @classmethod
    def of(cls, scores: Scores, ways: Sequence[Calibration]) -> _Outcomes:
        matched, offered = [], []
        for way in ways:
            probabilities = way.posterior.probabilities(scores.scores, scores.products)
            offered.append(probabilities[:, -1] <= MIN_UNKNOWN)
            matched.append(offered[-1] & (probabilities[:, 0] >= way.min_probability))
        return cls(scores.labels, scores.right == 0, np.array(matched), np.array(offered))

    @classmethod
    def joined(cls, parts: Sequence[_Outcomes]) -> _Outcomes:
        return cls(
            [label for part in parts for label in part.labels],
            np.concatenate([part.first for part in parts]),
            np.concatenate([part.matched for part in parts], axis=1),
            np.concatenate([part.offered for part in parts], axis=1),
        )
