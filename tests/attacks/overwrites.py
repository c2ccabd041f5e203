"""A mapped catalog that is overwritten in place, as `cp` does, while a process looks things up."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from shelflens import Catalog

_LOOK_UP = """
import sys, time
import numpy as np
from shelflens import Catalog, CatalogError
path, pause = sys.argv[1], float(sys.argv[2])
query, catalog = np.ones(256, np.float32), Catalog.open(path)
print("ready", flush=True)
while True:
    try:
        catalog = catalog or Catalog.open(path)
        catalog.match(query)
    except (CatalogError, OSError):
        catalog = None
    time.sleep(pause)
"""


def overwritten(folder: Path, *, times: int, pause: float) -> int:
    """Overwrite a catalog of 30 MB by one of 6 MB again and again.

    Args:
        folder: Where the files are made.
        times: How often.
        pause: Seconds between two lookups.

    Returns:
        How many processes that looked things up in it ended.
    """
    generator, rows = random.Random(0), np.random.default_rng(0)
    for name, count in (("large", 100_000), ("small", 20_000)):
        vectors = rows.standard_normal((count, 256), np.float32)
        Catalog([str(n) for n in range(count)], vectors, space="s").save(folder / name)
    store, ended = folder / "store.catalog", 0
    for _ in range(times):
        shutil.copyfile(folder / "large", store)
        with subprocess.Popen(
            [sys.executable, "-c", _LOOK_UP, str(store), str(pause)],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout
            process.stdout.readline()
            time.sleep(0.2 + generator.uniform(0, pause + 0.1))
            shutil.copyfile(folder / "small", store)
            time.sleep(0.5 + pause)
            ended += process.poll() is not None
            process.kill()
    return ended
