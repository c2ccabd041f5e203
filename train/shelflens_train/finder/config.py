"""Every option of `shelflens train --task finder`, with the reason for its default."""

from __future__ import annotations

from dataclasses import dataclass

from shelflens.errors import DataError
from shelflens.options import option

GROUP = "with --task finder, in place of all others"


@dataclass(frozen=True)
class FinderConfig:
    """What to train a finder on, and how. Saved as `config.json` in the run folder."""

    data: tuple[str, ...]
    """The DATASET arguments: pictures of products with alpha, or on a plain ground."""
    name: str
    license: str
    seed: int

    backgrounds: tuple[str, ...] = option(
        (), "DATASET of pictures for behind the products", group=GROUP
    )
    outlined: str = option(
        "",
        "CSV of photos with products outlined by hand: columns photo and outline (corners x,y as "
        "shares, a row for each product)",
        group=GROUP,
    )
    synthetic: int = option(
        260, "products to render beside those of DATASET (as `synthesize` does)", group=GROUP
    )
    finder_weights: str = option(
        "imagenet", "start weights of the first layers: imagenet, a file, none", group=GROUP
    )
    # A product at a third of the width is 53 pixels wide then, and the cost 0.4 of an embedding.
    finder_size: int = option(160, "side of the square input, pixels", group=GROUP)
    # A random decoder on good features: the features stand still until it has settled.
    scenes: int = option(6000, "scenes that the decoder is trained on first", group=GROUP)
    first_epochs: int = option(12, "passes over these", group=GROUP)
    span: int = option(2000, "then, scenes between two checkpoints", group=GROUP)
    # Making a scene costs as much as a step on it, and one that is seen again teaches as well.
    passes: int = option(4, "times that each of these is seen", group=GROUP)
    spans: int = option(10, "spans with all but the finest features trained", group=GROUP)
    finder_batch: int = option(32, "scenes per step", group=GROUP)
    first_rate: float = option(1e-3, "highest learning rate of the decoder alone", group=GROUP)
    rate: float = option(7e-4, "highest learning rate of the others; it falls to 0", group=GROUP)
    val_scenes: int = option(400, "scenes that the result is measured on", group=GROUP)

    def __post_init__(self) -> None:
        if self.finder_size < 64 or self.finder_size % 32 or self.finder_size > 512:
            raise DataError(
                f"--finder-size: expected a multiple of 32 from 64 to 512, got {self.finder_size}"
            )
        for name in (
            "span",
            "passes",
            "scenes",
            "finder_batch",
            "first_rate",
            "rate",
            "val_scenes",
        ):
            if getattr(self, name) <= 0:
                raise DataError(f"--{name.replace('_', '-')}: expected more than 0")
        for name in ("first_epochs", "spans", "synthetic"):
            if getattr(self, name) < 0:
                raise DataError(f"--{name.replace('_', '-')}: expected 0 or more")
        if min(self.span, self.scenes) < self.finder_batch:
            raise DataError("--span and --scenes: expected at least --finder-batch")
