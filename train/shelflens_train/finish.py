"""The end of a training: the head's last change, the judgement, and the run folder."""

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
from numpy.typing import NDArray

from shelflens import ModelCard
from shelflens.files import write_text
from shelflens_train import plots, report
from shelflens_train.backbones import embedding_network
from shelflens_train.bundled import BundledModel
from shelflens_train.category_axes import category_axes
from shelflens_train.config import TrainConfig
from shelflens_train.evaluate import default_calibration, embed
from shelflens_train.head import transform_head
from shelflens_train.judgement import Judgement, judge
from shelflens_train.photo_bank import PhotoBank
from shelflens_train.split import Split, split_table
from shelflens_train.state import State, StateFolder
from shelflens_train.whitening import discriminative_rotation, partial_whitening, transform


def finish(
    embedder: keras.Model,
    split: Split,
    state: State,
    config: TrainConfig,
    run: Path,
    *,
    bundled: BundledModel,
    averaged: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Judge the final weights, and write all but `state/` and `config.json`.

    Args:
        embedder: The embedding network.
        split: What it was trained and is judged on.
        state: How it came about.
        config: The options.
        run: The run folder, with the start weights in it.
        bundled: What they are judged against, beside their start.
        averaged: Of a mean of runs: `seed`, `epochs` and `val_recall_at_1` of each.

    Returns:
        The content of `metrics.json`.
    """
    keras.config.set_dtype_policy("float32")
    final = embedding_network(config.spec, side=config.size)
    final.set_weights(embedder.get_weights())  # in float32, whatever it was trained in
    start = embedding_network(config.spec, side=config.size)
    StateFolder(run).load_start(start)
    bank = PhotoBank(config.size, budget=config.cache_bytes)
    enrolled = finish_head(final, split, bank)
    judgement = judge(final, start, bundled, enrolled, split, bank)
    metrics = run_metrics(judgement, split, state, averaged, weights=config.weights)
    axes = category_axes(enrolled, split.train_categories)
    card = replace(
        model_card(final, judgement, split, config, name=config.name or run.resolve().name),
        category_axes=axes.to_card(),
    )
    if averaged:
        card.training.update({key: [part[key] for part in averaged] for key in ("seed", "epochs")})
    write_run(run, final, card, metrics, split_table(split, run))
    write_text(run / "report.md", report.markdown(metrics, card))
    return metrics


def finish_head(embedder: keras.Model, split: Split, bank: PhotoBank) -> NDArray[np.float32]:
    """Partly whiten and rotate the head, and give the embeddings of the training photos."""
    seen = embed(embedder, [*split.train, *split.auxiliary], bank, progress="all photos")
    products = [item.product for item in split.train]
    enrolled = seen[: len(products)]
    whitening = partial_whitening(seen)
    axes = whitening @ discriminative_rotation(transform(enrolled, whitening), products)
    transform_head(embedder, axes)
    return transform(enrolled, axes)


def run_metrics(
    judgement: Judgement,
    split: Split,
    state: State,
    averaged: Sequence[dict[str, Any]],
    *,
    weights: str,
) -> dict[str, Any]:
    """The content of `metrics.json`."""
    generality = {
        "one_photo_recall_at_1": {
            "before": judgement.one_photo_start,
            "after": judgement.final.one_photo.recall,
        },
        "demo_store_recall_at_1": {
            "before": judgement.demo_store_start,
            "after": judgement.final.demo_store,
        },
    }
    metrics: dict[str, Any] = {
        "val_recall_at_1": judgement.final.all_photos.recall,
        "val_queries": len(split.val),
        "val_views": split.views,
        "comparison": judgement.comparison(),
        "start_weights": start_name(weights),
        "generality": generality,
        "seconds": round(state.seconds, 1),
        "versions": {name: version(name) for name in ("keras", "numpy", "pillow")}
        | {"backend": keras.backend.backend(), "python": platform.python_version()},
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "skipped": split.skipped,
        "history": state.history,
    }
    if state.history:
        metrics |= {"epoch_kept": state.kept, "bundled_in_training": state.bundled}
    return {**metrics, "averaged": list(averaged)} if averaged else metrics


def start_name(weights: str) -> str:
    """The start of a training, without the folders of this machine."""
    return weights if weights in ("imagenet", "bundled", "none") else Path(weights).name


def space_of(model: keras.Model, name: str) -> str:
    """The embedding space of a network: the name, and a digest of its weights."""
    digest = hashlib.sha256()
    for weights in model.get_weights():
        digest.update(np.ascontiguousarray(weights, np.float32).tobytes())
    return f"{name}-{digest.hexdigest()[:8]}"


def model_card(
    model: keras.Model, judgement: Judgement, split: Split, config: TrainConfig, *, name: str
) -> ModelCard:
    """The card of the final network; its space is named after its weights."""
    return ModelCard(
        name=name,
        space=space_of(model, name),
        size=config.size,
        dim=config.dim,
        backbone=config.spec.card_name,
        license=config.license,
        training={
            "data": [Path(data).name for data in config.data],
            "products": len(split.products),
            "photos": len(split.train),
            "auxiliary_images": len(split.auxiliary),
            "start_weights": start_name(config.weights),
            "epochs": config.all_epochs,
            "seed": config.seed,
        },
        metrics={
            "val_recall_at_1": round(judgement.final.all_photos.recall, 4),
            "val_queries": len(split.val),
        },
        calibration=default_calibration(judgement.final.one_photo, on_views=split.views > 0),
        created=datetime.date.today().isoformat(),
    )


def write_run(
    run: Path, model: keras.Model, card: ModelCard, metrics: dict[str, Any], photos: str
) -> None:
    """Write `model.keras`, `photos.csv`, `metrics.json`, `card.json` and the curves."""
    temporary = run / ".model.tmp.keras"
    model.save(temporary)
    temporary.replace(run / "model.keras")
    write_text(run / "photos.csv", photos)
    write_text(run / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    write_text(run / "card.json", card.to_json() + "\n")
    if metrics["history"]:
        (run / "plots").mkdir(exist_ok=True)
        plots.curves(metrics, run / "plots" / "curves.png", title=card.name)
