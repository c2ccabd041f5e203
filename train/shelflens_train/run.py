"""From datasets to a run folder: the whole of `shelflens train`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from shelflens.errors import DataError
from shelflens.files import write_text
from shelflens.options import to_dict
from shelflens_train.bundled import BundledModel
from shelflens_train.config import TrainConfig, saved_config
from shelflens_train.devices import (
    data_parallel,
    ending_together,
    is_chief,
    join_processes,
    keep_memory,
)
from shelflens_train.distill import teacher_network, teacher_of
from shelflens_train.finish import finish
from shelflens_train.fit import fit
from shelflens_train.split import Split, split_of
from shelflens_train.start_weights import start_of
from shelflens_train.validation_views import with_views


def train(config: TrainConfig, run: Path, *, resume: bool = False) -> dict[str, Any]:
    """Train an embedding and write the run folder.

    The folder holds `model.keras`, `card.json`, `config.json`, `metrics.json`, `report.md`,
    `photos.csv`, `log/` for TensorBoard, `plots/`, `state/` to go on from, and `views/` where
    products have one image each.

    Args:
        config: What to train; a run that is resumed uses the config it was started with.
        run: The run folder, made if need be.
        resume: Go on with a run that was stopped; start one where there is none.

    Returns:
        The content of `metrics.json`.

    Raises:
        DataError: a dataset that cannot be used, or a run folder that is taken.
        ModelError: start weights that cannot be had.
    """
    join_processes()
    with ending_together():
        config = _claim(config, run, resume=resume)
        keep_memory()
        keras.utils.set_random_seed(config.seed)
        keras.config.set_dtype_policy(config.precision)
        split, bundled = split_of(config), BundledModel()
        weights, embedder = start_of(config.spec, config.weights)
        teaching = teacher_of(config.teacher, weights)
        config = replace(config, weights=weights, teacher=teaching)
        with data_parallel(config.batch):
            teacher = teacher_network(config.teacher, config.spec)
            if is_chief():
                # When nothing can be refused any more: a run folder is taken once it has this.
                run.mkdir(parents=True, exist_ok=True)
                write_text(run / "config.json", json.dumps(to_dict(config), indent=2) + "\n")
            split = with_views(split, run, side=config.size)
            _report(split)
            state = fit(embedder, split, config, run, bundled=bundled, teacher=teacher)
    return finish(embedder, split, state, config, run, bundled=bundled) if is_chief() else {}


def _report(split: Split) -> None:
    for line in split.skipped:
        print(f"skipped: {line}")
    photos = len(split.val) - split.views
    print(
        f"{len(split.products)} products, {len(split.train)} photos to train on, "
        f"{photos} to validate on, {len(split.skipped)} skipped"
        + (f", {len(split.auxiliary)} auxiliary images" if split.auxiliary else ""),
        flush=True,
    )
    if split.views:
        few = "no product" if not photos else "less than half of the products"
        print(
            f"{few} could spare a photo to validate on: {split.views} synthetic views of their "
            "images are looked up; photos of your own, with --val DATASET, say more",
            flush=True,
        )


def _claim(config: TrainConfig, run: Path, *, resume: bool) -> TrainConfig:
    if not (run / "config.json").exists() or not (resume or is_chief()):
        return config
    if not resume:
        raise DataError(
            f"{run}: holds a run already; --resume goes on with it, another --out starts anew"
        )
    before = saved_config(run)
    if before.data != config.data:
        raise DataError(
            f"{run}: was started on {', '.join(before.data)}; to resume it give the same "
            "DATASET, or start anew with another --out"
        )
    return before
