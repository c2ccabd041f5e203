"""The catalog file: a valid safetensors file, written and read without a dependency.

`docs/catalog-format.md` specifies the format. Here: bytes to tensors and back, with every check
that does not need to know what the tensors mean.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.errors import CatalogError
from shelflens.files import atomic_writer

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
_VERIFY_LIMIT = 4 << 20  # files up to this size are checked whole at every open (about 4 ms)

Tensors = dict[str, NDArray[Any]]


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


def read_container(path: str | Path) -> tuple[Tensors, dict[str, str]]:
    """Map a file into memory and check its frame: header, extents, fingerprint.

    The bytes of files up to 4 MiB are checked against their checksums too; for larger ones
    `verify_container` does it, so that opening stays instant.

    Returns:
        Read-only tensors by name, and the metadata.

    Raises:
        CatalogError: not a catalog, cut short, damaged, or of a newer format.
        FileNotFoundError: no such file.
    """
    path = Path(path)
    if path.is_dir():
        raise CatalogError(f"{path}: is a folder; expected a catalog file")
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 2 <= length <= min(_HEADER_LIMIT, max(size - 8, 0)):
            raise _damaged(path, "no catalog header")
        text = stream.read(length)
    try:
        header = json.loads(text)
        metadata = header.pop("__metadata__")
        if metadata["format"] != "shelflens-catalog":
            raise KeyError("format")
        version = int(metadata["version"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(path, "no catalog header") from error
    if version > FORMAT:
        raise CatalogError(
            f"{path}: catalog format {version}, this version reads up to {FORMAT}; "
            "upgrade shelflens on this device"
        )
    texts = {key: value for key, value in metadata.items() if key != "fingerprint"}
    if metadata.get("fingerprint") != _fingerprint(header, texts):
        raise _damaged(path, "the header differs from its fingerprint")
    end = 8 + length
    tensors: Tensors = {}
    try:
        data = np.memmap(path, np.uint8, mode="r")
        for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            start, stop = (8 + length + offset for offset in entry["data_offsets"])
            if start != end or stop > size:  # in order, without holes, inside the file
                raise ValueError("cut short" if stop > size else "tensors overlap")
            tensors[name] = data[start:stop].view(_DTYPES[entry["dtype"]]).reshape(entry["shape"])
            end = stop
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path, str(error)) from error
    if size != end:
        raise _damaged(path, f"{size:,} bytes, expected {end:,}")
    if size <= _VERIFY_LIMIT:
        verify_container(path, tensors, texts)
    return tensors, metadata


def verify_container(
    path: str | Path, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]
) -> None:
    """Compare every tensor with its checksum.

    Raises:
        CatalogError: a tensor differs.
    """
    for name, tensor in tensors.items():
        if f"{zlib.crc32(_bytes(tensor)):08x}" != metadata.get(f"crc32.{name}"):
            raise _damaged(path, f"the checksum of {name} differs")


def _bytes(tensor: NDArray[Any]) -> memoryview:
    # A view, not a copy: a million rows are written from where they lie.
    return np.ascontiguousarray(tensor).reshape(-1).view(np.uint8).data


def _fingerprint(header: Mapping[str, Any], metadata: Mapping[str, str]) -> str:
    entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
    text = json.dumps([entries, dict(metadata)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _damaged(path: str | Path, what: str) -> CatalogError:
    return CatalogError(f"{path}: not a catalog, or damaged ({what}); copy or build it again")
