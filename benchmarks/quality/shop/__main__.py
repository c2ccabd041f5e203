"""The shop's other questions on Grocery: similar, recommend, tag, confirm, and what they cost.

    python benchmarks/quality/shop.py --model build/int8.tflite --out results

writes `shop.json`, `shop.md` and the picture panel `shop.png`. Everything goes through the code
that the device runs; test photos are used for reporting only, thresholds come from `--split val`
runs and from the catalogs themselves.

    similar    catalog: one studio picture a product. For products whose coarse class has at least
               two others: `share`, the same class among the top 5, of the 5 or of as many others
               as there are (a class of three has two; a perfect answer is 1). `plain` divides by 5
               and cannot exceed `ceiling`. The two rivals in the same run; `mixes`, train photos
               as catalog: how the pictures of two products can be compared.
    recommend  recall@10 of held-out products of simulated customers (`customers.py`); everybody
               leaves out the products that the customer has met.
    tag        coarse class of the photos, train photos as catalog; `surest 0.9`: the 90 % of the
               photos that the confidence puts first are answered; `0.05 gained`: as many of
               them as are right 0.05 more often than all. `new products`: photos of products that
               the catalog lacks (every second product of a class left out).
    confirm    recall@1, studio pictures only, then with photos confirmed one by one in random
               order; bounded: 20 confirmations a product of which 5 stay, none or 10 % wrong.
    cost       100,000 random products, one thread, beside one plain scan; the least of 25 runs in
               turn, since a shared machine only ever adds time.
"""

# ruff: noqa: E402  (the thread pools read their size when they are loaded)

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

for _pool in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_pool, "1")  # a busy machine's threads wait for each other

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality import baselines as rivals
from benchmarks.quality.grocery import SHARED, read_classes, read_split
from benchmarks.quality.measuring import calibration_error, facts
from benchmarks.quality.shop import customers as simulated
from shelflens import Catalog, Embedder
from shelflens.catalog import scores as search
from shelflens.catalog.category_axes import CategoryAxes
from shelflens.catalog.confirm import confirm
from shelflens.discovery.events import Event
from shelflens.discovery.recommend import Recommendation, recommend
from shelflens.discovery.similar import similar
from shelflens.discovery.tags import MIN_CONFIDENCE, Tagger
from shelflens.files import write_text
from shelflens.render.suggestion_sheet import (
    SuggestionGroup,
    card,
    draw_suggestions,
    groups_of,
    save_png,
)

Vectors = NDArray[np.float32]
Labels = NDArray[np.int64]
ROOT = SHARED.resolve() / "data" / "grocery"
CLASSES = read_classes(ROOT) if ROOT.exists() else {}
IDS = [CLASSES[number]["product"] for number in range(len(CLASSES))]
COARSE = [CLASSES[number]["category"] for number in range(len(CLASSES))]
STORES = 5
ATTRIBUTES = {
    one["product"]: {"name": one["name"], "category": one["category"]} for one in CLASSES.values()
}


