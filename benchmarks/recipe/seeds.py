"""How much a seed matters, and what averaging the seeds' fine-tunes gives.

    python benchmarks/quality/seeds.py --work runs/seeds --out results

Short fine-tunes of the bundled recipe (Grocery photos and studio pictures, half the changes of
colour), alike but for their seed, for two protocols: `official.py` (fine, coarse, iconic) and
`unseen.py` (unseen iconic, 5 photos). Every model is exported, and measured as its int8 file. One
row a seed, one with the spread, and one for the mean of the seeds' weights (`shelflens average`),
a file of the same size. A training or an export that is there already is not done again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality import official, unseen
from benchmarks.quality.grocery import SHARED
from benchmarks.quality.measuring import averaged, facts, fine_tuned, photos_of, save

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
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--keep", type=float, default=0.15, help="share of the start weights")
    args = parser.parse_args()
    run(sys.executable, Path(__file__).with_name("grocery.py"), "--out", args.work / "official")
    unseen.write(args.work / "unseen")
    models = {
        name: fitted(args.work / name, photos, args)
        for name, photos in (("official", "fit.csv"), ("unseen", "even.csv"))
    }
    splits = {name: photos_of(name) for name in ("train", "test", "iconic")}
    rows: list[dict[str, Any]] = []
    for name, seen in models["official"].items():
        known = official.measure(str(seen), splits, [], None)[0]
        new = unseen.measure(str(models["unseen"][name]), [], 10)[0]
        found = {"unseen_iconic": new["iconic"], "unseen_5": new["shots_5"]}
        rows.append({"run": name, **{one: known[one] for one in FIGURES[:3]}, **found})
    single = rows[: args.seeds]
    for name, what in (("mean", np.mean), ("lowest", np.min), ("highest", np.max)):
        told = {one: float(what([row[one] for row in single])) for one in FIGURES}
        rows.append({"run": f"{name} of the seeds", **told})
    report = facts("seeds.py")
    report["seeds"] = f"0 to {args.seeds - 1}"
    report["rows"] = rows
    save(report, COLUMNS, args.out, "seeds")


def fitted(work: Path, photos: str, args: argparse.Namespace) -> dict[str, Path]:
    """The int8 files of every seed, and of the mean of their weights with and without `--keep`."""
    weights = SHARED / "weights" / "mobilenet_v2_1.0_224_no_top_ema.h5"
    data = [work / photos, *[work / "iconic.csv"] * 6]
    common = ["--val", work / "judge.csv", "--weights", weights, "--colour", 0.5]
    common += ["--size", args.size, "--epochs", args.epochs]
    made = {
        f"seed {seed}": fine_tuned(work / f"seed-{seed}", data, *common, "--seed", seed)
        for seed in range(args.seeds)
    }
    runs = list(made.values())
    for name, keep in (("weights averaged", 0.0), (f"and {args.keep:g} of the start", args.keep)):
        made[name] = averaged(runs, work / f"average-{keep:g}", "--keep", keep)
    files = {}
    for name, folder in made.items():
        files[name] = work / "export" / folder.name / "int8.tflite"
        if not files[name].exists():
            wanted = ["--out", files[name].parent, "--formats", "int8"]
            run(sys.executable, "-m", "shelflens", "export", folder, *wanted)
    return files


def run(*words: object) -> None:
    """Run a command."""
    subprocess.run([str(word) for word in words], check=True)


if __name__ == "__main__":
    main()
