"""Does a second look settle what the embedding cannot tell apart?

    OPENBLAS_NUM_THREADS=1 python -m benchmarks.quality.second_look --synthetic FOLDER

Two shops of look-alikes, one reference image per product: the packs of the shared data (families of
three; views in scenes, as in `domain_views`), and, with --synthetic, a store that `shelflens
synthesize` made (studio.csv, photos.csv). Bundled model and default calibration. Asked are the
photos that are answered `ambiguous`; of the rest those of which two products lie within a margin of
the first; and those that are answered `ambiguous` when their product, and it alone, is taken out of
the catalog: each of these that is settled is wrong. `strict` is what is settled with a small
residual besides. Milliseconds are of processor time, of an embedding beside it. Printed, and
written nowhere.
"""

from __future__ import annotations

import argparse
import csv
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.provenance import table
from benchmarks.quality.domain_sets import typical
from benchmarks.quality.domain_views import in_scene, on_white
from benchmarks.quality.grocery import SHARED
from benchmarks.quality.second_look.features import Pixels
from benchmarks.quality.second_look.look import Reference, second_look
from shelflens import Catalog, Embedder, load_image
from shelflens.catalog.answer import Match, decide
from shelflens.catalog.default_calibration import default_calibration
from shelflens.catalog.scores import MATCH_CANDIDATES

REFERENCE_SIDE, QUERY_SIDE = 400, 480
VIEWS = 4
"""Queries per pack."""
CANDIDATES = 3
"""Leading products that are looked at again."""
MARGIN = 0.02
STRICT = 0.3
"""Residual up to which it is settled strictly."""
Shop = tuple[dict[str, Pixels], list[tuple[str, Pixels]]]
"""Reference images by product, and photos with the product that they show."""


def main() -> None:
    """Ask both shops."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--synthetic", type=Path, help="a folder with studio.csv and photos.csv")
    parser.add_argument("--parity", type=int, default=1, help="brands of packs: 1 odd, 0 even")
    parser.add_argument("--products", type=int, default=1000, help="of the synthetic store")
    parser.add_argument("--every", type=int, default=1, help="of so many photos take the first")
    args = parser.parse_args()
    embedder = Embedder.open(threads=1)
    shops = {"packs": packs(args.parity)}
    if args.synthetic:
        shops["synthetic"] = synthetic(args.synthetic, args.products)
    rows = [row for name, shop in shops.items() for row in asked(name, shop, embedder, args.every)]
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


def asked(name: str, shop: Shop, embedder: Embedder, every: int) -> Iterator[dict[str, Any]]:
    """A row for `ambiguous` photos, for near ones of the rest, and for absent products."""
    references, queries = shop
    ids = list(references)
    vectors = np.stack([embedder.embed(references[product]) for product in ids])
    plain = Catalog(ids, vectors, space=embedder.card.space)
    calibration = default_calibration(plain, embedder.card.calibration)
    catalog = plain.with_calibration(calibration)
    cases: dict[str, list[tuple[str, Pixels, list[str]]]] = {}
    embed = []
    for product, pixels in queries[::every]:
        start = time.process_time()
        vector = embedder.embed(pixels)
        embed.append(time.process_time() - start)
        answer = catalog.answer(vector, MATCH_CANDIDATES + 1)
        near = answer.matches[1].score > answer.matches[0].score - MARGIN
        if answer.decision == "ambiguous" or near:
            kind = "ambiguous" if answer.decision == "ambiguous" else "near"
            cases.setdefault(kind, []).append((product, pixels, _leading(answer.matches)))
        rest = [match for match in answer.matches if match.id != product]
        if decide(rest, len(ids) - 1, calibration).decision == "ambiguous":
            cases.setdefault("absent", []).append((product, pixels, _leading(rest)))
    known: dict[str, Reference] = {}
    for kind, asked_of in sorted(cases.items()):
        looks, spent = [], []
        for _, pixels, candidates in asked_of:
            for candidate in set(candidates) - set(known):
                known[candidate] = Reference(references[candidate])
            start = time.process_time()
            looks.append(second_look(pixels, candidates, known))
            spent.append(time.process_time() - start)
        shown = [product for product, _, _ in asked_of]
        strict = [look.settled if look.residual < STRICT else None for look in looks]
        yield {
            "shop": name,
            "asked": kind,
            "photos": len(asked_of),
            "first right": sum(case[0] == case[2][0] for case in asked_of),
            "best right": sum(
                look.best == product for look, product in zip(looks, shown, strict=True)
            ),
            **_counts("settled", [look.settled for look in looks], shown),
            **_counts("strict", strict, shown),
            "ms": round(float(np.median(spent)) * 1e3),
            "ms, p90": round(float(np.percentile(spent, 90)) * 1e3),
            "embedding, ms": round(float(np.median(embed)) * 1e3, 1),
        }


def _leading(matches: Sequence[Match]) -> list[str]:
    return [match.id for match in matches[:CANDIDATES]]


def _counts(rule: str, settled: Sequence[str | None], shown: Sequence[str]) -> dict[str, int]:
    right = sum(answer == product for answer, product in zip(settled, shown, strict=True))
    return {f"{rule} right": right, f"{rule} wrong": sum(map(bool, settled)) - right}


if __name__ == "__main__":
    main()
