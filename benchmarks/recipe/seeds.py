"""How much a seed matters, and what averaging the seeds' fine-tunes gives.

    python -m benchmarks.recipe.seeds --work runs/seeds

Short fine-tunes of the bundled recipe (Grocery photos and studio images, half the changes of
colour), alike but for their seed, for two protocols: `official.py` (fine, coarse, iconic) and
`unseen.py` (unseen iconic, 5 photos). Every model is exported, and measured as its int8 file. One
row per seed, one with the spread, and one for the mean of the seeds' weights (`shelflens
average`), a file of the same size. A training or an export that is there already is not done again.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.provenance import save, stamp, table
from benchmarks.quality import official, unseen
from benchmarks.quality.grocery import SHARED, write_splits
from benchmarks.quality.measuring import photos_of
from benchmarks.recipe.commands import averaged, exported, fine_tuned

COLUMNS = {
    "run": "fine-tune",
    "fine": "fine",
    "coarse": "coarse",
    "iconic": "iconic",
    "unseen_iconic": "unseen, iconic",
    "unseen_5": "unseen, 5 photos",
}
FIGURES = list(COLUMNS)[1:]


def main() -> None:
    """Train what is missing, measure all."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--start-share", type=float, default=0.15, help="of the start weights")
    args = parser.parse_args()
    args.work = args.work.resolve()
    write_splits(args.work / "official")
    unseen.write(args.work / "unseen")
    models = {
        name: fitted(args.work / name, photos, args)
        for name, photos in (("official", "fit.csv"), ("unseen", "even.csv"))
    }
    report = stamp(seed=f"0 to {args.seeds - 1}", libraries=("keras", "tensorflow"))
    report["rows"] = measured(models, args.seeds)
    body = table(COLUMNS.values(), ([row[key] for key in COLUMNS] for row in report["rows"]))
    save(report, "Seeds, and the mean of their weights", body, "seeds", args.work)


def measured(models: dict[str, dict[str, Path]], seeds: int) -> list[dict[str, Any]]:
    """A row per file, then the spread of the single seeds."""
    splits = {name: photos_of(name) for name in ("train", "test", "iconic")}
    rows: list[dict[str, Any]] = []
    for name, file in models["official"].items():
        known = official.measure(file, splits, [], None)[0]
        new = unseen.measure(models["unseen"][name], [], 10)[0]
        row = {key: known[key] for key in FIGURES[:3]}
        row |= {"unseen_iconic": new["iconic"], "unseen_5": new["shots_5"]}
        rows.append({"run": name, **row})
    single = rows[:seeds]
    for name, what in (("mean", np.mean), ("lowest", np.min), ("highest", np.max)):
        spread = {key: float(what([row[key] for row in single])) for key in FIGURES}
        rows.append({"run": f"{name} of the seeds", **spread})
    return rows


def fitted(work: Path, photos: str, args: argparse.Namespace) -> dict[str, Path]:
    """The int8 files of every seed, and of their mean with and without a share of the start."""
    weights = SHARED / "weights" / "mobilenet_v2_1.0_224_no_top_ema.h5"
    data = [work / photos, *[work / "iconic.csv"] * 6]
    common = ["--val", work / "judge.csv", "--weights", weights, "--colour", 0.5]
    common += ["--size", args.size, "--epochs", args.epochs]
    runs = {
        f"seed {seed}": fine_tuned(work / f"seed-{seed}", data, *common, "--seed", seed)
        for seed in range(args.seeds)
    }
    single = list(runs.values())
    share = args.start_share
    for name, start in (("weights averaged", 0.0), (f"and {share:g} of the start", share)):
        runs[name] = averaged(single, work / f"average-{start:g}", "--start-share", start)
    return {
        name: exported(folder, work / f"{folder.name}.tflite", "int8")
        for name, folder in runs.items()
    }


if __name__ == "__main__":
    main()
