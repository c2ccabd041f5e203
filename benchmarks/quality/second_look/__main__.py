"""Does a second look settle what the embedding cannot tell apart?

    python -m benchmarks.quality.second_look --synthetic FOLDER

Two shops of look-alikes, one reference image per product: the packs of the shared data (families of
three; views in scenes, as in `domain_views`), and, with --synthetic, a store that `shelflens
synthesize` made (studio.csv, photos.csv). Asked are the photos of which two or more products lie
within a margin of the first, `ambiguous` or not. `settled` is what the second look
answers, right or wrong; `absent` are photos whose product is not among the candidates, of which
each one settled is wrong. Printed, and written nowhere.
"""

from __future__ import annotations

import argparse
import csv
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.provenance import table
from benchmarks.quality.domain_sets import typical
from benchmarks.quality.domain_views import in_scene, on_white
from benchmarks.quality.grocery import SHARED
from benchmarks.quality.second_look.compare import Reference, second_look
from benchmarks.quality.second_look.features import Pixels
from shelflens import Catalog, Embedder, load_image
from shelflens.catalog.default_calibration import default_calibration

REFERENCE_SIDE, QUERY_SIDE = 400, 480
VIEWS = 4
"""Queries per pack."""
CANDIDATES = 5
MARGIN = 0.02
"""Products this near to the first one are looked at again."""
Shop = tuple[dict[str, Pixels], list[tuple[str, Pixels]]]
"""Reference images by product, and photos with the product that they show."""


def main() -> None:
    """Ask both shops."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--synthetic", type=Path, help="a folder with studio.csv and photos.csv")
    parser.add_argument("--parity", type=int, default=1, help="brands of packs: 1 odd, 0 even")
    parser.add_argument("--products", type=int, default=1000, help="of the synthetic store")
    parser.add_argument("--absent", type=int, default=30, help="photos without their product")
    args = parser.parse_args()
    embedder = Embedder.open(threads=1)
    shops = {"packs": packs(args.parity)}
    if args.synthetic:
        shops["synthetic"] = synthetic(args.synthetic, args.products)
    rows = [row for name, shop in shops.items() for row in asked(name, shop, embedder, args.absent)]
    print(table(list(rows[0]), (row.values() for row in rows)))


def packs(parity: int) -> Shop:
    """Look-alikes: the view with the usual colours, and four others in scenes."""
    grocery = SHARED / "data" / "grocery"
    lines = (grocery / "train.txt").read_text(encoding="utf-8").splitlines()
    grounds = [grocery / line.split(",")[0].strip() for line in lines]
    references: dict[str, Pixels] = {}
    queries = []
    for folder in sorted(path for path in (SHARED / "data" / "packs").iterdir() if path.is_dir()):
        if int(folder.name[:5]) % 2 != parity:
            continue
        views = [Image.open(path).convert("RGBA") for path in sorted(folder.iterdir())]
        reference = typical(views)
        references[folder.name] = on_white(views[reference], REFERENCE_SIDE)
        rest = [index for index in range(len(views)) if index != reference]
        chosen = _generator(folder.name).permutation(rest)[:VIEWS]
        for position, index in enumerate(chosen):
            generator = _generator(f"{folder.name}/{position}")
            ground = Image.open(grounds[int(generator.integers(len(grounds)))]).convert("RGB")
            queries.append((folder.name, in_scene(views[index], ground, generator, QUERY_SIDE)))
    return references, queries


def _generator(name: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(name.encode()))


def synthetic(folder: Path, products: int) -> Shop:
    """The first products of a synthetic store."""
    with (folder / "studio.csv").open(newline="", encoding="utf-8") as stream:
        studio = list(csv.DictReader(stream))[:products]
    references = {row["product"]: load_image(folder / row["path"]) for row in studio}
    with (folder / "photos.csv").open(newline="", encoding="utf-8") as stream:
        photos = [row for row in csv.DictReader(stream) if row["product"] in references]
    return references, [(row["product"], load_image(folder / row["path"])) for row in photos]


def asked(name: str, shop: Shop, embedder: Embedder, absent: int) -> Iterator[dict[str, Any]]:
    """A row for `ambiguous` photos, for near ones below the threshold, and for absent products."""
    references, queries = shop
    ids = list(references)
    vectors = np.stack([embedder.embed(references[product]) for product in ids])
    plain = Catalog(ids, vectors, space=embedder.card.space)
    catalog = plain.with_calibration(default_calibration(plain, embedder.card.calibration))
    kinds: dict[str, list[tuple[str, Pixels, list[str]]]] = {}
    for product, pixels in queries:
        answer = catalog.answer(embedder.embed(pixels), 10)
        floor = answer.matches[0].score - MARGIN
        near = [match.id for match in answer.matches if match.score > floor][:CANDIDATES]
        if len(near) < 2:
            continue
        kind: str = answer.decision if product in near else "absent"
        kinds.setdefault(kind, []).append((product, pixels, near))
    kinds["absent"] = kinds.get("absent", [])[:absent]
    known: dict[str, Reference] = {}
    for kind, cases in kinds.items():
        right = wrong = first = 0
        spent = []
        for product, pixels, near in cases:
            for candidate in near:
                if candidate not in known:
                    known[candidate] = Reference(references[candidate])
            start = time.process_time()
            settled = second_look(pixels, near, known).settled
            spent.append(time.process_time() - start)
            right += settled == product
            wrong += settled is not None and settled != product
            first += near[0] == product
        if cases:
            milliseconds = round(float(np.median(spent)) * 1e3)
            yield {
                "shop": name,
                "answer": kind,
                "photos": len(cases),
                "first of the matches right": first,
                "settled right": right,
                "settled wrong": wrong,
                "CPU, ms": milliseconds,
            }


if __name__ == "__main__":
    main()
