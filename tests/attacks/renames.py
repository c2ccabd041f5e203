"""Readers that open a catalog while a writer renames others over it."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np

from shelflens import Catalog, CatalogError


def mixed_opens(folder: Path, *, seconds: float) -> tuple[int, int, int]:
    """Open a file again and again while two of equal size take turns.

    Returns:
        How many opens there were, how many gave the space of one file with the rows or products
        of the other, and how many were refused.
    """
    path, sources = folder / "store.catalog", []
    for index, space in enumerate(("first ", "second")):
        sources.append(folder / f"{index}.catalog")
        rows = np.full((50, 16), 1.0, np.float32)
        rows[:, index] = 5
        Catalog([f"{space}{n}" for n in range(50)], rows, space=space).save(sources[-1])
    shutil.copy(sources[0], path)
    stop = multiprocessing.get_context("spawn").Event()
    writer = multiprocessing.get_context("spawn").Process(
        target=_rename, args=(path, sources, stop)
    )
    writer.start()
    opens = mixed = refused = 0
    deadline = time.monotonic() + seconds
    try:
        while time.monotonic() < deadline or not opens:
            try:
                catalog = Catalog.open(path)
            except CatalogError:
                refused += 1
                continue
            opens += 1
            index = ("first ", "second").index(catalog.space)
            right = catalog.ids[0].startswith(catalog.space)
            mixed += not (right and int(catalog.vectors[0].argmax()) == index)
    finally:
        stop.set()
        writer.join()
    return opens, mixed, refused


def _rename(path: Path, sources: list[Path], stop: Event) -> None:
    neighbour = path.with_name("next")
    while not stop.is_set():
        for source in sources:
            shutil.copy(source, neighbour)
            os.replace(neighbour, path)  # noqa: PTH105
