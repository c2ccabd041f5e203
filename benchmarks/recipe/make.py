"""Makes what the package carries: model, demo store, known vector, crash probe; step by step.

    python -m benchmarks.recipe.make STEP --work runs/bundle

    synthesize   the synthetic training store, that of the thresholds, and the demo's
    train        the start: two fine-tunes, averaged (55 minutes on two cores)
    general      the model: from the start, on many kinds of things (5 minutes on one H100 GPU)
    export       three formats, with the quality gate
    measure      figures on Grocery test
    unseen       the same recipe on half of the Grocery products, judged on the others
    install      into runtime/shelflens/data; then `benchmarks.quality.shops --install`
    choices      a smaller network, other input sizes
    candidates   more fine-tunes, for weight_averaging.py

`general` and `unseen` need `--cache`, the images of `benchmarks.recipe.images`.

Each step is the ordinary command, called as a user would, with the arguments printed. Photos and
start weights are read from `SHELFLENS_SHARED` (default: ../shared).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.quality.grocery import SHARED, write_splits
from benchmarks.quality.unseen import write
from benchmarks.recipe.commands import averaged, exported, run, shelflens, trained
from benchmarks.recipe.install import install
from benchmarks.recipe.textures import STORE_PRODUCTS, STORE_SEED

NAME = "shelflens-products"


@dataclass(frozen=True)
class Member:
    """A fine-tune: its seed, epochs with all layers, strength of changes of colour."""

    seed: int
    epochs: int
    colour: float


MEMBERS = (Member(0, 32, 0.5), Member(0, 32, 0.5), Member(3, 16, 0.5))
"""The fine-tunes whose mean is the model: a long one, which counts twice, and a short one."""
START_SHARE = 0.1
CANDIDATES = (Member(1, 32, 0.5), Member(2, 16, 1.0))
"""What else the mean might have been of (weight_averaging.py)."""
SMALL = (Member(0, 24, 0.5),)
V2 = ("--weights", SHARED / "weights" / "mobilenet_v2_1.0_224_no_top_ema.h5")
V3_SMALL = (
    *("--backbone", "mobilenet_v3_small", "--alpha", 0.75),
    *("--weights", SHARED / "weights" / "mobilenet_v3_small_0.75_224_no_top_folded.h5"),
)
CHOICES = ("v3-small-224", "v2-192", "v2-224", "v2-256")
DIMS = ("--dims", 128, 64, 32)
TRAINING_SEED, CALIBRATION_SEED, DEMO_SEED = 20261123, 31, 12
LICENSE = (
    "Apache-2.0. Started from MobileNetV2 ImageNet weights (TF-Slim, Apache-2.0); trained on the "
    "Grocery Store Dataset (Klasson et al., WACV 2019, MIT), clothing-dataset-small (CC0), 41 "
    "categories of Caltech-101 (Li et al. 2022, CC BY 4.0), and products of shelflens synthesize"
)


def synthesize(work: Path) -> None:
    """Three stores: to train on beside Grocery, to set the threshold on, and the demo's."""
    training = ["--products", 260, "--photos", 3, "--seed", TRAINING_SEED]
    shelflens("synthesize", "--out", work / "synthetic", *training)
    calibration = ["--products", 120, "--photos", 3, "--seed", CALIBRATION_SEED]
    shelflens("synthesize", "--out", work / "calibration", *calibration)
    demo = ["--products", 30, "--photos", 2, "--held-out", 8, "--seed", DEMO_SEED, "--quality", 72]
    shelflens("synthesize", "--out", work / "demo", *demo)


def train(work: Path) -> None:
    """Fine-tune on Grocery train and val photos, studio images, the synthetic store."""
    write_splits(work / "grocery")
    fit(work / "grocery", "fit.csv", work / "synthetic", work / "run", members=MEMBERS)


def general(work: Path) -> None:
    """Train on drawn views of everything, from the mean of the fine-tunes."""
    textures, out = work / "textures", work / "general"
    store = work / "general-store"
    products = ["--products", STORE_PRODUCTS, "--photos", 3, "--seed", STORE_SEED]
    shelflens("synthesize", "--out", store, *products)
    made = ["--cache", work / "cache", "--synthetic", store, "--start", work / "run"]
    module("benchmarks.recipe.textures", *made, "--out", textures)
    module("benchmarks.recipe.general", textures, "--out", out / "params.npz")
    finishing = ["--synthetic", store, "--run", out]
    module("benchmarks.recipe.finish", textures, out / "params.npz", *finishing)


