"""Is a training worth shipping: its network, its start and the bundled model on the same photos."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.enrol import ViewEmbedder
from shelflens.dataset import LabelledImage, read_dataset
from shelflens.evaluation.measure.metrics import auroc
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens_train import shop_catalog
from shelflens_train.bundled import BundledModel
from shelflens_train.evaluate import Retrieval, embed, retrieval, retrieve
from shelflens_train.photo_bank import PhotoBank
from shelflens_train.split import Split

CLEAR = 0.05
"""p-value up to which a difference is not taken for chance."""


@dataclass(frozen=True)
class Found:
    """What a model finds."""

    all_photos: Retrieval
    """Held-out photos among all training photos, in a catalog as a shop builds it."""
    one_photo: Retrieval
    """Held-out photos among one training photo per product."""
    demo_store: float
    """recall@1 on the package's demo store, which no shop sells."""

    def to_dict(self) -> dict[str, float]:
        """The figures as JSON values."""
        found = self.all_photos
        return {
            "val_recall_at_1": found.recall,
            "one_photo_recall_at_1": self.one_photo.recall,
            "not_enrolled_auroc": auroc(found.genuine, found.impostor),
            "demo_store_recall_at_1": self.demo_store,
        }


@dataclass(frozen=True)
class Judgement:
    """The final network beside what the shop has without it, and beside its start."""

    final: Found
    bundled: Found
    bundled_space: str
    one_photo_start: float
    """recall@1 of held-out photos among one photo per product, with the start weights."""
    demo_store_start: float
    """recall@1 on the demo store with the start weights."""

    def comparison(self, *, on_views: bool) -> dict[str, Any]:
        """The final network and the bundled model, query by query, as JSON values.

        `verdict` is "better", "no better", or "worse" where that is hardly chance; on synthetic
        views, which flatter a training, "better" must be as clear. `won` counts the
        held-out photos that only the final network finds, `lost` those that only the bundled model
        finds. `p_value` is that of a sign test: how probable so many of them for one side are
        between equal models (McNemar, Psychometrika 1947; exact, one-sided).
        """
        final, bundled = self.final.all_photos.right, self.bundled.all_photos.right
        won, lost = int((final & ~bundled).sum()), int((bundled & ~final).sum())
        p_value = _sign_test(max(won, lost), won + lost)
        verdict = "no better"
        if won > lost and (p_value <= CLEAR or not on_views):
            verdict = "better"
        elif lost > won and p_value <= CLEAR:
            verdict = "worse"
        return {
            "verdict": verdict,
            "won": won,
            "lost": lost,
            "p_value": round(p_value, 4),
            "bundled": {"space": self.bundled_space, **self.bundled.to_dict()},
            "run": self.final.to_dict(),
        }


def judge(
    final: keras.Model,
    start: keras.Model,
    bundled: BundledModel,
    enrolled: NDArray[np.float32],
    split: Split,
    bank: PhotoBank,
) -> Judgement:
    """Look the held-out photos and the demo store up, with each of the three models.

    All training photos are enrolled as `shelflens catalog build` enrols them, adapted to the shop
    where that helps; one photo per product, and the demo store, in plain catalogs.

    Args:
        final: The network with its final head.
        start: The network with the start weights.
        bundled: The bundled model.
        enrolled: float32 [n, d], the final embeddings of the training photos.
        split: Its held-out photos are looked up.
        bank: Photos at the size of use.
    """
    first_rows = list({item.product: row for row, item in _last_first(split.train)}.values())
    firsts = [split.train[row] for row in first_rows]
    products, asked = _products(split.train), _products(split.val)
    queries = embed(final, split.val, bank, progress="held-out photos")
    studio, photos = _demo("studio"), _demo("photos")

    def once(vectors: NDArray[np.float32], rows: NDArray[np.float32]) -> Retrieval:
        return retrieve(rows, _products(firsts), vectors, asked)

    def all_photos(
        embedder: ViewEmbedder, vectors: NDArray[np.float32], asking: NDArray[np.float32]
    ) -> Retrieval:
        rows, adaptation = shop_catalog.enrolled(split.train, vectors, embedder)
        return retrieve(rows, products, asking, asked, adaptation)

    own_all, own_asked = bundled.embed(split.train), bundled.embed(split.val)
    return Judgement(
        final=Found(
            all_photos(shop_catalog.NetworkEmbedder(final), enrolled, queries),
            once(queries, enrolled[first_rows]),
            retrieval(final, studio, photos, bank, progress="demo store").recall,
        ),
        bundled=Found(
            all_photos(bundled.embedder, own_all, own_asked),
            once(own_asked, own_all[first_rows]),
            retrieve(
                bundled.embed(studio), _products(studio), bundled.embed(photos), _products(photos)
            ).recall,
        ),
        bundled_space=bundled.space,
        one_photo_start=retrieval(start, firsts, split.val, bank, progress="start weights").recall,
        demo_store_start=retrieval(start, studio, photos, bank, progress="start weights").recall,
    )


def _last_first(items: list[LabelledImage]) -> list[tuple[int, LabelledImage]]:
    return list(enumerate(items))[::-1]


def _products(items: list[LabelledImage]) -> list[str]:
    return [item.product for item in items]


def _demo(part: str) -> list[LabelledImage]:
    return read_dataset(BUNDLED_MODEL.parent / "demo" / f"{part}.csv").items


def _sign_test(wins: int, count: int) -> float:
    """The probability of so many wins or more in `count` fair tosses."""
    ways = sum(math.comb(count, k) for k in range(wins, count + 1))
    return float(ways / 2**count)
