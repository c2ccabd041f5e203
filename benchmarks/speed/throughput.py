"""How busy the cores are: building a catalog, and feeding a training.

    python benchmarks/throughput.py build     photos/s of `catalog build`, beside one thread
    python benchmarks/throughput.py train     step time with real photos, beside cached arrays

`build` embeds the train photos of the Grocery Store Dataset as `catalog build` does, on all cores,
and one after the other on one thread; both take turns in parts of 200 photos, so that a busy
moment falls on both. Target: at least 0.9 of (cores x the rate of one thread).

`train` takes the steps of `shelflens train` with the batches of its input pipeline (augmented,
photos decoded in the first epoch and kept), and with one batch kept in memory. Target: a step at
most 1.1 times as long. Needs the [train] extra.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from typing import Any

import numpy as np

from benchmarks.quality.measuring import photos_of
from shelflens import Embedder

PART = 200


def main() -> None:
    """Measure and print JSON."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("what", choices=("build", "train"))
    parser.add_argument("--every", type=int, default=1, help="every n-th photo (a quick look)")
    args = parser.parse_args()
    print(json.dumps(build(args.every) if args.what == "build" else train(args.every)))


def build(every: int) -> dict[str, Any]:
    """Photos a second on all cores and on one thread, and their share of the ideal."""
    paths = photos_of("train", every).paths
    many, single = Embedder.open(), Embedder.open(threads=1)
    cores = os.cpu_count() or 1
    spent = {"all": 0.0, "one": 0.0}
    for start in range(0, len(paths), PART):
        part = paths[start : start + PART]
        begin = time.perf_counter()
        together = many.embed_many(part)[1]
        middle = time.perf_counter()
        alone = np.stack([single.embed(path) for path in part])
        end = time.perf_counter()
        assert np.allclose(together, alone, atol=1e-3), "all cores give other vectors"
        spent["all"] += middle - begin
        spent["one"] += end - middle
    rates = {name: round(len(paths) / seconds, 1) for name, seconds in spent.items()}
    share = round(spent["one"] / spent["all"] / cores, 3)
    return {"photos": len(paths), "cores": cores, "photos_per_s": rates, "of_ideal": share}


def train(every: int) -> dict[str, Any]:
    """Epochs fed by the input pipeline, and by one batch kept in memory, turn by turn."""
    import keras

    from shelflens_train.config import TrainConfig
    from shelflens_train.data import Batches, PhotoBank, Split
    from shelflens_train.fit import _compile, phases
    from shelflens_train.model import classifier, embedding_model
    from shelflens_train.twin import Twin

    items = photos_of("train", every).items
    config = TrainConfig(data=("train.csv",))
    bank = PhotoBank(round(config.size * 7 / 6), budget=int(config.cache_gb * 1e9))
    last = config.head_epochs + config.epochs
    split = Split(train=items, val=[], general=[], skipped=[])
    batches = Batches(split, bank, config, epoch=last)

    class Kept(keras.utils.PyDataset):  # type: ignore[misc]
        """Always the same batch."""

        def __init__(self) -> None:
            super().__init__(workers=batches.workers, max_queue_size=batches.max_queue_size)
            self.kept = batches[0]

        def __len__(self) -> int:
            return len(batches)

        def __getitem__(self, index: int) -> Any:
            return self.kept

    side = config.side(last)
    plain, fresh = (embedding_model(config, weights=None, side=one) for one in (config.size, None))
    network = classifier(
        Twin(plain, fresh).model, len(split.classes), prefixes=config.lengths, seed=0
    )
    _compile(network, phases(config)[1], len(batches), config, kinds=0)
    feeds = {"arrays": Kept(), "pipeline": batches}
    spent: dict[str, list[float]] = {"arrays": [], "pipeline": []}
    for turn in range(3):
        for name, one in spent.items():
            begin = time.perf_counter()
            network.fit(feeds[name], epochs=1, verbose=0)
            if turn:  # the first epoch compiles
                one.append((time.perf_counter() - begin) / len(batches) * 1e3)
    ms = {name: round(min(one), 1) for name, one in spent.items()}
    ratio = round(ms["pipeline"] / ms["arrays"], 3)
    facts = {"keras": keras.__version__, "batch": config.batch, "side": side, "steps": len(batches)}
    return {**facts, "step_ms": ms, "pipeline_to_arrays": ratio}


if __name__ == "__main__":
    main()
