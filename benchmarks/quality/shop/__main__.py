"""Similar products, recommendations, tags and confirmed photos on Grocery, and what they cost.

    python -m benchmarks.quality.shop

writes `shop.json`, `shop.md` and the picture panel `shop.png` (not for publishing: other people's
photos). Everything goes through the code that the device runs; test photos are used for reporting
only, thresholds come from `--split val` runs and from the catalogs themselves. Six minutes.

    similar    catalog: one studio image per product. For products whose category has at least two
               others: `share`, the same category among the top 5, of the 5 or of as many others as
               there are (a category of three has two; a perfect answer is 1). `plain` divides by 5
               and cannot exceed `ceiling`. Two baselines in the same run; `mixes`, train photos as
               catalog: how the rows of two products can be compared.
    recommend  recall@10 of held-out products of simulated customers (`customers.py`); everybody
               leaves out the products that the customer has met.
    tag        category of the photos, train photos as catalog; `surest 0.9`: the 90 % of the
               photos that the confidence puts first are answered; `0.05 gained`: as many of
               them as are right 0.05 more often than all. `new products`: photos of products that
               the catalog lacks (every second product of a category left out).
    confirm    recall@1, studio images only, then with photos confirmed one by one in random
               order; bounded: 20 confirmations per product of which 5 stay, none or 10 % wrong.
    cost       see `cost.py`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks.provenance import RESULTS, save, stamp
from benchmarks.quality import baselines
from benchmarks.quality.measuring import photos_of
from benchmarks.quality.shop import confirm, cost, recommend, similar, tag
from benchmarks.quality.shop.report import judge, markdown, panel
from benchmarks.quality.shop.store import (
    Shop,
    embed_with,
    embedded,
    full_catalog,
)
from shelflens import Catalog, Embedder
from shelflens.catalog.build import build_catalog
from shelflens.model.embedder import BUNDLED_MODEL


def main() -> None:
    """Measure, write, draw."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--model", type=Path, default=BUNDLED_MODEL)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--split", default="test", choices=("val", "test"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--customers", type=int, default=500)
    parser.add_argument("--no-baselines", action="store_true", help="without Keras and MediaPipe")
    args = parser.parse_args()
    embedder = Embedder.open(args.model)
    report = stamp(seed=args.seed, card=embedder.card) | measure(embedder, args)
    save(report, "Similar, recommend, tag, confirm", markdown(report), "shop", args.out)


def measure(embedder: Embedder, args: argparse.Namespace) -> dict[str, Any]:
    """All figures."""
    shop = Shop.read()
    embed = embed_with(embedder)
    photos = {name: embedded(embed, name) for name in {"train", "val", args.split}}
    studio = build_catalog(photos_of("iconic"), embedder)
    full = full_catalog(shop, photos["train"], embedder.card.space)
    compared = {"ShelfLens": studio}
    if not args.no_baselines:
        for name, network in (
            ("ImageNet MobileNetV2", baselines.imagenet_mobilenet()),
            ("MediaPipe embedder", baselines.mediapipe()),
        ):
            embed_files = baselines.of_files(network, name)
            compared[name] = Catalog(shop.ids, embedded(embed_files, "iconic").vectors, space=name)
    test = photos[args.split]
    report: dict[str, Any] = {
        "split": args.split,
        "similar": {name: similar.measure(shop, catalog) for name, catalog in compared.items()},
        "mixes": similar.measure_comparisons(shop, full),
        "recommend": recommend.measure(shop, studio, test, args.customers, args.seed),
        "tag": tag.measure(shop, full, photos["val"], test),
        "confirm": confirm.measure(shop, studio, full, photos["train"], test, args.seed),
        "cost": cost.measured_alone(args.seed),
    }
    args.out.mkdir(parents=True, exist_ok=True)
    panel(shop, studio, test, args.seed, args.out / "shop.png")
    return report | {"targets": judge(report)}


if __name__ == "__main__":
    main()
