"""One thing that a customer did."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

EVENT_KINDS = ("view", "like", "buy", "dislike", "photo")
"""What can happen; `photo` is a photo of something that the customer likes."""


@dataclass(frozen=True)
class NewEvent:
    """An event before it is in a profile."""

    kind: str
    """One of `EVENT_KINDS`."""
    vector: NDArray[np.float32]
    """float32 [d], any length but zero."""
    product: str = ""
    """The product's id, or empty for a photo."""
    name: str = ""
    """The product's name, or the photo's file name; empty is the product's id."""


@dataclass(frozen=True)
class Event:
    """One thing the customer did."""

    number: int
    """Of the event in its profile, rising."""
    at: float
    """Seconds since 1970, UTC."""
    kind: str
    product: str
    """The product's id, or empty for a photo."""
    name: str
    """The product's name, or the photo's file name."""
    vector: NDArray[np.float32]
    """float32 [d], length 1."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, without the vector."""
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.at))
        return {
            "number": self.number,
            "at": when,
            "kind": self.kind,
            "product": self.product,
            "name": self.name,
        }
