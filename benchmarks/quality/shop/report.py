"""The targets, the tables and the picture panel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.provenance import table
from benchmarks.quality.shop.customers import Store, customers
from benchmarks.quality.shop.recommend import NOW, events_of
from benchmarks.quality.shop.store import Photos, Shop
from shelflens import Catalog
from shelflens.discovery.recommend import recommend
from shelflens.discovery.similar import similar
from shelflens.render.suggestion_sheet import (
    SuggestionGroup,
    card,
    draw_suggestions,
    groups_of,
    save_png,
)


def judge(report: dict[str, Any]) -> dict[str, bool]:
    """Each target, met or not."""
    shares = {name: figures["share"] for name, figures in report["similar"].items()}
    ours = shares.pop("ShelfLens")
    suggested, tags, confirmed = report["recommend"], report["tag"], report["confirm"]
    surest = tags["surest 0.9"]
    costs = report["cost"]["times a scan"]
    return {
        "similar share >= 0.80": ours >= 0.8,
        "similar above the comparisons": all(ours > share for share in shares.values()),
        "recommend >= 1.5 x popularity": suggested["over popularity"] >= 1.5,
        "recommend above the single mean": suggested["ours"] > suggested["single mean"],
        "tag >= 0.93 right at >= 0.9 answered": surest["right"] >= 0.93,
        "tag abstaining gains 0.05 with >= 0.8 answered": tags["0.05 gained"]["answered"] >= 0.8,
        "confirm within 0.03 of the full catalog": confirmed["confirmed"]["5"]
        >= confirmed["full train catalog"] - 0.03,
        "cost within 3 x a scan": max(costs["similar"], costs["recommend, 10 events"]) <= 3,
    }


def markdown(report: dict[str, Any]) -> str:
    """The figures as tables."""
    return f"Queries: {report['split']} photos.\n" + "".join(
        part(report) for part in (_targets, _similar, _recommend, _tag, _confirm, _cost)
    )


def _targets(report: dict[str, Any]) -> str:
    rows = ((name, "yes" if met else "no") for name, met in report["targets"].items())
    return table(("target", "met"), rows)


def _similar(report: dict[str, Any]) -> str:
    keys = ("share", "plain", "ceiling")
    rows = (
        (name, *(f"{figures[key]:.3f}" for key in keys))
        for name, figures in report["similar"].items()
    )
    head = ("similar, studio images", "share of the top 5", "of 5", "ceiling of that")
    ways = ((name, f"{share:.3f}") for name, share in report["mixes"].items())
    return table(head, rows) + table(
        ("products compared by, train photos", "share of the top 5"), ways
    )


def _recommend(report: dict[str, Any]) -> str:
    figures = report["recommend"]
    rows = ((name, f"{figures[name]:.3f}") for name in ("ours", "single mean", "popularity"))
    return (
        table(("recommend", "recall@10"), rows)
        + f"\n{figures['over popularity']:.2f} times popularity, {figures['customers']} "
        "customers.\n"
    )


def _tag(report: dict[str, Any]) -> str:
    tags = report["tag"]
    names = ("default", "chosen on val", "surest 0.9", "0.05 gained", "new products")
    rows = [("all answered", "1", f"{tags['accuracy']:.3f}")]
    for name in names:
        row = tags[name]
        minimum = f", confidence {row['minimum']:.2f}" if "minimum" in row else ""
        rows.append((name + minimum, f"{row['answered']:.3f}", f"{row['right']:.3f}"))
    new = tags["new products"]
    return (
        table(("tag, category", "answered", "right of these"), rows)
        + f"\nCalibration error {tags['calibration error']:.3f}; of new products, "
        f"{new['accuracy']:.3f} right with all answered, calibration error "
        f"{new['calibration error']:.3f}.\n"
    )


def _confirm(report: dict[str, Any]) -> str:
    figures = report["confirm"]
    rows = [*figures["confirmed"].items()]
    rows += [(name, value) for name, value in figures.items() if name != "confirmed"]
    shown = ((name, f"{recall:.3f}") for name, recall in rows)
    return table(("confirmed photos per product", "recall@1"), shown)


def _cost(report: dict[str, Any]) -> str:
    cost = report["cost"]
    times = cost["times a scan"]
    rows = ((name, f"{ms:.1f}", f"{times[name]:.2f}") for name, ms in cost["ms"].items())
    return table(
        (f"{cost['products']:,} products, {cost['dim']} dimensions", "ms", "times a scan"), rows
    )


def panel(shop: Shop, catalog: Catalog, photos: Photos, seed: int, path: Path) -> None:
    """Four products with what is similar, and one simulated customer's suggestions."""

    def image(product_id: str) -> Path:
        return shop.images[shop.ids.index(product_id)]

    generator = np.random.default_rng(seed)
    large = [n for n, own in enumerate(shop.categories) if shop.categories.count(own) >= 4]
    groups = [
        SuggestionGroup(
            "similar to",
            shop.names[n],
            image(shop.ids[n]),
            [card(match, image) for match in similar(catalog, shop.ids[n], k=5)],
        )
        for n in generator.choice(large, 4, replace=False).tolist()
    ]
    store = Store(shop.category_indices(), photos.labels, seed)
    customer = customers(store, 1, seed + 2)[0]
    found = recommend(catalog, events_of(shop, customer, catalog, photos), k=10, now=NOW)
    groups += groups_of(found, image)
    lines = ["four random products and what is similar; then one simulated customer"]
    save_png(draw_suggestions(groups, title="Grocery: similar, recommended", lines=lines), path)
