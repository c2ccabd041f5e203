"""Does it pay to look for the product first? Every figure paired with the photo as it is.

    python -m benchmarks.quality.finding --finder FINDER --cache CACHE --synthetic STORE --out DIR

CACHE and STORE are those of `benchmarks.quality.domains`. Measured, through the device's own code:

    small       Grocery test photos at a third of the width on another photo (as in `hard`), gallery
                = train photos: recall@1, and its share of that for the photos as they are
    several     pictures of one to five products that the finder did not train on, on other people's
                photos (`finding_scenes`), gallery = one reference image and three shots of each
                product: box AP50, mask IoU, products found (IoU 0.5), found and right, wrong
                `match` answers per picture (of another product, or on a box below IoU 0.5)
    labelled    box AP50 on 100 real photos that we put boxes on (`finding_labelled`), and the share
                of them whose main region is a product
    domains     recall@1 of the domains' queries, from one reference image and from three shots
    time        the finder's processor time as a share of the embedding's

`worst.jpg` shows the pictures of `several`, worst first.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.provenance import save, stamp, table
from benchmarks.quality.domain_sets import Domain, domains
from benchmarks.quality.finding_labelled import RANKED, labelled
from benchmarks.quality.finding_scenes import Composite, composites
from benchmarks.quality.finding_sheet import grid, masked
from benchmarks.quality.hard import PERTURBED, perturbed
from benchmarks.quality.measuring import Vectors, embedded, photos_of, recall
from shelflens import Calibration, Catalog, Embedder, load_image
from shelflens.finding.answers import embed_regions, not_surer, parts_of, surest
from shelflens.finding.finder import Finder
from shelflens.finding.mask import foreground
from shelflens.finding.metrics import average_precision, mask_iou
from shelflens.finding.regions import Region, iou, main_region, regions_of
from shelflens.finding.tiles import find_closely
from shelflens.progress import Progress
from shelflens.render.boxes import Label

SEED = 20261127
PARTS = ("small", "several", "labelled", "domains", "time")


def main() -> None:
    """Measure one finder with one embedder."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--finder", type=Path, required=True)
    parser.add_argument("--model", type=Path, help="default: bundled")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--synthetic", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--kept", help="name under which benchmarks.quality.domains kept this model's embeddings"
    )
    parser.add_argument("--pictures", type=int, default=300, help="of `several`")
    parser.add_argument("--every", type=int, default=1, help="use every n-th test photo and query")
    parser.add_argument("--only", nargs="*", default=PARTS)
    args = parser.parse_args()
    finder, embedder = Finder.open(args.finder), Embedder.open(args.model)
    report = stamp(seed=SEED, card=embedder.card)
    report["finder"] = {
        "id": finder.card.name,
        "variant": finder.card.variant,
        "weights": finder.card.space,
        "bytes": args.finder.stat().st_size,
    }
    shops = domains(args.cache, args.synthetic) if {"several", "domains"} & {*args.only} else []
    rows = {shop.name: _rows(embedder, shop, args.cache, args.kept) for shop in shops}
    if "small" in args.only:
        report["small"] = small(finder, embedder, args.every)
    if "several" in args.only:
        pictures = composites(args.cache, args.pictures, SEED)
        report["several"], sheet_image = several(finder, embedder, shops, rows, pictures)
        args.out.mkdir(parents=True, exist_ok=True)
        sheet_image.save(args.out / "worst.jpg", quality=75)
    if "labelled" in args.only:
        report["labelled"] = labelled(finder)
    if "domains" in args.only:
        report["domains"] = [
            of_domain(finder, embedder, shop, rows[shop.name], args.every) for shop in shops
        ]
    if "time" in args.only:
        single = Finder.open(args.finder, threads=1), Embedder.open(args.model, threads=1)
        report["time"] = time_share(*single)
    save(report, "Finding the product first", markdown(report), "finding", args.out)


def markdown(report: dict[str, Any]) -> str:
    """The figures as tables."""
    parts = []
    if rows := report.get("small"):
        parts += ["## small", table(rows[0], (row.values() for row in rows))]
    for part in ("several", "labelled"):
        if figures := report.get(part):
            parts += [f"## {part}", table(("figure", "value"), figures.items())]
    if rows := report.get("domains"):
        parts += ["## domains", table(rows[0], (row.values() for row in rows))]
    if "time" in report:
        parts += ["## time", f"\nThe finder takes {report['time']:.2f} of an embedding.\n"]
    return "\n".join(parts)


