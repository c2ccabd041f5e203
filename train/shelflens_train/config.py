"""Every knob of `shelflens train`, with the reason for its default."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shelflens.errors import DataError
from shelflens.options import option

BACKBONES = (
    "mobilenet_v2",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
    "vgg16",
    "resnet50",
    "inception_v3",
)
PROXY_LOSSES = ("softmax", "arcface", "proxy-anchor")
PAIR_LOSSES = ("none", "multi-similarity", "contrastive")


@dataclass(frozen=True)
class TrainConfig:
    """What to train, on what, and how. Saved as `config.json` in the run folder."""

    data: tuple[str, ...]
    """The DATA arguments, in order."""

    # What to train. V2 is the backbone that quantizes without loss and that QAT accepts.
    backbone: str = option("mobilenet_v2", "network to start from", choices=BACKBONES)
    alpha: float = option(1.0, "width multiplier of a MobileNet")
    minimalistic: bool = option(False, "MobileNetV3 without squeeze-and-excite and hard-swish")
    weights: str = option(
        "imagenet",
        "start weights: imagenet, bundled (the model in the package), a file, an earlier RUN, none",
    )
    # 192 costs 0.73 of the time of 224 on the device, and store photos lose little by it.
    size: int = option(192, "side of the square input, pixels")
    # Random zoom shows products larger in training than they are in use; a network trained on
    # smaller pictures than it is used on sees them alike, and trains faster (Touvron et al.,
    # "Fixing the train-test resolution discrepancy", NeurIPS 2019). The first epochs, which learn
    # the coarse things, take smaller pictures still.
    train_size: int = option(0, "side while training; 0: five sixths of --size")
    early_size: int = option(0, "side in the first epochs; 0: two thirds of --size")
    early: float = option(0.5, "share of the epochs at --early-size")
    dim: int = option(256, "length of the embedding")
    # A prefix of a Matryoshka embedding is an embedding: a catalog may store fewer numbers.
    prefixes: tuple[str, ...] = option(
        ("32", "64", "128"), "shorter lengths at which the embedding must work too"
    )
    name: str = option("", "name in the model card; default: the name of the run folder")

    license: str = option("", "licence of the trained weights, for the model card")

    # On what.
    val: str = option("", "DATA to validate on; default: hold out a share of DATA")
    val_share: float = option(0.1, "share of each product's photos held out without --val")

    # Pictures of other things keep the network from forgetting what the store does not sell.
    general: tuple[str, ...] = option((), "DATA of other pictures, each a thing of its own")
    general_share: float = option(0.3, "share of --general in each batch")

    # Weights half way between start and end keep more of both (WiSE-FT: Wortsman et al., "Robust
    # fine-tuning of zero-shot models", CVPR 2022).
    keep: float = option(0.0, "share of the start weights in the result")

    # What a network shows by how alike it finds pictures is learnt faster than from products
    # alone; its own start, as teacher, keeps it from forgetting.
    teacher: str = option(
        "", "network to learn from too: RUN, bundled, a .tflite, or start, its own"
    )
    teacher_weight: float = option(1.0, "weight of seeing pictures as alike as the teacher does")

    # How long. The head starts as a projection of the start weights, so it need not settle first.
    head_epochs: int = option(0, "epochs with the backbone frozen, before the others")
    epochs: int = option(12, "epochs with all layers trained")
    batch: int = option(32, "photos a step")

    # How fast. Adam above 2e-4 with frozen BatchNorm collapses; a warm-up and clipping help.
    head_rate: float = option(1e-3, "learning rate while the backbone is frozen")
    rate: float = option(2e-4, "highest learning rate with all layers trained")
    warmup: float = option(1.0, "epochs over which that rate is reached")
    clip: float = option(1.0, "largest norm of a gradient step")

    # The loss. CosFace's margin of 0.35 is for faces by the million; products need less.
    loss: str = option("softmax", "what a product's proxy does", choices=PROXY_LOSSES)
    margin: float = option(0.1, "cosine margin between a product and the others")
    scale: float = option(24.0, "inverse temperature of the softmax over cosines")

    # A loss over pairs needs several photos of a product in a batch.
    pairs: str = option("none", "loss over pairs of photos beside it", choices=PAIR_LOSSES)
    pairs_weight: float = option(0.3, "weight of that loss")
    per_product: int = option(0, "photos of a product in a row in each batch; 0: any order")

    # Products alone teach that two milks are as different as milk and soap.
    kinds: str = option("", "column of DATA with the kind of each product, to learn likeness from")
    kinds_weight: float = option(0.3, "weight of telling kinds apart beside telling products apart")

    augment: float = option(1.0, "strength of augmentation; 0 turns it off")
    colour: float = option(1.0, "strength of changes of colour, within that of augmentation")
    flip: bool = option(True, "mirror photos too: text is not read at this size, and it varies")

    seed: int = option(0, "seed of weights, order and augmentation")
    precision: str = option(
        "float32", "arithmetic", choices=("float32", "mixed_bfloat16", "mixed_float16")
    )
    cache_gb: float = option(2.0, "memory for decoded photos, GB")

    def __post_init__(self) -> None:
        positive = ("size", "dim", "batch", "rate", "head_rate", "scale", "alpha", "clip")
        for one in positive:
            if getattr(self, one) <= 0:
                raise DataError(f"--{one.replace('_', '-')}: expected more than 0")
        if min(self.head_epochs, self.epochs) < 0 or self.head_epochs + self.epochs == 0:
            raise DataError("--head-epochs and --epochs: expected 0 or more, and not both 0")
        if not 0 <= self.val_share < 1:
            raise DataError(f"--val-share: expected 0 to below 1, got {self.val_share}")
        if self.size < 32 or self.size % 32 or self.size > 1024:
            raise DataError(f"--size: expected a multiple of 32 from 32 to 1024, got {self.size}")
        for name in ("train_size", "early_size"):
            side = getattr(self, name)
            if side < 0 or side % 32:
                raise DataError(
                    f"--{name.replace('_', '-')}: expected a multiple of 32, got {side}"
                )
        for name in ("kinds_weight", "pairs_weight", "per_product", "teacher_weight", "colour"):
            if getattr(self, name) < 0:
                raise DataError(f"--{name.replace('_', '-')}: expected 0 or more")
        for name in ("early", "general_share", "keep"):
            if not 0 <= getattr(self, name) < 1:
                raise DataError(
                    f"--{name.replace('_', '-')}: expected 0 to below 1, got {getattr(self, name)}"
                )
        if self.pairs != "none" and self.per_product < 2:
            raise DataError(f"--pairs {self.pairs}: expected --per-product 2 or more")
        if wrong := [one for one in self.prefixes if not one.isdigit() or not int(one)]:
            raise DataError(f"--prefixes: expected whole numbers above 0, got {wrong[0]!r}")
        if self.dim > 4096:
            raise DataError(f"--dim: expected at most 4096, got {self.dim}")

    @property
    def lengths(self) -> tuple[int, ...]:
        """Prefixes of the embedding that are trained, the whole of it last."""
        return (*sorted({int(one) for one in self.prefixes if int(one) < self.dim}), self.dim)

    def side(self, epoch: int) -> int:
        """Side of the pictures in an epoch of training, pixels."""
        early = epoch < round(self.early * (self.head_epochs + self.epochs))
        wanted, share = (self.early_size, 2 / 3) if early else (self.train_size, 5 / 6)
        return wanted or max(32, round(self.size * share / 32) * 32)


def saved_config(run: Path) -> TrainConfig:
    """The config of a run folder."""
    read: dict[str, Any] = json.loads((run / "config.json").read_text())
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in read.items()}
    return TrainConfig(**values)
