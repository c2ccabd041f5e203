"""Puts model, demo store, known vector and crash probe into the package."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from shelflens import Embedder, ModelCard
from shelflens.catalog.build import build_catalog
from shelflens.dataset import read_dataset
from shelflens.model.card import CARD_NAME
from shelflens.model.embedder import BUNDLED_MODEL

DATA = BUNDLED_MODEL.parent
USE = (
    "Products of many kinds, photographed by phone in shops or homes, enrolled from one studio "
    "image or a few photos. Best at groceries and packaged goods; garments, tools and toys are "
    "found less often. Look-alike variants that differ by a word are often not distinguished: "
    "expect `ambiguous`. Figures for unseen products are of a shorter training from ImageNet "
    "without half of the Grocery products."
)
REJECT = ("auroc", "fpr_at_95_tpr")
FIGURES = {
    "official": ("fine", "coarse", "iconic", *REJECT),
    "unseen": ("iconic", "shots_1", "shots_3", "shots_5", *REJECT),
}
"""What the card takes from each result."""


def install(work: Path) -> None:
    """After `measure` and `unseen`."""
    DATA.mkdir(exist_ok=True)
    model = work / "export" / "int8.tflite"
    BUNDLED_MODEL.write_bytes(with_figures(model, work))
    (DATA / "probe.onnx").write_bytes(probe())
    shutil.rmtree(DATA / "demo", ignore_errors=True)
    shutil.copytree(work / "demo", DATA / "demo", ignore=shutil.ignore_patterns("all.csv"))
    install_selftest()


def with_figures(model: Path, work: Path) -> bytes:
    """The model file with the measured figures and thresholds in its card."""
    from shelflens_export.metadata import pack_tflite

    card = Embedder.open(model).card
    card = replace(
        card,
        metrics={**card.metrics, **figures(work / "measured", model.name)},
        use=USE,
        calibration=calibration(work, model),
    )
    with zipfile.ZipFile(model) as archive:
        length = json.loads(archive.read(CARD_NAME))["flatbuffer"]["bytes"]
    return pack_tflite(model.read_bytes()[:length], card)


def install_selftest() -> None:
    """The demo's catalog, and the photo whose answer is clearest: it tests the machine."""
    embedder = Embedder.open()
    catalog = build_catalog(read_dataset(DATA / "demo" / "studio.csv"), embedder)
    catalog.save(DATA / "selftest.catalog")
    photos = read_dataset(DATA / "demo" / "photos.csv").paths
    photo = max(photos, key=lambda path: catalog.match(embedder.embed(path), k=1)[0].score)
    vector = embedder.embed(photo)
    known = {
        "photo": photo.relative_to(DATA).as_posix(),
        "match": catalog.match(vector, k=1)[0].id,
        "vector": [round(float(value), 5) for value in vector],
    }
    (DATA / "selftest.json").write_text(json.dumps(known) + "\n")


def figures(measured: Path, model: str) -> dict[str, dict[str, float]]:
    """What `official`, `unseen` and `hard` found, for the card."""

    def rows(name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads((measured / f"{name}.json").read_text())["rows"]
        return found

    card = {}
    for name, keys in FIGURES.items():
        row = next(row for row in rows(name) if row["model"] == model)
        card[f"grocery_{name}_test"] = {key: round(row[key], 4) for key in keys}
    card["grocery_hard_test"] = {row["photo"]: round(row["fine"], 4) for row in rows("hard")}
    return card


def calibration(work: Path, model: Path) -> dict[str, float]:
    """Threshold and margin of the int8 file: synthetic photos against their studio images."""
    from shelflens_train.evaluate import default_calibration, retrieve

    embedder = Embedder.open(model)
    parts = [read_dataset(work / "calibration" / f"{name}.csv") for name in ("studio", "photos")]
    vectors = [embedder.embed_many(part.paths)[1] for part in parts]
    return default_calibration(retrieve(vectors[0], parts[0].labels, vectors[1], parts[1].labels))


def probe() -> bytes:
    """The smallest ONNX model that the runtime accepts, for `shelflens doctor`: pixels, scaled."""
    from onnx import TensorProto, helper

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