def found_embedding(
    finder: Finder, embedder: Embedder, pixels: NDArray[np.uint8]
) -> tuple[list[NDArray[np.float32]], Region | None]:
    """What `lookup --find one` asks the catalog with."""
    region = main_region(finder.find(pixels))
    return [embedder.embed(part) for part in parts_of(pixels, region)], region


def small(finder: Finder, embedder: Embedder, every: int) -> list[dict[str, Any]]:
    """Grocery test photos, clean and small in the frame."""
    train, test = photos_of("train"), photos_of("test", every)
    gallery = embedded(embedder, train, "train")
    calibration = Calibration.from_dict(embedder.card.calibration)
    catalog = Catalog(train.labels, gallery, space="measuring", calibration=calibration)
    rows: list[dict[str, Any]] = []
    for name in ("clean", "small in the frame"):
        whole, right = [], []
        with Progress(name, len(test.paths)) as bar:
            for index, label in enumerate(test.labels):
                pixels = np.array(perturbed(PERTURBED[name], test.paths, index))
                whole.append(embedder.embed(pixels))
                vectors, _ = found_embedding(finder, embedder, pixels)
                right.append(surest(catalog, vectors, 1).matches[0].id == label)
                bar.update(index + 1)
        off = recall(gallery, train.labels, np.stack(whole), test.labels)
        rows.append({"photo": name, "off": off, "one": float(np.mean(right))})
    for row in rows:
        row |= {f"{way}, share of clean off": row[way] / rows[0]["off"] for way in ("off", "one")}
    return rows


def several(
    finder: Finder,
    embedder: Embedder,
    shops: Sequence[Domain],
    rows: dict[str, Vectors],
    pictures: Sequence[Composite],
) -> tuple[dict[str, Any], Image.Image]:
    """Pictures of one to five products; gives figures and the pictures, worst first."""
    catalog = _catalog(embedder, [shop for shop in shops if shop.name in ("ycb", "packs")], rows)
    once: list[list[Region]] = []
    closely: list[list[Region]] = []
    overlaps, overlaps_closely = [], []
    hits, right, wrong, absent, certain = 0, 0, 0, 0, 0
    drawn_boxes: list[tuple[float, Image.Image]] = []
    with Progress("several", len(pictures)) as bar:
        for number, picture in enumerate(pictures, 1):
            size = finder.card.size
            cells = finder.cells(load_image(picture.pixels, size=size))
            regions = find_closely(finder, picture.pixels)
            shown = picture.shown.astype(np.float32)
            overlaps.append(_mask_overlap(cells[..., 0], picture))
            mask = foreground(finder, picture.pixels, regions)
            overlaps_closely.append(mask_iou(mask.astype(np.float32), shown))
            once.append(regions_of(cells, min_score=RANKED))
            closely.append(find_closely(finder, picture.pixels, min_score=RANKED))
            free, mine, labels = set(range(len(picture.boxes))), 0, []
            for region, query in embed_regions(embedder, picture.pixels, regions, ""):
                answer = not_surer(catalog.answer(query.vector), region)
                best = max(
                    free, key=lambda index: iou(region.box, picture.boxes[index]), default=None
                )
                hit = best is not None and iou(region.box, picture.boxes[best]) >= 0.5
                own = picture.products[best] if hit and best is not None else ""
                if hit and best is not None:
                    free.discard(best)
                    hits += 1
                good = answer.matches[0].id == own
                mine += good
                certain += good and answer.decision == "match"
                if answer.decision == "match" and not good:
                    wrong += 1
                    absent += answer.matches[0].id not in picture.products
                kind = "match" if good else "ambiguous" if hit else "wrong"
                labels.append(Label(region.box, f"{region.score:.2f}", kind))
            right += mine
            share = mine / len(picture.boxes) - 0.1 * max(0, len(regions) - len(picture.boxes))
            drawn_boxes.append((share, masked(picture.pixels, cells, labels)))
            bar.update(number)
    wanted = [picture.boxes for picture in pictures]
    total = sum(map(len, wanted))
    figures = {
        "pictures": len(pictures),
        "products": total,
        "box AP50, whole picture": average_precision(once, wanted),
        "box AP50, with tiles": average_precision(closely, wanted),
        "mask IoU, whole picture": float(np.mean(overlaps)),
        "mask IoU, with tiles": float(np.mean(overlaps_closely)),
        "found": hits / total,
        "found and first": right / total,
        "found, answered match and right": certain / total,
        "wrong match per picture": wrong / len(pictures),
        "match of a product that is not in the picture": absent / len(pictures),
    }
    drawn_boxes.sort(key=lambda entry: entry[0])
    return figures, grid(image for _, image in drawn_boxes[:48])


