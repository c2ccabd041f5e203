"""The Grocery Store Dataset as datasets for `shelflens`: writes one CSV per split.

    python -m benchmarks.quality.grocery --out runs/grocery

writes train.csv, val.csv, test.csv (the official splits of Klasson et al., WACV 2019) and
iconic.csv (one studio image per product), and for fitting on all that the official protocol
allows, fit.csv (train and val but every twentieth photo) and judge.csv (those), with columns
path,product,name,category. The photos are read where they lie, under `SHELFLENS_SHARED` (default:
../shared).
"""

from __future__ import annotations

import argparse
import csv
import os
from pathlib import Path

from benchmarks.provenance import ROOT

SHARED = Path(os.environ.get("SHELFLENS_SHARED", ROOT.parent / "shared")).resolve()
GROCERY = SHARED / "data" / "grocery"

Row = tuple[str, int]
"""A photo's path below `GROCERY`, and its class index."""


def read_classes() -> dict[int, dict[str, str]]:
    """The 81 products by class index: product, name, category, iconic (its studio image)."""
    with (GROCERY / "classes.csv").open(newline="", encoding="utf-8") as stream:
        return {
            int(row["Class ID (int)"]): {
                "product": row["Class Name (str)"],
                "name": row["Class Name (str)"].replace("-", " "),
                "category": row["Coarse Class Name (str)"].replace("-", " "),
                "iconic": row["Iconic Image Path (str)"].lstrip("/"),
            }
            for row in csv.DictReader(stream)
        }


def read_split(split: str) -> list[Row]:
    """The rows of a split: train, val, test, or iconic."""
    if split == "iconic":
        return [(columns["iconic"], index) for index, columns in read_classes().items()]
    lines = (GROCERY / f"{split}.txt").read_text().splitlines()
    cells = [[cell.strip() for cell in line.split(",")] for line in lines if line.strip()]
    return [(cell[0], int(cell[1])) for cell in cells]


def write_split(path: Path, rows: list[Row]) -> None:
    """Write one CSV with absolute photo paths."""
    classes = read_classes()
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "product", "name", "category"])
        for photo, index in rows:
            columns = classes[index]
            cells = (columns[name] for name in ("product", "name", "category"))
            writer.writerow([GROCERY / photo, *cells])


def write_splits(out: Path) -> None:
    """All CSVs into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    splits = {name: read_split(name) for name in ("train", "val", "test", "iconic")}
    both = splits["train"] + splits["val"]
    splits["judge"] = both[::20]
    splits["fit"] = [row for index, row in enumerate(both) if index % 20]
    for name, rows in splits.items():
        write_split(out / f"{name}.csv", rows)
    print(f"{out}: {', '.join(f'{name}.csv' for name in splits)}")


def main() -> None:
    """Write the CSVs."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--out", type=Path, required=True)
    write_splits(parser.parse_args().out)


if __name__ == "__main__":
    main()