def main() -> None:
    """Measure, write, draw."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--model", help="default: the bundled one")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--split", default="test", choices=("val", "test"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--customers", type=int, default=500)
    parser.add_argument("--no-rivals", action="store_true", help="without Keras and MediaPipe")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    ours = rivals.ours(args.model)
    card_ = Embedder.open(args.model).card
    vectors: dict[str, Vectors] = {}
    labels: dict[str, Labels] = {}
    for name in ("iconic", "train", "val", args.split):
        if name not in vectors:
            vectors[name], labels[name] = _embedded(ours, name)
    space = card_.space
    studio = Catalog(
        IDS,
        vectors["iconic"],
        space=space,
        attributes=ATTRIBUTES,
        calibration=card_.calibration,
        category_axes=CategoryAxes.from_card(card_.likeness),
    )
    full = Catalog(
        [IDS[n] for n in labels["train"]], vectors["train"], space=space, attributes=ATTRIBUTES
    )
    photos, truth = vectors[args.split], labels[args.split]
    compared = {"ShelfLens": studio}
    if not args.no_rivals:
        for name, rival in (
            ("ImageNet MobileNetV2", rivals.imagenet_mobilenet()),
            ("MediaPipe embedder", rivals.mediapipe()),
        ):
            compared[name] = Catalog(IDS, _embedded(rival, "iconic")[0], space=name)
    report: dict[str, Any] = {
        **facts("shop.py"),
        "seed": args.seed,
        "split": args.split,
        "model": {"name": card_.name, "variant": card_.variant, "space": space},
        "similar": {name: measure_similar(one) for name, one in compared.items()},
        "mixes": measure_mixes(full),
    }
    classes = np.array([sorted(set(COARSE)).index(one) for one in COARSE])
    report["recommend"] = measure_recommend(
        studio, classes, photos, truth, args.customers, args.seed
    )
    report["tag"] = measure_tag(full, (vectors["val"], labels["val"]), (photos, truth))
    report["confirm"] = measure_confirm(studio, full, vectors, labels, photos, truth, args.seed)
    report["cost"] = measure_cost(card_.dim, args.seed)
    report["targets"] = judge(report)
    write_text(args.out / "shop.json", json.dumps(report, indent=2) + "\n")
    write_text(args.out / "shop.md", markdown(report))
    store = simulated.Store(classes, truth, args.seed)
    panel(studio, store, photos, args.seed, args.out / "shop.png")
    print(markdown(report))


def measure_similar(catalog: Catalog) -> dict[str, float]:
    """The same coarse class among the top 5."""
    places = {one: number for number, one in enumerate(IDS)}
    top = {one: [places[m.id] for m in similar(catalog, one, k=5)] for one in IDS}
    return _shares({places[one]: found for one, found in top.items()})


def _shares(top: dict[int, list[int]]) -> dict[str, float]:
    share, plain, ceiling = [], [], []
    for product, found in top.items():
        others = COARSE.count(COARSE[product]) - 1
        if others < 2:
            continue
        hits = sum(COARSE[one] == COARSE[product] for one in found[:5])
        share.append(hits / min(5, others))
        plain.append(hits / 5)
        ceiling.append(min(5, others) / 5)
    return {
        "share": _mean(share),
        "plain": _mean(plain),
        "ceiling": _mean(ceiling),
        "products": len(share),
    }


def measure_mixes(full: Catalog) -> dict[str, float]:
    """Ways to compare products with many pictures; `mean to best` is what `similar` does."""
    vectors = full.vectors
    owners = np.array([IDS.index(one) for one in full.row_ids])
    cosines = vectors @ vectors.T
    means = np.stack([full.mean_direction(full.index_of(one)) for one in IDS])
    ways: dict[str, Callable[[int, int], float]] = {
        "best pair": lambda a, b: float(cosines[np.ix_(owners == a, owners == b)].max()),
        "0.9 quantile of pairs": lambda a, b: float(
            np.quantile(cosines[np.ix_(owners == a, owners == b)], 0.9)
        ),
        "mean to mean": lambda a, b: float(means[a] @ means[b]),
        "mean to best": lambda a, b: float((vectors[owners == b] @ means[a]).max()),
        "mean of each picture's best": lambda a, b: float(
            cosines[np.ix_(owners == a, owners == b)].max(axis=1).mean()
        ),
    }
    everything = range(len(IDS))
    result = {}
    for name, way in ways.items():
        table = np.array([[way(a, b) if a != b else -2 for b in everything] for a in everything])
        top = {a: np.argsort(-table[a], kind="stable")[:5].tolist() for a in everything}
        result[name] = _shares(top)["share"]
    return result


def events_of(
    one: simulated.Customer, catalog: Catalog, photos: Vectors, *, now: float
) -> list[Event]:
    """A simulated customer's acts as a profile keeps them."""
    vectors = [
        photos[act.photo]
        if act.photo >= 0
        else catalog.mean_direction(catalog.index_of(IDS[act.product]))
        for act in one.acts
    ]
    return [
        Event(
            number,
            now - act.days * 86400,
            act.kind,
            IDS[act.product],
            CLASSES[act.product]["name"],
            vector,
        )
        for number, (act, vector) in enumerate(zip(one.acts, vectors, strict=True))
    ]


