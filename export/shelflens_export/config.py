"""Every option of `shelflens export`, with the reason for its default."""

from __future__ import annotations

from dataclasses import dataclass

from shelflens.errors import DataError
from shelflens.options import option
from shelflens_export.formats import FORMATS, NAMES, Format

FIRST = "what matters first"
GATE = "the quality gate"
QUANTIZATION = "quantization"
MACHINE = "computing"
GROUPS = (FIRST, GATE, QUANTIZATION, MACHINE)
"""Headings of the help."""


@dataclass(frozen=True)
class ExportConfig:
    """What to export and what must hold. Saved in `export.json`."""

    # float32 shows what quantization costs, int8 is for devices, the ONNX pair for servers and
    # for boards without LiteRT. int8-weights is for MobileNetV3, whose activations do not survive
    # int8; float16 and dynamic help few; QAT takes minutes.
    formats: tuple[str, ...] = option(
        ("float32", "int8", "onnx", "onnx-int8"),
        "files to make",
        choices=(*NAMES, "all"),
        group=FIRST,
    )
    data: str = option(
        "", "DATASET to calibrate on and to search in; default: the run's train photos", group=FIRST
    )
    columns: str = option(
        "", "columns of a DATASET that is a table: path=Image,product=SKU", group=FIRST
    )
    held_out: str = option(
        "", "DATASET to look up; default: the run's validation photos", group=FIRST
    )

    max_recall_drop: float = option(
        0.01, "largest loss of recall@1 against float that passes", group=GATE
    )
    # A 0.95 mean is where int8 files begin to mix up look-alikes; sound ones reach 0.97 to 0.99.
    min_cosine: float = option(
        0.95, "smallest mean cosine to the float embeddings that passes", group=GATE
    )

    max_iou_drop: float = option(
        0.02, "of a finder: largest loss of mask IoU and of box AP50 that passes", group=GATE
    )

    # ONNX Runtime multiplies unsigned by signed on x86 and signed by signed on Arm fastest.
    target: str = option(
        "auto", "processor of the ONNX int8 file", choices=("auto", "x86", "arm"), group=FIRST
    )
    # Ranges settle after 100 to 200 photos; more than 500 only takes longer.
    calibration_photos: int = option(
        300, "train photos that set the int8 ranges", group=QUANTIZATION
    )
    # 64 photos know a channel's mean well enough; each costs a run per layer.
    bias_photos: int = option(
        64, "train photos for bias correction of int8; 0: no correction", group=QUANTIZATION
    )
    qat_epochs: int = option(
        1, "passes over the train photos in quantization-aware training", group=QUANTIZATION
    )
    # Distillation at a rate that moves the weights by a rounding step or two, no further.
    qat_learning_rate: float = option(
        2e-5, "learning rate of quantization-aware training", group=QUANTIZATION
    )
    gate_photos: int = option(
        4000, "largest number of photos that the quality gate embeds", group=GATE
    )
    threads: int = option(
        0, "threads for one inference; 0: one per core, at most four", group=MACHINE
    )
    seed: int = option(0, "seed of what is sampled", group=MACHINE)

    def __post_init__(self) -> None:
        bad = [name for name in self.formats if name not in (*NAMES, "all")]
        if bad or not self.formats:
            got = bad[0] if bad else "nothing"
            raise DataError(f"--formats: expected all or some of {', '.join(NAMES)}, got {got}")
        for name in ("calibration_photos", "gate_photos", "qat_learning_rate"):
            if getattr(self, name) <= 0:
                raise DataError(f"--{name.replace('_', '-')}: expected more than 0")
        for name in ("qat_epochs", "bias_photos", "threads"):
            if getattr(self, name) < 0:
                raise DataError(f"--{name.replace('_', '-')}: expected 0 or more")
        if not 0 <= self.max_iou_drop <= 1:
            raise DataError("--max-iou-drop: expected 0 to 1")
        if not 0 <= self.max_recall_drop <= 1 or not -1 <= self.min_cosine <= 1:
            raise DataError("--max-recall-drop: expected 0 to 1; --min-cosine: expected -1 to 1")

    @property
    def wanted(self) -> list[Format]:
        """The formats, in the order of `FORMATS`, each once."""
        return [row for row in FORMATS if row.name in self.formats or "all" in self.formats]
