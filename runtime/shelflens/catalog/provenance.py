"""Where a catalog's rows come from: enrolled, or confirmed photo by photo; kept for undoing.

`docs/catalog-format.md` specifies the optional parts of the file that hold this.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.splice import Runs, spliced

UNDO_LIMIT = 64
"""Rows that were pushed out and can come back. They stand in the header, which may not grow
beyond 1 MiB; 64 rows of 256 dimensions are 25 KB."""


@dataclass(frozen=True)
class DroppedRow:
    """A confirmed row that a later confirmation pushed out."""

    id: str
    number: int
    """The confirmation that added it."""
    by: int
    """The confirmation that pushed it out."""
    row: str
    """Its d bytes, base64."""

    @property
    def vector(self) -> NDArray[np.int8]:
        """The row, int8 [d]."""
        return np.frombuffer(base64.b64decode(self.row), np.int8)

    @classmethod
    def of(cls, product_id: str, number: int, by: int, row: NDArray[np.int8]) -> DroppedRow:
        """Pack a row, int8 [d]."""
        return cls(product_id, number, by, base64.b64encode(row.tobytes()).decode())


@dataclass(frozen=True)
class Provenance:
    """The provenance of every row; without it all rows are enrolled."""

    confirmations: NDArray[np.uint64] | None = None
    """uint64 [n]: 0 for an enrolled row, else the number of its confirmation, rising."""
    dropped: tuple[DroppedRow, ...] = ()

    @classmethod
    def read(cls, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> Provenance:
        """From the parts of a catalog file, which `checks` has found to fit."""
        confirmations = tensors.get("confirmed")
        dropped = tuple(
            DroppedRow(**entry) for entry in json.loads(metadata.get("dropped") or "[]")
        )
        return cls(confirmations, dropped)

    def tensors(self) -> dict[str, NDArray[np.uint64]]:
        """The optional tensor; none for a catalog without confirmed rows."""
        if self.confirmations is None or not self.confirmations.any():
            return {}
        return {"confirmed": self.confirmations}

    def metadata(self) -> dict[str, str]:
        """The optional metadata; none when nothing was pushed out."""
        kept = [asdict(row) for row in self.dropped[-UNDO_LIMIT:]]
        return {"dropped": json.dumps(kept, separators=(",", ":"))} if kept else {}

    def of_rows(self, n: int) -> NDArray[np.uint64]:
        """The number of each of n rows, uint64 [n]."""
        return np.zeros(n, np.uint64) if self.confirmations is None else self.confirmations

    def numbers(self, rows: range) -> list[int]:
        """The number of each of these rows."""
        if self.confirmations is None:
            return [0] * len(rows)
        found: list[int] = self.confirmations[rows.start : rows.stop].tolist()
        return found

    @property
    def confirmed(self) -> int:
        """How many rows are confirmed photos."""
        return 0 if self.confirmations is None else int((self.confirmations > 0).sum())

    def next_number(self) -> int:
        """The number of the next confirmation."""
        numbers = self.confirmations
        newest = 0 if numbers is None or not len(numbers) else int(numbers.max())
        return max([newest, *(row.by for row in self.dropped)]) + 1

    def taken(self, rows: Sequence[int] | NDArray[np.int64]) -> Provenance:
        """For these rows, in this order."""
        if self.confirmations is None:
            return self
        return replace(self, confirmations=self.confirmations[rows])

    def edited(self, runs: Runs, more: Sequence[int]) -> Provenance:
        """With other rows.

        Args:
            runs: Which stay, and where the new ones come.
            more: The number of each new one.
        """
        if self.confirmations is None and not any(more):
            return self
        if self.confirmations is not None:
            numbers = spliced(self.confirmations, np.array(more, np.uint64), runs)
            return replace(self, confirmations=numbers)
        numbers = np.zeros(int(runs[:, 1:].sum()), np.uint64)
        ends = np.cumsum(runs[:, 1:].sum(axis=1))
        numbers[np.repeat(ends - np.cumsum(runs[:, 2]), runs[:, 2]) + np.arange(len(more))] = more
        return replace(self, confirmations=numbers)

    def without(self, ids: set[str]) -> Provenance:
        """With what was pushed out of these products forgotten."""
        return replace(self, dropped=tuple(row for row in self.dropped if row.id not in ids))