def of_domain(
    finder: Finder, embedder: Embedder, shop: Domain, rows: Vectors, every: int
) -> dict[str, Any]:
    """recall@1 of a domain's queries, whole and with the main region cut out.

    Args:
        finder: The finder.
        embedder: The model.
        shop: The domain.
        rows: float32 [n, d], its images embedded whole.
        every: Use every n-th query, in an order of chance.
    """
    queries = np.random.default_rng(SEED).permutation(shop.of("query"))[::every]
    enrolled = {"one": shop.of("reference"), "three": shop.of("shot")}
    calibration = Calibration.from_dict(embedder.card.calibration)
    catalogs = {}
    with Progress(shop.name, len(queries)) as bar:
        for name, indices in enrolled.items():
            products = shop.products[indices].tolist()
            catalogs[name] = Catalog(
                products, rows[indices], space="measuring", calibration=calibration
            )
        right: dict[str, list[bool]] = {}
        seen = 0
        for number, index in enumerate(queries, 1):
            pixels, own = shop.pixels[index], shop.products[index]
            region = main_region(finder.find(pixels))
            parts = parts_of(pixels, region)[:-1]  # the last is the whole picture
            vectors = [*map(embedder.embed, parts), rows[index]]
            seen += region is not None
            for name, catalog in catalogs.items():
                off = catalog.match(rows[index], k=1)[0].id == own
                way = surest(catalog, vectors, 1).matches[0].id == own
                right.setdefault(f"{name}@1 off", []).append(off)
                right.setdefault(f"{name}@1 one", []).append(way)
            bar.update(number)
    shares = {key: float(np.mean(values)) for key, values in right.items()}
    return {"domain": shop.name, "queries": len(queries), "found": seen / len(queries), **shares}


def time_share(finder: Finder, embedder: Embedder, runs: int = 60) -> float:
    """Processor time of the finder's network, as a share of the embedder's; turn by turn.

    Args:
        finder: Opened with one thread: threads that wait for each other take processor time too.
        embedder: The same.
        runs: Of each.
    """
    spent = np.zeros((runs, 2))
    inputs = [
        np.zeros((model.card.size, model.card.size, 3), np.uint8) for model in (finder, embedder)
    ]
    for run in range(runs):
        start = time.process_time()
        finder.cells(inputs[0])
        middle = time.process_time()
        embedder.embed_pixels(inputs[1][np.newaxis])
        spent[run] = middle - start, time.process_time() - middle
    finding, embedding = np.median(spent[5:], axis=0)
    return float(finding / embedding)


def _rows(embedder: Embedder, shop: Domain, cache: Path, kept: str | None) -> Vectors:
    if kept is not None:
        loaded: Vectors = np.load(cache / "embeddings" / kept / f"{shop.name}.npy")
        return loaded
    return embedder.embed_many(list(shop.pixels))[1]


def _catalog(embedder: Embedder, shops: Sequence[Domain], vectors: dict[str, Vectors]) -> Catalog:
    products: list[str] = []
    rows: list[Vectors] = []
    for shop in shops:
        indices = shop.of("reference", "shot")
        rows.append(vectors[shop.name][indices])
        products += shop.products[indices].tolist()
    calibration = Calibration.from_dict(embedder.card.calibration)
    return Catalog(products, np.concatenate(rows), space="measuring", calibration=calibration)


def _mask_overlap(mask: NDArray[np.float32], picture: Composite) -> float:
    """IoU in the picture's own pixels."""
    height, width = picture.shown.shape
    large = Image.fromarray(mask).resize((width, height), Image.Resampling.BILINEAR)
    return mask_iou(np.asarray(large), picture.shown.astype(np.float32))


if __name__ == "__main__":
    main()
