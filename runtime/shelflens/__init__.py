"""ShelfLens: which product a photo shows, answered offline on a small device.

>>> from shelflens import Catalog, Embedder, build_catalog, read_dataset
>>> embedder = Embedder.open()
>>> build_catalog(read_dataset("products/"), embedder).save("store.catalog")
>>> catalog = Catalog.open("store.catalog")
>>> catalog.require(embedder.card.space)
>>> catalog.answer(embedder.embed("photo.jpg"))
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from shelflens.catalog.answer import Answer, Match
from shelflens.catalog.calibration import Calibration
from shelflens.catalog.catalog import Catalog
from shelflens.errors import (
    CameraError,
    CatalogError,
    DataError,
    EngineError,
    ModelError,
    PhotoError,
    ProfileError,
    ServeError,
    ShelfLensError,
    SignatureError,
    SpaceError,
    WebAppError,
)
from shelflens.model.card import ModelCard
from shelflens.model.embedder import Embedder
from shelflens.model.image import load_image

if TYPE_CHECKING:  # a lookup starts without them
    from shelflens.catalog.build import build_catalog
    from shelflens.dataset import Dataset, read_dataset

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "Calibration",
    "CameraError",
    "Catalog",
    "CatalogError",
    "DataError",
    "Dataset",
    "Embedder",
    "EngineError",
    "Match",
    "ModelCard",
    "ModelError",
    "PhotoError",
    "ProfileError",
    "ServeError",
    "ShelfLensError",
    "SignatureError",
    "SpaceError",
    "WebAppError",
    "build_catalog",
    "load_image",
    "read_dataset",
]

_LATER = {
    "Dataset": "shelflens.dataset",
    "build_catalog": "shelflens.catalog.build",
    "read_dataset": "shelflens.dataset",
}
"""Public name -> its module, imported when it is asked for."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
