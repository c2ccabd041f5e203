"""The mean of several fine-tunes of one start, as a run of its own.

Fine-tunes of one start that differ by their seed, or by how long and how hard they were trained,
end on the rim of one valley, and the mean of their weights lies lower in it than any of them, at no
cost on the device (Wortsman et al., "Model soups", ICML 2022). Nothing random is in a run's start,
so runs on the same photos share it.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from shelflens.errors import DataError
from shelflens.files import write_text
from shelflens.options import to_dict
from shelflens_train.config import TrainConfig, saved_config
from shelflens_train.data import split_photos, split_table
from shelflens_train.fit import mixed
from shelflens_train.model import embedding_model
from shelflens_train.run import finish
from shelflens_train.state import State, StateFolder

_ALIKE = ("backbone", "alpha", "minimalistic", "size", "dim", "data", "general", "val", "kinds")
_SAME_START = 0.01
"""Share by which starts may differ: machines add up in another order."""


def average(
    runs: list[Path], out: Path, *, keep: float = 0.0, size: int | None = None
) -> dict[str, Any]:
    """Write a run folder with the mean weights of finished runs.

    Args:
        runs: Run folders from the same start, trained on the same photos at the same size; one that
            is named twice counts twice.
        out: The new run folder.
        keep: Share of the weights that they all started from, as in `TrainConfig.keep`.
        size: Side of the pictures that the result takes, pixels; None for that of the runs. The
            weights do not depend on it.

    Returns:
        The content of its `metrics.json`; `averaged` has seed, epochs and recall@1 of each run.

    Raises:
        DataError: fewer than two runs, runs that differ, DATA that has changed, a taken folder.
        FileNotFoundError: not the folder of a finished run.
    """
    if len(runs) < 2:
        raise DataError(f"{runs[0]}: one run; expected at least 2 to average")
    if (out / "config.json").exists():
        raise DataError(f"{out}: holds a run already; give another --out")
    parts = [_metrics(run) for run in runs]
    states = {run: _state(run) for run in runs}
    configs = [saved_config(run) for run in runs]
    first = configs[0]
    for run, config in zip(runs[1:], configs[1:], strict=True):
        _check_alike(runs[0], first, run, config)
    config = replace(first, keep=keep, size=size or first.size)
    split = split_photos(config, workers=os.cpu_count() or 1)
    if split_table(split) != (runs[0] / "photos.csv").read_text():
        raise DataError(
            f"{runs[0]}: its photos are not those of {', '.join(first.data)} any more; expected "
            "them as they were"
        )
    start = embedding_model(config, weights=None, side=config.size)
    mean = embedding_model(config, weights=None, side=config.size)
    StateFolder(runs[0]).load_start(start)
    before = start.get_weights()
    total = [np.zeros(one.shape, np.float64) for one in before]
    for run in runs:
        folder = StateFolder(run)
        folder.load_start(mean)
        if _apart(before, mean.get_weights()) > _SAME_START:
            raise DataError(f"{run}: started from other weights than {runs[0]}; expected the same")
        # Not those of model.keras: its head was turned, by each run in its own way.
        folder.load_best(states[run], mean)
        for place, one in enumerate(mean.get_weights()):
            total[place] += one
    mean.set_weights(mixed(before, [one / len(runs) for one in total], keep))

    StateFolder(out).write_start(start)
    # Of a run that is named twice the time is counted once.
    spent = {run: part["seconds"] for run, part in zip(runs, parts, strict=True)}
    state = State(seconds=sum(spent.values()))
    averaged = [
        {
            "seed": config.seed,
            "epochs": config.head_epochs + config.epochs,
            "val_recall_at_1": part["val_recall_at_1"],
        }
        for config, part in zip(configs, parts, strict=True)
    ]
    found = finish(mean, split, state, config, out, averaged=averaged)
    # Last: a run folder is taken once it has this, and one half made can be made again.
    write_text(out / "config.json", json.dumps(to_dict(config), indent=2) + "\n")
    return found


def _apart(one: list[Any], other: list[Any]) -> float:
    """Largest distance between two networks' arrays, as a share of the length of each."""
    return max(
        float(np.linalg.norm(a - b)) / max(float(np.linalg.norm(a)), 1e-9)
        for a, b in zip(one, other, strict=True)
    )


def _metrics(run: Path) -> dict[str, Any]:
    """What a finished run measured of itself."""
    if not (run / "metrics.json").exists():
        raise FileNotFoundError(2, "no finished run folder", str(run))
    found: dict[str, Any] = json.loads((run / "metrics.json").read_text())
    return found


def _state(run: Path) -> State:
    state = StateFolder(run).read()
    if state is None:
        raise DataError(f"{run}: no weights in its state/; expected a run of shelflens train")
    return state


def _check_alike(one: Path, first: TrainConfig, other: Path, config: TrainConfig) -> None:
    """Refuse runs whose mean would mean nothing, or would be judged on photos it has seen."""
    for name in _ALIKE:
        had, has = getattr(first, name), getattr(config, name)
        if had != has:
            raise DataError(f"{other}: trained with {name} {has}, {one} with {had}; expected alike")
    if (one / "photos.csv").read_bytes() != (other / "photos.csv").read_bytes():
        raise DataError(
            f"{other}: trained on other photos than {one}; expected the same, and the same held out"
        )
