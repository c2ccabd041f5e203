"""The SQLite file of a profile: its tables, its transactions, and the checks of what is read.

The journal is a rollback journal: a write-ahead log would keep two more private files beside this
one. Writers wait for each other. Every change is on the disk when it ends (synchronous FULL), and a
process that is killed leaves the file as before.

Every event has a checksum, and so has the whole profile (`checksums`, since format 2). A file of
format 1 is read without, and becomes format 2 with the next change.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shelflens.discovery.checksums import event_checksum, profile_checksum
from shelflens.errors import ProfileError

FORMAT = 2
"""`user_version` of the files written here; files of every lower number open too."""

APPLICATION_ID = 0x534C7072
"""`application_id`, the bytes "SLpr", which distinguishes profiles from other SQLite files."""

WAIT_SECONDS = 10.0
"""How long a process waits for another that writes."""

_SCHEMA = """
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE events (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  at REAL NOT NULL,
  kind TEXT NOT NULL,
  product TEXT NOT NULL,
  name TEXT NOT NULL,
  vector BLOB NOT NULL,
  checksum BLOB NOT NULL
);
"""
_COLUMNS = "number, at, kind, product, name, vector"
_CHECKSUM = "checksum"
"""The key of the profile's checksum beside its metadata, and the column of the events'."""

Row = tuple[int, float, str, str, str, bytes]
"""Number, time, kind, product, name, vector."""


class EventDatabase:
    """The file, open."""

    def __init__(self, path: Path, *, create: bool) -> None:
        """Open a file and check it whole.

        Args:
            path: The file.
            create: Make an empty one if there is none.

        Raises:
            FileNotFoundError: no such file, and `create` was not asked for.
            ProfileError: not a profile, damaged, or of a newer format.
        """
        self._path = path
        if path.is_dir():
            raise ProfileError(f"{path}: is a folder; expected a profile file")
        if create:
            # Made by us first: SQLite would give it the rights of any other file.
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        elif not path.exists():
            raise FileNotFoundError(
                2, "no such profile; shelflens profile log makes one", str(path)
            )
        with self._translating_errors():
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=WAIT_SECONDS)
            try:
                self._prepare(create)
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self, create: bool) -> None:
        run = self._connection.execute
        # Text that is damaged must reach its checksum, not end in a decoder.
        self._connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
        if run("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            if not create:
                raise ProfileError(
                    f"{self._path}: has no table; cut short, or nothing was logged yet; copy it "
                    "again, or start with shelflens profile log"
                )
            self._make_tables()  # new, or its maker was killed
        if run("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise ProfileError(f"{self._path}: an SQLite file, but not a profile of ours")
        version = self._version()
        if version > FORMAT:
            raise ProfileError(
                f"{self._path}: profile format {version}, this version reads up to {FORMAT}; "
                "upgrade shelflens on this device"
            )
        run("PRAGMA secure_delete = ON")
        run("PRAGMA synchronous = FULL")
        if (fault := run("PRAGMA quick_check").fetchone()[0]) != "ok":
            what = " ".join(fault.replace("*** in database main ***", "").split())[:60]
            raise self.damaged(what)
        self.read()
        if self._path.stat().st_mode & 0o077:  # copied without its rights
            self._path.chmod(0o600)

    def _make_tables(self) -> None:
        with self.changing() as run:
            if self._version() or run("PRAGMA application_id").fetchone()[0]:
                return  # another process was first
            for statement in filter(str.strip, _SCHEMA.split(";")):
                run(statement)
            run(f"PRAGMA application_id = {APPLICATION_ID}")
            run(f"PRAGMA user_version = {FORMAT}")

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def read(self) -> tuple[list[Row], dict[str, str]]:
        """All events, by number, and the texts kept beside them.

        Raises:
            ProfileError: one of them is damaged, or missing.
        """
        with self._translating_errors(), self._connection:
            run = self._connection.execute
            run("BEGIN")  # events and checksums of one moment
            version = self._version()
            columns = {row[1] for row in run("PRAGMA table_info(events)")}
            if (version >= 2) != (_CHECKSUM in columns):
                raise self.damaged("its format number is not that of its table")
            column = f", {_CHECKSUM}" if version >= 2 else ""
            found = run(f"SELECT {_COLUMNS}{column} FROM events ORDER BY number").fetchall()
            metadata = dict(run("SELECT key, value FROM facts"))
        if not all(isinstance(text, str) for pair in metadata.items() for text in pair):
            raise self.damaged("its space or catalog is no text")
        for row in found:
            if row[6:] not in ((), (self._checksum(row),)):
                raise self.damaged(f"event {row[0]} is not as it was logged")
        expected = metadata.pop(_CHECKSUM, None)
        wanted = expected if version == 1 else profile_checksum((row[6] for row in found), metadata)
        if (found or metadata) and wanted != expected:
            raise self.damaged("events are missing, or its space or catalog is another")
        return [row[:6] for row in found], metadata

    def _checksum(self, row: tuple[Any, ...]) -> bytes:
        try:
            return event_checksum(*row[:6])
        except ProfileError as error:
            raise self.damaged(f"event {row[0]}: {error}") from error

    @contextmanager
    def changing(self) -> Iterator[Callable[..., sqlite3.Cursor]]:
        """One transaction: others wait, all of it is kept or none, and the checksums fit."""
        run = self._connection.execute
        with self._translating_errors(), self._connection:
            run("BEGIN IMMEDIATE")
            if self._version() == 1:
                rows = run(f"SELECT {_COLUMNS} FROM events").fetchall()
                run(f"ALTER TABLE events ADD COLUMN {_CHECKSUM} BLOB NOT NULL DEFAULT x''")
                for row in rows:
                    self._seal(row)
                run("PRAGMA user_version = 2")
            yield run
            checksums = [row[0] for row in run("SELECT checksum FROM events ORDER BY number")]
            metadata = dict(run("SELECT key, value FROM facts"))
            metadata.pop(_CHECKSUM, None)
            if checksums or metadata:
                self.keep(_CHECKSUM, profile_checksum(checksums, metadata))

    def insert(self, at: float, kind: str, product: str, name: str, vector: bytes) -> None:
        """Add an event, inside `changing`."""
        values = (at, kind, product, name, vector)
        cursor = self._connection.execute(
            "INSERT INTO events (at, kind, product, name, vector, checksum) "
            "VALUES (?, ?, ?, ?, ?, x'')",
            values,
        )
        self._seal((int(cursor.lastrowid or 0), *values))

    def _seal(self, row: Row) -> None:
        self._connection.execute(
            "UPDATE events SET checksum = ? WHERE number = ?", (self._checksum(row), row[0])
        )

    def keep(self, key: str, value: str) -> None:
        """Keep a text beside the events, inside `changing`."""
        self._connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", [key, value])

    def vacuum(self) -> None:
        """Write the file anew, without what was deleted."""
        with self._translating_errors():
            self._connection.execute("VACUUM")

    def damaged(self, what: str) -> ProfileError:
        """The error of a file that is not as it was written."""
        return ProfileError(f"{self._path}: damaged ({what}); copy it again, or start a new one")

    @contextmanager
    def _translating_errors(self) -> Iterator[None]:
        """SQLite's errors as ours, in one line that names the file."""
        try:
            yield
        except (
            sqlite3.DatabaseError,
            UnicodeDecodeError,
        ) as error:  # of a text in SQLite's message
            reason = " ".join(str(error).split())[:100]  # it may quote a damaged schema
            if not isinstance(error, sqlite3.OperationalError):
                reason = f"not a profile, or damaged ({reason}); check the path or copy it again"
            elif reason.startswith("no such"):  # a table or column of ours
                raise self.damaged(reason) from error
            else:
                reason += "; is another program using it, or is the disk full?"
            raise ProfileError(f"{self._path}: {reason}") from error
