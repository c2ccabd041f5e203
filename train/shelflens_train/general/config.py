"""How a general embedding is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class GeneralConfig:
    """How a general embedding is trained; saved in the run folder."""

    shares: Mapping[str, float]
    """Domain -> share of each batch."""
    batch: int = 64
    side: int = 192
    strength: float = 1.2
    colour: float = 0.5
    """Colour least: it is often all that tells two variants apart."""
    rate: float = 5e-5
    warmup: int = 200
    """Steps."""
    clip: float = 1.0
    scale: float = 16.0
    share: float = 0.3
    """Of the wanted distribution that lies on other identities (`proxy_distillation`)."""
    taught_scale: float = 12.0
    frozen: int = 6
    """The layers before this block of MobileNetV2 are held still."""
    averaging: float = 0.998
    """Of the running mean, per step."""
    span: int = 200
    """Steps after which the state is saved."""
    seed: int = 0
