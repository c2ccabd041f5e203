"""The model card: what a model file says about itself, carried inside the file.

In a `.tflite` the card is the member `shelflens.json` of a zip archive appended to the FlatBuffer
(the TFLite Metadata mechanism for associated files), so the standard library reads it. In an
`.onnx` it is the value of the key `shelflens` in `metadata_props`; the engine hands it over.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from shelflens.errors import ModelError
from shelflens.model.content import read_model
from shelflens.model.image import RESIZE_RULE

CARD_NAME = "shelflens.json"
CARD_KEY = "shelflens"
CARD_FORMAT = 1

MAX_CARD_BYTES = 4 << 20
"""Of a card's JSON: ours have 40 KB. A small archive can claim, and hold, gigabytes."""

MAX_SIZE, MAX_DIM = 4096, 1 << 16
"""Largest side of the input, longest embedding."""

EMBEDDING, FINDER = "embedding", "finder"
"""Tasks of a model."""

_KEYS = {"category_axes": "likeness"}
"""Keys of the JSON that differ from the field's name."""


@dataclass(frozen=True)
class ModelCard:
    """What a model is, what it wants and what it was measured to do."""

    name: str
    """Short name given by the person who trained it."""
    space: str
    """Embedding space. Files that share it (float32, int8, ONNX of one run) share catalogs."""
    size: int
    """Side of the square uint8 RGB input, pixels."""
    dim: int
    """Length of the embedding."""
    variant: str = "float32"
    """How the file is quantized: float32, float16, dynamic, int8-weights, int8, int8-qat."""
    resize: str = RESIZE_RULE
    """The rule by which `load_image` made the training pixels."""
    backbone: str = ""
    license: str = ""
    """Licence of the weights, with those of the start weights and of the training photos."""
    training: dict[str, Any] = field(default_factory=dict)
    """Datasets, number of products and photos, start weights, command."""
    metrics: dict[str, Any] = field(default_factory=dict)
    """Measured quality, each figure under the name of its protocol."""
    calibration: dict[str, Any] = field(default_factory=dict)
    """For a catalog without its own; see `Calibration.from_dict`. Beside it `rise` (see
    `catalog.default_calibration`) and `known_similarity` (see `catalog.enrol`)."""
    category_axes: dict[str, Any] = field(default_factory=dict)
    """Axes along which products of one category lie close together; see `CategoryAxes`."""
    use: str = ""
    """Intended use and known limits, for a reader."""
    created: str = ""
    """Date, ISO 8601."""
    task: str = EMBEDDING
    """What the model gives: "embedding", a vector, or "finder", a grid of regions."""
    format: int = CARD_FORMAT

    def to_json(self) -> str:
        """One line of JSON, keys in the order of the fields."""
        values = {_KEYS.get(name, name): value for name, value in asdict(self).items()}
        return json.dumps(values, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str, *, where: str) -> ModelCard:
        """Read a card; keys of later versions are ignored.

        Raises:
            ModelError: not JSON, a needed key missing or of the wrong type, a newer format.
        """
        try:
            values = json.loads(text)
            keys = {_KEYS.get(field.name, field.name): field.name for field in fields(cls)}
            card = cls(**{keys[key]: value for key, value in values.items() if key in keys})
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise ModelError(
                f"{where}: its model card cannot be read ({error}); export it again"
            ) from error
        if not isinstance(card.format, int) or card.format > CARD_FORMAT:
            raise ModelError(
                f"{where}: model card format {card.format}, this version reads up to "
                f"{CARD_FORMAT}; upgrade shelflens"
            )
        good = (
            isinstance(card.space, str)
            and type(card.size) is type(card.dim) is int
            and 0 < card.size <= MAX_SIZE
            and 0 < card.dim <= MAX_DIM
        )
        if not good:
            raise ModelError(
                f"{where}: model card gives space {card.space!r}, size {card.size!r}, dim "
                f"{card.dim!r}; expected a text and two whole numbers; export it again"
            )
        if wrong := _wrong_field(card):
            raise ModelError(
                f"{where}: its model card has {wrong!r} of another type; export it again"
            )
        if card.resize != RESIZE_RULE:
            raise ModelError(
                f"{where}: trained on photos resized by {card.resize!r}, this version resizes by "
                f"{RESIZE_RULE!r}; use the shelflens version that made the model"
            )
        return card


def read_tflite_card(path: Path) -> ModelCard:
    """Read the card of a `.tflite` file and check the model's bytes against it.

    Raises:
        ModelError: cut short, damaged, or not exported by ShelfLens.
        FileNotFoundError: no such file.
    """
    return tflite_card(read_model(path), path)


def tflite_card(content: bytes, path: Path) -> ModelCard:
    """`read_tflite_card` of a file's bytes; `path` is for messages.

    Raises:
        ModelError: cut short, damaged, or not exported by ShelfLens.
    """
    if content[4:8] != b"TFL3":
        raise ModelError(f"{path}: not a TFLite model; give a file made by shelflens export")
    try:
        text = _packed_text(content, path)
    except (
        zipfile.BadZipFile,
        KeyError,
        ValueError,
        NotImplementedError,
        RuntimeError,
        EOFError,
        struct.error,
        zlib.error,
    ) as error:
        raise ModelError(
            f"{path}: carries no ShelfLens model card; cut short, or not made by shelflens "
            "export; copy or export it again"
        ) from error
    card = ModelCard.from_json(text, where=str(path))
    stated = json.loads(text).get("flatbuffer", {})
    size = stated.get("bytes", 0) if isinstance(stated, dict) else -1
    if type(size) is not int or size < 0:
        raise ModelError(f"{path}: its model card gives no size; export it again")
    if zlib.crc32(memoryview(content)[:size]) != stated.get("crc32", 0):
        raise ModelError(f"{path}: damaged (its checksum differs); copy or export it again")
    return card


def _packed_text(content: bytes, path: Path) -> str:
    """The card's JSON from the archive behind a model."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open(CARD_NAME) as member:
        data = member.read(MAX_CARD_BYTES + 1)
    if len(data) > MAX_CARD_BYTES:
        raise ModelError(
            f"{path}: its model card has more than {MAX_CARD_BYTES:,} bytes; export it again"
        )
    return data.decode()


def _wrong_field(card: ModelCard) -> str | None:
    """The first field that is no text or object where it should be one, else None."""
    texts = ("name", "space", "variant", "resize", "backbone", "license", "use", "created", "task")
    objects = ("training", "metrics", "calibration", "category_axes")
    for names, kind in ((texts, str), (objects, dict)):
        for name in names:
            if not isinstance(getattr(card, name), kind):
                return name
    rise = card.calibration.get("rise", {})
    if not isinstance(rise, dict):
        return "calibration"
    numbers = [card.calibration.get(name, 0) for name in ("threshold", "known_similarity")]
    numbers += rise.values()
    if not all(type(value) in (int, float) and abs(value) <= 1e9 for value in numbers):
        return "calibration"
    return None
