"""The end of a training: the head's last change, the judgement, and the run folder."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from shelflens import ModelCard
from shelflens.dataset import LabelledImage, read_dataset
from shelflens.files import write_text
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens_train import plots
from shelflens_train.backbones import embedding_network
from shelflens_train.category_axes import category_axes
from shelflens_train.config import TrainConfig
from shelflens_train.evaluate import Retrieval, default_calibration, embed, retrieval, retrieve
from shelflens_train.head import transform_head
from shelflens_train.photo_bank import PhotoBank
from shelflens_train.split import Split, split_table
from shelflens_train.state import State, StateFolder
from shelflens_train.whitening import discriminative_rotation, partial_whitening, transform

_FORGOTTEN = 0.05
"""How far recall@1 on other products may fall before a fine-tune is warned about."""


@dataclass(frozen=True)
class Judgement:
    """What the final network finds, and what the start found."""

    all_photos: Retrieval
    """Held-out photos among all training photos."""
    one_photo: Retrieval
    """Held-out photos among one training photo per product."""
    one_photo_start: Retrieval
    """The same with the start weights."""
    demo_store: float
    """recall@1 on the package's demo store, which no shop sells."""
    demo_store_start: float
    """The same with the start weights."""


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
        config: The options.
        run: The run folder, with the start weights in it.
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
    judgement = judge(final, start, enrolled, split, bank)
    metrics = run_metrics(judgement, split, state, averaged)
    axes = category_axes(enrolled, split.train_categories)
    card = replace(
        model_card(final, judgement, split, config, name=config.name or run.resolve().name),
        category_axes=axes.to_card(),
    )
    if averaged:
        card.training.update({key: [part[key] for part in averaged] for key in ("seed", "epochs")})
    write_run(run, final, card, metrics, split_table(split))
    _warn_if_forgotten(judgement)
    return metrics


def finish_head(embedder: keras.Model, split: Split, bank: PhotoBank) -> NDArray[np.float32]:
    """Partly whiten and rotate the head, and give the embeddings of the training photos."""
    seen = embed(embedder, [*split.train, *split.auxiliary], bank)
    products = [item.product for item in split.train]
    enrolled = seen[: len(products)]
    whitening = partial_whitening(seen)
    axes = whitening @ discriminative_rotation(transform(enrolled, whitening), products)
    transform_head(embedder, axes)
    return transform(enrolled, axes)


def judge(
    final: keras.Model,
    start: keras.Model,
    enrolled: NDArray[np.float32],
    split: Split,
    bank: PhotoBank,
) -> Judgement:
    """Look the held-out photos and the demo store up, with the final network and the start's.

    Args:
        final: The network with its final head.
        start: The network with the start weights.
        enrolled: float32 [n, d], the final embeddings of the training photos.
        split: Its held-out photos are looked up.
        bank: Photos at the size of use.
    """
    firsts = list({item.product: item for item in reversed(split.train)}.values())
    return Judgement(
        all_photos=retrieve(
            enrolled,
            [item.product for item in split.train],
            embed(final, split.val, bank),
            [item.product for item in split.val],
        ),
        one_photo=retrieval(final, firsts, split.val, bank),
        one_photo_start=retrieval(start, firsts, split.val, bank),
        demo_store=_on_demo_store(final, bank),
        demo_store_start=_on_demo_store(start, bank),
    )


def _on_demo_store(model: keras.Model, bank: PhotoBank) -> float:
    """recall@1 on the package's demo store: synthetic packs, one studio image each.

    A fine-tune that does worse here than its start has forgotten what it did not see.
    """
    return retrieval(model, _demo("studio"), _demo("photos"), bank).recall


def _demo(part: str) -> list[LabelledImage]:
    return read_dataset(BUNDLED_MODEL.parent / "demo" / f"{part}.csv").items


def run_metrics(
    judgement: Judgement, split: Split, state: State, averaged: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """The content of `metrics.json`."""
    generality = {
        "one_photo_recall_at_1": {
            "before": judgement.one_photo_start.recall,
            "after": judgement.one_photo.recall,
        },
        "demo_store_recall_at_1": {
            "before": judgement.demo_store_start,
            "after": judgement.demo_store,
        },
    }
    metrics: dict[str, Any] = {
        "val_recall_at_1": judgement.all_photos.recall,
        "val_queries": len(split.val),
        "generality": generality,
        "seconds": round(state.seconds, 1),
        "versions": {name: version(name) for name in ("keras", "numpy", "pillow")}
        | {"backend": keras.backend.backend(), "python": platform.python_version()},
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "skipped": split.skipped,
        "history": state.history,
    }
    return {**metrics, "averaged": list(averaged)} if averaged else metrics


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
    words = ("imagenet", "bundled", "none")
    start = config.weights if config.weights in words else Path(config.weights).name
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
            "start_weights": start,
            "epochs": config.all_epochs,
            "seed": config.seed,
        },
        metrics={
            "val_recall_at_1": round(judgement.all_photos.recall, 4),
            "val_queries": len(split.val),
        },
        calibration=default_calibration(judgement.one_photo),
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
        plots.curves(metrics["history"], run / "plots" / "curves.png", title=card.name)


def _warn_if_forgotten(judgement: Judgement) -> None:
    before, after = judgement.demo_store_start, judgement.demo_store
    if after < before - _FORGOTTEN:
        print(
            f"warning: on products that are not in the store recall@1 fell from {before:.2f} to "
            f"{after:.2f}; --teacher start, and --auxiliary DATASET with images of other things, "
            "keep more of what the start weights know"
        )
