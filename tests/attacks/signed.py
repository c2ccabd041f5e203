"""Signed files under attack: damaged signatures, and readers during an install."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path

from shelflens import Catalog, SignatureError
from shelflens.catalog.install import install
from shelflens.signing.ecdsa import read_private_key
from shelflens.signing.neighbours import signature_path
from shelflens.signing.sign import sign
from tests.attacks.odd_contents import sound
from tests.support.signed import key_pair, statement_of, trusted

CONTENT = b"what was signed"


def signed_file(folder: Path) -> tuple[bytes, Path]:
    """A signature, and the file beside which it lies."""
    path = folder / "store.catalog"
    path.write_bytes(CONTENT)
    sign(path, key_pair(folder))
    return signature_path(path).read_bytes(), path


def tally_signatures(path: Path, damages: Iterator[bytes]) -> Counter[str]:
    """Verify a file with damaged signatures beside it, one after another.

    Returns:
        Counts of `refused`, `same answers` (damage in what nobody reads), `other answers` (one
        that says something else is accepted), `raw exception`.
    """
    key, wanted = read_private_key(path.with_name("shop.key"), None), statement_of(path)
    counts: Counter[str] = Counter()
    for damaged in damages:
        signature_path(path).write_bytes(damaged)
        try:
            trusted(key).verify(path, memoryview(CONTENT))
            counts["same answers" if statement_of(path) == wanted else "other answers"] += 1
        except SignatureError as error:
            counts["refused" if "\n" not in str(error) else "raw exception"] += 1
        except Exception:
            counts["raw exception"] += 1
    return counts


def opens_during_installs(folder: Path, *, seconds: float) -> tuple[int, int]:
    """Open a signed catalog again and again while signed ones are installed over it.

    Returns:
        How many opens there were, and how many were refused.
    """
    key = key_pair(folder)
    _install(folder, 0)
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    writer = context.Process(target=_keep_installing, args=(folder, stop))
    writer.start()
    opens = refused = 0
    deadline = time.monotonic() + seconds
    try:
        while time.monotonic() < deadline or not opens:
            opens += 1
            try:
                Catalog.open(folder / "store.catalog", check=trusted(key).check)
            except SignatureError:
                refused += 1
    finally:
        stop.set()
        writer.join()
    return opens, refused


def _keep_installing(folder: Path, stop: Event) -> None:
    count = 1
    while not stop.is_set():
        _install(folder, count)
        count += 1


def _install(folder: Path, count: int) -> None:
    key, new = read_private_key(folder / "shop.key", None), folder / "new.catalog"
    sound(new, products=3 + count % 5)
    sign(new, key)
    install(new, folder / "store.catalog", trust=trusted(key))
