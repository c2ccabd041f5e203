"""Writes the small model to `docs/models/`, with its figures and threshold in its card.

    python -m benchmarks.recipe.small TEXTURES RUN --synthetic STORE --out SMALL
    shelflens export SMALL --out EXPORT --formats int8
    python -m benchmarks.quality.official --model EXPORT/int8.tflite --out MEASURED
    python -m benchmarks.recipe.small_card EXPORT/int8.tflite MEASURED --work runs/bundle

`runs/bundle` is the work folder of `benchmarks.recipe.make`: its synthetic store sets the
threshold.
"""

from __future__ import annotations

import argparse
import json
import zipfile
from dataclasses import replace
from pathlib import Path

from benchmarks.provenance import ROOT
from benchmarks.recipe.install import FIGURES, calibration
from shelflens import Embedder
from shelflens.files import atomic_writer
from shelflens.model.card import CARD_NAME

TARGET = ROOT / "docs" / "models" / "small.tflite"
USE = (
    "As the bundled model, where bytes count. It finds less: of look-alike packs and objects from "
    "other angles 0.07 to 0.08 less, of groceries from a studio image 0.24. Calibrate each catalog."
)


def main() -> None:
    """Write the file."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("model", type=Path)
    parser.add_argument("measured", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    TARGET.parent.mkdir(exist_ok=True)
    with atomic_writer(TARGET) as stream:
        stream.write(with_card(args.model, args.measured, args.work))


def with_card(model: Path, measured: Path, work: Path) -> bytes:
    """The file with figures, use and threshold in its card."""
    from shelflens_export.metadata import pack_tflite

    card = Embedder.open(model).card
    rows = json.loads((measured / "official.json").read_text())["rows"]
    row = next(row for row in rows if row["model"] == model.name and row["dim"] == card.dim)
    found = {key: round(row[key], 4) for key in FIGURES["official"]}
    card = replace(
        card,
        metrics={**card.metrics, "grocery_official_test": found},
        use=USE,
        calibration=calibration(work, model),
    )
    with zipfile.ZipFile(model) as archive:
        length = json.loads(archive.read(CARD_NAME))["flatbuffer"]["bytes"]
    return pack_tflite(model.read_bytes()[:length], card)


if __name__ == "__main__":
    main()
