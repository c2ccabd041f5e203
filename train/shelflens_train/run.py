"""From DATA to a run folder: the whole of `shelflens train`."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np

import shelflens
from shelflens import ModelCard
from shelflens.dataset import LabelledImage, read_dataset
from shelflens.errors import DataError
from shelflens.files import write_text
from shelflens.options import to_dict
from shelflens_train import evaluate, plots
from shelflens_train.axes import evening_axes, telling_axes, turn_head, turned
from shelflens_train.config import TrainConfig, saved_config
from shelflens_train.data import PhotoBank, Split, split_photos, split_table
from shelflens_train.devices import is_chief, keep_memory, spread
from shelflens_train.fit import fit
from shelflens_train.likeness import kind_axes
from shelflens_train.model import embedding_model, starting_model
from shelflens_train.state import State, StateFolder
from shelflens_train.teacher import teacher_network

_FORGOTTEN = 0.05
"""How far recall@1 on other products may fall before a fine-tune is warned about."""


def train(config: TrainConfig, run: Path, *, resume: bool = False) -> dict[str, Any]:
    """Train an embedding and write the run folder.

    The folder holds `model.keras`, `card.json`, `config.json`, `metrics.json`, `photos.csv`,
    `log/` for TensorBoard, `plots/`, and `state/` to go on from.

    Args:
        config: What to train; a run that is resumed uses the config it was started with.
        run: The run folder, made if need be.
        resume: Go on with a run that was stopped; start one where there is none.

    Returns:
        The content of `metrics.json`.

    Raises:
        DataError: DATA that cannot be used, or a run folder that is taken.
        ModelError: start weights that cannot be had.
    """
    config = _claim(config, run, resume=resume)
    keep_memory()
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.precision)
    split = split_photos(config, workers=os.cpu_count() or 1)
    for line in split.skipped:
        print(f"skipped: {line}")
    print(
        f"{len(split.products)} products, {len(split.train)} photos to train on, "
        f"{len(split.val)} to validate on, {len(split.skipped)} skipped"
        + (f", {len(split.general)} general pictures" if split.general else "")
    )
    with spread():
        embedder, teacher = starting_model(config), teacher_network(config)
        # Written when nothing can be refused any more: a run folder is taken once it has this.
        run.mkdir(parents=True, exist_ok=True)
        write_text(run / "config.json", json.dumps(to_dict(config), indent=2) + "\n")
        state = fit(embedder, split, config, run, teacher=teacher)
    return finish(embedder, split, state, config, run) if is_chief() else {}


def _claim(config: TrainConfig, run: Path, *, resume: bool) -> TrainConfig:
    saved = run / "config.json"
    if saved.exists():
        if not resume:
            raise DataError(
                f"{run}: holds a run already; --resume goes on with it, another --out starts anew"
            )
        before = saved_config(run)
        if before.data != config.data:
            raise DataError(
                f"{run}: was started on {', '.join(before.data)}; to resume it give the same "
                "DATA, or start anew with another --out"
            )
        return before
    return config


def finish(
    embedder: keras.Model,
    split: Split,
    state: State,
    config: TrainConfig,
    run: Path,
    *,
    averaged: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Judge the final weights against the start, and write all but `state/` and `config.json`.

    Args:
        embedder: The embedding network.
        split: What it was trained and is judged on.
        state: How it came about.
        config: The knobs.
        run: The run folder, with the start weights in it.
        averaged: Of a mean of runs: `seed`, `epochs` and `val_recall_at_1` of each.

    Returns:
        The content of `metrics.json`.
    """
    keras.config.set_dtype_policy("float32")
    final = embedding_model(config, weights=None, side=config.size)
    final.set_weights(embedder.get_weights())  # in float32, whatever it was trained in
    bank = PhotoBank(config.size, budget=int(config.cache_gb * 1e9))
    firsts = list({item.product: item for item in reversed(split.train)}.values())
    own = [item.product for item in split.train]
    seen = evaluate.embed(final, [*split.train, *split.general], bank)
    enrolled = seen[: len(own)]
    even = evening_axes(seen)
    axes = even @ telling_axes(turned(enrolled, even), own)
    turn_head(final, axes)
    enrolled = turned(enrolled, axes)
    found = evaluate.retrieve(
        enrolled,
        own,
        evaluate.embed(final, split.val, bank),
        [item.product for item in split.val],
    )
    single = _found(final, firsts, split.val, bank)
    start = embedding_model(config, weights=None, side=config.size)
    StateFolder(run).load_start(start)
    drawn = [_on_drawn_store(model, bank) for model in (start, final)]
    generality = {
        "one_photo_recall_at_1": {
            "before": _found(start, firsts, split.val, bank).recall,
            "after": single.recall,
        },
        "drawn_store_recall_at_1": {"before": drawn[0], "after": drawn[1]},
    }
    metrics: dict[str, Any] = {
        "val_recall_at_1": found.recall,
        "val_queries": len(split.val),
        "generality": generality,
        "seconds": round(state.seconds, 1),
        "versions": {name: version(name) for name in ("keras", "numpy", "pillow")}
        | {"backend": keras.backend.backend(), "python": platform.python_version()},
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "skipped": split.skipped,
        "history": state.history,
    }
    if averaged:
        metrics["averaged"] = list(averaged)
    _save(final, run / "model.keras")
    write_text(run / "photos.csv", split_table(split))
    write_text(run / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    kinds = kind_axes(enrolled, [split.kind.get(item.product, "") for item in split.train])
    card = replace(_card(final, split, found, single, config, run), likeness=kinds.to_card())
    if averaged:
        card.training.update({key: [one[key] for one in averaged] for key in ("seed", "epochs")})
    write_text(run / "card.json", card.to_json() + "\n")
    if state.history:
        (run / "plots").mkdir(exist_ok=True)
        plots.curves(state.history, run / "plots" / "curves.png", title=card.name)
    if drawn[1] < drawn[0] - _FORGOTTEN:
        print(
            f"warning: on products that are not in the store recall@1 fell from {drawn[0]:.2f} to "
            f"{drawn[1]:.2f}; --teacher start, and --general DATA with pictures of other things, "
            "keep more of what the start weights know"
        )
    return metrics


def _found(
    model: keras.Model, gallery: list[LabelledImage], queries: list[LabelledImage], bank: PhotoBank
) -> evaluate.Retrieval:
    vectors = [evaluate.embed(model, part, bank) for part in (gallery, queries)]
    labels = [[item.product for item in part] for part in (gallery, queries)]
    return evaluate.retrieve(vectors[0], labels[0], vectors[1], labels[1])


def _on_drawn_store(model: keras.Model, bank: PhotoBank) -> float:
    """recall@1 on the package's demo store, which no shop sells: 30 packs, a studio picture each.

    A fine-tune that does worse here than its start has forgotten what it did not see.
    """
    folder = Path(shelflens.__file__).parent / "data" / "demo"
    parts = [read_dataset(folder / f"{name}.csv").items for name in ("studio", "photos")]
    return _found(model, parts[0], parts[1], bank).recall


def _save(model: keras.Model, path: Path) -> None:
    temporary = path.with_name(f".{path.stem}.tmp.keras")
    model.save(temporary)
    temporary.replace(path)


def _card(
    model: keras.Model,
    split: Split,
    found: evaluate.Retrieval,
    single: evaluate.Retrieval,
    config: TrainConfig,
    run: Path,
) -> ModelCard:
    digest = hashlib.sha256()
    for weights in model.get_weights():
        digest.update(np.ascontiguousarray(weights, np.float32).tobytes())
    name = config.name or run.resolve().name
    minimalistic = " minimalistic" if config.minimalistic else ""
    words = ("imagenet", "bundled", "none")
    start = config.weights if config.weights in words else Path(config.weights).name
    return ModelCard(
        name=name,
        space=f"{name}-{digest.hexdigest()[:8]}",
        size=config.size,
        dim=config.dim,
        backbone=f"{config.backbone} {config.alpha:g}{minimalistic}",
        license=config.license,
        training={
            "data": [Path(data).name for data in config.data],
            "products": len(split.products),
            "photos": len(split.train),
            "general_pictures": len(split.general),
            "start_weights": start,
            "epochs": config.head_epochs + config.epochs,
            "seed": config.seed,
        },
        metrics={"val_recall_at_1": round(found.recall, 4), "val_queries": len(split.val)},
        calibration=evaluate.default_calibration(single),
        created=datetime.date.today().isoformat(),
    )
