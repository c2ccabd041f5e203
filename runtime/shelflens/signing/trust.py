"""The check of a signature, in one place: who signed a file, until when, and is it newer.

What is compared are bytes, not names: a file may be renamed. Everything is checked offline.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from shelflens.errors import SignatureError
from shelflens.files import unless_replaced
from shelflens.signing.bundle import read_bundle
from shelflens.signing.ecdsa import PublicKey, read_public_key
from shelflens.signing.manifest import content_digest, difference, digests_of
from shelflens.signing.neighbours import (
    next_signature_path,
    read_serial,
    serial_path,
    signature_path,
    write_serial,
)
from shelflens.signing.statement import Statement, read_statement


@dataclass(frozen=True)
class Verified:
    """A signature that holds."""

    statement: Statement
    key: PublicKey
    path: Path
    """The signature file."""


class Trust:
    """The keys whose signatures are believed, and the serials that were seen.

    `check` fits wherever a file is opened with `check=`: `Catalog.open`, `Embedder.open`.
    """

    def __init__(
        self,
        keys: Sequence[PublicKey],
        *,
        allow_rollback: bool = False,
        report: Callable[[str], None] = lambda line: None,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        """Trust these keys.

        Args:
            keys: Public keys; a signature by any of them is enough.
            allow_rollback: Take a file that is older than the newest that was in use here, and
                remember its serial from now on.
            report: Gets a line where a serial cannot be remembered.
            now: The clock.
        """
        self._keys, self._allow_rollback = tuple(keys), allow_rollback
        self._report, self._now = report, now
        self._seen: dict[Path, int] = {}

    @classmethod
    def read(
        cls,
        keys: Sequence[str | os.PathLike[str]],
        *,
        allow_rollback: bool = False,
        report: Callable[[str], None] = lambda line: None,
    ) -> Trust:
        """Trust the keys of these files.

        Raises:
            SignatureError: as `read_public_key`.
            OSError: a file cannot be read.
        """
        found = [read_public_key(Path(key)) for key in keys]
        return cls(found, allow_rollback=allow_rollback, report=report)

    def check(self, path: Path, content: memoryview) -> None:
        """Refuse a file that is not signed as expected; remember its serial.

        Args:
            path: The file; its signature lies beside it.
            content: Its bytes, which are compared with what was signed.

        Raises:
            SignatureError: not signed by a trusted key, changed since, expired, or older than the
                newest that was in use here.
            OSError: the signature cannot be read.
        """
        self.remember(path, self.verify(path, content))

    def check_folder(self, path: Path) -> None:
        """`check` of every file of a folder.

        Raises:
            SignatureError, OSError: as `check`; also for a file too many or too few.
        """
        self.remember(path, self.verify(path))

    def verify(
        self,
        path: Path,
        content: memoryview | None = None,
        *,
        used_as: Path | None = None,
        signature: Path | None = None,
    ) -> Verified:
        """`check`, without remembering the serial.

        Args:
            path: The file or folder.
            content: The file's bytes; None reads the file or folder.
            used_as: The path whose serials count, where it is another.
            signature: The signature file, where it does not lie beside it.

        Raises:
            SignatureError, OSError: as `check`.
        """
        files = self.signature_paths(path) if signature is None else (signature,)
        return unless_replaced(files, lambda: self._verified(path, content, used_as or path, files))

    def _verified(
        self, path: Path, content: memoryview | None, used_as: Path, files: Sequence[Path]
    ) -> Verified:
        """By the first of the signature files that fits."""
        problems = []
        for file in files:
            try:
                statement, key = self._signed(file)
                found = (
                    digests_of(path, statement.ignored)
                    if content is None
                    else content_digest(content)
                )
                if text := difference(statement.digests, found):
                    raise SignatureError(f"{path}: {text}; copy it again, with its signature")
                self._require_current(path, statement, used_as)
                return Verified(statement, key, file)
            except FileNotFoundError:
                if not path.exists():
                    raise
            except SignatureError as error:
                problems.append(error)
        name = files[0].name
        missing = SignatureError(f"{path}: not signed (no {name} beside it); expected {self._who}")
        raise problems[0] if problems else missing

    def remember(self, path: Path, verified: Verified) -> None:
        """Note that a file is in use: an older one is refused from now on.

        Where that cannot be written it holds for this process, and is reported.
        """
        serial, state = verified.statement.serial, serial_path(path)
        if not self._allow_rollback:
            known = self._serial(path)
            if serial is None or (known is not None and serial <= known):
                return
        self._seen.pop(state, None)
        if serial is not None:
            self._seen[state] = serial
        try:
            write_serial(path, serial)
        except OSError as error:
            self._report(
                f"{state}: cannot be written ({error.strerror}); after a restart a file older than "
                f"serial {serial} would be accepted"
            )

    def signature_paths(self, path: Path) -> tuple[Path, Path]:
        """Where the signature of a file may lie."""
        return signature_path(path), next_signature_path(path)

    @property
    def _who(self) -> str:
        return "a signature by " + " or ".join(str(key.path) for key in self._keys)

    def _signed(self, file: Path) -> tuple[Statement, PublicKey]:
        """The statement of a signature file, and the trusted key that signed it."""
        envelope = read_bundle(file)
        for key in self._keys:
            if envelope.hint in (None, "", key.hint) and key.verify(
                envelope.signature, envelope.signed
            ):
                return read_statement(envelope.payload, file), key
        if any(envelope.hint == key.hint for key in self._keys):
            raise SignatureError(f"{file}: the signature is wrong; the file is damaged or forged")
        hint = f" (SHA-256 {envelope.hint[:12]}...)" if envelope.hint else ""
        raise SignatureError(f"{file}: signed by another key{hint}; expected {self._who}")

    def _require_current(self, path: Path, statement: Statement, used_as: Path) -> None:
        if statement.expires is not None and statement.expires <= self._now():
            day = statement.expires.date().isoformat()
            raise SignatureError(f"{path}: its signature expired on {day}; sign it again")
        if self._allow_rollback or (known := self._serial(used_as)) is None:
            return
        if statement.serial is None or statement.serial < known:
            number = "no serial" if statement.serial is None else f"serial {statement.serial}"
            raise SignatureError(
                f"{path}: {number}, and serial {known} was in use here: older, so refused; "
                "shelflens catalog install --allow-rollback takes it"
            )

    def _serial(self, path: Path) -> int | None:
        """The highest serial that was in use under this path."""
        serials = (read_serial(path), self._seen.get(serial_path(path)))
        return max((serial for serial in serials if serial is not None), default=None)
