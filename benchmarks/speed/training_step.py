"""Does the input pipeline keep a training busy? A step fed by it, beside cached arrays.

    python -m benchmarks.speed.training_step

takes the steps of `shelflens train` with the batches of its input pipeline (augmented, photos
decoded in the first epoch and kept), and with one batch kept in memory. Target: a step at most 1.1
times as long. Needs the [train] extra; five minutes.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from benchmarks.provenance import RESULTS, save, stamp, table
from benchmarks.quality.measuring import photos_of

TARGET = 1.1
TURNS = 3
"""Epochs of each feed; the first one compiles and is not counted."""


def main() -> None:
    """Measure and write."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--every", type=int, default=1, help="every n-th photo (a quick look)")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    report = stamp(seed=0, libraries=("keras", "tensorflow")) | measure(args.every)
    title = "A training step fed by the input pipeline"
    save(report, title, markdown(report), "training-step", args.out)


def markdown(report: dict[str, Any]) -> str:
    """The figures as a table."""
    rows = ((name, str(ms)) for name, ms in report["step_ms"].items())
    return (
        f"Batches of {report['batch']}, {report['side']} pixels, {report['steps']} steps; the "
        f"pipeline takes {report['pipeline_to_arrays']} times as long (target {TARGET}).\n"
        + table(("feed", "ms per step"), rows)
    )


def measure(every: int) -> dict[str, Any]:
    """Epochs fed by the input pipeline, and by one batch kept in memory, turn by turn."""
    import keras

    from shelflens_train.backbones import embedding_network
    from shelflens_train.batches import training_batches
    from shelflens_train.batchnorm_folding import FoldedNetwork
    from shelflens_train.config import TrainConfig
    from shelflens_train.fit import compile_phase
    from shelflens_train.objective import training_loss
    from shelflens_train.phases import phases
    from shelflens_train.photo_bank import PhotoBank
    from shelflens_train.proxies import classifier
    from shelflens_train.split import Split

    config = TrainConfig(data=("train.csv",))
    bank = PhotoBank(round(config.size * 7 / 6), budget=config.cache_bytes)
    split = Split(train=photos_of("train", every).items, val=[], auxiliary=[], skipped=[])
    batches = training_batches(config, split, bank, epoch=config.all_epochs)

    class Kept(keras.utils.PyDataset):  # type: ignore[misc]
        """Always the same batch."""

        def __init__(self) -> None:
            super().__init__(workers=batches.workers, max_queue_size=batches.max_queue_size)
            self.kept = batches[0]

        def __len__(self) -> int:
            return len(batches)

        def __getitem__(self, index: int) -> Any:
            return self.kept

    learner = FoldedNetwork(
        embedding_network(config.spec, side=config.size), embedding_network(config.spec)
    )
    network = classifier(learner.model, len(split.classes), dims=config.dims, seed=0)
    loss = training_loss(config, categories=0)
    compile_phase(network, phases(config)[-1], len(batches), loss=loss, clip=config.clip)
    feeds = {"arrays": Kept(), "pipeline": batches}
    spent: dict[str, list[float]] = {name: [] for name in feeds}
    for turn in range(TURNS):
        for name, feed in feeds.items():
            begin = time.perf_counter()
            network.fit(feed, epochs=1, verbose=0)
            if turn:
                spent[name].append((time.perf_counter() - begin) / len(batches) * 1e3)
    ms = {name: round(min(times), 1) for name, times in spent.items()}
    return {
        "batch": config.batch,
        "side": config.side(config.all_epochs),
        "steps": len(batches),
        "step_ms": ms,
        "pipeline_to_arrays": round(ms["pipeline"] / ms["arrays"], 3),
    }


if __name__ == "__main__":
    main()
