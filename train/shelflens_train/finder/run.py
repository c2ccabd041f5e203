"""From pictures of products to a run folder: the whole of `shelflens train --task finder`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shelflens import ModelCard
from shelflens.dataset import read_unlabelled
from shelflens.errors import DataError, ModelError, PhotoError
from shelflens.files import atomic_writer, write_text
from shelflens.finding.metrics import average_precision, mask_iou
from shelflens.finding.regions import CELL_NUMBERS, Box, regions_of
from shelflens.model.card import FINDER
from shelflens.model.image import load_reduced
from shelflens.options import to_dict
from shelflens.progress import Progress
from shelflens_train.devices import keep_memory
from shelflens_train.finder.config import FinderConfig
from shelflens_train.finder.cutouts import CutOut, read_cut_out, synthetic_cut_outs
from shelflens_train.finder.fit import fit
from shelflens_train.finder.network import finder_network
from shelflens_train.finder.outlined import read_outlined
from shelflens_train.finder.scenes import Props, Scene, make_scene
from shelflens_train.finder.targets import boxes_of, targets_of

_JUDGED = 1 << 20
"""A number of scenes that no span of the training has."""
_BACKGROUND_SIDE = 256
"""Pixels that both sides of a background keep."""
RANKED = 0.02
"""Score from which regions count for AP50, which ranks them all."""
MAX_BOXES = 64
"""Of a scene in `scenes.npz`."""


def train_finder(config: FinderConfig, run: Path, *, resume: bool = False) -> dict[str, Any]:
    """Train a finder and write the run folder.

    The folder holds `model.keras`, `card.json`, `config.json`, `metrics.json`, `scenes.npz` (what
    `shelflens export` calibrates on and measures with), and `state/` to go on from.

    Args:
        config: What to train; a run that is resumed uses the config it was started with.
        run: The run folder, made if need be.
        resume: Go on with a run that was stopped; start one where there is none.

    Returns:
        The content of `metrics.json`.

    Raises:
        DataError: pictures that cannot be used, or a run folder that is taken.
        ModelError: start weights that cannot be had.
    """
    config = _claim(config, run, resume=resume)
    keep_memory()
    keras.utils.set_random_seed(config.seed)
    network = _starting_network(config)
    outlined = read_outlined(Path(config.outlined)) if config.outlined else []
    props = Props(*_props(config), outlined)
    run.mkdir(parents=True, exist_ok=True)
    write_text(run / "config.json", json.dumps(to_dict(config), indent=2) + "\n")
    history = fit(network, props, config, run)
    return finish(network, props, history, config, run)


def finish(
    network: keras.Model,
    props: Props,
    history: dict[str, Any],
    config: FinderConfig,
    run: Path,
) -> dict[str, Any]:
    """Measure the network on scenes that it was not trained on, and write the run folder.

    Returns:
        The content of `metrics.json`.
    """
    scenes = list(_judged(props, config))
    pixels = np.stack([scene.pixels for scene in scenes])
    shown = np.stack([targets_of(scene)[..., 0] for scene in scenes])
    boxes = [_boxes(scene) for scene in scenes]
    cells = grid_of(network.predict(pixels.astype(np.float32), batch_size=16, verbose=0))
    figures = {
        "mask_iou": float(
            np.mean([mask_iou(a[..., 0], b) for a, b in zip(cells, shown, strict=True)])
        ),
        "box_ap50": average_precision(
            [regions_of(each, min_score=RANKED) for each in cells], boxes
        ),
        "scenes": len(scenes),
        "history": history,
    }
    network.save(run / "model.keras")
    padded = np.full((len(boxes), MAX_BOXES, 4), np.nan, np.float32)
    for row, mine in zip(padded, boxes, strict=True):
        kept = mine[:MAX_BOXES]
        if kept:
            row[: len(kept)] = kept
    with atomic_writer(run / "scenes.npz") as stream:
        np.savez_compressed(stream, pixels=pixels, shown=shown.astype(np.float16), boxes=padded)
    write_text(run / "card.json", _card(network, figures, config, run).to_json() + "\n")
    write_text(run / "metrics.json", json.dumps(figures, indent=2) + "\n")
    return figures


def grid_of(output: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 [n, g * g * 6] -> [n, g, g, 6]."""
    side = round((output.shape[1] / CELL_NUMBERS) ** 0.5)
    return output.reshape(-1, side, side, CELL_NUMBERS)


