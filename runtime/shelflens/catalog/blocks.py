"""Writing arrays, and their checksums, where parts of them lie in an opened file.

Such a part is copied from file to file, and its checksum follows from those that were compared.
"""

from __future__ import annotations

import zlib
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.content import Content
from shelflens.catalog.splice import Array, blocks_of
from shelflens.catalog.sums import combined_crc

_COMBINED_BYTES = 1 << 16
"""Of a part: from here on combining its checksum is faster than going on with it."""


def write_parts(
    stream: BinaryIO, header: bytes, tensors: list[Array], content: Content | None
) -> None:
    """Write a header and the tensors, in the order in which they are given."""
    stream.write(len(header).to_bytes(8, "little"))
    stream.write(header)
    for tensor in tensors:
        for block in blocks_of(tensor):
            start = content.offset_of(block) if content is not None else None
            if content is not None and start is not None:
                content.copy(start, start + block.nbytes, stream)
            else:
                stream.write(_bytes(block))


def checksum(tensor: Array, content: Content | None = None) -> str:
    """The CRC-32 of a tensor, as the header has it.

    Args:
        tensor: What is written.
        content: The file that parts of it lie in, whose checksums were compared.
    """
    crc = 0
    for block in blocks_of(tensor):
        start = content.offset_of(block) if content is not None else None
        if content is None or start is None or block.nbytes < _COMBINED_BYTES:
            crc = zlib.crc32(_bytes(block), crc)
        else:
            part = content.sums.of(start, start + block.nbytes)
            crc = combined_crc(crc, part, block.nbytes)
    return f"{crc:08x}"


def _bytes(tensor: NDArray[Any]) -> memoryview:
    # A view, not a copy: a million rows are written from where they lie.
    return np.ascontiguousarray(tensor).reshape(-1).view(np.uint8).data
