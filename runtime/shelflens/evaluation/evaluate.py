"""One evaluation: the figures of a catalog and what they point to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from shelflens.catalog.calibration import Calibration
from shelflens.catalog.catalog import Catalog
from shelflens.dataset import LabelledImage
from shelflens.evaluation.checks import check_labels, check_scores, notices
from shelflens.evaluation.findings.calibration_trial import calibration_trial
from shelflens.evaluation.findings.confusion_pairs import confusion_pairs
from shelflens.evaluation.findings.k_shot import K_VALUES, SAMPLES, k_shot_curve
from shelflens.evaluation.findings.label_errors import LabelError, label_errors
from shelflens.evaluation.findings.needed_photos import needed_photos
from shelflens.evaluation.findings.pair_trials import pair_trials
from shelflens.evaluation.findings.training_gain import training_gain
from shelflens.evaluation.measure.figures import enrolled_figures, reliability, unknown_figures
from shelflens.evaluation.measure.groups import by_attribute, by_product
from shelflens.evaluation.measure.query_results import EmbeddedImages, QueryResult, query_catalog
from shelflens.evaluation.result import Evaluation, Trials

MIN_UNKNOWNS = 20
"""Queries of products that are not enrolled, from which they stand for unknown things when no
others are given."""

Step = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and the whole."""


def evaluate(
    catalog: Catalog,
    queries: EmbeddedImages,
    unknowns: EmbeddedImages | None = None,
    *,
    default: Calibration | None = None,
    row_paths: Sequence[Path] = (),
    copies: int = 0,
    source: str = "catalog",
    model: str = "",
    on_step: Step = lambda name, done, total: None,
) -> Evaluation:
    """Measure a catalog with images that it does not hold.

    Args:
        catalog: Two products or more.
        queries: Images with the ids of the products they show. Those of products that are not
            enrolled count as out-of-catalog queries.
        unknowns: Images of things that are not enrolled; their labels do not matter.
        default: The model's calibration for this catalog (`default_calibration`), for trying to
            calibrate.
        row_paths: The files of the enrolled images in the order of the rows, if known.
        copies: Queries that are images of an adapted catalog (`enrolled_already`).
        source: The catalog's name in the report.
        model: The model's name in the report.
        on_step: Called as the work goes on.

    Raises:
        CatalogError: one product or none.
        DataError: not one query shows an enrolled product; an unknown one is enrolled; all
            queries have the same score with all products.
    """
    labels = [item.product for item in queries.items]
    check_labels(catalog.ids, labels, [i.product for i in unknowns.items] if unknowns else [])
    total = len(labels) + (len(unknowns.items) if unknowns else 0)
    found = query_catalog(catalog, queries, on_done=lambda n: on_step("looking up", n, total))
    given: list[QueryResult] = []
    if unknowns:
        given = query_catalog(
            catalog,
            unknowns,
            on_done=lambda n: on_step("looking up", len(labels) + n, total),
        )
    results = [result for result in found if result.rank]
    check_scores(results)
    not_enrolled = [result for result in found if not result.rank]
    counted = bool(given) or len(not_enrolled) >= MIN_UNKNOWNS
    out_of_catalog = given + not_enrolled if counted else []
    notes = notices(results, not_enrolled, counted=counted, copies=copies)
    errors = _label_errors(catalog, results, row_paths)
    on_step("trying advice", 0, 4)
    doubted = {error.path for error in errors}
    needed, photos_trial = needed_photos(catalog, results, out_of_catalog, doubted)
    on_step("trying advice", 1, 4)
    pairs = pair_trials(catalog, results, out_of_catalog)
    on_step("trying advice", 2, 4)
    trials = Trials(
        photos=photos_trial,
        pairs=pairs,
        calibration=calibration_trial(catalog, results, given, default),
        training=training_gain(catalog, results),
    )
    on_step("trying advice", 4, 4)
    curve = k_shot_curve(
        catalog,
        results,
        on_done=lambda n: on_step("fewer photos", n, len(K_VALUES) * SAMPLES),
    )
    if not curve:
        notes.append(
            "most products have one photo in the catalog, so what a second or a tenth adds is not "
            "measured"
        )
    leave_one_out = unknown_figures(catalog, results, [])
    return Evaluation(
        catalog=catalog,
        source=source,
        model=model,
        basis=catalog.calibration.basis,
        results=results,
        unknowns=out_of_catalog,
        not_enrolled=not_enrolled,
        row_paths=list(row_paths),
        enrolled=enrolled_figures(results),
        unknown=unknown_figures(catalog, results, out_of_catalog) if counted else leave_one_out,
        leave_one_out=leave_one_out,
        reliability=reliability(results, out_of_catalog),
        by_product=by_product(catalog, results),
        by_attribute=by_attribute(catalog, results),
        k_shot_curve=curve,
        confusion_pairs=confusion_pairs(catalog, results),
        needed_photos=needed,
        label_errors=errors,
        trials=trials,
        notices=notes,
    )


def _label_errors(
    catalog: Catalog, results: Sequence[QueryResult], row_paths: Sequence[Path]
) -> list[LabelError]:
    """Among the enrolled images and the queries together."""
    owners = catalog.row_ids
    enrolled: list[LabelledImage | None] = [None] * catalog.row_count
    if row_paths:
        pairs = zip(row_paths, owners, strict=True)
        enrolled = [LabelledImage(path, owner) for path, owner in pairs]
    return label_errors(
        [*enrolled, *(result.item for result in results)],
        [*owners, *(result.item.product for result in results)],
        np.concatenate([catalog.vectors, catalog.queries([result.vector for result in results])]),
        catalog.row_count,
    )
