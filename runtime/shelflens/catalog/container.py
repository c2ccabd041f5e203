"""The catalog file: a valid safetensors file, written and read without a dependency.

`docs/catalog-format.md` specifies the format. Here: bytes to tensors and back, with every check
that does not need to know what the tensors mean. A file is opened once, and everything is read from
that one descriptor: a writer that renames another file over it changes nothing here.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import re
import stat
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shelflens.errors import CatalogError
from shelflens.files import Check, atomic_writer, unless_replaced

FORMAT = 1
"""Format number of the files written here; files of every lower number open too."""

_DTYPES: dict[str, np.dtype[Any]] = {
    "U64": np.dtype("<u8"),
    "F32": np.dtype("<f4"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_HEADER_LIMIT = 1 << 20  # ours are about 1 KB; a wrong length must not make us read gigabytes
_NO_HEADER = "no catalog header"
_COPY_LIMIT = 4 << 20  # files up to this size are read, not mapped: overwriting them does no harm

Tensors = dict[str, NDArray[Any]]
Identity = tuple[int, int, int, int, int]


class Container(NamedTuple):
    """An opened file, whose frame is sound."""

    tensors: Tensors
    """Read-only, by name."""
    metadata: dict[str, str]


class Opened(NamedTuple):
    """A container, and the file that it was read from."""

    container: Container
    content: NDArray[np.uint8]
    """Its bytes."""
    identity: Identity | None
    """Device, inode, times and size of a mapped file; None for one that was read whole."""


def write_container(
    path: str | Path, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]
) -> None:
    """Write tensors and metadata; the old file stays whole until the new one is.

    Args:
        path: The file.
        tensors: uint64, float32, int8 or uint8 arrays, by name.
        metadata: Texts for `__metadata__`.

    Raises:
        OSError: the file cannot be written; the old one is untouched.
    """
    # Wide types first, so that every tensor starts at a multiple of its item size.
    order = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    header: dict[str, Any] = {}
    texts = {"format": "shelflens-catalog", "version": str(FORMAT), **metadata}
    offset = 0
    for name in order:
        tensor = tensors[name]
        header[name] = {
            "dtype": _NAMES[tensor.dtype.newbyteorder("<")],
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + tensor.nbytes],
        }
        texts[f"crc32.{name}"] = f"{zlib.crc32(_bytes(tensor)):08x}"
        offset += tensor.nbytes
    header["__metadata__"] = {**texts, "fingerprint": _fingerprint(header, texts)}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with atomic_writer(path) as stream:
        stream.write(len(text).to_bytes(8, "little"))
        stream.write(text)
        for name in order:
            stream.write(_bytes(tensors[name]))


def open_container(path: str | Path, check: Check | None = None) -> Opened:
    """Open a file and check its frame: header, extents, fingerprint; not yet the checksums.

    Files up to 4 MiB are read, larger ones mapped into memory.

    Args:
        path: The file.
        check: Called with the path and the bytes before anything else looks at them.

    Raises:
        CatalogError: not a catalog, cut short, damaged, or of a newer format.
        FileNotFoundError: no such file.
        ShelfLensError: what `check` raises.
    """
    file = Path(path)
    data, identity = unless_replaced([file], lambda: _content(file, check))
    try:
        return Opened(_parsed(data, path), data, identity)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _kind_of_file(path, data) or damaged(path, str(error) or _NO_HEADER) from error


def read_container(path: str | Path) -> Container:
    """`open_container`, and every tensor compared with its checksum.

    Raises:
        CatalogError, FileNotFoundError: as `open_container`.
    """
    container = open_container(path).container
    verify_container(path, *container)
    return container


def _content(path: Path, check: Check | None) -> tuple[NDArray[np.uint8], Identity | None]:
    """The bytes of a file, by one descriptor, checked."""
    data, identity = _bytes_of(path)
    if check is not None:
        check(path, data.data)
    return data, identity


def _bytes_of(path: Path) -> tuple[NDArray[np.uint8], Identity | None]:
    # Without waiting: opening a pipe would block until somebody writes to it.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if os.name == "nt" and path.is_dir():
        raise CatalogError(f"{path}: is a folder; expected a catalog file")
    descriptor = os.open(path, flags)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise CatalogError(f"{path}: is a folder; expected a catalog file")
        if not stat.S_ISREG(status.st_mode):
            raise CatalogError(f"{path}: is no regular file; expected a catalog file")
        if status.st_size <= _COPY_LIMIT:
            with open(descriptor, "rb", buffering=0, closefd=False) as stream:
                return np.frombuffer(stream.read(status.st_size + 1), np.uint8), None
        try:
            mapped = mmap.mmap(descriptor, status.st_size, access=mmap.ACCESS_READ)
        except (ValueError, OverflowError) as error:  # cut since, or beyond a 32-bit system
            raise damaged(path, f"{status.st_size:,} bytes cannot be mapped") from error
        times = status.st_mtime_ns, status.st_ctime_ns
        identity = status.st_dev, status.st_ino, *times, status.st_size
        return np.frombuffer(mapped, np.uint8), identity
    finally:
        os.close(descriptor)


def _parsed(data: NDArray[np.uint8], path: str | Path) -> Container:
    """The container that some bytes hold; raises ValueError and its like where they hold none."""
    size = len(data)
    length = int.from_bytes(data[:8].tobytes(), "little")
    if not 2 <= length <= min(_HEADER_LIMIT, max(size - 8, 0)):
        raise ValueError(_NO_HEADER)
    try:
        header = json.loads(data[8 : 8 + length].tobytes().decode())
        metadata = header.pop("__metadata__")
        if metadata["format"] != "shelflens-catalog":
            raise ValueError
        version = int(re.fullmatch(r"[0-9]{1,9}", metadata["version"])[0])  # type: ignore[index]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(_NO_HEADER) from error
    if version > FORMAT:
        raise CatalogError(
            f"{path}: catalog format {version}, this version reads up to {FORMAT}; "
            "upgrade shelflens on this device"
        )
    texts = {key: value for key, value in metadata.items() if key != "fingerprint"}
    if not all(type(text) is str for text in metadata.values()):
        raise ValueError("metadata that is not text")
    "".join([*metadata, *metadata.values()]).encode()  # half a character cannot be shown
    entries = [(name, *_entry(entry)) for name, entry in header.items()]
    if metadata.get("fingerprint") != _fingerprint(header, texts):
        raise ValueError("the header differs from its fingerprint")
    end = 8 + length
    tensors: Tensors = {}
    for name, dtype, shape, first, last in sorted(entries, key=lambda entry: entry[3:]):
        start, stop = 8 + length + first, 8 + length + last
        if start != end or stop > size:  # in order, without holes, inside the file
            raise ValueError("cut short" if stop > size else "tensors overlap")
        tensors[name] = data[start:stop].view(dtype).reshape(shape)
        end = stop
    if size != end:
        raise ValueError(f"{size:,} bytes, expected {end:,}")
    return Container(tensors, metadata)


def _entry(entry: Any) -> tuple[np.dtype[Any], list[int], int, int]:
    """Type, shape, first byte and last byte of a tensor, as its entry of the header says."""
    dtype, shape, offsets = _DTYPES[entry["dtype"]], entry["shape"], entry["data_offsets"]
    sides = [*shape, *offsets]
    fits = len(shape) <= 8 and len(offsets) == 2
    if not (fits and all(type(side) is int and 0 <= side < 1 << 53 for side in sides)):
        raise ValueError("a tensor without a size")
    count = dtype.itemsize
    for side in shape:
        count *= side
    if count != offsets[1] - offsets[0]:
        raise ValueError("a tensor of another size than its shape")
    return dtype, shape, offsets[0], offsets[1]


def verify_container(
    path: str | Path, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]
) -> None:
    """Compare every tensor with its checksum.

    Raises:
        CatalogError: a tensor differs.
    """
    for name, tensor in tensors.items():
        if f"{zlib.crc32(_bytes(tensor)):08x}" != metadata.get(f"crc32.{name}"):
            raise damaged(path, f"the checksum of {name} differs")


def _bytes(tensor: NDArray[Any]) -> memoryview:
    # A view, not a copy: a million rows are written from where they lie.
    return np.ascontiguousarray(tensor).reshape(-1).view(np.uint8).data


def _fingerprint(header: Mapping[str, Any], metadata: Mapping[str, str]) -> str:
    entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
    text = json.dumps([entries, dict(metadata)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _kind_of_file(path: str | Path, data: NDArray[np.uint8]) -> CatalogError | None:
    """The error of a photo or a list of products in place of a catalog."""
    from shelflens.model.formats import HEAD_BYTES, format_of

    if kind := format_of(data[:HEAD_BYTES].tobytes()):
        return CatalogError(f"{path}: is a picture ({kind}); expected a catalog file")
    if Path(path).suffix.lower() in (".csv", ".tsv", ".txt", ".xlsx"):
        return CatalogError(
            f"{path}: is a list of products; shelflens catalog build {path} --out store.catalog "
            "makes a catalog of it"
        )
    return None


def damaged(path: str | Path, what: str) -> CatalogError:
    """The error of a file that is no sound catalog."""
    return CatalogError(f"{path}: not a catalog, or damaged ({what}); copy or build it again")
