"""Opening a photo by its path: a file, or a member of a zip file that is part of the path.

`photos.zip/milk/1.jpg` is the member `milk/1.jpg` of `photos.zip`, which is not unpacked to disk.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import BinaryIO

from shelflens.errors import DataError, PhotoError


def open_photo(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a photo to read its bytes from the beginning.

    Raises:
        FileNotFoundError: no such file, or no such member.
        OSError: it cannot be read.
        PhotoError: a zip file that cannot be used.
    """
    try:
        return Path(path).open("rb")
    except (FileNotFoundError, NotADirectoryError):
        from shelflens.model.archive import open_archive, split_member

        if (found := split_member(Path(path))) is None:
            raise
        try:
            archive = open_archive(found[0])
            if found[1] not in archive.members:
                raise FileNotFoundError(
                    2, "no such file in the zip file", os.fspath(path)
                ) from None
            return io.BytesIO(archive.read(found[1]))
        except DataError as error:
            raise PhotoError(str(error)) from error


def size_of(path: Path) -> int:
    """Bytes of a photo.

    Raises:
        OSError, PhotoError: as `open_photo`.
    """
    try:
        return path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        with open_photo(path) as stream:
            return stream.seek(0, os.SEEK_END)


def file_of(path: Path) -> Path:
    """The file in which a photo lies: itself, or the zip file."""
    from shelflens.model.archive import split_member

    return path if path.exists() else (split_member(path) or (path, ""))[0]
