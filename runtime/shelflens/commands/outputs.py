"""Where output may go: never over an input, and never over a file that is not ours."""

from __future__ import annotations

import argparse
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from shelflens.errors import DataError

_HEADER_BYTES = 1 << 20
CSV_HEADER = "path,product"
"""What the CSV files that ShelfLens writes begin with."""
PNG_AUTHOR = b"Software\0ShelfLens"
"""The text chunk of the images that ShelfLens writes."""


def check_file(
    out: Path,
    *,
    inputs: Iterable[str | Path] = (),
    is_ours: Callable[[Path], bool],
    example: str,
) -> None:
    """Refuse an output file before any work is done.

    Args:
        out: As the person typed it.
        inputs: Files that the command reads.
        is_ours: Whether an existing file may be replaced.
        example: The name of such a file, for messages.

    Raises:
        DataError: a folder, a device or pipe, an input, or a file that ShelfLens did not write.
        FileNotFoundError: no such folder to write into.
    """
    if out.is_dir():
        raise DataError(f"{out}: is a folder; give a file to write, such as {out / example}")
    if not out.exists():
        if not out.absolute().parent.is_dir():
            raise FileNotFoundError(2, "no such folder to write into", str(out))
        return
    status = out.stat()
    if not stat.S_ISREG(status.st_mode):
        raise DataError(f"{out}: is a device or a pipe; give a file to write, such as {example}")
    for path in inputs:
        if _is_same(Path(path), (status.st_dev, status.st_ino)):
            raise DataError(f"{out}: is read by this command; give another file to write to")
    if status.st_size and not is_ours(out):
        raise DataError(
            f"{out}: exists, and ShelfLens did not write it; give another name, such as {example}"
        )


def check_report_folder(out: Path, names: Iterable[str]) -> None:
    """Refuse a folder that holds files of these names which are not an earlier report's.

    Raises:
        DataError: naming the file.
    """
    if out.exists() and not out.is_dir():
        raise DataError(f"{out}: is a file; --out is the folder to write the report into")
    if (out / "report.json").is_file() and b'"advice"' in _head(out / "report.json"):
        return
    for name in names:
        if (out / name).exists():
            raise DataError(
                f"{out / name}: exists, and is no report of ShelfLens; give another folder"
            )


def check_contact_sheet(args: argparse.Namespace, inputs: Iterable[str | Path]) -> None:
    """Refuse a --contact-sheet that would replace an input or a file that is not ours.

    Raises:
        DataError, FileNotFoundError: as `check_file`.
    """
    if args.contact_sheet is not None:
        read = [*inputs, *([args.images] if args.images else [])]
        check_file(args.contact_sheet, inputs=read, is_ours=is_png, example="contact-sheet.png")


def is_catalog(path: Path) -> bool:
    """Whether a file has a catalog's header; it may be damaged or of a newer format."""
    return b'"shelflens-catalog"' in _head(path)


def is_delta(path: Path) -> bool:
    """Whether a file has a delta's header."""
    return b'"shelflens-delta"' in _head(path)


def is_csv(path: Path) -> bool:
    """Whether a file is a list of tagged photos that ShelfLens wrote."""
    first = _head(path).split(b"\n")[0].decode("utf-8", "replace")
    return first.startswith(CSV_HEADER) and first.rstrip().endswith(" confidence")


def is_vectors(path: Path) -> bool:
    """Whether a file is a matrix of float32 in NumPy's format."""
    head = _head(path)[:256]
    return head.startswith(b"\x93NUMPY") and b"'descr': '<f4'" in head


def is_png(path: Path) -> bool:
    """Whether a file is an image that ShelfLens drew."""
    return PNG_AUTHOR in _head(path)


def holds(text: str) -> Callable[[Path], bool]:
    """A test of a file: whether it holds a text that only ours have."""
    return lambda path: text.encode() in _head(path)


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(_HEADER_BYTES)


def _is_same(path: Path, identity: tuple[int, int]) -> bool:
    try:
        status = path.stat()
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == identity
