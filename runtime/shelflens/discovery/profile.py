"""What a customer did, in one private file on the device: SQLite, mode 0600.

The file is the customer's: nothing is sent anywhere, `forget` really removes (SQLite overwrites
what it deletes), `export` shows everything. Each event is kept with the embedding of its product or
photo, so that it still counts when the product has left the catalog. Events that are logged
together are all kept or none; damage is refused when the file is opened (`database`).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.prefix import prefix_dim
from shelflens.discovery.database import FORMAT, EventDatabase
from shelflens.discovery.events import EVENT_KINDS, Event, NewEvent
from shelflens.errors import ProfileError, SpaceError

MAX_EVENTS = 2000
"""Events kept, the newest; older ones have long decayed. About 1 KB each for 256 dimensions."""

UNIT_TOLERANCE = 1e-3
"""How far a vector's length may be from 1; float32 rounding is below 1e-6."""


class Profile:
    """A customer's events; use it in a `with` block, or call `close`."""

    def __init__(self, path: str | os.PathLike[str], *, create: bool = False) -> None:
        """Open a profile file.

        Args:
            path: The file.
            create: Make an empty one if there is none.

        Raises:
            FileNotFoundError: no such file, and `create` was not asked for.
            ProfileError: not a profile, damaged, or of a newer format.
        """
        self.path = Path(path)
        self._database = EventDatabase(self.path, create=create)

    def __enter__(self) -> Profile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @property
    def space(self) -> str:
        """The embedding space of the events; empty before the first."""
        return self.metadata("space")

    def metadata(self, key: str) -> str:
        """A text kept beside the events (`space`, `catalog`); empty if there is none."""
        return self._database.read()[1].get(key, "")

    def require(self, space: str) -> None:
        """Refuse a catalog of another embedding space, whose vectors cannot be compared with these.

        Raises:
            SpaceError: naming both spaces.
        """
        known = self.space
        if prefix_dim(space, known) is None:
            self._require(known, space)

    def _require(self, known: str, space: str) -> None:
        if known and known != space:
            raise SpaceError(
                f"{self.path}: this profile is of model space {known!r}, the catalog or "
                f"model of {space!r}; start a new profile, or use the catalog it was logged with"
            )

    def log(
        self,
        kind: str,
        vector: NDArray[np.float32],
        *,
        space: str,
        product: str = "",
        name: str = "",
        at: float | None = None,
    ) -> None:
        """Add one event; as `log_all`."""
        self.log_all([NewEvent(kind, vector, product, name)], space=space, at=at)

    def log_all(
        self,
        events: Sequence[NewEvent],
        *,
        space: str,
        at: float | None = None,
        catalog: str = "",
    ) -> None:
        """Add events, all of them or none; they are on the disk when this returns.

        Args:
            events: What happened.
            space: The embedding space of their vectors; where the events before are of shortened
                embeddings of it, so become these.
            at: Seconds since 1970, UTC; None is now.
            catalog: The catalog that has the products, to remember.

        Raises:
            ProfileError: another kind, or a vector that is not finite or all zero.
            SpaceError: another embedding space than that of the events before.
        """
        when = float(time.time() if at is None else at)
        rows = _rows(events, when)
        with self._database.changing() as run:
            for row in run("SELECT value FROM facts WHERE key = 'space'"):
                known = str(row[0])
                if dim := prefix_dim(known, space):
                    rows, space = _rows(events, when, dim), known
                self._require(known, space)
            for values in rows:
                self._database.insert(*values)
            run(
                "DELETE FROM events WHERE number NOT IN "
                "(SELECT number FROM events ORDER BY at DESC, number DESC LIMIT ?)",
                [MAX_EVENTS],
            )
            self._database.keep("space", space)
            if catalog:
                self._database.keep("catalog", catalog)

    def events(self) -> list[Event]:
        """All events, the oldest first.

        Raises:
            ProfileError: one of them is damaged, or missing.
        """
        events = [self._event(*row) for row in self._database.read()[0]]
        if len({event.vector.shape for event in events}) > 1:
            raise self._database.damaged("vectors of several lengths")
        return sorted(events, key=lambda event: (event.at, event.number))

    def _event(
        self, number: int, at: float, kind: str, product: str, name: str, blob: bytes
    ) -> Event:
        """An event of the file; in format 1, only its values tell that it is whole."""
        vector = np.frombuffer(blob, "<f4") if len(blob) % 4 == 0 else np.zeros(1, "<f4")
        with np.errstate(all="ignore"):
            length = float(np.sqrt(vector @ vector))
        if kind not in EVENT_KINDS or not abs(length - 1) < UNIT_TOLERANCE or not np.isfinite(at):
            raise self._database.damaged(f"event {number} is not as it was logged")
        return Event(number, at, kind, product, name, vector)

    def forget(self, products: Sequence[str] | None = None) -> int:
        """Remove the events of products, or all of them, so that no byte of them is left.

        Returns:
            How many events were removed. After the last one the profile takes any space again.
        """
        with self._database.changing() as run:
            if products is None:
                removed = run("DELETE FROM events").rowcount
            else:
                removed = sum(
                    run("DELETE FROM events WHERE product = ?", [product]).rowcount
                    for product in products
                )
            if not run("SELECT count(*) FROM events").fetchone()[0]:
                run("DELETE FROM facts")
                run("DELETE FROM sqlite_sequence")
        self._database.vacuum()
        return removed

    def export(self, *, vectors: bool = False) -> str:
        """Everything in the file as JSON; the embeddings too if asked."""
        events = [
            event.to_dict() | ({"vector": [float(x) for x in event.vector]} if vectors else {})
            for event in self.events()
        ]
        metadata = {"format": FORMAT, "space": self.space, "catalog": self.metadata("catalog")}
        return json.dumps({**metadata, "events": events}, ensure_ascii=False, indent=1)


def _rows(
    events: Sequence[NewEvent], when: float, dim: int | None = None
) -> list[tuple[float, str, str, str, bytes]]:
    """What the file keeps of events; of vectors the first `dim` numbers, or all."""
    return [
        (when, event.kind, event.product, event.name or event.product, _checked(event, dim))
        for event in events
    ]


def _checked(event: NewEvent, dim: int | None) -> bytes:
    """The bytes of an event's vector, or of its first `dim` numbers, at length 1."""
    if event.kind not in EVENT_KINDS:
        raise ProfileError(f"event {event.kind!r}: expected one of {', '.join(EVENT_KINDS)}")
    row = np.asarray(event.vector, "<f4")[..., :dim]
    length = float(np.sqrt(row @ row)) if row.ndim == 1 else 0.0
    if not (np.isfinite(length) and length > 0):
        raise ProfileError(
            f"{event.kind} {event.name}: expected a vector of finite numbers, not all zero"
        )
    return (row / np.float32(length)).astype("<f4").tobytes()
