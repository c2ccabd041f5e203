"""Makes what the package carries: model, demo store, known vector, probe.

    python benchmarks/bundle/make.py draw  --work runs/bundle      the drawn training store
    python benchmarks/bundle/make.py train --work runs/bundle      two fine-tunes, averaged (55 min)
    python benchmarks/bundle/make.py export --work runs/bundle     three formats, with the gate
    python benchmarks/bundle/make.py measure --work runs/bundle    figures on Grocery test
    python benchmarks/bundle/make.py unseen --work runs/bundle     the same recipe, half the classes
    python benchmarks/bundle/make.py install --work runs/bundle    into runtime/shelflens/data
    python benchmarks/bundle/make.py choices --work runs/bundle    a smaller network, other sizes
    python benchmarks/bundle/make.py others --work runs/bundle     more fine-tunes, for mixing.py

Each step is the ordinary command, called as a user would, with the arguments printed. Photos and
start weights are read from `SHELFLENS_SHARED` (default: ../shared).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DATA = ROOT / "runtime" / "shelflens" / "data"
SHARED = Path(os.environ.get("SHELFLENS_SHARED", ROOT.parent / "shared"))
QUALITY = ROOT / "benchmarks" / "quality"

NAME = "shelflens-products"


@dataclass(frozen=True)
class Member:
    """A fine-tune: its seed, epochs with all layers, strength of changes of colour."""

    seed: int
    epochs: int
    colour: float


# The fine-tunes whose mean is the model: a long one, which counts twice, and a short one.
MEMBERS = (Member(0, 32, 0.5), Member(0, 32, 0.5), Member(3, 16, 0.5))
KEEP = 0.1
# What else the mean might have been of (`benchmarks/quality/mixing.py`).
OTHERS = (Member(1, 32, 0.5), Member(2, 16, 1.0))
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
    "categories of Caltech-101 (Li et al. 2022, CC BY 4.0), and products drawn by shelflens draw"
)
USE = (
    "Groceries and packaged products, photographed by phone in shops or homes, enrolled from one "
    "studio picture or a few photos. Look-alike variants that differ by a word are not told apart: "
    "expect `ambiguous`. For other kinds of goods fine-tune on your own photos. Figures for unseen "
    "products are of the same recipe, trained on half of the Grocery products."
)


def draw(work: Path) -> None:
    """Three stores: to train on beside Grocery, to set the threshold on, and the demo's."""
    many = ["--products", 260, "--photos", 3, "--seed", TRAINING_SEED]
    shelflens("draw", "--out", work / "drawn", *many)
    third = ["--products", 120, "--photos", 3, "--seed", CALIBRATION_SEED]
    shelflens("draw", "--out", work / "calibration", *third)
    demo = ["--products", 30, "--photos", 2, "--held-out", 8, "--seed", DEMO_SEED, "--quality", 72]
    shelflens("draw", "--out", work / "demo", *demo)


def train(work: Path) -> None:
    """Fine-tune on Grocery train and val photos, studio pictures, the drawn store, other things."""
    run(sys.executable, QUALITY / "grocery.py", "--out", work / "grocery")
    fit(work / "grocery", "fit.csv", work / "drawn", work / "run", members=MEMBERS)


def unseen(work: Path) -> None:
    """The same recipe without the Grocery classes of odd id, for the unseen-products protocol."""
    folder = work / "unseen"
    run(sys.executable, QUALITY / "unseen.py", "--write", folder)
    fit(folder, "even.csv", work / "drawn", folder / "run", members=fewer(MEMBERS))
    formats = ["--formats", "float32", "int8"]
    shelflens("export", folder / "run", "--out", folder / "export", *formats)
    models = [folder / "export" / f"{name}.tflite" for name in ("float32", "int8")]
    out = ["--out", work / "measured", *DIMS]
    run(sys.executable, QUALITY / "unseen.py", "--model", *models, *out)


def others(work: Path) -> None:
    """Fine-tunes beside the members of the mean, on both sets of photos."""
    for member in OTHERS:
        fit(work / "grocery", "fit.csv", work / "drawn", work / "run", members=(member,))
        half = work / "unseen"
        fit(half, "even.csv", work / "drawn", half / "run", members=fewer((member,)))


