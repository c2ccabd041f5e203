"""The bytes of a model file, read once so that what is checked is what runs, and their checksum.

A protobuf message takes its fields in any order, so the checksum of an `.onnx` is its last field:
an entry of `metadata_props` of a fixed length, over all bytes before it. (The card of a `.tflite`
has one already.)
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path

from shelflens.errors import ModelError
from shelflens.files import Check

MAX_MODEL_BYTES = 1 << 30
"""Ours have 1 to 90 MB; what a file claims to be must not fill the memory."""

# Field 14 of ModelProto, metadata_props; in it field 1, the key, and field 2, the value.
CHECKSUM_KEY = "shelflens.crc32"
_VALUE_BYTES = 8
_NAME = CHECKSUM_KEY.encode()
_ENTRY = b"\x0a" + bytes([len(_NAME)]) + _NAME + b"\x12" + bytes([_VALUE_BYTES])
_TRAILER = b"\x72" + bytes([len(_ENTRY) + _VALUE_BYTES]) + _ENTRY


def read_model(path: Path, check: Check | None = None) -> bytes:
    """Read a model file whole.

    Args:
        path: The file.
        check: Called with the path and the bytes before anything else looks at them.

    Raises:
        ModelError: larger than `MAX_MODEL_BYTES`.
        OSError: it cannot be read.
        ShelfLensError: what `check` raises.
    """
    with path.open("rb") as stream:
        if os.fstat(stream.fileno()).st_size > MAX_MODEL_BYTES:
            raise ModelError(f"{path}: more than {MAX_MODEL_BYTES:,} bytes, no model of ours")
        content = stream.read(MAX_MODEL_BYTES)
    if check is not None:
        check(path, memoryview(content))
    return content


def with_onnx_checksum(model: bytes) -> bytes:
    """A serialized ModelProto with its checksum behind it."""
    return model + _TRAILER + f"{zlib.crc32(model):08x}".encode()


def verify_onnx(content: bytes, path: Path) -> None:
    """Compare an `.onnx` file with its checksum.

    Raises:
        ModelError: it differs, or there is none.
    """
    start = len(content) - len(_TRAILER) - _VALUE_BYTES
    if start < 0 or content[start : start + len(_TRAILER)] != _TRAILER:
        raise ModelError(
            f"{path}: has no ShelfLens checksum at its end; cut short, or not made by this "
            "version of shelflens export; copy or export it again"
        )
    body = memoryview(content)[:start]
    if content[-_VALUE_BYTES:] != f"{zlib.crc32(body):08x}".encode():
        raise ModelError(f"{path}: damaged (its checksum differs); copy or export it again")
