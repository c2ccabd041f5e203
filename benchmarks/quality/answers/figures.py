"""What is counted over the trials: shares, error of the confidence, bursts, few photos, cost."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.quality.answers.trials import FOREIGN, Embeddings, How, Trial
from benchmarks.quality.measuring import Vectors, calibration_error, separation
from shelflens import Answer, Catalog
from shelflens.calibration.fit import FALSE_ACCEPT_RATE
from shelflens.catalog.answer import decide
from shelflens.catalog.fuse import fuse

RATES = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
"""Target false accept rates."""
PHOTO_COUNTS = (1, 3, 10, 30, 100, 300)
BURST = 3
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 1.0)


def calibrated(
    trials: Sequence[Trial], how: How, rate: float = FALSE_ACCEPT_RATE
) -> dict[str, Any]:
    """Mean and range over the seeds."""
    rows = []
    for trial in trials:
        calibration = trial.calibration(how, rate)
        known, new = both_judged(trial, calibration)
        row = {"min_probability": calibration.min_probability}
        row |= counted(known, trial.photos("known judged")[1], new)
        for name in FOREIGN:
            row[f"false accepts, {name}"] = matched(trial.answers(name, calibration))
        rows.append(row)
    return summary(rows)


def both_judged(trial: Trial, calibration: Any) -> tuple[list[Answer], list[Answer]]:
    """Answers to the photos that judge: of enrolled products, and of unknown ones."""
    return (
        trial.answers("known judged", calibration),
        trial.answers("unknown judged", calibration),
    )


def summary(rows: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Mean and range of each figure, over the seeds that have it."""
    columns = {key: [row[key] for row in rows if not math.isnan(row[key])] for key in rows[0]}
    return {
        "mean": {key: mean(values) for key, values in columns.items()},
        "range": {
            key: [min(values, default=0), max(values, default=0)] for key, values in columns.items()
        },
    }


def matched(answers: Sequence[Answer]) -> float:
    """The share that is answered `match`."""
    return mean([answer.decision == "match" for answer in answers])


def counted(
    known: Sequence[Answer], products: Sequence[str], new: Sequence[Answer]
) -> dict[str, float]:
    """Shares of what was answered, to photos of enrolled products and of unknown ones."""
    right = np.array([a.matches[0].id == own for a, own in zip(known, products, strict=True)])
    decisions = np.array([answer.decision for answer in known])
    unknown = np.array([answer.decision for answer in new])
    among = [
        own in [candidate.id for candidate in answer.candidates]
        for answer, own in zip(known, products, strict=True)
        if answer.decision == "ambiguous"
    ]
    match = decisions == "match"
    confidence = np.array([answer.confidence for answer in [*known, *new]])
    truth = np.concatenate([right, np.zeros(len(new), bool)])
    return {
        "false accepts": mean(unknown == "match"),
        "unknown not rejected": mean(unknown != "unknown"),
        "accepted": mean(decisions != "unknown"),
        "matched": mean(match),
        "matched right": mean(right[match]) if match.any() else math.nan,
        "ambiguous": mean(decisions == "ambiguous"),
        "among candidates": mean(among) if among else math.nan,
        "ece": calibration_error(confidence, truth),
    }


def pooled_error(trials: Sequence[Trial]) -> float:
    """Calibration error of all seeds' photos together, which has less noise than each one's."""
    confidence: list[float] = []
    right: list[bool] = []
    for trial in trials:
        known, new = both_judged(trial, trial.calibration("unknowns"))
        owners = trial.photos("known judged")[1]
        confidence += [answer.confidence for answer in [*known, *new]]
        right += [a.matches[0].id == own for a, own in zip(known, owners, strict=True)]
        right += [False] * len(new)
    return calibration_error(np.array(confidence), np.array(right))


def separated(embeddings: Embeddings, split: str) -> dict[str, Any]:
    """Enrolled against left-out products by the first score: all photos, nothing calibrated."""
    catalog, half = embeddings.enrolled(0)
    queries, products = embeddings.vectors[split], embeddings.labels[split]
    known = np.array([product in half for product in products])

    def row(first: Sequence[tuple[str, float]]) -> dict[str, float]:
        scores = np.array([score for _, score in first])
        auroc, fpr = separation(scores[known], scores[~known])
        right = [name == own for (name, _), own in zip(first, products, strict=True)]
        return {"auroc": auroc, "fpr_at_95_tpr": fpr, "recall": mean(np.array(right)[known])}

    ids = catalog.ids
    best_rows = catalog.best_row_scores(queries)
    matches = [catalog.match(vector, 1)[0] for vector in queries]
    return {
        "product score": row([(match.id, match.score) for match in matches]),
        "best row": row([(ids[int(r.argmax())], float(r.max())) for r in best_rows]),
    }


