"""ShelfLens: which product a photo shows, answered offline on a small device.

>>> from shelflens import Catalog, Embedder, build_catalog, read_dataset
>>> embedder = Embedder.open()
>>> build_catalog(read_dataset("products/"), embedder).save("store.catalog")
>>> catalog = Catalog.open("store.catalog")
>>> catalog.require(embedder.card.space)
>>> catalog.answer(embedder.embed("photo.jpg"))
"""

from shelflens.catalog.answer import Answer, Match
from shelflens.catalog.build import build_catalog
from shelflens.catalog.calibration import Calibration
from shelflens.catalog.catalog import Catalog
from shelflens.dataset import Dataset, read_dataset
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
