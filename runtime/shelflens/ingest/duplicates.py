"""The same image under two products: both would be answered `ambiguous` for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def same_images(images: Iterable[tuple[Path, str]]) -> list[tuple[Path, str, Path, str]]:
    """Pairs of files with the same bytes that belong to different products.

    Only files of equal size are read.

    Args:
        images: Files and their products.

    Returns:
        File and product of the first, and of the second of each pair.
    """
    by_size: dict[int, list[tuple[Path, str]]] = {}
    for path, product in images:
        try:
            by_size.setdefault(path.stat().st_size, []).append((path, product))
        except OSError:  # missing: who embeds it says so
            continue
    pairs = []
    for group in by_size.values():
        if len({product for _, product in group}) < 2:
            continue
        first: dict[bytes, tuple[Path, str]] = {}
        for path, product in group:
            try:
                digest = hashlib.sha256(path.read_bytes()).digest()
            except OSError:
                continue
            earlier = first.setdefault(digest, (path, product))
            if earlier[1] != product:
                pairs.append((*earlier, path, product))
    return pairs
