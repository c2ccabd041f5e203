"""How much of each fine-tune, and of their start, the bundled model takes.

    python benchmarks/quality/mixing.py --work runs/bundle --out results

Judges the fine-tunes of `benchmarks/bundle/make.py` (`train`, `unseen`, `others`) and their means
by photos that none of them saw and that are not test photos:

    unseen    the members of `unseen`: train and val photos of the Grocery products with an odd id,
              every second one to draw a gallery from, the others as queries (see unseen.py)
    spoilt    the members of `train`: every twentieth train and val photo, as it is and in each of
              the ways of hard.py (clean they are all found). From the studio pictures alone; and
              half of the products enrolled with all their other photos, mean of the seeds
    drawn     recall@1 and AUROC of the drawn store that thresholds are set on, a studio picture a
              product, each photo's best other product as the unknown

Float32, through `Catalog`. Means are made by `shelflens average`, and kept in --work. A mix is told
by how often each run-SEED counts, in the order of the seeds, and by the share of the start:
`--mix 2,1:0.1` is two parts of the first, one of the second, and a tenth of the start. Without:
each member, then the mean of all with none, a tenth and a fifth of the start.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from benchmarks.quality.hard import SPOILT, spoilt
from benchmarks.quality.measuring import (
    Vectors,
    averaged,
    facts,
    nearest,
    photos_of,
    products_of,
    recall,
    save,
    separation,
)
from benchmarks.quality.unseen import figures, odd_products, only
from shelflens import load_image
from shelflens.dataset import LabelledImage, read_dataset

Mix = tuple[tuple[int, ...], float]
KEEPS = (0.0, 0.1, 0.2)
COLUMNS = {
    "mix": "members; start",
    "iconic": "unseen, iconic",
    "shots_1": "1 photo",
    "shots_5": "5 photos",
    "auroc": "AUROC",
    "fpr_at_95_tpr": "FPR@95TPR",
    "spoilt_iconic": "spoilt, iconic",
    "spoilt_auroc": "AUROC",
    "spoilt_fpr": "FPR@95TPR",
    "drawn": "drawn, recall@1",
    "drawn_auroc": "AUROC",
}


def main() -> None:
    """Make what is missing, measure all."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--work", type=Path, required=True, help="the folder of make.py")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--mix", nargs="*", type=parsed, default=[], metavar="N,N:KEEP")
    parser.add_argument("--seeds", type=int, default=10)
    args = parser.parse_args()
    report = facts("mixing.py")
    report["seeds"] = f"0 to {args.seeds - 1}"
    report["rows"] = []
    members = len(members_of(args.work))
    for counts, keep in args.mix or usual(members):
        shares = [(1 - keep) * one / sum(counts) for one in counts]
        told = ", ".join(f"{one:.2g}" for one in shares)
        row: dict[str, Any] = {"mix": f"{told}; {keep:g}"}
        row.update(on_unseen(mixed(args.work / "unseen", counts, keep), args.seeds))
        row.update(on_known(mixed(args.work, counts, keep), args.work, args.seeds))
        report["rows"].append(row)
    save(report, COLUMNS, args.out, "mixing")


def members_of(folder: Path) -> list[Path]:
    """The run folders of the members, by seed."""
    return sorted(folder.glob("run-[0-9]"))


def parsed(text: str) -> Mix:
    """`2,1:0.1`: how often each member counts, and the share of the start."""
    counts, _, keep = text.partition(":")
    return tuple(map(int, counts.split(","))), float(keep or 0)


def usual(members: int) -> list[Mix]:
    """Each member by itself, then the mean of all."""
    alone = [(tuple(int(one == own) for one in range(members)), 0.0) for own in range(members)]
    return [*alone, *(((1,) * members, keep) for keep in KEEPS)]


def mixed(folder: Path, counts: tuple[int, ...], keep: float) -> Path:
    """The run folder of one mean; a single member is its own."""
    members = members_of(folder)
    runs = [run for run, count in zip(members, counts, strict=True) for _ in range(count)]
    if len(runs) == 1:
        return runs[0]
    name = "-".join(map(str, counts))
    return averaged(runs, folder / f"mix-{name}-{keep:g}", "--keep", keep)


def on_unseen(run: Path, seeds: int) -> dict[str, float]:
    """The figures of unseen.py, without its test photos."""
    odd = odd_products()
    both = [one for name in ("train", "val") for one in only(photos_of(name), odd).items]
    parts = {
        "train": both[::2],
        "test": both[1::2],
        "iconic": only(photos_of("iconic"), odd).items,
    }
    vectors = dict(zip(parts, embeddings(network_of(run), *parts.values()), strict=True))
    return figures(vectors, {name: products_of(items) for name, items in parts.items()}, seeds)


def on_known(run: Path, work: Path, seeds: int) -> dict[str, float]:
    """Half of the products that the network knows are unknown to the catalog; and drawn ones."""
    asked = read_dataset(work / "grocery" / "judge.csv").items
    parts = [
        read_dataset(work / "grocery" / "fit.csv").items,
        photos_of("iconic").items,
        *(
            read_dataset(work / "calibration" / f"{name}.csv").items
            for name in ("studio", "photos")
        ),
    ]
    network = network_of(run)
    enrolled, iconic, studio, drawn = embeddings(network, *parts)
    bad = embeddings_of_spoilt(network, asked)
    queries = products_of(asked) * len(SPOILT)
    gallery = np.array(products_of(parts[0]))
    products = sorted(set(gallery.tolist()))
    apart = []
    for seed in range(seeds):
        half = np.random.default_rng(seed).permutation(products)[: len(products) // 2]
        inside = np.isin(gallery, half)
        _, scores = nearest(enrolled[inside], gallery[inside].tolist(), bad)
        known = np.isin(queries, half)
        apart.append(separation(scores[known], scores[~known]))
    auroc, fpr = map(float, np.mean(apart, axis=0))
    from shelflens_train.evaluate import retrieve

    found = retrieve(studio, products_of(parts[2]), drawn, products_of(parts[3]))
    own, other = (one.astype(np.float64) for one in (found.own, found.other))
    return {
        "spoilt_iconic": recall(iconic, products_of(parts[1]), bad, queries),
        "spoilt_auroc": auroc,
        "spoilt_fpr": fpr,
        "drawn": found.recall,
        "drawn_auroc": separation(own, other)[0],
    }


def network_of(run: Path) -> Any:
    """The Keras network of a run folder."""
    import keras

    return keras.models.load_model(run / "model.keras", compile=False)


def embeddings(network: Any, *parts: list[LabelledImage]) -> list[Vectors]:
    """Of each list of photos, float32 [n, d]."""
    from shelflens_train.data import PhotoBank
    from shelflens_train.evaluate import embed

    bank = PhotoBank(int(network.input_shape[1]), budget=0)
    return [embed(network, items, bank) for items in parts]


def embeddings_of_spoilt(network: Any, items: list[LabelledImage]) -> Vectors:
    """Of the photos in each way of `SPOILT`, one way after the other, float32 [ways * n, d]."""
    size = int(network.input_shape[1])
    paths = [item.path for item in items]
    rows = []
    for spoil in SPOILT.values():
        seen = [load_image(spoilt(spoil, paths, place), size=size) for place in range(len(paths))]
        rows.append(np.asarray(network.predict_on_batch(np.stack(seen).astype(np.float32))))
    return np.concatenate(rows)


if __name__ == "__main__":
    main()
