"""A catalog and a model that are replaced while they are used.

Files are replaced by renaming a new one over the old (as every `shelflens` command does), so the
old one stays whole, and mapped, until it is let go here. A file that is overwritten in place is
not: the operating system ends a process whose mapped file gets shorter.

A new file is checked whole and has to answer once before it is used.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shelflens.catalog.audit import file_fingerprint, write_line
from shelflens.catalog.catalog import Catalog
from shelflens.errors import ShelfLensError
from shelflens.model.embedder import Embedder

if TYPE_CHECKING:  # a lookup without --trust starts without it
    from shelflens.signing.trust import Trust

Identity = tuple[int, int, int, int]

IN_USE = "put to use"


class Reloader:
    """The catalog and the model in use, which always fit each other."""

    def __init__(
        self,
        catalog: str | os.PathLike[str],
        open_embedder: Callable[[], Embedder],
        model: str | os.PathLike[str] | None = None,
        *,
        trust: Trust | None = None,
    ) -> None:
        """Open both.

        Args:
            catalog: The catalog file.
            open_embedder: Opens the model.
            model: The model file to keep an eye on; None when it is not replaced (the bundled one).
            trust: Who has to have signed them; None takes unsigned files too. `open_embedder` has
                to check the model.

        Raises:
            CatalogError, ModelError, OSError: as `Catalog.open` and `Embedder.open`.
            SignatureError: as `Trust.check`.
            SpaceError: they do not fit each other.
        """
        self._paths = [os.fspath(catalog), *([os.fspath(model)] if model is not None else [])]
        self._open_embedder = open_embedder
        self._check = None if trust is None else trust.check
        # A file and its signature are replaced one after the other.
        self._files = [
            [path, *([] if trust is None else map(str, trust.signature_paths(Path(path))))]
            for path in self._paths
        ]
        self._tried = [_identities(files) for files in self._files]
        self.catalog, self.embedder = Catalog.open(catalog, check=self._check), open_embedder()
        self.catalog.require(self.embedder.card.space)
        self._model = None if model is None else file_fingerprint(model)
        # New, sound, and waiting for its counterpart.
        self._next_catalog: Catalog | None = None
        self._next_embedder: Embedder | None = None

    @property
    def file(self) -> Path:
        """The catalog's file."""
        return Path(self._paths[0])

    def refresh(self) -> tuple[bool, list[str]]:
        """Look whether a file is another; cheap when none is.

        Returns:
            Whether `catalog` or `embedder` is another now, and what to tell a person, in lines.
        """
        lines: list[str] = []
        new = False
        for index, path in enumerate(self._paths):
            found = _identities(self._files[index])
            if found == self._tried[index]:
                continue
            self._tried[index] = found
            try:
                if found[0] is None:
                    raise FileNotFoundError(2, "is gone", path)
                self._load(index)
                new = True
            except Exception as error:  # whatever a new file does, the old pair answers on
                lines.append(f"{_line(error, path)}; going on with the one before")
        return (self._take(lines) if new else False), lines

    def _load(self, index: int) -> None:
        if index == 0:
            self._next_catalog = None
            catalog = Catalog.open(self._paths[0], check=self._check)
            catalog.verify()
            self._next_catalog = catalog
        else:
            self._next_embedder = None
            embedder = self._open_embedder()
            side = embedder.card.size
            embedder.embed_pixels(np.zeros((1, side, side, 3), np.uint8))
            self._next_embedder = embedder

    def _take(self, lines: list[str]) -> bool:
        """Put to use what fits: both new ones, else one of them with the one that is there."""
        catalog, embedder = self._next_catalog, self._next_embedder
        for new_catalog, new_embedder in ((catalog, embedder), (catalog, None), (None, embedder)):
            if new_catalog is None and new_embedder is None:
                continue
            # Not `or`: a catalog without products counts as nothing.
            used_catalog = self.catalog if new_catalog is None else new_catalog
            used_embedder = new_embedder or self.embedder
            if not used_catalog.contents.accepts(used_embedder.card.space):
                continue
            try:
                _try_answer(used_catalog, used_embedder.card.dim)
            except Exception as error:
                path = self._paths[0 if new_catalog is not None else 1]
                lines.append(f"{_line(error, path)}; going on with the one before")
                self._next_catalog = self._next_embedder = None
                return False
            former, self.catalog, self.embedder = self.catalog, used_catalog, used_embedder
            if new_catalog is not None:
                self._next_catalog = None
                write_line(IN_USE, self._paths[0], former.fingerprint, new_catalog.fingerprint)
                lines.append(f"{self._paths[0]}: new, {len(new_catalog)} products")
            if new_embedder is not None:
                self._next_embedder = None
                before, self._model = self._model, file_fingerprint(self._paths[1])
                write_line(IN_USE, self._paths[1], before, self._model)
                lines.append(f"{self._paths[1]}: new, {new_embedder.card.name}")
            return True
        if catalog is not None:
            lines.append(
                f"{self._paths[0]}: new, but of embedding space {catalog.space!r}, the model "
                f"speaks {self.embedder.card.space!r}; going on with the one before until both fit"
            )
        if embedder is not None:
            lines.append(
                f"{self._paths[1]}: new, but speaks {embedder.card.space!r}, the catalog is of "
                f"{self.catalog.space!r}; going on with the one before until both fit"
            )
        return False


def _identities(paths: list[str]) -> list[Identity | None]:
    return [_identity(path) for path in paths]


def _identity(path: str) -> Identity | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - asked before every frame, without a Path each time
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def _try_answer(catalog: Catalog, dim: int) -> None:
    """Answer once, with a vector of the model's length; raises whatever a lookup would.

    The model itself may be in use by another thread; a new one has run when it was opened.
    """
    catalog.answer(np.ones(dim, np.float32)).to_dict()


def _line(error: Exception, path: str) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, ShelfLensError) and path in str(error):
        return str(error)
    return f"{path}: {' '.join(str(error).split()) or type(error).__name__}"
