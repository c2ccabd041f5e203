"""The mean of several fine-tunes of one start (a model soup), as a run folder of its own.

Nothing random is in a run's start, so runs on the same photos share it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras

from shelflens.errors import DataError
from shelflens.files import write_text
from shelflens.options import to_dict
from shelflens_train.backbones import embedding_network
from shelflens_train.bundled import BundledModel
from shelflens_train.config import TrainConfig, saved_config
from shelflens_train.finish import finish
from shelflens_train.split import Split, split_of, split_table
from shelflens_train.state import State, StateFolder
from shelflens_train.validation_views import with_views
from shelflens_train.weight_averaging import (
    Weights,
    interpolate,
    mean_weights,
    relative_distance,
)

_SHARED = (
    *("backbone", "alpha", "minimalistic", "size", "dim"),
    *("data", "auxiliary", "val", "category"),
)
"""Options that all runs must have alike."""
_SAME_START = 0.01
"""Relative distance by which starts may differ: machines add up in another order."""


@dataclass(frozen=True)
class FinishedRun:
    """A run folder with a finished training."""

    path: Path
    config: TrainConfig
    metrics: dict[str, Any]
    state: State


def average(
    runs: Sequence[Path], out: Path, *, start_share: float = 0.0, size: int | None = None
) -> dict[str, Any]:
    """Write a run folder with the mean weights of finished runs.

    Args:
        runs: Run folders from the same start, trained on the same photos at the same size; one that
            is named twice counts twice.
        out: The new run folder.
        start_share: Share of the weights that they all started from, as in `TrainConfig`.
        size: Side of the images that the result takes, pixels; None for that of the runs.

    Returns:
        The content of its `metrics.json`; `averaged` has seed, epochs and recall@1 of each run.

    Raises:
        DataError: fewer than two runs, runs that differ, a DATASET that has changed, a taken
            folder.
        FileNotFoundError: not the folder of a finished run.
    """
    if len(runs) < 2:
        raise DataError(f"{runs[0]}: one run; expected at least 2 to average")
    if (out / "config.json").exists():
        raise DataError(f"{out}: holds a run already; give another --out")
    finished = [_read(path) for path in runs]
    first = finished[0]
    for run in finished[1:]:
        _check_alike(first, run)
    config = replace(first.config, start_share=start_share, size=size or first.config.size)
    split = _same_split(first, config, out)
    network = embedding_network(config.spec, side=config.size)
    StateFolder(first.path).load_start(network)
    start = network.get_weights()
    mean = mean_weights(_final_weights(finished, start, network))
    network.set_weights(start)
    StateFolder(out).write_start(network)
    network.set_weights(interpolate(start, mean, start_share))
    # Of a run that is named twice the time is counted once.
    spent = {run.path: run.metrics["seconds"] for run in finished}
    averaged = [
        {
            "seed": run.config.seed,
            "epochs": run.config.all_epochs,
            "val_recall_at_1": run.metrics["val_recall_at_1"],
        }
        for run in finished
    ]
    state = State(seconds=sum(spent.values()))
    metrics = finish(network, split, state, config, out, bundled=BundledModel(), averaged=averaged)
    # Last: a run folder is taken once it has this, and one half made can be made again.
    write_text(out / "config.json", json.dumps(to_dict(config), indent=2) + "\n")
    return metrics


def _read(path: Path) -> FinishedRun:
    if not (path / "metrics.json").exists():
        raise FileNotFoundError(2, "no finished run folder", str(path))
    metrics = json.loads((path / "metrics.json").read_text())
    state = StateFolder(path).read()
    if state is None:
        raise DataError(f"{path}: no weights in its state/; expected a run of shelflens train")
    return FinishedRun(path, saved_config(path), metrics, state)


def _check_alike(first: FinishedRun, run: FinishedRun) -> None:
    """Refuse runs whose mean would mean nothing, or would be judged on photos it has seen."""
    for name in _SHARED:
        had, has = getattr(first.config, name), getattr(run.config, name)
        if had != has:
            raise DataError(
                f"{run.path}: trained with {name} {has}, {first.path} with {had}; expected alike"
            )
    if (first.path / "photos.csv").read_bytes() != (run.path / "photos.csv").read_bytes():
        raise DataError(
            f"{run.path}: trained on other photos than {first.path}; expected the same, and the "
            "same held out"
        )


def _same_split(run: FinishedRun, config: TrainConfig, out: Path) -> Split:
    """The photos of a run, read again; views are made again, in the new run folder."""
    split = with_views(split_of(config), out, side=config.size)
    if split_table(split, out) != (run.path / "photos.csv").read_text():
        raise DataError(
            f"{run.path}: its photos are not those of {', '.join(config.data)} any more; expected "
            "them as they were"
        )
    return split


def _final_weights(
    runs: Sequence[FinishedRun], start: Weights, network: keras.Model
) -> Iterator[Weights]:
    """The weights of each run, before its head was transformed: each run does that its own way.

    Raises:
        DataError: a run that started from other weights.
    """
    for run in runs:
        folder = StateFolder(run.path)
        folder.load_start(network)
        if relative_distance(start, network.get_weights()) > _SAME_START:
            raise DataError(
                f"{run.path}: started from other weights than {runs[0].path}; expected the same"
            )
        folder.load_best(run.state, network)
        yield network.get_weights()
