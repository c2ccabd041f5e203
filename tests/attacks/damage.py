"""Damaged catalog files: bytes changed and files cut, with the checksums left as they are."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from shelflens import Catalog, CatalogError

SLOW_SECONDS = 4.0


def tally(whole: bytes, path: Path, damages: Iterator[bytes]) -> Counter[str]:
    """Open damaged files one after another.

    Returns:
        Counts of `refused`, `same answers`, `other answers`, `raw exception`, `slow`.
    """
    path.write_bytes(whole)
    expected = _answers(Catalog.open(path))
    counts: Counter[str] = Counter()
    for data in damages:
        path.unlink()  # a new file: what is mapped stays what it was
        path.write_bytes(data)
        start = time.monotonic()
        try:
            opened = Catalog.open(path)
            counts["same answers" if _answers(opened) == expected else "other answers"] += 1
        except CatalogError as error:
            counts["refused"] += 1
            assert "\n" not in str(error)
        except Exception:
            counts["raw exception"] += 1
        counts["slow"] += time.monotonic() - start > SLOW_SECONDS
    return counts


def _answers(catalog: Catalog) -> tuple[object, ...]:
    answer = catalog.answer(np.ones(catalog.dim, np.float32)).to_dict()
    return repr(answer), catalog.space, len(catalog), catalog.ids[:300]


def flipped(whole: bytes, offsets: Iterator[int], generator: random.Random) -> Iterator[bytes]:
    """The file with one bit changed, at each of these bytes."""
    for offset in offsets:
        damaged = bytearray(whole)
        damaged[offset] ^= 1 << generator.randrange(8)
        yield bytes(damaged)


def cut(whole: bytes, sizes: Iterator[int]) -> Iterator[bytes]:
    """The file cut to each of these sizes."""
    for size in sizes:
        yield whole[:size]


def mixed(whole: bytes, count: int, generator: random.Random) -> Iterator[bytes]:
    """The file with several bytes changed, a part doubled, moved or left out."""
    for _ in range(count):
        damaged = bytearray(whole)
        start, stop = sorted(generator.randrange(len(whole)) for _ in range(2))
        match generator.randrange(4):
            case 0:
                for _ in range(generator.randrange(1, 9)):
                    damaged[generator.randrange(len(whole))] = generator.randrange(256)
            case 1:
                del damaged[start:stop]
            case 2:
                damaged[start:start] = damaged[start : min(stop, start + 4096)]
            case _:
                damaged[start:stop] = bytes(stop - start)
        if damaged != whole:
            yield bytes(damaged)


def large_catalog(path: Path) -> bytes:
    """A catalog above 4 MiB, which is mapped."""
    rows = np.random.default_rng(0).normal(size=(17_000, 256)).astype(np.float32)
    Catalog([f"p{n}" for n in range(len(rows))], rows, space="s").save(path)
    return path.read_bytes()
