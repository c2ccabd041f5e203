"""The catalog file: a valid safetensors file, written and read without a dependency.

`docs/catalog-format.md` specifies the format. Here: bytes to tensors and back, with every check
that does not need to know what the tensors mean. A file is opened once, and everything is read from
that one descriptor: a writer that renames another file over it changes nothing here.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.blocks import checksum, write_parts
from shelflens.catalog.content import Content, damaged, open_content
from shelflens.catalog.splice import Array
from shelflens.catalog.sums import Sums, Visit, parts_of
from shelflens.errors import CatalogError
from shelflens.files import Check, atomic_writer

FORMAT = 2
"""Highest format number that is read and written; files of every lower number open too."""

CATALOG = "catalog"

_DTYPES: dict[str, np.dtype[Any]] = {
    "U64": np.dtype("<u8"),
    "F32": np.dtype("<f4"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
HEADER_LIMIT = 1 << 20
"""Bytes; ours are about 1 KB, and a wrong length must not make us read gigabytes."""

Tensors = dict[str, NDArray[Any]]


class Entry(NamedTuple):
    """A tensor as the header has it."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    """Byte, from the end of the header."""
    stop: int


class Header(NamedTuple):
    """A sound header."""

    entries: list[Entry]
    """In the order of the file."""
    metadata: dict[str, str]


class Container(NamedTuple):
    """An opened file, whose frame is sound."""

    tensors: Tensors
    """Read-only, by name."""
    metadata: dict[str, str]


def write_container(
    path: str | Path,
    tensors: Mapping[str, Array],
    metadata: Mapping[str, str],
    *,
    content: Content | None = None,
    kind: str = CATALOG,
    version: int = 1,
) -> None:
    """Write tensors and metadata; the old file stays whole until the new one is.

    Args:
        path: The file.
        tensors: uint64, float32, int8 or uint8 arrays, by name.
        metadata: Texts for `__metadata__`.
        content: The file that parts of the tensors lie in, whose checksums were compared: these
            parts get checksums that follow from those, and are copied from file to file.
        kind: What the file is.
        version: Format number: the lowest that holds this, so that older readers read it.

    Raises:
        CatalogError: a header that is too long.
        OSError: the file cannot be written, or the file that parts come from got shorter; the old
            one is untouched.
    """
    # Wide types first, so that every tensor starts at a multiple of its item size.
    order = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    header: dict[str, Any] = {}
    texts = {"format": f"shelflens-{kind}", "version": str(version), **metadata}
    offset = 0
    for name in order:
        tensor = tensors[name]
        header[name] = {
            "dtype": _NAMES[tensor.dtype.newbyteorder("<")],
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + tensor.nbytes],
        }
        texts[f"crc32.{name}"] = checksum(tensor, content)
        offset += tensor.nbytes
    header["__metadata__"] = {**texts, "fingerprint": _fingerprint(header, texts)}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > HEADER_LIMIT:
        raise CatalogError(f"{path}: a header of {len(text):,} bytes, at most {HEADER_LIMIT:,}")
    with atomic_writer(path) as stream:
        write_parts(stream, text, [tensors[name] for name in order], content)


def open_container(
    path: str | Path, *, kind: str = CATALOG, check: Check | None = None
) -> tuple[Container, Content]:
    """Open a file and check its frame: header, extents, fingerprint; not yet the checksums.

    Args:
        path: The file.
        kind: What it is.
        check: As `open_content`.

    Raises:
        CatalogError: not a catalog (or what `kind` says), cut short, damaged, or of a newer format.
        FileNotFoundError: no such file.
        ShelfLensError: what `check` raises.
    """
    content = open_content(Path(path), kind, check)
    data, size = content.bytes, len(content.bytes)
    try:
        length = int.from_bytes(data[:8].tobytes(), "little")
        if not 2 <= length <= min(HEADER_LIMIT, max(size - 8, 0)):
            raise ValueError(f"no {kind} header")
        header = parsed_header(data[8 : 8 + length].tobytes(), path, kind)
        first, end = 8 + length, 8 + length
        tensors: Tensors = {}
        for name, dtype, shape, start, stop in header.entries:
            if first + stop > size:
                raise ValueError("cut short")
            tensors[name] = data[first + start : first + stop].view(dtype).reshape(shape)
            end = first + stop
        if size != end:
            raise ValueError(f"{size:,} bytes, expected {end:,}")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        found = _kind_of_file(path, data) if kind == CATALOG else None
        raise found or damaged(path, str(error) or f"no {kind} header", kind) from error
    return Container(tensors, header.metadata), content


def read_container(path: str | Path, *, kind: str = CATALOG) -> Container:
    """`open_container`, and every tensor compared with its checksum.

    Raises:
        CatalogError, FileNotFoundError: as `open_container`.
    """
    container, content = open_container(path, kind=kind)
    verify_container(path, container, content, kind=kind)
    return container


def verify_container(
    path: str | Path,
    container: Container,
    content: Content,
    *,
    visit: Visit | None = None,
    kind: str = CATALOG,
) -> None:
    """Compare every tensor with its checksum, and keep those of the file's parts.

    Args:
        path: The file, for messages.
        container: What it holds.
        content: Its bytes.
        visit: Called with every part of the file, see `Sums`.
        kind: What the file is.

    Raises:
        CatalogError: a tensor differs.
    """
    offsets = {name: content.offset_of(tensor) or 0 for name, tensor in container.tensors.items()}
    parts: list[tuple[int, int]] = []
    for name, tensor in container.tensors.items():
        item = tensor.nbytes // max(1, len(tensor)) if tensor.ndim else tensor.nbytes
        parts += parts_of(offsets[name], offsets[name] + tensor.nbytes, max(1, item))
    sums = Sums(content.read, parts, visit)
    for name, tensor in container.tensors.items():
        crc = sums.of(offsets[name], offsets[name] + tensor.nbytes)
        if f"{crc:08x}" != container.metadata.get(f"crc32.{name}"):
            raise damaged(path, f"the checksum of {name} differs", kind)
    content.keep_sums(sums)


def parsed_header(text: bytes, path: str | Path, kind: str = CATALOG) -> Header:
    """The header that some bytes hold; every tensor in order, without holes.

    Raises:
        CatalogError: of a newer format.
        ValueError, KeyError, TypeError, AttributeError, RecursionError: they hold none.
    """
    try:
        header = json.loads(text.decode())
        metadata = header.pop("__metadata__")
        if metadata["format"] != f"shelflens-{kind}":
            raise ValueError
        version = int(re.fullmatch(r"[0-9]{1,9}", metadata["version"])[0])  # type: ignore[index]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no {kind} header") from error
    if version > FORMAT:
        raise CatalogError(
            f"{path}: {kind} format {version}, this version reads up to {FORMAT}; "
            "upgrade shelflens on this device"
        )
    texts = {key: value for key, value in metadata.items() if key != "fingerprint"}
    if not all(type(text) is str for text in metadata.values()):
        raise ValueError("metadata that is not text")
    "".join([*metadata, *metadata.values()]).encode()  # half a character cannot be shown
    entries = [_entry(name, entry) for name, entry in header.items()]
    if metadata.get("fingerprint") != _fingerprint(header, texts):
        raise ValueError("the header differs from its fingerprint")
    entries.sort(key=lambda entry: entry[3:])
    end = 0
    for entry in entries:
        if entry.start != end:
            raise ValueError("tensors overlap")
        end = entry.stop
    return Header(entries, metadata)


def _entry(name: str, entry: Any) -> Entry:
    """A tensor, as its entry of the header says."""
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
    return Entry(name, dtype, tuple(shape), *offsets)


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