def by_confidence(trials: Sequence[Trial]) -> list[dict[str, float]]:
    """How many of the photos of enrolled products are right, highest confidence first, pooled."""
    confidence, right = [], []
    for trial in trials:
        answers = trial.answers("known judged", trial.calibration("unknowns"))
        for answer, own in zip(answers, trial.photos("known judged")[1], strict=True):
            confidence.append(answer.confidence)
            right.append(answer.matches[0].id == own)
    order = np.argsort(-np.array(confidence), kind="stable")
    ranked = np.array(right)[order]
    return [
        {
            "answered": share,
            "right": mean(ranked[: int(share * len(ranked))]),
            "confidence": float(np.array(confidence)[order][int(share * len(ranked)) - 1]),
        }
        for share in SHARES
    ]


def fused(trials: Sequence[Trial]) -> dict[str, Any]:
    """Three photos of one product that follow each other in its list, beside single ones."""
    rows: dict[str, list[dict[str, float]]] = {"one photo": [], f"{BURST} photos": []}
    for trial in trials:
        catalog = trial.catalog.with_calibration(trial.calibration("unknowns"))
        for name, size in zip(rows, (1, BURST), strict=True):
            known, new = (bursts(trial, f"{part} judged", size) for part in ("known", "unknown"))
            answers = [[fuse(catalog, vectors) for vectors, _ in part] for part in (known, new)]
            owners = [own for _, own in known]
            scores = [np.array([a.matches[0].score for a in part]) for part in answers]
            auroc, fpr = separation(*scores)
            right = [a.matches[0].id == own for a, own in zip(answers[0], owners, strict=True)]
            row = {"recall": mean(right), "auroc": auroc, "fpr_at_95_tpr": fpr}
            row["accepted at 1 %"] = mean(scores[0] > np.quantile(scores[1], 0.99))
            rows[name].append({**row, **counted(answers[0], owners, answers[1])})
    return {name: summary(part)["mean"] for name, part in rows.items()}


def bursts(trial: Trial, name: str, size: int) -> list[tuple[Vectors, str]]:
    """Neighbouring photos of one product, without overlap."""
    vectors, labels = trial.photos(name)
    by_product: dict[str, list[int]] = {}
    for index, label in enumerate(labels):
        by_product.setdefault(label, []).append(index)
    return [
        (vectors[indices[start : start + size]], label)
        for label, indices in by_product.items()
        for start in range(0, len(indices) - size + 1, size)
    ]


def few_photos(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """The least probability with only a few photos of each side: lowest, mean, highest."""
    rows = []
    for count in PHOTO_COUNTS:
        minimums, rates = [], []
        for trial in trials:
            generator = np.random.default_rng(trial.seed)
            few = {
                name: generator.permutation(trial.indices[name])[:count]
                for name in ("known", "unknown")
            }
            small = replace(trial, indices={**trial.indices, **few}, calibrations={})
            calibration = small.calibration("unknowns")
            minimums.append(calibration.min_probability)
            rates.append(matched(trial.answers("unknown judged", calibration)))
        rows.append(
            {
                "photos": count,
                "min_probability": [min(minimums), mean(minimums), max(minimums)],
                "false_accepts": [min(rates), mean(rates), max(rates)],
            }
        )
    return rows


def cost(catalog: Catalog, queries: Vectors) -> dict[str, float]:
    """Milliseconds, median: the decision alone, ten matches, a whole answer."""
    matches = [catalog.match(vector, 10) for vector in queries]
    acts: dict[str, Callable[[int], object]] = {
        "decide": lambda n: decide(matches[n], len(catalog), catalog.calibration),
        "match": lambda n: catalog.match(queries[n], 10),
        "answer": lambda n: catalog.answer(queries[n]),
    }
    result = {}
    for name, act in acts.items():
        spent = []
        for index in range(len(queries)):
            start = time.perf_counter()
            act(index)
            spent.append((time.perf_counter() - start) * 1e3)
        result[name] = float(np.median(spent))
    return {**result, "products": len(catalog), "rows": catalog.row_count}


def mean(values: Any) -> float:
    """Of numbers or truths; 0 of none."""
    return float(np.mean(values)) if len(values) else 0.0
