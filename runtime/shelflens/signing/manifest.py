"""The SHA-256 of a file, or of every file of a folder."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from shelflens.errors import SignatureError
from shelflens.signing.statement import WHOLE_FILE

MAX_FILES = 4000
"""Of a folder: their list fits into a signature file."""

_CHUNK = 1 << 20


def digests_of(path: Path, ignored: tuple[str, ...]) -> dict[str, str]:
    """SHA-256 of a file, under `WHOLE_FILE`, or of a folder's files by their path below it.

    Args:
        path: The file or folder.
        ignored: Paths below the folder that are left out.

    Raises:
        SignatureError: a symbolic link or special file below, too many files, or none.
        OSError: it cannot be read.
    """
    if not path.is_dir():
        return {WHOLE_FILE: _file_digest(path, path)}
    found = {name: _file_digest(path / name, path) for name in _names(path, ignored)}
    if not found:
        raise SignatureError(f"{path}: holds no file")
    return found


def content_digest(content: memoryview | bytes) -> dict[str, str]:
    """`digests_of` a file with this content."""
    return {WHOLE_FILE: hashlib.sha256(content).hexdigest()}


def difference(signed: Mapping[str, str], found: Mapping[str, str]) -> str:
    """What differs first between what was signed and what is there, or nothing."""
    if WHOLE_FILE in found:
        # The specification says the file's name at that time: only its content is compared.
        if list(signed.values()) == list(found.values()):
            return ""
        return "differs from what was signed" if len(signed) == 1 else "a folder was signed"
    for name in sorted(signed.keys() | found.keys()):
        if name not in found:
            return f"{name} is missing"
        if name not in signed:
            return f"{name} is not signed"
        if signed[name] != found[name]:
            return f"{name} differs from what was signed"
    return ""


def _names(folder: Path, ignored: tuple[str, ...]) -> Iterator[str]:
    """Paths of the files below a folder, sorted."""
    names: list[str] = []
    folders = [""]
    while folders:
        below = folders.pop()
        with os.scandir(folder / below) as entries:
            for entry in entries:
                name = f"{below}{entry.name}"
                if name in ignored:
                    continue
                if entry.is_symlink():
                    raise SignatureError(f"{folder}: {name} is a symbolic link; expected files")
                if entry.is_dir(follow_symlinks=False):
                    folders.append(f"{name}/")
                else:
                    names.append(name)
                if len(names) + len(folders) > MAX_FILES:
                    raise SignatureError(f"{folder}: more than {MAX_FILES:,} files")
    return iter(sorted(names))


def _file_digest(path: Path, named: Path) -> str:
    # Without waiting: opening a pipe would block until somebody writes to it.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if path != named:
        flags |= getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(path, flags), "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise SignatureError(f"{path}: is no regular file; expected a file or a folder")
        digest = hashlib.sha256()
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
