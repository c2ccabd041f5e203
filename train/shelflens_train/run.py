"""From DATA to a run folder: the whole of `shelflens train`."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np

from shelflens import ModelCard
from shelflens.errors import DataError
from shelflens.files import write_text
from shelflens.flags import to_dict
from shelflens_train import evaluate, plots
from shelflens_train.config import TrainConfig
from shelflens_train.data import PhotoBank, Split, save_split, split_photos
from shelflens_train.devices import is_chief, spread
from shelflens_train.fit import fit
from shelflens_train.model import embedding_model, starting_model
from shelflens_train.state import State


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
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.precision)
    split = split_photos(config, workers=os.cpu_count() or 1)
    for line in split.skipped:
        print(f"skipped: {line}")
    print(
        f"{len(split.products)} products, {len(split.train)} photos to train on, "
        f"{len(split.val)} to validate on, {len(split.skipped)} skipped"
    )
    with spread():
        embedder = starting_model(config)
        # Written when nothing can be refused any more: a run folder is taken once it has this.
        run.mkdir(parents=True, exist_ok=True)
        write_text(run / "config.json", json.dumps(to_dict(config), indent=2) + "\n")
        state = fit(embedder, split, config, run)
    return _finish(embedder, split, state, config, run) if is_chief() else {}


def _claim(config: TrainConfig, run: Path, *, resume: bool) -> TrainConfig:
    saved = run / "config.json"
    if saved.exists():
        if not resume:
            raise DataError(
                f"{run}: holds a run already; --resume goes on with it, another --out starts anew"
            )
        values = json.loads(saved.read_text())
        values["data"] = tuple(values["data"])
        if values["data"] != config.data:
            raise DataError(
                f"{run}: was started on {', '.join(values['data'])}; to resume it give the same "
                "DATA, or start anew with another --out"
            )
        return TrainConfig(**values)
    return config


def _finish(
    embedder: keras.Model, split: Split, state: State, config: TrainConfig, run: Path
) -> dict[str, Any]:
    keras.config.set_dtype_policy("float32")
    final = embedding_model(config, weights=None, side=config.size)
    final.set_weights(embedder.get_weights())
    bank = PhotoBank(config.size, budget=int(config.cache_gb * 1e9))
    gallery, queries = (evaluate.embed(final, part, bank) for part in (split.train, split.val))
    products, asked = ([item.product for item in part] for part in (split.train, split.val))
    found = evaluate.retrieve(gallery, products, queries, asked)
    firsts = [products.index(product) for product in split.products]
    single = evaluate.retrieve(gallery[firsts], split.products, queries, asked)
    metrics = {
        "val_recall_at_1": found.recall,
        "val_queries": len(split.val),
        "seconds": round(state.seconds, 1),
        "versions": {name: version(name) for name in ("keras", "numpy", "pillow")}
        | {"backend": keras.backend.backend(), "python": platform.python_version()},
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "skipped": split.skipped,
        "history": state.history,
    }
    _save(final, run / "model.keras")
    save_split(split, run / "photos.csv")
    write_text(run / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    card = _card(final, split, found, single, config, run)
    write_text(run / "card.json", card.to_json() + "\n")
    (run / "plots").mkdir(exist_ok=True)
    plots.curves(state.history, run / "plots" / "curves.png", title=card.name)
    return metrics


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
    start = config.weights if config.weights in ("imagenet", "none") else Path(config.weights).name
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
            "start_weights": start,
            "epochs": config.head_epochs + config.epochs,
            "seed": config.seed,
        },
        metrics={"val_recall_at_1": round(found.recall, 4), "val_queries": len(split.val)},
        calibration=evaluate.default_calibration(single),
        created=datetime.date.today().isoformat(),
    )
