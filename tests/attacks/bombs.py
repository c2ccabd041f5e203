"""Small files that claim, or unpack to, gigabytes."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from shelflens.model.card import CARD_NAME

_PIXELS = 89_000_000
_BLOCK = 1 << 20


def png(width: int, height: int, *, colour: int = 0, depth: int = 8) -> bytes:
    """A PNG with all its rows, black; colour types 0 (grey), 2 (RGB), 6 (RGBA) as in the PNG
    specification."""
    samples = {0: 1, 2: 3, 6: 4}[colour]
    packer, rows = zlib.compressobj(9), height * (1 + width * samples * depth // 8)
    packed = [packer.compress(bytes(min(_BLOCK, rows - start))) for start in range(0, rows, _BLOCK)]
    body = b"".join([*packed, packer.flush()])
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", body), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def webp(kind: bytes, width: int, height: int) -> bytes:
    """A WebP of 3 KiB whose header has these sides (RFC 9649)."""
    if kind == b"VP8X":
        body = (
            b"\x10\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        )
    elif kind == b"VP8L":
        body = b"\x2f" + (width - 1 | height - 1 << 14 | 1 << 28).to_bytes(4, "little")
    else:
        body = b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height)
    body = body.ljust(3000, b"\0")
    chunk = kind + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def photo_bombs() -> Iterator[tuple[str, bytes]]:
    """Photos that must be refused by their headers."""
    yield "PNG 1 x 89,000,000", png(1, _PIXELS)
    yield "PNG 89,000,000 x 1", png(_PIXELS, 1)
    yield "PNG 9000 x 9000 RGBA", png(9000, 9000, colour=6)
    yield "PNG 9000 x 9000 16 bit RGBA", png(9000, 9000, colour=6, depth=16)
    for kind in (b"VP8X", b"VP8L", b"VP8 "):
        yield f"WebP {kind.decode()} 16383 x 5461", webp(kind, 16383, 5461)


def card_bomb(path: Path, inflated: int) -> None:
    """A model file whose card inflates to so many bytes."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(CARD_NAME, "w", force_zip64=True) as member,
    ):
        for _ in range(inflated // _BLOCK):
            member.write(b" " * _BLOCK)
    path.write_bytes(b"\x1c\0\0\0TFL3" + path.read_bytes())
