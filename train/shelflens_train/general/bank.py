"""Images of many sources as one array on disk, decoded once."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shelflens import load_image
from shelflens.files import write_text
from shelflens.progress import Progress


@dataclass(frozen=True)
class BankItem:
    """One image to put into a bank."""

    path: Path
    domain: str
    identity: str
    """What it shows; images of one identity show the same thing."""
    alpha: bool = False
    """A cut-out, to be laid on other backgrounds."""


@dataclass(frozen=True)
class Bank:
    """Decoded images of one size.

    Its arrays are as long as there are images.
    """

    pixels: NDArray[np.uint8]
    """uint8 [n, s, s, 4], mapped from disk; the last channel is opacity."""
    identities: NDArray[np.int64]
    """Index of the identity of each."""
    domains: NDArray[np.str_]
    """Domain of each."""
    alpha: NDArray[np.bool_]
    """Which are cut-outs."""
    names: list[str]
    """Identities, in the order of their indices."""


def read_index(cache: Path) -> list[BankItem]:
    """The images of a cache as `benchmarks.recipe.images` makes it."""
    with (cache / "index.csv").open(newline="", encoding="utf-8") as stream:
        return [
            BankItem(cache / row["path"], row["domain"], row["identity"], row["alpha"] == "1")
            for row in csv.DictReader(stream)
        ]


def open_bank(folder: Path, items: Sequence[BankItem], *, side: int, workers: int) -> Bank:
    """The bank of these images; made in the folder where it is not there yet.

    Args:
        folder: Of its own; it is made again when items or side differ from what it holds.
        items: Which images, in the order of the arrays.
        side: Side of the square that photos are stretched to, pixels. A cut-out keeps its
            proportions and fills the square in one direction.
        workers: Threads that decode.
    """
    listing = [[str(item.path), item.domain, item.identity, int(item.alpha)] for item in items]
    wanted = json.dumps({"side": side, "items": listing})
    listing_file, file = folder / "bank.json", folder / "pixels.npy"
    if not (listing_file.exists() and file.exists() and listing_file.read_text() == wanted):
        folder.mkdir(parents=True, exist_ok=True)
        shape = (len(items), side, side, 4)
        pixels = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=shape)
        with ThreadPoolExecutor(workers) as pool, Progress("decoding", len(items)) as bar:
            decoded = pool.map(lambda item: _decoded(item, side), items)
            for index, image in enumerate(decoded):
                pixels[index] = image
                bar.update(index + 1)
        pixels.flush()
        write_text(listing_file, wanted)
    names = list(dict.fromkeys(item.identity for item in items))
    index_of = {name: index for index, name in enumerate(names)}
    return Bank(
        np.load(file, mmap_mode="r"),
        np.array([index_of[item.identity] for item in items], np.int64),
        np.array([item.domain for item in items]),
        np.array([item.alpha for item in items], bool),
        names,
    )


def _decoded(item: BankItem, side: int) -> NDArray[np.uint8]:
    result = np.full((side, side, 4), 255, np.uint8)
    if not item.alpha:
        result[..., :3] = load_image(item.path, size=side)
        return result
    with Image.open(item.path) as opened:
        cutout = opened.convert("RGBA")
    cutout = cutout.crop(cutout.getbbox() or (0, 0, *cutout.size))
    scale = side / max(cutout.size)
    size = (max(1, round(cutout.width * scale)), max(1, round(cutout.height * scale)))
    canvas = Image.new("RGBA", (side, side), (255, 255, 255, 0))
    corner = ((side - size[0]) // 2, (side - size[1]) // 2)
    canvas.paste(cutout.resize(size, Image.Resampling.BILINEAR), corner)
    result[:] = np.asarray(canvas)
    return result
