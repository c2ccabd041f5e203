"""How much of each fine-tune, and of their start, the bundled model takes.

    python -m benchmarks.recipe.weight_averaging --work runs/bundle

Judges the fine-tunes of `make.py` (`train`, `unseen`, `candidates`) and their means by photos that
none of them saw and that are not test photos:

    unseen      the members of `unseen`: train and val photos of the Grocery products with an odd
                id, every second one to draw a gallery from, the rest as queries (see unseen.py)
    perturbed   the members of `train`: every twentieth train and val photo, as it is and in each
                of the ways of hard.py (clean they are all found). From the studio images alone;
                and half of the products enrolled with all their other photos, mean of the seeds
    synthetic   recall@1 and AUROC of the synthetic store that thresholds are set on, one studio
                image per product, each photo's best other product as the unknown

Float32, through `Catalog`. Means are made by `shelflens average`, and kept in --work. `--mix
2,1:0.1` is two parts of the first run-SEED, in the order of the seeds, one of the second, and a
tenth of the start. Without: each member, then the mean of all with none, a tenth and a fifth of
the start. Four minutes per mix.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from benchmarks.provenance import save, stamp, table
from benchmarks.quality.hard import PERTURBED, perturbed
from benchmarks.quality.measuring import (
    Vectors,
    nearest,
    only,
    photos_of,
    products_of,
    recall,
    separation,
)
from benchmarks.quality.unseen import figures, odd_products
from benchmarks.recipe.commands import averaged
from benchmarks.recipe.networks import embeddings, network_of
from shelflens import load_image
from shelflens.dataset import LabelledImage, read_dataset

Mix = tuple[tuple[int, ...], float]
START_SHARES = (0.0, 0.1, 0.2)
COLUMNS = {
    "mix": "members; start",
    "iconic": "unseen, iconic",
    "shots_1": "1 photo",
    "shots_5": "5 photos",
    "auroc": "AUROC",
    "fpr_at_95_tpr": "FPR@95TPR",
    "perturbed_iconic": "perturbed, iconic",
    "perturbed_auroc": "AUROC",
    "perturbed_fpr": "FPR@95TPR",
    "synthetic": "synthetic, recall@1",
    "synthetic_auroc": "AUROC",
}


def main() -> None:
    """Make what is missing, measure all."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--work", type=Path, required=True, help="the folder of make.py")
    parser.add_argument("--mix", nargs="*", type=parsed, default=[], metavar="N,N:SHARE")
    parser.add_argument("--seeds", type=int, default=10)
    args = parser.parse_args()
    work = args.work.resolve()
    report = stamp(seed=f"0 to {args.seeds - 1}", libraries=("keras", "tensorflow"))
    report["rows"] = []
    for counts, share in args.mix or usual(len(members_of(work))):
        shares = ", ".join(f"{(1 - share) * count / sum(counts):.2g}" for count in counts)
        row: dict[str, Any] = {"mix": f"{shares}; {share:g}"}
        row |= on_unseen(mixed(work / "unseen", counts, share), args.seeds)
        row |= on_known(mixed(work, counts, share), work, args.seeds)
        report["rows"].append(row)
    body = table(COLUMNS.values(), ([row[key] for key in COLUMNS] for row in report["rows"]))
    save(report, "Weight averaging", body, "weight-averaging", work)


def members_of(folder: Path) -> list[Path]:
    """The run folders of the members, by seed."""
    return sorted(folder.glob("run-[0-9]"))


def parsed(text: str) -> Mix:
    """`2,1:0.1`: how often each member counts, and the share of the start."""
    counts, _, share = text.partition(":")
    return tuple(map(int, counts.split(","))), float(share or 0)


def usual(members: int) -> list[Mix]:
    """Each member by itself, then the mean of all."""
    alone = [(tuple(int(n == own) for n in range(members)), 0.0) for own in range(members)]
    return [*alone, *(((1,) * members, share) for share in START_SHARES)]


def mixed(folder: Path, counts: tuple[int, ...], share: float) -> Path:
    """The run folder of one mean; a single member is its own."""
    members = members_of(folder)
    runs = [run for run, count in zip(members, counts, strict=True) for _ in range(count)]
    if len(runs) == 1:
        return runs[0]
    name = "-".join(map(str, counts))
    return averaged(runs, folder / f"mix-{name}-{share:g}", "--start-share", share)


def on_unseen(run: Path, seeds: int) -> dict[str, float]:
    """The figures of unseen.py, without its test photos."""
    odd = odd_products()
    both = [item for name in ("train", "val") for item in only(photos_of(name), odd).items]
    parts = {
        "train": both[::2],
        "test": both[1::2],
        "iconic": only(photos_of("iconic"), odd).items,
    }
    vectors = dict(zip(parts, embeddings(network_of(run), *parts.values()), strict=True))
    return figures(vectors, {name: products_of(items) for name, items in parts.items()}, seeds)


def on_known(run: Path, work: Path, seeds: int) -> dict[str, float]:
    """Perturbed photos, and the synthetic store."""
    network = network_of(run)
    asked = read_dataset(work / "grocery" / "judge.csv").items
    fit = read_dataset(work / "grocery" / "fit.csv").items
    studio = photos_of("iconic").items
    enrolled, iconic = embeddings(network, fit, studio)
    queries = perturbed_embeddings(network, asked)
    labels = products_of(asked) * len(PERTURBED)
    auroc, fpr = half_enrolled(enrolled, products_of(fit), queries, labels, seeds)
    return {
        "perturbed_iconic": recall(iconic, products_of(studio), queries, labels),
        "perturbed_auroc": auroc,
        "perturbed_fpr": fpr,
        **on_synthetic(network, work),
    }


def half_enrolled(
    enrolled: Vectors, products: list[str], queries: Vectors, labels: list[str], seeds: int
) -> tuple[float, float]:
    """AUROC and FPR@95TPR with half of the products enrolled, mean of the seeds."""
    gallery = np.array(products)
    names = sorted(set(products))
    separations = []
    for seed in range(seeds):
        half = np.random.default_rng(seed).permutation(names)[: len(names) // 2]
        inside = np.isin(gallery, half)
        _, scores = nearest(enrolled[inside], gallery[inside].tolist(), queries)
        known = np.isin(labels, half)
        separations.append(separation(scores[known], scores[~known]))
    auroc, fpr = map(float, np.mean(separations, axis=0))
    return auroc, fpr


def on_synthetic(network: Any, work: Path) -> dict[str, float]:
    """The store that thresholds are set on."""
    from shelflens_train.evaluate import retrieve

    parts = [
        read_dataset(work / "calibration" / f"{name}.csv").items for name in ("studio", "photos")
    ]
    studio, photos = embeddings(network, *parts)
    found = retrieve(studio, products_of(parts[0]), photos, products_of(parts[1]))
    genuine, impostor = (scores.astype(np.float64) for scores in (found.genuine, found.impostor))
    return {"synthetic": found.recall, "synthetic_auroc": separation(genuine, impostor)[0]}


def perturbed_embeddings(network: Any, items: list[LabelledImage]) -> Vectors:
    """Of the photos in each way of `PERTURBED`, one way after the other, float32 [ways * n, d]."""
    size = int(network.input_shape[1])
    paths = [item.path for item in items]
    rows = []
    for perturb in PERTURBED.values():
        pixels = [
            load_image(perturbed(perturb, paths, index), size=size) for index in range(len(paths))
        ]
        rows.append(np.asarray(network.predict_on_batch(np.stack(pixels).astype(np.float32))))
    return np.concatenate(rows)


if __name__ == "__main__":
    main()
