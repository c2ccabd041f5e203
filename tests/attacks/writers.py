"""Writers that run at once, and writers that are killed."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from shelflens import Catalog, CatalogError
from tests.attacks.odd_contents import DIM, sound

_ADD = """
import sys
import numpy as np
from shelflens import Catalog, cli
from shelflens.commands import enroll
from shelflens.dataset import Dataset, LabelledImage
from pathlib import Path
path, name = sys.argv[1:]
seed = sum(name.encode())
class Embedder:
    class card:
        space = "s"
enroll.open_model = lambda args: Embedder
enroll.open_dataset = lambda args: Dataset([LabelledImage(Path("x.jpg"), name)])
rows = np.random.default_rng(seed).normal(size=(1, DIM)).astype(np.float32)
enroll.embed_dataset = lambda embedder, data, source, on_error: (data.items, rows)
sys.stdin.readline()
sys.exit(cli.main(["catalog", "add", path, "data"]))
""".replace("DIM", str(DIM))


def concurrent_adds(folder: Path, *, rounds: int, writers: int) -> tuple[int, int]:
    """Let several `catalog add` change one catalog at the same time.

    Returns:
        How many of their products are missing although the command ended with 0, and how many
        commands did not end with 0.
    """
    path, lost, refused = folder / "store.catalog", 0, 0
    for index in range(rounds):
        sound(path)
        names = [f"new {index}.{writer}" for writer in range(writers)]
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", _ADD, str(path), name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for name in names
        ]
        time.sleep(0.5)  # all of them have started when the first begins
        for process in processes:
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        ended = []
        for process in processes:
            process.communicate()
            ended.append(process.returncode)
        found = set(Catalog.open(path).ids)
        refused += sum(status != 0 for status in ended)
        lost += sum(
            status == 0 and name not in found for name, status in zip(names, ended, strict=True)
        )
    return lost, refused


_SAVE = """
import sys
import numpy as np
from shelflens import Catalog
rows = np.random.default_rng(1).normal(size=(4000, 64)).astype(np.float32)
catalogs = [Catalog([f"{v}{n}" for n in range(4000)], rows, space=v) for v in ("new", "old")]
print("ready", flush=True)
while True:
    for catalog in catalogs:
        catalog.save(sys.argv[1])
"""


def kill_during_save(folder: Path, *, kills: int) -> int:
    """Kill a process that saves again and again; gives how often the catalog was not whole."""
    path, broken, generator = folder / "store.catalog", 0, random.Random(0)
    rows = np.random.default_rng(1).normal(size=(2, 64)).astype(np.float32)
    Catalog(["a", "b"], rows, space="old").save(path)
    for _ in range(kills):
        with subprocess.Popen(
            [sys.executable, "-c", _SAVE, str(path)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout
            writer.stdout.readline()
            time.sleep(generator.uniform(0, 0.05))
            writer.kill()
            writer.wait()
        try:
            Catalog.open(path).verify()
        except CatalogError:
            broken += 1
    return broken
