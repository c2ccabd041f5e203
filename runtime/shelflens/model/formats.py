"""Which format a file has, by its first bytes, and what to do about those that are not read."""

from __future__ import annotations

import importlib.util
from functools import cache

HEAD_BYTES = 64
"""How much of a file `format_of` wants to see."""

BASE_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
"""What is always read; the rest of what Pillow knows is slow, rare or dangerous."""

EXTRA_FORMATS = ("AVIF", "TIFF")
"""What Pillow reads besides, of a file whose bytes say so: not from a network."""

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".bmp", ".dib", ".gif"}
)
"""What files of the base formats are called."""

UNREAD_SUFFIXES = {
    **dict.fromkeys((".heic", ".heif", ".hif", ".heics"), "HEIC"),
    **dict.fromkeys((".avif", ".avifs"), "AVIF"),
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    **dict.fromkeys((".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".sr2"), "RAW"),
    **dict.fromkeys((".orf", ".rw2", ".raf", ".pef", ".srw", ".raw"), "RAW"),
    **dict.fromkeys((".jp2", ".j2k", ".jxl", ".jxr"), "JPEG 2000 or JPEG XL"),
    **dict.fromkeys((".psd", ".psb", ".xcf", ".ai", ".eps", ".svg", ".pdf"), "drawing"),
    **dict.fromkeys((".tga", ".pcx", ".ppm", ".pgm", ".ico", ".icns"), "rare"),
}
"""Images of further formats, by suffix: read where a decoder is there, else counted and named."""

_MESSAGES = {
    "HEIC": "HEIC (iPhone photo): pip install 'shelflens[heif]', or export it as JPEG "
    "(on the phone: Settings, Camera, Formats, Most Compatible)",
    "AVIF": "AVIF: pip install --upgrade pillow (11.3 or newer reads it), or export it as JPEG",
    "RAW": "a camera's raw file: export it as JPEG",
    "JPEG 2000 or JPEG XL": "JPEG 2000 or JPEG XL: export it as JPEG",
    "drawing": "a drawing or document (PDF, SVG, PSD, EPS): export it as PNG",
    "rare": "a rare image format: export it as PNG",
}

_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000 or JPEG XL"),
    (b"\xff\x4f\xff\x51", "JPEG 2000 or JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG 2000 or JPEG XL"),
    (b"\xff\x0a", "JPEG 2000 or JPEG XL"),
    (b"FUJIFILMCCD-RAW", "RAW"),
    (b"8BPS", "drawing"),
    (b"%PDF", "drawing"),
    (b"%!PS", "drawing"),
    (b"<svg", "drawing"),
)
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def format_of(head: bytes) -> str:
    """The format of a file that begins with these bytes: a Pillow name, a key of the messages, or
    "" for none that is known."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        length = int.from_bytes(head[:4], "big")
        brands = {head[at : at + 4] for at in (8, *range(16, min(max(length, 16), len(head)), 4))}
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        if brands & set(_HEIC_BRANDS):
            return "HEIC"
        return "RAW" if b"crx " in brands else ""
    return next((name for start, name in _SIGNATURES if head.startswith(start)), "")


def is_zip(head: bytes) -> bool:
    """Whether a file that begins with these bytes is a zip file, which a workbook is too."""
    return head.startswith((b"PK\3\4", b"PK\5\6"))


def can_read(name: str) -> bool:
    """Whether files of a format are read here."""
    if name == "AVIF":
        return _has_avif()
    if name == "HEIC":
        return importlib.util.find_spec("pillow_heif") is not None
    return name in (*BASE_FORMATS, "TIFF")


def why_unread(name: str) -> str:
    """A format that is not read: what it is, and what to do."""
    return _MESSAGES.get(name, "not a picture; expected JPEG, PNG, WebP, BMP or GIF")


@cache
def _has_avif() -> bool:
    try:
        from PIL import features

        return bool(features.check("avif"))
    except (ImportError, ValueError):
        return False
