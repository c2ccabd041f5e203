"""What network to build: everything that its layers depend on, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from shelflens import ModelCard

BACKBONES = (
    "mobilenet_v2",
    "mobilenet_v2_pruned",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
    "vgg16",
    "resnet50",
    "inception_v3",
)


@dataclass(frozen=True)
class BackboneSpec:
    """A backbone with a linear head."""

    name: str = "mobilenet_v2"
    """One of `BACKBONES`."""
    alpha: float = 1.0
    """Width multiplier of a MobileNet; the pruned one has 1, the others ignore it."""
    minimalistic: bool = False
    """MobileNetV3 without squeeze-and-excite and hard-swish."""
    size: int = 192
    """Side of the square input in use, pixels. No weight depends on it."""
    dim: int = 256
    """Dimensions of the embedding."""
    trains_statistics: bool = False
    """Whether BatchNorm learns its own statistics: only in a network without start weights."""

    @property
    def card_name(self) -> str:
        """The backbone as a model card writes it, such as "mobilenet_v2 1"."""
        return f"{self.name} {self.alpha:g}{' minimalistic' * self.minimalistic}"

    @classmethod
    def from_card(cls, card: ModelCard) -> BackboneSpec:
        """The network that a model card describes."""
        name, _, rest = card.backbone.partition(" ")
        alpha, _, kind = rest.partition(" ")
        return cls(
            name=name,
            alpha=float(alpha or 1.0),
            minimalistic=kind == "minimalistic",
            size=card.size,
            dim=card.dim,
        )
