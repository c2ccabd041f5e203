"""What a lookup as a new process costs beside the libraries that it needs, and beside MediaPipe.

    python -m benchmarks.speed.cold_start --catalog store.catalog --photo photo.jpg

Processor time of new processes in turn, so that other work does not matter: Python, NumPy, and the
photo decoded by Pillow and embedded by LiteRT with no line of ShelfLens, which no lookup can go
below. All start from compiled modules, as after an installation. MediaPipe embeds the photo with
its own model. Needs mediapipe; printed, not kept.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median

from benchmarks.provenance import table
from benchmarks.quality.grocery import SHARED
from benchmarks.speed.peers.adapters import MEDIAPIPE_START
from shelflens.model.embedder import BUNDLED_MODEL

NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
LIBRARIES = """
import sys
import numpy
from PIL import Image
from ai_edge_litert.interpreter import Interpreter
network = Interpreter(model_path=sys.argv[1], num_threads=1)
network.allocate_tensors()
wanted = network.get_input_details()[0]
photo = Image.open(sys.argv[2]).convert("RGB").resize(wanted["shape"][1:3])
network.set_tensor(wanted["index"], numpy.asarray(photo)[numpy.newaxis])
network.invoke()
"""


def main() -> None:
    """Measure and print."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--catalog", type=Path, required=True)
    parser.add_argument("--photo", type=Path, required=True)
    parser.add_argument("--turns", type=int, default=7)
    args = parser.parse_args()
    mediapipe = str(SHARED / "peers" / "mobilenet_v3_small_075_224_embedder.tflite")
    photo = str(args.photo)
    commands = {
        "Python": ["-c", "pass"],
        "NumPy": ["-c", "import numpy"],
        "NumPy, Pillow, LiteRT, one inference": ["-c", LIBRARIES, str(BUNDLED_MODEL), photo],
        "lookup": ["-m", "shelflens", "lookup", photo, "--catalog", str(args.catalog)],
        "MediaPipe": ["-c", MEDIAPIPE_START, mediapipe, photo],
    }
    spent: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(args.turns + 1):
        for name, words in commands.items():
            milliseconds = processor_ms([sys.executable, *words])
            if turn:
                spent[name].append(milliseconds)
    ms = {name: median(values) for name, values in spent.items()}
    rows = ((name, f"{each:.0f}", f"{each / ms['MediaPipe']:.2f}") for name, each in ms.items())
    print(table(("new process", "processor ms", "of MediaPipe's"), rows))


def processor_ms(words: list[str]) -> float:
    """Of a process and what it waited for.

    Raises:
        CalledProcessError: it failed.
    """
    kept = {name: value for name, value in os.environ.items() if name != NO_BYTECODE}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, check=True, capture_output=True, env=kept)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3


if __name__ == "__main__":
    main()
