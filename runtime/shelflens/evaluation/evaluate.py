"""One evaluation: everything measured and found, as `evaluate` returns it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from shelflens.catalog.catalog import Catalog
from shelflens.dataset import LabelledImage
from shelflens.errors import CatalogError, DataError
from shelflens.evaluation.findings.confusion_pairs import Pair, pairs
from shelflens.evaluation.findings.k_shot import DRAWS, SHOTS, Shot, shots
from shelflens.evaluation.findings.label_errors import Suspect, suspects
from shelflens.evaluation.findings.needs import Need, enrolled, found_in, needs
from shelflens.evaluation.measure import figures
from shelflens.evaluation.measure.lookups import Embedded, Lookup, look_up

ENOUGH = 20
"""Photos of products that are not enrolled, from which they stand for unknown things when no
others are given."""

COPY = 0.9995
"""Cosine similarity from which a photo is an enrolled picture itself; rows are rounded to int8."""

Step = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and the whole."""


@dataclass(frozen=True)
class Gain:
    """What the proposed photos do, measured on the photos that are not proposed."""

    photos: int
    """Photos proposed."""
    products: int
    judged: int
    """Photos it was measured on."""
    before: float
    """Share of them found: right product first, and not answered unknown."""
    after: float

    def to_dict(self) -> dict[str, Any]:
        """The gain as JSON values."""
        return dict(vars(self))


@dataclass(frozen=True)
class Report:
    """What an evaluation found; `to_dict` is `report.json`."""

    catalog: Catalog
    source: str
    """The catalog file, or the gallery it was made of."""
    model: str
    basis: str
    """Whether threshold and confidence are "measured" with this store's photos or "default"."""
    looks: list[Lookup]
    """Photos of enrolled products."""
    strangers: list[Lookup]
    """Photos of things that are not enrolled."""
    missing: list[Lookup]
    """Photos of the queries whose product is not enrolled, whether or not among `strangers`."""
    rows: list[Path]
    """The files of the catalog's pictures, in the order of its rows; empty if not known."""
    known: figures.Known
    unknown: figures.Unknown
    """With `strangers`, or where there are none, the same as `left_out`."""
    left_out: figures.Unknown
    """Each photo with its own product taken out: a new product on the same shelf."""
    confidence: figures.Confidence
    products: list[figures.Product]
    attributes: list[figures.Value]
    shots: list[Shot]
    pairs: list[Pair]
    needs: list[Need]
    suspects: list[Suspect]
    gain: Gain | None
    notices: list[str] = field(default_factory=list)

    @property
    def untested(self) -> list[str]:
        """Ids of enrolled products without a photo."""
        tested = {row.id for row in self.products}
        return [product for product in self.catalog.ids if product not in tested]

    @property
    def let_in(self) -> list[Lookup]:
        """Photos of things not enrolled that were not answered `unknown`, the surest first."""
        wrong = [look for look in self.strangers if look.decision != "unknown"]
        return sorted(wrong, key=lambda look: -look.first.score)

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return {
            "format": 1,
            "source": self.source,
            "model": self.model,
            "space": self.catalog.space,
            "calibration": dict(self.catalog.calibration),
            "basis": self.basis,
            "products": len(self.catalog),
            "pictures": self.catalog.row_count,
            "photos": len(self.looks),
            "unknown_photos": len(self.strangers),
            "notices": self.notices,
            "known": self.known.to_dict(),
            "unknown": self.unknown.to_dict(),
            "left_out": self.left_out.to_dict(),
            "confidence": self.confidence.to_dict(),
            "shots": [one.to_dict() for one in self.shots],
            "gain": self.gain.to_dict() if self.gain else None,
            "needs": [one.to_dict() for one in self.needs],
            "pairs": [one.to_dict() for one in self.pairs],
            "suspects": [one.to_dict() for one in self.suspects],
            "let_in": [_told(look) for look in self.let_in],
            "untested": self.untested,
            "per_product": [one.to_dict() for one in self.products],
            "by_attribute": [one.to_dict() for one in self.attributes],
        }


def _told(look: Lookup) -> dict[str, Any]:
    return {"photo": str(look.path), "decision": look.decision, "first": look.first.to_dict()}