def unseen(work: Path) -> None:
    """The same from ImageNet, without the Grocery classes of odd id and three domains."""
    textures, out = work / "textures", work / "unseen"
    rest = ["--leave-out", "ycb", "packs", "catalogue", "--unseen-groceries", "--steps", 961]
    start = ["--start", "imagenet"]
    module("benchmarks.recipe.general", textures, *start, *rest, "--out", out / "params.npz")
    finishing = ["--synthetic", work / "general-store", "--run", out / "run", "--share", 1]
    module("benchmarks.recipe.finish", textures, out / "params.npz", *start, *finishing)
    shelflens("export", out / "run", "--out", out / "export", "--formats", "int8")
    measured("unseen", "--model", out / "export" / "int8.tflite", "--out", work / "measured", *DIMS)


def candidates(work: Path) -> None:
    """Fine-tunes beside the members of the mean, and all of them on half of the products."""
    half = work / "unseen"
    write(half)
    for member in CANDIDATES:
        fit(work / "grocery", "fit.csv", work / "synthetic", work / "run", members=(member,))
    for member in (*MEMBERS, *CANDIDATES):
        fit(half, "even.csv", work / "synthetic", half / "run", members=fewer((member,)))


def fewer(members: Sequence[Member]) -> list[Member]:
    """The members for half of the products: their photos are fewer, and so are the epochs."""
    return [replace(member, epochs=round(0.6 * member.epochs)) for member in members]


def choices(work: Path) -> None:
    """Other points on the curve of accuracy, bytes and time, in one table."""
    small = work / "small"
    fit(work / "grocery", "fit.csv", work / "synthetic", small, members=SMALL, network=V3_SMALL)
    # Its activations do not survive int8 (shelflens export says which).
    exported(run_of(SMALL[0], small), work / "v3-small-224.tflite", "int8-weights")
    for size in (192, 256):
        run_folder = work / f"run-at-{size}"
        average(MEMBERS, work / "run", run_folder, "--size", size)
        exported(run_folder, work / f"v2-{size}.tflite", "int8")
    exported(work / "run", work / "v2-224.tflite", "int8")
    models = [work / f"{name}.tflite" for name in CHOICES]
    measured("official", "--latency", "--model", *models, "--out", work / "choices")


def fit(
    grocery: Path,
    photos: str,
    synthetic: Path,
    out: Path,
    *,
    members: Sequence[Member],
    network: Sequence[object] = V2,
) -> None:
    """The one recipe: photos and studio images of a folder, the synthetic store, auxiliary images.

    `out` is the mean of the runs `out`-SEED, of a single run nothing; what is there is not made
    again.
    """
    # Six times: each is the only studio image of its product.
    studio = [grocery / "iconic.csv"] * 6
    auxiliary = ["--auxiliary", SHARED / "data" / "clothing", SHARED / "data" / "objects"]
    options = ["--val", grocery / "judge.csv", *network, "--auxiliary-share", 0.25]
    options += ["--size", 224, "--category", "category", "--name", NAME, "--license", LICENSE]
    data = [grocery / photos, *studio, synthetic / "all.csv", *auxiliary]
    for member in members:
        folder = run_of(member, out)
        if not (folder / "card.json").exists():
            own = ["--seed", member.seed, "--epochs", member.epochs, "--colour", member.colour]
            trained(folder, "train", *data, "--out", folder, *options, *own, "--resume")
    if len(members) > 1:
        average(members, out, out)


def run_of(member: Member, mean: Path) -> Path:
    """The run folder of a member, beside that of the mean."""
    return mean.with_name(f"{mean.name}-{member.seed}")


def average(members: Sequence[Member], mean: Path, out: Path, *options: object) -> None:
    """The mean of fine-tunes and a share of their start."""
    runs = [run_of(member, mean) for member in members]
    averaged(runs, out, "--start-share", START_SHARE, *options)


def export(work: Path) -> None:
    """The files that the README names, with the quality gate."""
    formats = ["--formats", "float32", "int8", "onnx-int8"]
    shelflens("export", work / "general", "--out", work / "export", *formats)


def measure(work: Path) -> None:
    """The figures of the model card and of the README."""
    models = [work / "export" / name for name in ("int8.tflite", "int8.onnx", "float32.tflite")]
    out = ["--out", work / "measured"]
    measured("official", "--latency", "--model", *models, *out, *DIMS)
    measured("hard", "--model", work / "export" / "int8.tflite", *out)


def measured(name: str, *words: object) -> None:
    """Run a benchmark of benchmarks/quality/."""
    module(f"benchmarks.quality.{name}", *words)


def module(name: str, *words: object) -> None:
    """Run a module as a command."""
    run(sys.executable, "-m", name, *words)


def main() -> None:
    """Do one step."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    functions = (
        synthesize, train, general, export, measure, unseen, install, choices, candidates
    )  # fmt: skip
    steps = {step.__name__: step for step in functions}
    parser.add_argument("step", choices=steps)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="made by benchmarks.recipe.images")
    args = parser.parse_args()
    work = args.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    if args.cache and not (work / "cache").exists():
        (work / "cache").symlink_to(args.cache.resolve())
    steps[args.step](work)


if __name__ == "__main__":
    main()
