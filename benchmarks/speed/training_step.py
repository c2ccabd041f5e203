"""Does the input pipeline keep a training busy? A step fed by it, beside cached arrays.

    python -m benchmarks.speed.training_step

takes the steps of `shelflens train` with the batches of its input pipeline (augmented, photos
decoded in the first epoch and kept), and with one batch kept in memory; the latter for 6,000
products too. Target: a step fed by the pipeline at most 1.1 times as long. Needs the [train] extra;
eight minutes.
"""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from benchmarks.provenance import save, stamp, table
from benchmarks.quality.measuring import photos_of
from benchmarks.speed.paired import Cost, arguments, timed

TARGET = 1.1
MANY = 6000
"""Products of a large shop: each is a proxy that every photo is compared with."""
TURNS = 3
"""Epochs of each feed; the first one compiles and is not counted."""


def main() -> None:
    """Measure and write."""
    args = arguments(__doc__)
    report = stamp(seed=0, libraries=("keras", "tensorflow")) | measure(args.every)
    title = "A training step fed by the input pipeline"
    save(report, title, markdown(report), "training-step", args.out)


def markdown(report: dict[str, Any]) -> str:
    """The figures as a table."""
    steps = report["step_ms"]
    rows = ((name, str(ms["wall"]), str(ms["cpu"])) for name, ms in steps.items())
    return (
        f"Batches of {report['batch']}, {report['side']} pixels, {report['steps']} steps; the "
        f"pipeline takes {report['pipeline_to_arrays']} times as long (target {TARGET}), and "
        f"{report['cpu_ratio']} times the processor time. {MANY} products "
        f"take {report['many_to_arrays']} times the processor time.\n"
        + table(("feed", "ms per step", "processor ms"), rows)
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

    def network(classes: int) -> keras.Model:
        made = classifier(learner.model, classes, dims=config.dims, seed=0)
        loss = training_loss(config, categories=0)
        compile_phase(made, phases(config)[-1], len(batches), loss=loss, clip=config.clip)
        return made

    few = network(len(split.classes))
    many = f"arrays, {MANY} products"
    feeds = {"arrays": (few, Kept()), "pipeline": (few, batches), many: (network(MANY), Kept())}
    spent: dict[str, list[Cost]] = {name: [] for name in feeds}
    for turn in range(TURNS):
        for name, (network_fed, feed) in feeds.items():
            _, cost = timed(network_fed.fit, feed, epochs=1, verbose=0)
            if turn:
                spent[name].append(cost)
    ms = {
        name: {
            key: round(min(getattr(cost, key) for cost in costs) / len(batches) * 1e3, 1)
            for key in Cost._fields
        }
        for name, costs in spent.items()
    }
    return {
        "batch": config.batch,
        "side": config.side(config.all_epochs),
        "steps": len(batches),
        "step_ms": ms,
        "pipeline_to_arrays": round(ms["pipeline"]["wall"] / ms["arrays"]["wall"], 3),
        "cpu_ratio": round(ms["pipeline"]["cpu"] / ms["arrays"]["cpu"], 3),
        "many_to_arrays": round(ms[many]["cpu"] / ms["arrays"]["cpu"], 3),
    }


if __name__ == "__main__":
    main()
