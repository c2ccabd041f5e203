"""Which photos the words of a command line name: photos, folders of them, and patterns.

One rule for every command: a folder stands for all photos in it and below, in natural order.
Commands that answer go on without a photo that cannot be read; commands that write do nothing then.
Both name all such photos at the end, and end with status 1.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shelflens.console import printable
from shelflens.errors import PhotoError
from shelflens.model.embedder import Embedder
from shelflens.progress import Progress

STDIN = "-"


@dataclass
class Photos:
    """Photos to read, and lines about those that cannot be."""

    names: list[str] = field(default_factory=list)
    """Paths, or `-` for standard input."""
    unread: list[str] = field(default_factory=list)
    """A line for each that cannot be read, with its path."""

    def failed(self, error: Exception) -> None:
        """Keep what is wrong with a photo."""
        self.unread.append(line_of(error))

    def report(self, command: str) -> int:
        """Name the photos that could not be read; gives the exit status."""
        for line in self.unread:
            print(printable(f"shelflens {command}: {line}"), file=sys.stderr)
        return 1 if self.unread else 0


def find_photos(words: Sequence[str]) -> Photos:
    """The photos that words name, in their order.

    A word that is no file and holds `*`, `?` or `[` is a pattern, which some shells leave alone.
    """
    photos = Photos()
    for word in words:
        if word != STDIN and Path(word).is_dir():
            _add_folder(photos, Path(word))
        elif word != STDIN and any(sign in word for sign in "*?[") and not Path(word).exists():
            _add_pattern(photos, word)
        else:
            photos.names.append(word)
    return photos


def embed_every(embedder: Embedder, words: Sequence[str]) -> tuple[list[str], NDArray[np.float32]]:
    """Embed all photos that words name, or none.

    Returns:
        The n paths, and their embeddings float32 [n, d].

    Raises:
        PhotoError: one or more cannot be read; all but the last are named on standard error.
    """
    photos = find_photos(words)
    kept = np.empty((0, embedder.card.dim), np.float32)
    if photos.names:
        with Progress("embedding", len(photos.names)) as bar:
            _, kept = embedder.embed_many(
                [sys.stdin.buffer.read() if name == STDIN else name for name in photos.names],
                on_error=lambda _, error: photos.failed(error),
                on_done=bar.update,
            )
    if len(photos.unread) > 1:
        count = len(photos.unread)
        photos.unread.append(f"{count} photos cannot be read, named above; nothing was changed")
    if photos.unread:
        for line in photos.unread[:-1]:
            print(printable(line), file=sys.stderr)
        raise PhotoError(photos.unread[-1])
    return photos.names, kept


def line_of(error: Exception) -> str:
    """What is wrong with a photo, with its path."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _add_folder(photos: Photos, folder: Path) -> None:
    from shelflens.ingest.folders import IN_PASSING, find_images

    found = find_images(folder)
    photos.names += [str(path) for path, _ in found.images]
    for reason, paths in found.skipped.items():
        if reason not in IN_PASSING:
            photos.unread += [f"{path}: {reason}" for path in paths]
    if not found.images and not photos.unread:
        photos.unread.append(f"{folder}: is a folder without photos")


def _add_pattern(photos: Photos, word: str) -> None:
    from glob import glob

    from shelflens.ingest.folders import natural_key

    names = sorted(glob(word), key=natural_key)  # noqa: PTH207 as a shell does
    photos.names += [name for name in names if not Path(name).is_dir()]
    if not names:
        photos.unread.append(f"{word}: no such photo")