def fewer(members: Sequence[Member]) -> list[Member]:
    """The members for half of the products: their photos are fewer, and so are the epochs."""
    return [replace(one, epochs=round(0.6 * one.epochs)) for one in members]


def choices(work: Path) -> None:
    """Other points on the curve of accuracy, bytes and time, in one table."""
    small = work / "small"
    fit(work / "grocery", "fit.csv", work / "drawn", small, members=SMALL, network=V3_SMALL)
    # Its activations do not survive int8 (shelflens export says which).
    exported(run_of(SMALL[0], small), work / "v3-small-224.tflite", "int8-weights")
    for size in (192, 256):
        run_folder = work / f"run-at-{size}"
        averaged(MEMBERS, work / "run", run_folder, "--size", size)
        exported(run_folder, work / f"v2-{size}.tflite", "int8")
    exported(work / "run", work / "v2-224.tflite", "int8")
    models = [work / f"{name}.tflite" for name in CHOICES]
    run(sys.executable, QUALITY / "official.py", "--model", *models, "--out", work / "choices")


def fit(
    grocery: Path,
    photos: str,
    drawn: Path,
    out: Path,
    *,
    members: Sequence[Member],
    network: Sequence[object] = V2,
) -> None:
    """The one recipe: photos and studio pictures of a folder, the drawn store, other things.

    `out` is the mean of the runs `out`-SEED, of one run nothing; what is there is not done again.
    """
    # Six times: each is the only studio picture of its product.
    studio = [grocery / "iconic.csv"] * 6
    general = ["--general", SHARED / "data" / "clothing", SHARED / "data" / "objects"]
    options = ["--val", grocery / "judge.csv", *network, "--general-share", 0.25]
    options += ["--size", 224, "--kinds", "category", "--name", NAME, "--license", LICENSE]
    data = [grocery / photos, *studio, drawn / "all.csv", *general]
    for one in members:
        run_folder = run_of(one, out)
        if not (run_folder / "card.json").exists():
            own = ["--seed", one.seed, "--epochs", one.epochs, "--colour", one.colour, "--resume"]
            shelflens("train", *data, "--out", run_folder, *options, *own)
    if len(members) > 1:
        averaged(members, out, out)


def run_of(member: Member, mean: Path) -> Path:
    """The run folder of a member, beside that of the mean."""
    return mean.with_name(f"{mean.name}-{member.seed}")


def averaged(members: Sequence[Member], mean: Path, out: Path, *options: object) -> None:
    """The mean of fine-tunes and a share of their start; one that is there is not made again."""
    if not (out / "card.json").exists():
        runs = [run_of(one, mean) for one in members]
        shelflens("average", *runs, "--out", out, "--keep", KEEP, *options)


def export(work: Path) -> None:
    """The files that the README names, with the quality gate."""
    formats = ["--formats", "float32", "int8", "onnx-int8"]
    shelflens("export", work / "run", "--out", work / "export", *formats)


def measure(work: Path) -> None:
    """The figures of the model card and of the README."""
    models = [work / "export" / name for name in ("int8.tflite", "int8.onnx", "float32.tflite")]
    out = ["--out", work / "measured"]
    run(sys.executable, QUALITY / "official.py", "--model", *models, *out, *DIMS)
    run(sys.executable, QUALITY / "hard.py", "--model", work / "export" / "int8.tflite", *out)


