"""ShelfLens: which product a photo shows, answered offline on a small device.

>>> from shelflens import Catalog, Embedder
>>> embedder = Embedder.open()
>>> catalog = Catalog.open("store.catalog")
>>> catalog.require(embedder.card.space)
>>> catalog.match(embedder.embed("photo.jpg"))
"""

from shelflens.catalog.answer import Answer, Match
from shelflens.catalog.catalog import Catalog
from shelflens.errors import (
    CameraError,
    CatalogError,
    DataError,
    EngineError,
    ModelError,
    PageError,
    PhotoError,
    ProfileError,
    ServeError,
    ShelfLensError,
    SpaceError,
)
from shelflens.model.card import ModelCard
from shelflens.model.embedder import Embedder
from shelflens.model.image import load_image

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "CameraError",
    "Catalog",
    "CatalogError",
    "DataError",
    "Embedder",
    "EngineError",
    "Match",
    "ModelCard",
    "ModelError",
    "PageError",
    "PhotoError",
    "ProfileError",
    "ServeError",
    "ShelfLensError",
    "SpaceError",
    "load_image",
]
