"""The Grocery Store Dataset as DATA: writes one CSV per split.

    python benchmarks/quality/grocery.py --out runs/grocery

writes train.csv, val.csv, test.csv (the official splits of Klasson et al., WACV 2019) and
iconic.csv (one studio picture a product), and for fitting on all that the official protocol
allows, fit.csv (train and val but every twentieth photo) and judge.csv (those), with columns
path,product,name,category. The photos are read where they lie, under `SHELFLENS_SHARED` (default:
../shared).
"""

from __future__ import annotations

import argparse
import csv
import os
from pathlib import Path

SHARED = Path(os.environ.get("SHELFLENS_SHARED", "../shared"))


def read_classes(root: Path) -> dict[int, dict[str, str]]:
    """The 81 products by class number: name, category, iconic picture."""
    with (root / "classes.csv").open(newline="", encoding="utf-8") as stream:
        return {
            int(row["Class ID (int)"]): {
                "product": row["Class Name (str)"],
                "name": row["Class Name (str)"].replace("-", " "),
                "category": row["Coarse Class Name (str)"].replace("-", " "),
                "iconic": row["Iconic Image Path (str)"].lstrip("/"),
            }
            for row in csv.DictReader(stream)
        }


def read_split(root: Path, split: str) -> list[tuple[str, int]]:
    """Photo and class number of a split: train, val, test, or iconic."""
    if split == "iconic":
        return [(one["iconic"], number) for number, one in read_classes(root).items()]
    lines = (root / f"{split}.txt").read_text().splitlines()
    cells = [[cell.strip() for cell in line.split(",")] for line in lines if line.strip()]
    return [(cell[0], int(cell[1])) for cell in cells]


def write_split(path: Path, root: Path, rows: list[tuple[str, int]]) -> None:
    """Write one CSV with absolute photo paths."""
    classes = read_classes(root)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "product", "name", "category"])
        for photo, number in rows:
            one = classes[number]
            writer.writerow([root / photo, one["product"], one["name"], one["category"]])


def main() -> None:
    """Write the CSVs."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    root = (SHARED / "data" / "grocery").resolve()
    splits = {name: read_split(root, name) for name in ("train", "val", "test", "iconic")}
    both = splits["train"] + splits["val"]
    splits["judge"] = both[::20]
    splits["fit"] = [row for place, row in enumerate(both) if place % 20]
    for name, rows in splits.items():
        write_split(out / f"{name}.csv", root, rows)
    print(f"{out}: {', '.join(f'{name}.csv' for name in splits)}")


if __name__ == "__main__":
    main()