def install(work: Path) -> None:
    """Put model, demo store, known vector and probe into the package; after measure and unseen."""
    import shutil

    import numpy as np

    from shelflens import Catalog, Embedder
    from shelflens.dataset import read_dataset
    from shelflens.model.card import CARD_NAME
    from shelflens_export.metadata import pack_tflite

    model = work / "export" / "int8.tflite"
    card = Embedder.open(model).card
    card = replace(card, metrics={**card.metrics, **figures(work / "measured", model.name)})
    DATA.mkdir(exist_ok=True)
    with zipfile.ZipFile(model) as archive:
        length = json.loads(archive.read(CARD_NAME))["flatbuffer"]["bytes"]
    flatbuffer = model.read_bytes()[:length]
    card = replace(card, use=USE, calibration=calibration(work, model))
    made = pack_tflite(flatbuffer, card)
    (DATA / "model.tflite").write_bytes(made)

    (DATA / "probe.onnx").write_bytes(probe())

    shutil.rmtree(DATA / "demo", ignore_errors=True)
    shutil.copytree(work / "demo", DATA / "demo", ignore=shutil.ignore_patterns("all.csv"))
    embedder = Embedder.open()
    studio = read_dataset(DATA / "demo" / "studio.csv")
    _, vectors = embedder.embed_many(studio.paths)
    catalog = Catalog(
        studio.labels,
        vectors,
        space=embedder.card.space,
        attributes=studio.attributes,
        calibration=embedder.card.calibration,
    )
    catalog.save(DATA / "selftest.catalog")
    # The photo whose answer is clearest: the test is of the machine, not of the model.
    photos = read_dataset(DATA / "demo" / "photos.csv").paths
    photo = max(photos, key=lambda path: catalog.match(embedder.embed(path), k=1)[0].score)
    vector = embedder.embed(photo)
    known = {
        "photo": photo.relative_to(DATA).as_posix(),
        "match": catalog.match(vector, k=1)[0].id,
        "vector": [round(float(number), 5) for number in np.asarray(vector)],
    }
    (DATA / "selftest.json").write_text(json.dumps(known) + "\n")


def exported(run_folder: Path, file: Path, kind: str) -> None:
    """One file of a run, in one format; one that is there is not made again."""
    if not file.exists():
        out = file.with_suffix("")
        shelflens("export", run_folder, "--out", out, "--formats", kind)
        (out / f"{kind}.tflite").rename(file)


def figures(measured: Path, model: str) -> dict[str, dict[str, float]]:
    """What `official.py`, `unseen.py` and `hard.py` found, for the card."""

    def row(name: str) -> dict[str, Any]:
        rows = json.loads((measured / f"{name}.json").read_text())["rows"]
        found: dict[str, Any] = next(one for one in rows if one["model"] == model)
        return found

    reject = ("auroc", "fpr_at_95_tpr")
    wanted = {
        "official": ("fine", "coarse", "iconic", *reject),
        "unseen": ("iconic", "shots_1", "shots_3", "shots_5", *reject),
    }
    told = {
        f"grocery_{name}_test": {key: round(row(name)[key], 4) for key in keys}
        for name, keys in wanted.items()
    }
    hard = json.loads((measured / "hard.json").read_text())["rows"]
    told["grocery_hard_test"] = {one["photo"]: round(one["fine"], 4) for one in hard}
    return told


def calibration(work: Path, model: Path) -> dict[str, float]:
    """Threshold and margin of the int8 file itself: drawn photos against their studio pictures."""
    from shelflens import Embedder
    from shelflens.dataset import read_dataset
    from shelflens_train.evaluate import default_calibration, retrieve

    embedder = Embedder.open(model)
    parts = [read_dataset(work / "calibration" / f"{name}.csv") for name in ("studio", "photos")]
    vectors = [embedder.embed_many(part.paths)[1] for part in parts]
    return default_calibration(retrieve(vectors[0], parts[0].labels, vectors[1], parts[1].labels))


def probe() -> bytes:
    """The smallest ONNX model that the runtime accepts, for `shelflens doctor`: pixels, scaled."""
    from onnx import TensorProto, helper

    from shelflens import ModelCard
    from shelflens_export.metadata import pack_onnx

    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["float"], ["flat"]),
        helper.make_node("LpNormalization", ["flat"], ["embedding"], axis=1, p=2),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", 4, 4, 3])
    embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", 48])
    graph = helper.make_graph(nodes, "probe", [image], [embedding])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return pack_onnx(model, ModelCard(name="probe", space="probe", size=4, dim=48))


def shelflens(*words: object) -> None:
    """Run one of our own commands."""
    run(sys.executable, "-m", "shelflens", *words)


def run(*words: object) -> None:
    """Run a command and show it."""
    command = [str(word) for word in words]
    print("$", " ".join(command), flush=True)
    subprocess.run(command, check=True)


def main() -> None:
    """Do one step."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    every = (draw, train, export, measure, unseen, install, choices, others)
    steps = {one.__name__: one for one in every}
    parser.add_argument("step", choices=steps)
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    steps[args.step](args.work)


if __name__ == "__main__":
    main()
