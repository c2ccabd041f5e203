"""What a customer did, in one private file on the device: SQLite, mode 0600.

The file is the customer's: nothing is sent anywhere, `forget` really removes (SQLite overwrites
what it deletes), `export` shows all. It keeps each event with the embedding of what it was about,
so a product that leaves the catalog still says what its buyer likes.

A rollback journal, not a write-ahead log: the log would keep two more private files beside this
one while it is open, and one customer's device has one writer. Every event is on the disk when
`log` returns (synchronous FULL), and a kill leaves the file as before the event.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.errors import ProfileError, SpaceError

KINDS = ("view", "like", "buy", "dislike", "photo")
"""What can happen; `photo` is a photo of something the customer liked to see."""

FORMAT = 1
"""`user_version` of the files written here; files of every lower number open too."""

APPLICATION = 0x534C7072
"""`application_id`, the bytes "SLpr": this is a profile and no other SQLite file."""

EVENTS = 2000
"""Events kept, the newest; older ones have long decayed. About 1 KB each for 256 numbers."""

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


@dataclass(frozen=True)
class Event:
    """One thing the customer did."""

    number: int
    at: float
    """Seconds since 1970, UTC."""
    kind: str
    product: str
    """The product's id, or empty for a photo."""
    name: str
    """What people call it: the product's name, or the photo's file name."""
    vector: NDArray[np.float32]
    """float32 [d], length 1."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, without the vector."""
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.at))
        return {
            "number": self.number,
            "at": when,
            "kind": self.kind,
            "product": self.product,
            "name": self.name,
        }


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
        with self._speaking():
            self._base = sqlite3.connect(self.path, isolation_level=None, timeout=10)
            try:
                self._prepare()
            except BaseException:
                self._base.close()
                raise

    def _prepare(self) -> None:
        run = self._base.execute
        if self.path.stat().st_size == 0:
            self._base.executescript(
                f"BEGIN EXCLUSIVE; {_SCHEMA} PRAGMA application_id = {APPLICATION}; "
                f"PRAGMA user_version = {FORMAT}; COMMIT;"
            )
        if run("PRAGMA application_id").fetchone()[0] != APPLICATION:
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
        """Let go of the file."""
        self._base.close()

    @property
    def space(self) -> str:
        """The embedding space of the events; empty before the first."""
        return self.fact("space")

    def fact(self, key: str) -> str:
        """A text kept beside the events (`space`, `catalog`); empty if there is none."""
        with self._speaking():
            found = self._base.execute("SELECT value FROM facts WHERE key = ?", [key]).fetchone()
        return str(found[0]) if found else ""

    def set_fact(self, key: str, value: str) -> None:
        """Keep a text beside the events."""
        with self._speaking():
            self._base.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", [key, value])

    def require(self, space: str) -> None:
        """Refuse another embedding space, whose vectors would mean nothing beside these.

        Raises:
            SpaceError: naming both spaces.
        """
        if self.space and self.space != space:
            raise SpaceError(
                f"{self.path}: this profile speaks {self.space!r}, the catalog or model "
                f"{space!r}; start a new profile, or use the catalog it was logged with"
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
            kind: One of `KINDS`.
            vector: float32 [d], any length but zero.
            space: The embedding space of the vector.
            product: The product's id.
            name: What people call it.
            at: Seconds since 1970, UTC; None is now.

        Raises:
            ProfileError: another kind, or a vector that is no direction.
            SpaceError: another embedding space than that of the events before.
        """
        if kind not in KINDS:
            raise ProfileError(f"event {kind!r}: expected one of {', '.join(KINDS)}")
        row = np.asarray(vector, "<f4")
        length = float(np.sqrt(row @ row)) if row.ndim == 1 else 0.0
        if not (np.isfinite(length) and length > 0):
            raise ProfileError(f"{kind} {name}: expected a vector of finite numbers, not all zero")
        self.require(space)
        event = [time.time() if at is None else at, kind, product, name or product]
        with self._speaking(), self._base:
            run = self._base.execute
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
                [EVENTS],
            )

    def events(self) -> list[Event]:
        """All events, the oldest first."""
        with self._speaking(), closing(self._base.cursor()) as cursor:
            rows = cursor.execute(
                "SELECT number, at, kind, product, name, vector FROM events ORDER BY at, number"
            ).fetchall()
        found = [
            Event(number, at, kind, product, name, np.frombuffer(blob, "<f4"))
            for number, at, kind, product, name, blob in rows
        ]
        if len({one.vector.shape for one in found}) > 1:
            raise ProfileError(
                f"{self.path}: damaged (vectors of several lengths); start a new one"
            )
        return found

    def forget(self, product: str | None = None) -> int:
        """Remove the events of a product, or all of them, so that no byte of them is left.

        Returns:
            How many events went. After the last one the space is free again.
        """
        with self._speaking():
            run = self._base.execute
            if product is None:
                gone = run("DELETE FROM events").rowcount
            else:
                gone = run("DELETE FROM events WHERE product = ?", [product]).rowcount
            if not run("SELECT count(*) FROM events").fetchone()[0]:
                run("DELETE FROM facts")
                run("DELETE FROM sqlite_sequence")
            run("VACUUM")
        return gone

    def export(self, *, vectors: bool = False) -> str:
        """Everything the file knows, as JSON; the embeddings too if asked."""
        events = [
            one.to_dict() | ({"vector": [float(x) for x in one.vector]} if vectors else {})
            for one in self.events()
        ]
        facts = {"format": FORMAT, "space": self.space, "catalog": self.fact("catalog")}
        return json.dumps({**facts, "events": events}, ensure_ascii=False, indent=1)

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """SQLite's errors as ours, in one line that names the file."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise ProfileError(
                f"{self.path}: not a profile, or damaged ({error}); check the path or copy it again"
                if not isinstance(error, sqlite3.OperationalError)
                else f"{self.path}: {error}; is another program using it, or is the disk full?"
            ) from error
