"""Every option of `shelflens train`, with the reason for its default."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from shelflens.errors import DataError
from shelflens.options import option
from shelflens_train.memory import free_memory
from shelflens_train.spec import BACKBONES, BackboneSpec

PROXY_LOSSES = ("softmax", "arcface", "proxy-anchor")
PAIR_LOSSES = ("none", "multi-similarity", "contrastive")

AUTO = "auto"
"""Start weights: the bundled model, or ImageNet's for a network of another kind. Teacher: the
run's own start, where it has a head that knows products."""

FIRST = "what matters first"
NETWORK = "the network"
IMAGES = "images"
SCHEDULE = "schedule and regularisation"
LOSS = "losses"
MACHINE = "computing"
GROUPS = (FIRST, NETWORK, IMAGES, SCHEDULE, LOSS, MACHINE)
"""Headings of the help."""


@dataclass(frozen=True)
class TrainConfig:
    """What to train, on what, and how. Saved as `config.json` in the run folder."""

    data: tuple[str, ...]
    """The DATASET arguments, in order."""

    # What to train. V2 is the backbone that quantizes without loss and that QAT accepts.
    backbone: str = option("mobilenet_v2", "network to start from", choices=BACKBONES, group=FIRST)
    alpha: float = option(1.0, "width multiplier of a MobileNet", group=NETWORK)
    minimalistic: bool = option(
        False, "MobileNetV3 without squeeze-and-excite and hard-swish", group=NETWORK
    )
    weights: str = option(
        AUTO,
        "start weights: bundled (the model in the package), imagenet, a file, an earlier RUN, "
        "none; auto is bundled, or imagenet for another backbone",
        group=FIRST,
    )
    # 192 costs 0.73 of the time of 224 on the device, and store photos lose little by it.
    size: int = option(192, "side of the square input, pixels", group=FIRST)
    # Random zoom shows products larger in training than they are in use; a network trained on
    # smaller images than it is used on sees them alike, and trains faster (Touvron et al.,
    # "Fixing the train-test resolution discrepancy", NeurIPS 2019). The first epochs, which learn
    # the coarse things, take smaller images still.
    train_size: int = option(0, "side while training; 0: five sixths of --size", group=NETWORK)
    early_size: int = option(0, "side in the first epochs; 0: two thirds of --size", group=NETWORK)
    early: float = option(0.5, "share of the epochs at --early-size", group=NETWORK)
    dim: int = option(256, "dimensions of the embedding", group=NETWORK)
    # A prefix of a Matryoshka embedding is an embedding: a catalog may store fewer dimensions.
    prefixes: tuple[str, ...] = option(
        ("32", "64", "128"),
        "Matryoshka: first dimensions that must be an embedding too",
        group=NETWORK,
    )
    name: str = option(
        "", "name in the model card; default: the name of the run folder", group=NETWORK
    )
    license: str = option("", "licence of the trained weights, for the model card", group=NETWORK)

    # On what.
    columns: str = option(
        "", "columns of a DATASET that is a table: path=Image,product=SKU", group=IMAGES
    )
    val: str = option(
        "", "DATASET to validate on; default: hold out a share of the photos", group=FIRST
    )
    val_share: float = option(
        0.1, "share of each product's photos held out without --val", group=IMAGES
    )

    # They keep the network from forgetting what the store does not sell.
    auxiliary: tuple[str, ...] = option(
        (), "DATASET of images of other things; each image is a class of its own", group=IMAGES
    )
    auxiliary_share: float = option(0.3, "share of auxiliary images in each batch", group=IMAGES)

    # Weights half way between start and end keep more of both (Wortsman et al., "Robust
    # fine-tuning of zero-shot models", CVPR 2022).
    start_share: float = option(
        0.0,
        "weight averaging with the start (WiSE-FT): share of the start weights in the result",
        group=SCHEDULE,
    )

    # A teacher's similarities between images say more than labels do; the run's own start, as
    # teacher, keeps it from forgetting.
    teacher: str = option(
        AUTO,
        "network to distil from: RUN, bundled, a .tflite, none, or start, the run's own start; "
        "auto is start where that is bundled, a .tflite or a RUN, else none",
        group=SCHEDULE,
    )
    teacher_weight: float = option(3.0, "weight of the distillation loss", group=SCHEDULE)

    # How long. The head starts as a projection of the start weights, so it need not settle first.
    head_epochs: int = option(
        0, "epochs with the backbone frozen, before the others", group=SCHEDULE
    )
    epochs: int = option(12, "epochs with all layers trained", group=FIRST)
    batch: int = option(32, "photos per step", group=FIRST)

    # How fast. Adam above 2e-4 with frozen BatchNorm collapses; a warm-up and clipping help.
    head_learning_rate: float = option(
        1e-3, "learning rate while the backbone is frozen", group=SCHEDULE
    )
    learning_rate: float = option(
        2e-4, "highest learning rate with all layers trained", group=FIRST
    )
    warmup: float = option(1.0, "epochs over which that learning rate is reached", group=SCHEDULE)
    clip: float = option(1.0, "largest norm of a gradient step", group=SCHEDULE)

    # The loss. CosFace's margin of 0.35 is for faces by the million; products need less.
    loss: str = option(
        "softmax", "loss over proxies, one per product", choices=PROXY_LOSSES, group=LOSS
    )
    margin: float = option(0.1, "cosine margin between a product and the others", group=LOSS)
    scale: float = option(24.0, "inverse temperature of the softmax over cosines", group=LOSS)

    # It needs several photos of a product in a batch.
    pair_loss: str = option(
        "none", "loss over pairs of photos, added to it", choices=PAIR_LOSSES, group=LOSS
    )
    pair_weight: float = option(0.3, "weight of the loss over pairs", group=LOSS)
    per_product: int = option(
        0, "photos of a product in a row in each batch; 0: any order", group=LOSS
    )

    # Products alone teach that two milks are as different as milk and soap.
    category: str = option(
        "", "column of DATASET with the category of each product, learnt too", group=FIRST
    )
    category_weight: float = option(0.3, "weight of the softmax over categories", group=LOSS)

    augment: float = option(1.0, "strength of augmentation; 0 turns it off", group=IMAGES)
    colour: float = option(
        1.0, "strength of changes of colour, within that of augmentation", group=IMAGES
    )
    flip: bool = option(
        True, "mirror photos too: text is not read at this size, and it varies", group=IMAGES
    )

    seed: int = option(0, "seed of weights, order and augmentation", group=MACHINE)
    precision: str = option(
        "float32",
        "arithmetic",
        choices=("float32", "mixed_bfloat16", "mixed_float16"),
        group=MACHINE,
    )
    # What does not fit is decoded again in each epoch, which takes longer than a training step.
    cache_gb: float = option(
        0.0, "memory for decoded photos, GB; 0: two fifths of what is free", group=MACHINE
    )

    def __post_init__(self) -> None:
        self._check_ranges()
        if self.head_epochs + self.epochs == 0:
            raise DataError("--head-epochs and --epochs: expected not both 0")
        if self.size < 32 or self.size % 32 or self.size > 1024:
            raise DataError(f"--size: expected a multiple of 32 from 32 to 1024, got {self.size}")
        for name in ("train_size", "early_size"):
            side = getattr(self, name)
            if side < 0 or side % 32:
                raise DataError(f"{_flag(name)}: expected a multiple of 32, got {side}")
        if self.pair_loss != "none" and self.per_product < 2:
            raise DataError(f"--pair-loss {self.pair_loss}: expected --per-product 2 or more")
        if wrong := [text for text in self.prefixes if not text.isdigit() or not int(text)]:
            raise DataError(f"--prefixes: expected whole numbers above 0, got {wrong[0]!r}")
        if self.dim > 4096:
            raise DataError(f"--dim: expected at most 4096, got {self.dim}")

    def _check_ranges(self) -> None:
        positive = ("size", "dim", "batch", "learning_rate", "head_learning_rate", "scale", "alpha")
        for name in (*positive, "clip"):
            if getattr(self, name) <= 0:
                raise DataError(f"{_flag(name)}: expected more than 0")
        weights = ("category_weight", "pair_weight", "per_product", "teacher_weight", "colour")
        for name in (*weights, "head_epochs", "epochs", "cache_gb"):
            if getattr(self, name) < 0:
                raise DataError(f"{_flag(name)}: expected 0 or more")
        for name in ("val_share", "early", "auxiliary_share", "start_share"):
            if not 0 <= getattr(self, name) < 1:
                raise DataError(f"{_flag(name)}: expected 0 to below 1, got {getattr(self, name)}")

    @property
    def spec(self) -> BackboneSpec:
        """The network to build."""
        return BackboneSpec(
            name=self.backbone,
            alpha=self.alpha,
            minimalistic=self.minimalistic,
            size=self.size,
            dim=self.dim,
            trains_statistics=self.weights == "none",
        )

    @property
    def dims(self) -> tuple[int, ...]:
        """Prefixes of the embedding that are trained, the whole of it last."""
        return (*sorted({int(text) for text in self.prefixes if int(text) < self.dim}), self.dim)

    @property
    def all_epochs(self) -> int:
        """Epochs of both phases."""
        return self.head_epochs + self.epochs

    @property
    def cache_bytes(self) -> int:
        """Memory for decoded photos, at this moment."""
        return int(self.cache_gb * 1e9) or free_memory() * 2 // 5

    def side(self, epoch: int) -> int:
        """Side of the images in an epoch of training, pixels."""
        early = epoch < round(self.early * self.all_epochs)
        wanted, share = (self.early_size, 2 / 3) if early else (self.train_size, 5 / 6)
        return wanted or max(32, round(self.size * share / 32) * 32)


def saved_config(run: Path) -> TrainConfig:
    """The config of a run folder.

    Raises:
        DataError: made by a version whose options had other names.
    """
    read: dict[str, Any] = json.loads((run / "config.json").read_text())
    if unknown := sorted(read.keys() - {field.name for field in fields(TrainConfig)}):
        raise DataError(f"{run / 'config.json'}: no option {unknown[0]!r} here; train again")
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in read.items()}
    return TrainConfig(**values)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
