"""Turns clones of public repositories into a cache of small images to train and judge on.

    python -m benchmarks.recipe.images --clones CLONES --out CACHE

CLONES holds clones of the repositories that `sources.py` names (bare ones will do); one that is
missing is left out, and said. The handed-over data sets (`SHELFLENS_SHARED`, default ../shared) go
into the same cache. CACHE, which must lie outside of the repository, then has

    images/SOURCE/NUMBER.jpg   short side 256 pixels (cut-outs: .webp with alpha, as they are)
    index.csv                  path, source, domain, identity, alpha, split, origin
    sources.csv                source, repository, commit, licence, images, identities, left out

Near-duplicates inside a domain, damaged and tiny images are left out. The official test photos of
Grocery are not in the cache.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.quality.grocery import GROCERY, SHARED, read_split
from benchmarks.recipe.sources import (
    SOURCES,
    Source,
    clone_files,
    clone_of,
    commit_of,
    folder_files,
)
from shelflens import PhotoError, load_image

COLUMNS = ("path", "source", "domain", "identity", "alpha", "split", "origin")
SIDE = 256
MIN_SIDE = 64
"""Pixels of the short side; smaller images show too little."""
MAX_HASH_DISTANCE = 20
"""Of 256 bits; near-duplicates of photos differ by less, other photos by about 100."""
MAX_COLOUR_DISTANCE = 8.0
"""Mean difference of 4 x 4 colours, 0..255: plain grounds alone make hashes alike."""


@dataclass
class Entry:
    """One image of the cache."""

    path: str
    source: str
    domain: str
    identity: str
    alpha: bool
    split: str
    origin: str

    def row(self) -> list[object]:
        """As `index.csv` has it."""
        return [getattr(self, name) if name != "alpha" else int(self.alpha) for name in COLUMNS]


@dataclass(frozen=True)
class Fingerprint:
    """What two images of one picture have in common."""

    bits: NDArray[np.float32]
    colours: NDArray[np.float32]


class Kept:
    """Fingerprints of the images of a domain that were kept."""

    def __init__(self) -> None:
        self._count = 0
        self._bits = np.empty((1024, 256), np.float32)
        self._colours = np.empty((1024, 48), np.float32)

    def add(self, fingerprint: Fingerprint) -> None:
        """Remember one more."""
        if self._count == len(self._bits):
            self._bits = np.concatenate([self._bits, np.empty_like(self._bits)])
            self._colours = np.concatenate([self._colours, np.empty_like(self._colours)])
        self._bits[self._count] = fingerprint.bits
        self._colours[self._count] = fingerprint.colours
        self._count += 1

    def has_near_duplicate(self, fingerprint: Fingerprint) -> bool:
        """Whether an image of the same picture was kept already."""
        distance = (256 - self._bits[: self._count] @ fingerprint.bits) / 2
        apart = np.abs(self._colours[: self._count] - fingerprint.colours).mean(axis=1)
        return bool(((distance <= MAX_HASH_DISTANCE) & (apart <= MAX_COLOUR_DISTANCE)).any())


def main() -> None:
    """Write the cache."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--clones", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    repository = Path(__file__).resolve().parents[2]
    if args.out.resolve().is_relative_to(repository):
        parser.error(f"{args.out}: lies inside the repository; images of others stay outside")
    entries: list[Entry] = []
    table = []
    kept: dict[str, Kept] = {}
    for source in SOURCES:
        found = files_of(source, args.clones)
        if found is None:
            print(f"{source.name}: no clone of {source.repository}; left out", file=sys.stderr)
            continue
        commit, files = found
        mine, left_out = shrunk(source, files, args.out, kept.setdefault(source.domain, Kept()))
        entries += mine
        table.append(table_row(source, commit, mine, left_out))
        print(" ".join(map(str, table[-1])), flush=True)
    mine, left_out = grocery(args.out)
    entries += mine
    table.append(["grocery", "", "", "MIT", *counts(mine), left_out])
    write_csv(args.out / "index.csv", COLUMNS, (entry.row() for entry in entries))
    heading = ("source", "repository", "commit", "licence", "images", "identities", "left_out")
    write_csv(args.out / "sources.csv", heading, table)
    print(f"{args.out}: {len(entries)} images")