def evaluate(
    catalog: Catalog,
    queries: Embedded,
    unknowns: Embedded | None = None,
    *,
    rows: Sequence[Path] = (),
    source: str = "catalog",
    model: str = "",
    on_step: Step = lambda what, done, total: None,
) -> Report:
    """Measure a catalog with photos it has not seen.

    Args:
        catalog: Two products or more.
        queries: Photos with the ids of the products they show. Photos of products that are not
            enrolled count as unknown things.
        unknowns: Photos of things that are not enrolled; their labels do not matter.
        rows: The files of the catalog's pictures in the order of its rows, if known.
        source: The catalog's name in the report.
        model: The model's name in the report.
        on_step: Told of the progress.

    Raises:
        CatalogError: one product or none.
        DataError: not one query shows an enrolled product; an unknown one is enrolled; all
            photos have the same score with all products.
    """
    check_labels(
        catalog.ids,
        [item.product for item in queries.items],
        [item.product for item in unknowns.items] if unknowns else [],
    )
    notices: list[str] = []
    total = len(queries.items) + (len(unknowns.items) if unknowns else 0)
    found = look_up(catalog, queries, on_done=lambda n: on_step("looking up", n, total))
    given = (
        look_up(
            catalog,
            unknowns,
            on_done=lambda n: on_step("looking up", len(found) + n, total),
        )
        if unknowns
        else []
    )
    looks = [look for look in found if look.rank]
    _check_scores(looks)
    missing = [look for look in found if not look.rank]
    strangers = given + missing if given or len(missing) >= ENOUGH else []
    notices += _notices(looks, missing, bool(strangers))
    doubts = suspects(
        [
            *(_items(catalog, rows)),
            *(look.item for look in looks),
        ],
        [*catalog.row_ids, *(look.item.product for look in looks)],
        np.concatenate([catalog.vectors, np.stack([look.vector for look in looks])]),
        catalog.row_count,
    )
    wanted = needs(catalog, looks, {one.path for one in doubts})
    curve = shots(catalog, looks, on_done=lambda n: on_step("fewer photos", n, len(SHOTS) * DRAWS))
    if not curve:
        notices.append(
            "most products have one picture, so what a second or a tenth one adds is not measured"
        )
    left_out = figures.unknown(catalog, looks, [])
    return Report(
        catalog=catalog,
        source=source,
        model=model,
        basis=catalog.answer(looks[0].vector).basis,
        looks=looks,
        strangers=strangers,
        missing=missing,
        rows=list(rows),
        known=figures.known(looks),
        unknown=figures.unknown(catalog, looks, strangers) if strangers else left_out,
        left_out=left_out,
        confidence=figures.confidence(looks, strangers),
        products=figures.products(catalog, looks),
        attributes=figures.by_attribute(catalog, looks),
        shots=curve,
        pairs=pairs(catalog, looks),
        needs=wanted,
        suspects=doubts,
        gain=_gain(catalog, looks, wanted),
        notices=notices,
    )


def check_labels(ids: Sequence[str], queries: Sequence[str], unknowns: Sequence[str]) -> None:
    """Refuse what cannot be measured, before minutes are spent on embedding.

    Args:
        ids: The enrolled products.
        queries: The products of the queries, one or more.
        unknowns: The labels of the unknown things.

    Raises:
        CatalogError, DataError: as `evaluate`.
    """
    enrolled = set(ids)
    if len(enrolled) < 2:
        raise CatalogError(
            f"the catalog has {len(enrolled)} product{'s' * (not enrolled)}; evaluate needs at "
            "least two, or every photo is right"
        )
    if not enrolled.intersection(queries):
        raise DataError(
            f"queries: none of their products ({queries[0]!r}, ...) is enrolled "
            f"({ids[0]!r}, ...); the product column or folder must be the catalog's ids"
        )
    if known := sorted(enrolled.intersection(unknowns)):
        raise DataError(
            f"unknowns: product {known[0]!r} is enrolled, so its photos are not of an unknown "
            "thing; take them out of --unknowns, or the product out of the catalog"
        )


def _check_scores(looks: Sequence[Lookup]) -> None:
    scores = [match.score for look in looks for match in look.matches]
    if max(scores) - min(scores) < 1e-6:
        raise DataError(
            f"queries: every photo has the score {scores[0]:.3f} with every product; are they "
            "blank, or is the model untrained? There is nothing to measure"
        )


def _items(catalog: Catalog, rows: Sequence[Path]) -> list[LabelledImage | None]:
    if not rows:
        return [None] * catalog.row_count
    return [LabelledImage(path, owner) for path, owner in zip(rows, catalog.row_ids, strict=True)]


def _notices(looks: Sequence[Lookup], missing: Sequence[Lookup], used: bool) -> list[str]:
    found = []
    if missing:
        names = list(Counter(look.item.product for look in missing))
        count = f"{len(missing)} photos show" if len(missing) > 1 else "1 photo shows"
        found.append(
            f"{count} products that are not enrolled ({', '.join(names[:3])}"
            f"{', ...' if len(names) > 3 else ''}); "
            + ("they count as unknown things" if used else "they are left out")
        )
    if same := sum(look.nearest > COPY for look in looks):
        found.append(
            f"{same} of {len(looks)} photos are enrolled pictures themselves, or copies of them: "
            "the figures flatter; use photos that are not in the catalog"
        )
    return found


def _gain(catalog: Catalog, looks: Sequence[Lookup], wanted: Sequence[Need]) -> Gain | None:
    """Found of the photos that are not proposed, before and after the proposed are enrolled."""
    chosen = [look for need in wanted for look in need.enrol]
    paths = {look.path for look in chosen}
    judged = [look for look in looks if look.path not in paths]
    if not chosen or not judged:
        return None
    grown = enrolled(catalog, chosen)
    return Gain(
        photos=len(chosen),
        products=len({look.item.product for look in chosen}),
        judged=len(judged),
        before=float(np.mean([look.found for look in judged])),
        after=float(np.mean([found_in(grown, look) for look in judged])),
    )
