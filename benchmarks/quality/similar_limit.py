"""From which score on a similar product is of the same kind.

    python -m benchmarks.quality.similar_limit

builds a catalog of unrelated goods (garments of 10 kinds, objects of 41 kinds, Grocery's studio
images of 43 kinds, the demo store's packs of 6 categories) as `catalog build` does, asks for the
similar products of each, and prints for several limits: the share of shown products that are of the
same kind, the share of unrelated ones (of another set altogether), how many of the same-kind
products that were found stay, and how many products keep a row of similar ones. Ten seconds.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.quality.grocery import SHARED
from shelflens import Catalog
from shelflens.cli import main as shelflens
from shelflens.discovery.similar import similar
from shelflens.model.embedder import BUNDLED_MODEL

SHOWN = 8
"""As many as the web app asks for."""
PER_KIND = {"clothing": 12, "objects": 6}
LIMITS = (0.0, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)
DEMO = BUNDLED_MODEL.parent / "demo"


def images() -> Iterator[tuple[str, str, Path]]:
    """Set, kind and image of each product."""
    for name, count in PER_KIND.items():
        root = SHARED / "data" / name / ("test" if name == "clothing" else "")
        for folder in sorted(path for path in root.iterdir() if path.is_dir()):
            for path in sorted(folder.glob("*.jpg"))[:count]:
                yield name, folder.name, path
    grocery = SHARED / "data" / "grocery"
    with (grocery / "classes.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            path = grocery / row["Iconic Image Path (str)"].lstrip("/")
            yield "grocery", row["Coarse Class Name (str)"], path
    with (DEMO / "studio.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            yield "demo", row["category"], DEMO / row["path"]


def main() -> None:
    """Measure and print."""
    raw = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(description=__doc__, formatter_class=raw).parse_args()
    rows = list(images())
    with tempfile.TemporaryDirectory() as folder:
        table, path = Path(folder) / "products.csv", Path(folder) / "store.catalog"
        with table.open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["path", "product"])
            writer.writerows([image, f"{number}"] for number, (_, _, image) in enumerate(rows))
        assert shelflens(["catalog", "build", str(table), "--out", str(path)]) == 0
        catalog = Catalog.open(path)
        found = [
            (number, int(match.id), match.score)
            for number in range(len(rows))
            for match in similar(catalog, f"{number}", k=SHOWN)
        ]
    asked, got = np.array([pair[:2] for pair in found]).T
    scores = np.array([score for *_, score in found])
    sets = np.array([row[0] for row in rows])
    kinds = np.array([f"{row[0]} {row[1]}" for row in rows])
    same, unrelated = kinds[asked] == kinds[got], sets[asked] != sets[got]
    print(f"{len(rows)} products, {len(found)} similar ones")
    print("limit  same kind  unrelated  same kind kept  unrelated kept  products with any")
    for limit in LIMITS:
        shown = scores >= limit
        print(
            f"{limit:5.2f}  {same[shown].mean():9.3f}  {unrelated[shown].mean():9.3f}  "
            f"{(same & shown).sum() / same.sum():14.3f}  "
            f"{(unrelated & shown).sum() / max(unrelated.sum(), 1):14.3f}  "
            f"{len(set(asked[shown].tolist())) / len(rows):17.3f}"
        )
    for name in sorted(set(sets)):
        part = sets[asked] == name
        cells = []
        for limit in LIMITS:
            shown = part & (scores >= limit)
            kept = len(set(asked[shown].tolist())) / (sets == name).sum()
            cells.append(f"{same[shown].mean():.2f}/{kept:.2f}")
        print(f"{name}: same kind / products with any: {'  '.join(cells)}")


if __name__ == "__main__":
    main()