def files_of(
    source: Source, clones: Path
) -> tuple[str, Iterator[tuple[PurePosixPath, bytes]]] | None:
    """Commit and files of a source, or None when there is no clone of it."""
    if not source.repository:
        return "", folder_files(SHARED / "data" / source.folder)
    git = clone_of(clones, source.repository)
    return (commit_of(git), clone_files(git, source.folder)) if git else None


def shrunk(
    source: Source,
    files: Iterable[tuple[PurePosixPath, bytes]],
    out: Path,
    earlier: Kept,
) -> tuple[list[Entry], int]:
    """Write the small images of a source.

    Args:
        source: Which.
        files: Path and content of its images.
        out: The cache.
        earlier: Fingerprints of the images of its domain; those of single images are added.

    Returns:
        What was kept, and how many images were left out.
    """
    entries: list[Entry] = []
    left_out = 0
    folder = out / "images" / source.name
    folder.mkdir(parents=True, exist_ok=True)

    def converted(file: tuple[PurePosixPath, bytes]) -> tuple[bytes, Fingerprint] | None:
        return small_image(file[1], source.alpha)

    remaining = iter(files)
    with ThreadPoolExecutor() as pool:
        # A few hundred at a time: a clone's photos do not fit into memory.
        while part := list(islice(remaining, 256)):
            for (path, _), result in zip(part, pool.map(converted, part), strict=True):
                identity = source.identity(path)
                if identity is None or result is None:
                    left_out += 1
                    continue
                data, fingerprint = result
                alone = identity == path.with_suffix("").as_posix()
                if alone and earlier.has_near_duplicate(fingerprint):
                    left_out += 1
                    continue
                if alone:
                    earlier.add(fingerprint)
                suffix = "webp" if source.alpha else "jpg"
                name = f"images/{source.name}/{len(entries):05d}.{suffix}"
                (out / name).write_bytes(data)
                entries.append(
                    Entry(
                        name,
                        source.name,
                        source.domain,
                        f"{source.name}/{identity}",
                        source.alpha,
                        "train",
                        path.as_posix(),
                    )
                )
    return entries, left_out


def small_image(data: bytes, alpha: bool) -> tuple[bytes, Fingerprint] | None:
    """The image at 256 pixels, as the content of a file, or None when it cannot serve."""
    try:
        pixels = load_image(data)
    except PhotoError:
        return None
    height, width = pixels.shape[:2]
    if min(height, width) < MIN_SIDE:
        return None
    image = Image.fromarray(pixels)
    fingerprint = fingerprint_of(image)
    if alpha:
        return data, fingerprint
    scale = min(1.0, SIDE / min(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    stream = io.BytesIO()
    image.resize(size, Image.Resampling.BILINEAR).save(stream, "JPEG", quality=90)
    return stream.getvalue(), fingerprint


def fingerprint_of(image: Image.Image) -> Fingerprint:
    """Signs of 16 x 16 horizontal differences of brightness, and 4 x 4 mean colours."""
    grey = np.asarray(image.convert("L").resize((17, 16), Image.Resampling.BOX), np.float32)
    bits = np.where(grey[:, 1:] > grey[:, :-1], 1.0, -1.0).ravel().astype(np.float32)
    colours = np.asarray(image.resize((4, 4), Image.Resampling.BOX), np.float32).ravel()
    return Fingerprint(bits, colours)


def grocery(out: Path) -> tuple[list[Entry], int]:
    """Train, val and reference images of the Grocery Store Dataset; test photos stay out."""
    splits = ("iconic", "train", "val")
    photos = [(photo, index, split) for split in splits for photo, index in read_split(split)]
    (out / "images" / "grocery").mkdir(parents=True, exist_ok=True)
    entries: list[Entry] = []
    left_out = 0
    for photo, number, split in photos:
        made = small_image((GROCERY / photo).read_bytes(), alpha=False)
        if made is None:
            left_out += 1
            continue
        name = f"images/grocery/{len(entries):05d}.jpg"
        (out / name).write_bytes(made[0])
        identity = f"grocery/{number:02d}"
        entries.append(Entry(name, "grocery", "groceries", identity, False, split, photo))
    return entries, left_out


def counts(entries: list[Entry]) -> list[int]:
    """How many images, how many identities."""
    return [len(entries), len({entry.identity for entry in entries})]


def table_row(source: Source, commit: str, entries: list[Entry], left_out: int) -> list[object]:
    """A row of `sources.csv`."""
    return [source.name, source.repository, commit, source.licence, *counts(entries), left_out]


def write_csv(path: Path, heading: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a table."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(heading)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