def measure_recommend(
    catalog: Catalog, classes: Labels, photos: Vectors, truth: Labels, number: int, seed: int
) -> dict[str, float]:
    """Recall@10 of what was held out, and of two simpler ways, over five stores.

    What sells best differs from store to store, and with it what popularity alone finds.
    """
    found: dict[str, list[float]] = {"ours": [], "popularity": [], "single mean": []}
    pictures = np.stack([catalog.mean_direction(catalog.index_of(one)) for one in IDS])
    now = 1e9
    for turn in range(STORES):
        store = simulated.Store(classes, truth, seed + 100 * turn)
        popular = np.zeros(len(IDS))
        for other in simulated.customers(store, 1000, seed + 100 * turn + 1):
            for act in other.acts:
                popular[act.product] += 1
        crowd = np.argsort(-popular, kind="stable").tolist()
        for one in simulated.customers(store, number // STORES, seed + 100 * turn + 2):
            events = events_of(one, catalog, photos, now=now)
            mean = np.mean([event.vector for event in events], axis=0)
            suggested = recommend(catalog, events, k=10, now=now).suggestions
            lists = {
                "ours": [IDS.index(each.product.id) for each in suggested],
                "popularity": crowd,
                "single mean": np.argsort(-(pictures @ mean), kind="stable").tolist(),
            }
            met = {act.product for act in one.acts}
            for name, order in lists.items():
                ten = [product for product in order if product not in met][:10]
                best = min(len(one.held_out), 10)
                found[name].append(len(one.held_out & set(ten)) / best)
    recalls = {name: _mean(recall) for name, recall in found.items()}
    times = float(np.mean(found["ours"]) / np.mean(found["popularity"]))
    return {**recalls, "over popularity": round(times, 3), "customers": len(found["ours"])}


def measure_tag(
    full: Catalog, val: tuple[Vectors, Labels], test: tuple[Vectors, Labels]
) -> dict[str, Any]:
    """Answered, right, and how true the confidence is."""
    tagger = Tagger(full, "category")
    sure, right = _tagged(tagger, *val)
    # The threshold at which 9 in 10 validation photos are answered.
    chosen = float(np.quantile(sure, 0.1))
    sure, right = _tagged(tagger, *test)
    most = np.argsort(-sure, kind="stable")[: int(0.9 * len(sure))]
    left_out = [
        one
        for coarse in sorted(set(COARSE))
        for one in [n for n in range(len(IDS)) if COARSE[n] == coarse][1::2]
    ]
    smaller = full.remove([IDS[n] for n in left_out])
    new = np.isin(test[1], left_out)
    new_sure, new_right = _tagged(Tagger(smaller, "category"), test[0][new], test[1][new])
    return {
        "accuracy": _mean(right),
        "default": {"least": MIN_CONFIDENCE, **_answered(sure, right, MIN_CONFIDENCE)},
        "chosen on val": {"least": round(chosen, 4), **_answered(sure, right, chosen)},
        "surest 0.9": {"answered": 0.9, "right": _mean(right[most])},
        "0.05 gained": _gained(sure, right, 0.05),
        "calibration error": round(calibration_error(sure, right), 4),
        "new products": {
            "accuracy": _mean(new_right),
            **_answered(new_sure, new_right, MIN_CONFIDENCE),
            "calibration error": round(calibration_error(new_sure, new_right), 4),
        },
    }


def _tagged(tagger: Tagger, photos: Vectors, truth: Labels) -> tuple[Any, Any]:
    tags = [tagger.tag(photo) for photo in photos]
    right = [tag.candidates[0][0] == COARSE[n] for tag, n in zip(tags, truth, strict=True)]
    return np.array([tag.confidence for tag in tags]), np.array(right)


def _answered(sure: Any, right: Any, least: float) -> dict[str, float]:
    said = sure >= least
    return {"answered": _mean(said), "right": _mean(right[said]) if said.any() else 0.0}


def _gained(sure: Any, right: Any, gain: float) -> dict[str, float]:
    """The largest share answered, surest first, that is right so much more often than all."""
    rising = np.cumsum(right[np.argsort(-sure, kind="stable")]) / np.arange(1, len(right) + 1)
    reached = np.flatnonzero(rising >= right.mean() + gain)
    count = int(reached[-1]) + 1 if len(reached) else 0
    answered = round(count / len(right), 4)
    return {"answered": answered, "right": _mean(rising[count - 1]) if count else 0.0}


def measure_confirm(
    studio: Catalog,
    full: Catalog,
    vectors: dict[str, Vectors],
    labels: dict[str, Labels],
    photos: Vectors,
    truth: Labels,
    seed: int,
) -> dict[str, Any]:
    """Recall@1 as customers confirm photos; the mean of three orders."""

    def recall(catalog: Catalog) -> float:
        found = [catalog.match(photo, k=1)[0].id for photo in photos]
        return float(np.mean([one == IDS[n] for one, n in zip(found, truth, strict=True)]))

    def grown(counts: list[int], most: int, wrong: float, order: int) -> list[float]:
        generator = np.random.default_rng(seed + order)
        trained, owners = vectors["train"], labels["train"]
        streams = [generator.permutation(np.flatnonzero(owners == n)) for n in range(len(IDS))]
        catalog, results = studio, []
        for turn in range(max(counts) + 1):
            if turn in counts:
                results.append(recall(catalog))
            for product, stream in enumerate(streams):
                if turn < min(len(stream), max(counts)):
                    photo = int(stream[turn])
                    if generator.random() < wrong:
                        photo = int(generator.integers(len(trained)))
                    catalog = confirm(catalog, IDS[product], trained[photo], most=most)[0]
        return results

    counts = [0, 1, 3, 5]
    rounds = np.mean([grown(counts, 8, 0.0, order) for order in range(3)], axis=0)
    return {
        "full train catalog": round(recall(full), 4),
        "confirmed": {str(n): round(float(r), 4) for n, r in zip(counts, rounds, strict=True)},
        "20 a product, 5 kept": round(grown([20], 5, 0.0, 0)[0], 4),
        "the same, 10 % wrong": round(grown([20], 5, 0.1, 0)[0], 4),
    }


def measure_cost(dim: int, seed: int, products: int = 100_000) -> dict[str, Any]:
    """Milliseconds beside one plain scan of the same rows."""
    generator = np.random.default_rng(seed)
    matrix = generator.normal(size=(products, dim)).astype(np.float32)
    attributes = {
        f"product-{n}": {"name": f"Product {n}", "category": f"c{n % 40}", "price": str(n % 90)}
        for n in range(products)
    }
    likeness = CategoryAxes.of(generator.normal(size=(48, dim)))  # as many axes as a model may have
    catalog = Catalog(
        list(attributes), matrix, space="cost", attributes=attributes, category_axes=likeness
    )
    rows, scales = search.quantize_rows(matrix)
    query = matrix[7] / np.linalg.norm(matrix[7])
    events = [
        Event(n, 1e9, "like", f"product-{n}", "", catalog.mean_direction(n * 997))
        for n in range(10)
    ]
    asks: dict[str, Callable[[], object]] = {
        "plain scan": lambda: search.scores(rows, scales, query),
        "match": lambda: catalog.match(query),
        "similar": lambda: similar(catalog, "product-50000"),
        "similar, diverse": lambda: similar(catalog, "product-50000", diverse=0.3),
        "similar, where": lambda: similar(
            catalog, "product-50000", where=["category=c7", "price<30"]
        ),
        "recommend, 10 events": lambda: recommend(catalog, events, now=1e9),
        "recommend, where": lambda: recommend(catalog, events, where=["price<30"], now=1e9),
    }
    spent: dict[str, list[float]] = {name: [] for name in asks}
    for _ in range(26):  # in turn, so that a busy moment hits all alike
        for name, ask in asks.items():
            start = time.perf_counter()
            ask()
            spent[name].append((time.perf_counter() - start) * 1e3)
    least = {name: min(times[1:]) for name, times in spent.items()}
    scan = least["plain scan"]
    return {
        "products": products,
        "dim": dim,
        "ms": {name: round(ms, 2) for name, ms in least.items()},
        "times a scan": {name: round(ms / scan, 2) for name, ms in least.items()},
    }


def judge(report: dict[str, Any]) -> dict[str, bool]:
    """Each target of the issue, met or not."""
    shares = {name: one["share"] for name, one in report["similar"].items()}
    ours, others = shares.pop("ShelfLens"), shares.values()
    suggested, tags, views = report["recommend"], report["tag"], report["confirm"]
    said = tags["surest 0.9"]
    costs = report["cost"]["times a scan"]
    return {
        "similar share >= 0.80": ours >= 0.8,
        "similar above the rivals": all(ours > one for one in others),
        "recommend >= 1.5 x popularity": suggested["over popularity"] >= 1.5,
        "recommend above the single mean": suggested["ours"] > suggested["single mean"],
        "tag >= 0.93 right at >= 0.9 answered": said["right"] >= 0.93 and said["answered"] >= 0.9,
        "tag abstaining gains 0.05 with >= 0.8 answered": tags["0.05 gained"]["answered"] >= 0.8,
        "confirm within 0.03 of the full catalog": views["confirmed"]["5"]
        >= views["full train catalog"] - 0.03,
        "cost within 3 x a scan": max(costs["similar"], costs["recommend, 10 events"]) <= 3,
    }


def markdown(report: dict[str, Any]) -> str:
    """The report as tables."""
    model, tags, views = report["model"], report["tag"], report["confirm"]
    lines = [
        f"`{report['command']}`",
        "",
        f"{model['name']} {model['variant']}, space {model['space']}; {report['machine']}; "
        + ", ".join(f"{name} {number}" for name, number in report["versions"].items())
        + f"; {report['split']} photos; seed {report['seed']}",
        "",
        "| target | met |",
        "| --- | --- |",
        *(f"| {name} | {'yes' if met else 'no'} |" for name, met in report["targets"].items()),
        "",
        "| similar, studio pictures | share of the top 5 | of 5 | ceiling of that |",
        "| --- | --- | --- | --- |",
        *(
            f"| {name} | {one['share']:.3f} | {one['plain']:.3f} | {one['ceiling']:.3f} |"
            for name, one in report["similar"].items()
        ),
        "",
        "| products compared by, train photos | share of the top 5 |",
        "| --- | --- |",
        *(f"| {name} | {share:.3f} |" for name, share in report["mixes"].items()),
        "",
        "| recommend | recall@10 |",
        "| --- | --- |",
        *(
            f"| {name} | {report['recommend'][name]:.3f} |"
            for name in ("ours", "single mean", "popularity")
        ),
        "",
        f"{report['recommend']['over popularity']:.2f} times popularity, "
        f"{report['recommend']['customers']} customers.",
        "",
        "| tag, coarse class | answered | right of these |",
        "| --- | --- | --- |",
        f"| all answered | 1 | {tags['accuracy']:.3f} |",
        *(
            f"| {name}{_least(tags[name])} | {tags[name]['answered']:.3f} "
            f"| {tags[name]['right']:.3f} |"
            for name in ("default", "chosen on val", "surest 0.9", "0.05 gained", "new products")
        ),
        "",
        f"Calibration error {tags['calibration error']:.3f}; of new products, "
        f"{tags['new products']['accuracy']:.3f} right with all answered, calibration error "
        f"{tags['new products']['calibration error']:.3f}.",
        "",
        "| confirmed photos a product | recall@1 |",
        "| --- | --- |",
        *(f"| {number} | {recall:.3f} |" for number, recall in views["confirmed"].items()),
        *(
            f"| {name} | {views[name]:.3f} |"
            for name in ("20 a product, 5 kept", "the same, 10 % wrong", "full train catalog")
        ),
        "",
        f"| {report['cost']['products']:,} products, {report['cost']['dim']} numbers | ms "
        "| times a scan |",
        "| --- | --- | --- |",
        *(
            f"| {name} | {ms:.1f} | {report['cost']['times a scan'][name]:.2f} |"
            for name, ms in report["cost"]["ms"].items()
        ),
    ]
    return "\n".join(lines) + "\n"


def _least(tag: dict[str, float]) -> str:
    return f", confidence {tag['least']:.2f}" if "least" in tag else ""


def panel(catalog: Catalog, store: simulated.Store, photos: Vectors, seed: int, path: Path) -> None:
    """Four products with what is similar, and one simulated customer's suggestions."""

    def picture(product: str) -> Path:
        return ROOT / CLASSES[IDS.index(product)]["iconic"]

    generator = np.random.default_rng(seed)
    big = [n for n in range(len(IDS)) if COARSE.count(COARSE[n]) >= 4]
    shelves = [
        SuggestionGroup(
            "similar to",
            CLASSES[n]["name"],
            picture(IDS[n]),
            [card(one, picture) for one in similar(catalog, IDS[n], k=5)],
        )
        for n in generator.choice(big, 4, replace=False).tolist()
    ]
    one = simulated.customers(store, 1, seed + 2)[0]
    found: Recommendation = recommend(
        catalog, events_of(one, catalog, photos, now=1e9), k=10, now=1e9
    )
    shelves += groups_of(found, picture)
    lines = ["four products drawn by chance and what is similar; then one simulated customer"]
    save_png(
        draw_suggestions(shelves, title="Grocery: the shop's other questions", lines=lines), path
    )


def _embedded(embed: rivals.Embed, split: str) -> tuple[Vectors, Labels]:
    rows = read_split(ROOT, split)
    return embed([ROOT / photo for photo, _ in rows]), np.array([number for _, number in rows])


def _mean(values: Any) -> float:
    return round(float(np.mean(values)), 4)


if __name__ == "__main__":
    main()