def _boxes(scene: Scene) -> list[Box]:
    return [(x0, y0, x1, y1) for x0, y0, x1, y1 in boxes_of(scene).tolist()]


def _judged(props: Props, config: FinderConfig) -> Iterator[Scene]:
    for number in range(config.val_scenes):
        rng = np.random.default_rng([config.seed, _JUDGED, number])
        yield make_scene(props, rng, config.finder_size)


def _card(
    network: keras.Model, figures: dict[str, Any], config: FinderConfig, run: Path
) -> ModelCard:
    weights = b"".join(np.asarray(each).tobytes() for each in network.get_weights())
    name = config.name or run.name
    return ModelCard(
        name=name,
        space=f"{name}-{hashlib.sha256(weights).hexdigest()[:8]}",
        size=config.finder_size,
        dim=int(network.output_shape[1]),
        backbone="mobilenet_v2 1, first 12 blocks",
        license=config.license,
        training={
            "data": [Path(each).name for each in config.data],
            "backgrounds": [Path(each).name for each in config.backgrounds],
            "outlined": Path(config.outlined).name,
            "scenes": config.scenes * (config.first_epochs > 0) + config.span * config.spans,
        },
        metrics={key: figures[key] for key in ("mask_iou", "box_ap50")},
        use="Finds products, whatever they are, in a photo: a mask and boxes.",
        created=date.today().isoformat(),
        task=FINDER,
    )


def _starting_network(config: FinderConfig) -> keras.Model:
    weights = None if config.finder_weights == "none" else config.finder_weights
    if weights not in (None, "imagenet") and not Path(weights).exists():
        raise FileNotFoundError(2, "no such weights file", weights)
    try:
        return finder_network(config.finder_size, weights=weights)
    except Exception as error:  # Keras raises a bare Exception when a download fails
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise ModelError(
            f"--finder-weights {weights}: {reason}; expected imagenet, no-top weights of "
            "mobilenet_v2 with alpha 1, or none"
        ) from error


def _props(config: FinderConfig) -> tuple[list[CutOut], list[Image.Image]]:
    paths = _paths(config.data)
    cut_outs: list[CutOut] = []
    with Progress("cutting out", len(paths)) as bar:
        for number, path in enumerate(paths, 1):
            with suppress(PhotoError, OSError):
                cut_outs.append(read_cut_out(path))
            bar.update(number)
    unread = len(paths) - len(cut_outs)
    backgrounds: list[Image.Image] = []
    for path in _paths(config.backgrounds):
        with suppress(PhotoError, OSError):
            backgrounds.append(Image.fromarray(load_reduced(path, _BACKGROUND_SIDE)))
    whole = sum(each.is_whole for each in cut_outs)
    cut_outs += synthetic_cut_outs(config.synthetic, config.seed) if config.synthetic else []
    if not cut_outs:
        raise DataError("no picture of a product can be read; give pictures, or --synthetic")
    print(
        f"{len(cut_outs) - whole} products cut out, {whole} pictures without a plain ground "
        f"taken whole, {len(backgrounds)} backgrounds, {unread} skipped"
    )
    return cut_outs, backgrounds


def _paths(sources: tuple[str, ...]) -> list[Path]:
    return [path for source in sources for path in read_unlabelled(source).paths]


def _claim(config: FinderConfig, run: Path, *, resume: bool) -> FinderConfig:
    path = run / "config.json"
    if not path.exists():
        return config
    if not resume:
        raise DataError(
            f"{run}: holds a run already; --resume goes on with it, another --out starts anew"
        )
    read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if unknown := sorted(read.keys() ^ {field.name for field in fields(FinderConfig)}):
        raise DataError(
            f"{path}: is of another kind of run, or version ({unknown[0]}); train again"
        )
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in read.items()}
    return FinderConfig(**values)
