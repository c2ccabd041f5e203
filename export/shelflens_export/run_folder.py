"""Reading a run folder: the network, its card, and the photos it was trained on."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens import ModelCard, load_image
from shelflens.dataset import LabelledImage, read_dataset
from shelflens.errors import DataError, ModelError, PhotoError
from shelflens.ingest.columns import parse_mapping
from shelflens.model.card import FINDER
from shelflens_export.quiet import quiet

VIEWS = "views"
"""Folder of what `shelflens train` validates on where products have one image."""


@dataclass(frozen=True)
class RunFolder:
    """What `shelflens train` left behind."""

    path: Path
    card: ModelCard
    training: dict[str, Any]
    """`config.json` of the training."""
    train: list[LabelledImage]
    """Photos for calibration, fine-tuning and the gate's catalog."""
    held_out: list[LabelledImage]
    """Photos the gate looks up; may be empty."""


def read_run(path: Path, *, data: str = "", held_out: str = "", columns: str = "") -> RunFolder:
    """Read a run folder, with the photos of other datasets in place of its own if these are given.

    Raises:
        DataError: not a run folder, or no photos to calibrate on.
        ModelError: a card that cannot be read.
        FileNotFoundError: no such folder.
    """
    card, training = read_head(path, needed=() if data else ("photos.csv",))
    train, val = ([], []) if data else _photos(path / "photos.csv")
    mapping = parse_mapping(columns) if columns else {}
    if data:
        train = read_dataset(data, columns=mapping).items
    if held_out:
        val = read_dataset(held_out, columns=mapping).items
    if not train:
        raise DataError(f"{path / 'photos.csv'}: no train photos; give some with --data DATASET")
    return RunFolder(path, card, training, train, val)


def read_head(path: Path, *, needed: Sequence[str] = ()) -> tuple[ModelCard, dict[str, Any]]:
    """The card and the config of a run folder.

    Args:
        path: The run folder.
        needed: Files beside `model.keras`, `card.json` and `config.json`.

    Raises:
        DataError: not a run folder.
        ModelError: a card that cannot be read.
        FileNotFoundError: no such folder.
    """
    if not path.exists():
        raise FileNotFoundError(2, "no such run folder", str(path))
    names = ("model.keras", "card.json", "config.json", *needed)
    if missing := [name for name in names if not (path / name).is_file()]:
        raise DataError(
            f"{path}: expected a finished run of shelflens train, found no {missing[0]}; "
            "train first, or give the right folder"
        )
    card = ModelCard.from_json(_text(path / "card.json"), where=str(path / "card.json"))
    try:
        training = json.loads(_text(path / "config.json"))
    except ValueError as error:
        raise DataError(f"{path / 'config.json'}: not JSON ({error}); train again") from error
    return card, training


def load_network(run: RunFolder) -> Any:
    """The trained Keras model, checked against its card.

    Raises:
        ModelError: a file Keras cannot load, or a model of another kind than the card says.
    """
    with quiet():
        import keras

        if keras.backend.backend() != "tensorflow":
            raise ModelError(
                f"export converts with TensorFlow, Keras runs on {keras.backend.backend()} here; "
                "set KERAS_BACKEND=tensorflow before keras is imported"
            )
        try:
            network = keras.models.load_model(run.path / "model.keras", compile=False)
        except (ValueError, OSError, TypeError, KeyError) as error:
            reason = (str(error).strip().splitlines() or ["unreadable"])[0][:200]
            raise ModelError(f"{run.path / 'model.keras'}: {reason}; train again") from error
    expected = (None, run.card.size, run.card.size, 3), (None, run.card.dim)
    found = tuple(network.input_shape), tuple(network.output_shape)
    if found != expected:
        raise ModelError(
            f"{run.path / 'model.keras'}: takes and gives {found}, its card says {expected}; "
            "train again"
        )
    last = "Reshape" if run.card.task == FINDER else "UnitNormalization"
    if type(network.layers[-1]).__name__ != last:
        raise ModelError(
            f"{run.path / 'model.keras'}: ends in {type(network.layers[-1]).__name__}, expected "
            f"{last}; train it with shelflens train"
        )
    return network


def sample(photos: list[LabelledImage], count: int, seed: int) -> list[LabelledImage]:
    """At most `count` photos, sampled without bias, in their old order."""
    if len(photos) <= count:
        return photos
    chosen = np.random.default_rng(seed).choice(len(photos), count, replace=False)
    return [photos[index] for index in sorted(chosen)]


def read_pixels(
    photos: list[LabelledImage], size: int
) -> tuple[NDArray[np.uint8], list[LabelledImage], list[str]]:
    """Decode photos as a device does.

    Returns:
        uint8 [n, size, size, 3], the n photos that were read, and why the rest was not.

    Raises:
        DataError: not one of them can be read.
    """

    def decode(photo: LabelledImage) -> NDArray[np.uint8] | str:
        try:
            return load_image(photo.path, size=size)
        except (PhotoError, OSError) as error:
            return str(error)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        decoded = list(pool.map(decode, photos))
    skipped = [reason for reason in decoded if isinstance(reason, str)]
    pairs = zip(decoded, photos, strict=True)
    good = [(pixels, photo) for pixels, photo in pairs if not isinstance(pixels, str)]
    if not good:
        raise DataError(f"none of {len(photos)} photos can be read; the first: {skipped[0]}")
    return np.stack([pixels for pixels, _ in good]), [photo for _, photo in good], skipped


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text; train again") from error


def _photos(path: Path) -> tuple[list[LabelledImage], list[LabelledImage]]:
    parts: dict[str, list[LabelledImage]] = {"train": [], "val": []}
    with path.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        if missing := {"path", "product", "split"} - set(reader.fieldnames or []):
            raise DataError(
                f"{path}: no column {min(missing)!r}; train again, or give --data DATASET"
            )
        for row in reader:
            photo = LabelledImage(path.parent / row["path"], row["product"])
            parts.setdefault(row["split"], []).append(photo)
    return parts["train"], parts["val"]
