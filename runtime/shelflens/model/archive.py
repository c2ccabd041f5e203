"""A zip file of photos, read in place: nothing is unpacked to disk, and nothing without bounds."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from shelflens.errors import DataError
from shelflens.model.formats import is_zip

MAX_MEMBERS = 65_534
"""Files in a zip; more need another kind of directory."""
MAX_MEMBER_BYTES = 256 << 20
"""Unpacked; a JPEG of 200 megapixels has 80 MB."""
MAX_RATIO = 200
"""Unpacked over packed, of members above `_SMALL`: photos shrink by a few percent."""

_SMALL = 16 << 20
_END_BYTES, _END_MARK = 22 + 65_535, b"PK\5\6"
_MAX_DIRECTORY_BYTES = 64 << 20
_ENCRYPTED, _UTF8_NAME = 0x1, 0x800
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError),
    *(NotImplementedError, RuntimeError, OSError),
)


@dataclass(frozen=True)
class Archive:
    """An opened zip file."""

    path: Path
    members: dict[str, zipfile.ZipInfo]
    """By name, with `/`; folders are left out."""
    file: zipfile.ZipFile

    def read(self, name: str, size: int = -1) -> bytes:
        """The bytes of a member, or the first `size` of them.

        Raises:
            KeyError: no such member.
            DataError: damaged.
        """
        member = self.members[name]
        try:
            with self.file.open(member) as stream:
                return stream.read(size)
        except _DAMAGE as error:
            raise DataError(f"{self.path}: {name!r} is damaged ({error}); copy it again") from error


def open_archive(path: str | os.PathLike[str]) -> Archive:
    """Open a zip file and check every name and size in its directory.

    Raises:
        DataError: damaged, encrypted, too large, packed in a rare way, or with a name that leads
            out of it.
        OSError: it cannot be read.
    """
    status = Path(path).stat()
    return _opened(os.fspath(path), status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=2)
def _opened(name: str, _changed: int, size: int) -> Archive:
    _check_directory(name, size)
    try:
        file = zipfile.ZipFile(name)
    except _DAMAGE as error:
        raise DataError(
            f"{name}: a damaged zip file or workbook ({error}); copy it again"
        ) from error
    members = {}
    for info in file.infolist():
        if info.is_dir():
            continue
        member = _name(info)
        _check(info, member, name)
        members[member] = info
    return Archive(Path(name), members, file)


def _check_directory(name: str, size: int) -> None:
    """Refuse a directory that is too long, before it takes memory (APPNOTE 4.3.16)."""
    with Path(name).open("rb") as stream:
        stream.seek(max(0, size - _END_BYTES))
        tail = stream.read()
    end = tail.rfind(_END_MARK)
    if end < 0 or len(tail) < end + 22:
        raise DataError(f"{name}: a zip file or workbook that was cut short; copy it again")
    count = int.from_bytes(tail[end + 10 : end + 12], "little")
    length = int.from_bytes(tail[end + 12 : end + 16], "little")
    if count > MAX_MEMBERS or length > _MAX_DIRECTORY_BYTES:
        raise DataError(f"{name}: more than {MAX_MEMBERS:,} files; make several zip files of it")


def _name(info: zipfile.ZipInfo) -> str:
    """The name of a member; macOS writes UTF-8 without saying so."""
    if info.flag_bits & _UTF8_NAME or info.filename.isascii():
        return info.filename
    try:
        return info.filename.encode("cp437").decode()
    except UnicodeError:
        return info.filename


def _check(info: zipfile.ZipInfo, member: str, name: str) -> None:
    what = f"{name}: {member[:60]!r}"
    parts = member.replace("\\", "/").split("/")
    if ".." in parts or not parts[0] or parts[0][1:2] == ":":
        raise DataError(f"{what} leads out of the zip file; make it again from a plain folder")
    if info.flag_bits & _ENCRYPTED:
        raise DataError(f"{what} is encrypted; unpack it with its password, and give the folder")
    if info.compress_type not in _METHODS:
        raise DataError(f"{what} is packed in a rare way; make an ordinary zip file (deflate)")
    if info.file_size > MAX_MEMBER_BYTES:
        raise DataError(
            f"{what} unpacks to {info.file_size >> 20:,} MiB, at most {MAX_MEMBER_BYTES >> 20} are "
            "read; leave it out"
        )
    if info.file_size > max(_SMALL, MAX_RATIO * info.compress_size):
        raise DataError(
            f"{what} unpacks to more than {MAX_RATIO} times its size, as no photo does; leave it "
            "out"
        )


def split_member(path: Path) -> tuple[Path, str] | None:
    """The zip file in a path, and the name of the member behind it; None where there is none."""
    for parent in path.parents:
        if parent.is_file():
            with parent.open("rb") as stream:
                found = is_zip(stream.read(4))
            return (parent, path.relative_to(parent).as_posix()) if found else None
        if parent.exists():
            return None
    return None
