"""What a customer did, in one private file on the device: SQLite, mode 0600.

The file is the customer's: nothing is sent anywhere, `forget` really removes (SQLite overwrites
what it deletes), `export` shows everything. Each event is kept with the embedding of its product or
photo, so that it still counts when the product has left the catalog.

The journal is a rollback journal: a write-ahead log would keep two more private files beside this
one, and a customer's device has a single writer. Every event is on the disk when `log` returns
(synchronous FULL), and a process that is killed leaves the file as before the event.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from shelflens.discovery.events import EVENT_KINDS, Event
from shelflens.errors import ProfileError, SpaceError

FORMAT = 1
"""`user_version` of the files written here; files of every lower number open too."""

APPLICATION_ID = 0x534C7072
"""`application_id`, the bytes "SLpr", which distinguishes profiles from other SQLite files."""

MAX_EVENTS = 2000
"""Events kept, the newest; older ones have long decayed. About 1 KB each for 256 dimensions."""

_SCHEMA = """
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE events (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  at REAL NOT NULL,
  kind TEXT NOT NULL,
  product TEXT NOT NULL,
  name TEXT NOT NULL,
  vector BLOB NOT NULL
);
"""


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
        if self.path.is_dir():
            raise ProfileError(f"{self.path}: is a folder; expected a profile file")
        if create and not self.path.exists():
            # Created by us first: SQLite would give it the rights of any other file.
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        elif not self.path.exists():
            raise FileNotFoundError(
                2, "no such profile; shelflens profile log makes one", str(self.path)
            )
        with self._translating_errors():
            self._database = sqlite3.connect(self.path, isolation_level=None, timeout=10)
            try:
                self._prepare()
            except BaseException:
                self._database.close()
                raise

    def _prepare(self) -> None:
        run = self._database.execute
        if self.path.stat().st_size == 0:
            self._database.executescript(
                f"BEGIN EXCLUSIVE; {_SCHEMA} PRAGMA application_id = {APPLICATION_ID}; "
                f"PRAGMA user_version = {FORMAT}; COMMIT;"
            )
        if run("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise ProfileError(f"{self.path}: an SQLite file, but not a profile of ours")
        version = run("PRAGMA user_version").fetchone()[0]
        if version > FORMAT:
            raise ProfileError(
                f"{self.path}: profile format {version}, this version reads up to {FORMAT}; "
                "upgrade shelflens on this device"
            )
        run("PRAGMA secure_delete = ON")
        run("PRAGMA synchronous = FULL")
        if (fault := run("PRAGMA quick_check").fetchone()[0]) != "ok":
            what = " ".join(fault.replace("*** in database main ***", "").split())[:60]
            raise ProfileError(f"{self.path}: damaged ({what}); copy it again, or start a new one")
        if self.path.stat().st_mode & 0o077:  # copied without its rights
            self.path.chmod(0o600)

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
        with self._translating_errors():
            select = "SELECT value FROM facts WHERE key = ?"
            row = self._database.execute(select, [key]).fetchone()
        return str(row[0]) if row else ""

    def set_metadata(self, key: str, value: str) -> None:
        """Keep a text beside the events."""
        with self._translating_errors():
            self._database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", [key, value])

    def require(self, space: str) -> None:
        """Refuse another embedding space, whose vectors cannot be compared with these.

        Raises:
            SpaceError: naming both spaces.
        """
        if self.space and self.space != space:
            raise SpaceError(
                f"{self.path}: this profile is of model space {self.space!r}, the catalog or "
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
        """Add one event; it is on the disk when this returns.

        Args:
            kind: One of `EVENT_KINDS`.
            vector: float32 [d], any length but zero.
            space: The embedding space of the vector.
            product: The product's id.
            name: The product's name, or the photo's file name.
            at: Seconds since 1970, UTC; None is now.

        Raises:
            ProfileError: another kind, or a vector that is not finite or all zero.
            SpaceError: another embedding space than that of the events before.
        """
        if kind not in EVENT_KINDS:
            raise ProfileError(f"event {kind!r}: expected one of {', '.join(EVENT_KINDS)}")
        row = np.asarray(vector, "<f4")
        length = float(np.sqrt(row @ row)) if row.ndim == 1 else 0.0
        if not (np.isfinite(length) and length > 0):
            raise ProfileError(f"{kind} {name}: expected a vector of finite numbers, not all zero")
        self.require(space)
        event = [time.time() if at is None else at, kind, product, name or product]
        with self._translating_errors(), self._database:
            run = self._database.execute
            run("BEGIN IMMEDIATE")
            run("INSERT OR IGNORE INTO facts VALUES ('space', ?)", [space])
            blob = (row / np.float32(length)).astype("<f4").tobytes()
            run(
                "INSERT INTO events (at, kind, product, name, vector) VALUES (?, ?, ?, ?, ?)",
                [*event, blob],
            )
            run(
                "DELETE FROM events WHERE number NOT IN "
                "(SELECT number FROM events ORDER BY at DESC, number DESC LIMIT ?)",
                [MAX_EVENTS],
            )

    def events(self) -> list[Event]:
        """All events, the oldest first."""
        with self._translating_errors(), closing(self._database.cursor()) as cursor:
            rows = cursor.execute(
                "SELECT number, at, kind, product, name, vector FROM events ORDER BY at, number"
            ).fetchall()
        events = [
            Event(number, at, kind, product, name, np.frombuffer(blob, "<f4"))
            for number, at, kind, product, name, blob in rows
        ]
        if len({event.vector.shape for event in events}) > 1:
            raise ProfileError(
                f"{self.path}: damaged (vectors of several lengths); start a new one"
            )
        return events

    def forget(self, product: str | None = None) -> int:
        """Remove the events of a product, or all of them, so that no byte of them is left.

        Returns:
            How many events were removed. After the last one the profile takes any space again.
        """
        with self._translating_errors():
            run = self._database.execute
            if product is None:
                removed = run("DELETE FROM events").rowcount
            else:
                removed = run("DELETE FROM events WHERE product = ?", [product]).rowcount
            if not run("SELECT count(*) FROM events").fetchone()[0]:
                run("DELETE FROM facts")
                run("DELETE FROM sqlite_sequence")
            run("VACUUM")
        return removed

    def export(self, *, vectors: bool = False) -> str:
        """Everything in the file as JSON; the embeddings too if asked."""
        events = [
            event.to_dict() | ({"vector": [float(x) for x in event.vector]} if vectors else {})
            for event in self.events()
        ]
        metadata = {"format": FORMAT, "space": self.space, "catalog": self.metadata("catalog")}
        return json.dumps({**metadata, "events": events}, ensure_ascii=False, indent=1)

    @contextmanager
    def _translating_errors(self) -> Iterator[None]:
        """SQLite's errors as ours, in one line that names the file."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise ProfileError(
                f"{self.path}: not a profile, or damaged ({error}); check the path or copy it again"
                if not isinstance(error, sqlite3.OperationalError)
                else f"{self.path}: {error}; is another program using it, or is the disk full?"
            ) from error
