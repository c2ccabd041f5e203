"""Does an engine survive a file? Asked in another process, since engines may not.

XNNPACK corrupts memory, and the process dies, on int8 graphs whose scales lie too far apart (LiteRT
2.3, seen with a channel 3000 times as large as its neighbours). Such a file must fail the quality
gate, not end the export.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from shelflens.model.card import EMBEDDING

_CODE = """
import sys
import numpy
from shelflens import Embedder
from shelflens.finding.finder import Finder
model = (Finder if sys.argv[2] == "finder" else Embedder).open(sys.argv[1], threads=1)
size = model.card.size
pixels = (numpy.arange(size * size * 3).reshape(size, size, 3) % 251).astype(numpy.uint8)
model.cells(pixels) if sys.argv[2] == "finder" else model.embed_pixels(pixels[None])
"""


def failure(path: Path, task: str = EMBEDDING) -> str:
    """What goes wrong when a file is opened and run once, in words; "" when nothing does."""
    done = subprocess.run(
        [sys.executable, "-c", _CODE, str(path), task],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return ""
    if done.returncode < 0:
        return f"its engine dies on it (signal {-done.returncode})"
    last = (done.stderr.strip().splitlines() or ["it does not run"])[-1]
    return last.split(": ", 1)[-1]
