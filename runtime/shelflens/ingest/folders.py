"""The photos in a folder, without what systems put there; each real folder is read once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from shelflens.errors import PhotoError
from shelflens.model.formats import (
    HEAD_BYTES,
    SUFFIXES,
    UNREAD_SUFFIXES,
    can_read,
    format_of,
    why_unread,
)
from shelflens.model.photo_file import open_photo

SYSTEM_FOLDERS = frozenset(
    {
        *("@eadir", "#recycle", "@recycle", "@recently-snapshot", "#snapshot", "@tmp", "@sharebin"),
        *("@__thumb", "@transcode", "$recycle.bin", "recycler", "system volume information"),
        *("found.000", "__macosx", "lost+found", "network trash folder", "temporary items"),
        *("thumbnails", "thumbs", "_thumbs", "__pycache__", "captureone"),
    }
)
"""Folders that network drives, operating systems and photo programs make, in lower case."""
_PROGRAM_FOLDERS = (".lrdata", ".lrcat-data", ".photoslibrary", ".aplibrary", ".cocatalogdb")
_SIDE_CARS = frozenset(
    {".xmp", ".aae", ".thm", ".db", ".ini", ".lnk", ".url", ".dop", ".pp3", ".on1"}
)
_VIDEOS = frozenset({".mov", ".mp4", ".m4v", ".avi", ".3gp", ".mkv", ".webm", ".mts"})


@dataclass
class Found:
    """What lies in a folder and below."""

    images: list[tuple[Path, str]] = field(default_factory=list)
    """Files and the folder they lie in, relative and with `/`; "" for the folder itself."""
    skipped: dict[str, list[Path]] = field(default_factory=dict)
    """Files and folders that are not read, by reason."""
    empty: list[str] = field(default_factory=list)
    """Folders that should hold photos and hold none that is read."""
    notes: list[str] = field(default_factory=list)
    """What a person should hear."""

    def sort(self) -> None:
        """Put images and folders into natural order."""
        self.images.sort(key=lambda pair: [*map(natural_key, [*pair[1].split("/"), pair[0].name])])
        self.empty.sort(key=natural_key)


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """A sort key that puts frame9 before frame10."""
    parts = re.split(r"([0-9]+)", text)
    digits = [
        (0, int(part), part) if part[:1] in "0123456789" else (1, 0, part) for part in parts if part
    ]
    return digits or [(1, 0, "")]


def find_images(root: Path) -> Found:
    """All images in a folder and below, in natural order.

    Hidden, side-car and system files and folders are passed by; a folder that is reached twice,
    through a link, is read once and under its own name.
    """
    found = Found()
    seen: set[tuple[int, int]] = set()
    links: list[Path] = []
    _walk(root, root, found, seen, links)
    while links:
        _walk(root, links.pop(0), found, seen, links)
    found.sort()
    return found


def _walk(
    root: Path, folder: Path, found: Found, seen: set[tuple[int, int]], links: list[Path]
) -> None:
    stack = [folder]
    while stack:
        folder = stack.pop()
        status = folder.stat()
        if (identity := (status.st_dev, status.st_ino)) in seen:
            found.skipped.setdefault("a link to a folder that is read already", []).append(folder)
            continue
        seen.add(identity)
        product = "" if folder == root else folder.relative_to(root).as_posix()
        images = unread = subfolders = 0
        for entry in _entries(folder, found):
            path = folder / entry.name
            if entry.is_dir():
                subfolders += 1
                (links if entry.is_symlink() else stack).append(path)
            elif reason := why_skipped(path):
                unread += reason not in NOT_AN_IMAGE
                found.skipped.setdefault(reason, []).append(path)
            else:
                images += 1
                found.images.append((path, product))
        if product and not images and (unread or not subfolders):
            found.empty.append(product)


def _entries(folder: Path, found: Found) -> Iterator[os.DirEntry[str]]:
    """What is in a folder, without what its owner never put there."""
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name.lower()
            if is_hidden(name):
                continue
            try:
                is_folder = entry.is_dir()
                is_there = is_folder or entry.is_file()
            except OSError:  # a chain of links that leads back to itself
                is_folder = is_there = False
            if is_folder and is_system_folder(name):
                found.skipped.setdefault("a system folder", []).append(folder / entry.name)
            elif not is_there:
                found.skipped.setdefault("a broken link or no file", []).append(folder / entry.name)
            elif is_folder or not is_side_car(name):
                yield entry


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or an office program's lock."""
    return name.startswith((".", "~$"))


def is_system_folder(name: str) -> bool:
    """Whether a folder of this name, lower case, was made by a system or a photo program."""
    return name in SYSTEM_FOLDERS or name.endswith(_PROGRAM_FOLDERS)


def is_side_car(name: str) -> bool:
    """Whether a file of this name, lower case, belongs to a photo and is none."""
    return Path(name).suffix in _SIDE_CARS


NOT_AN_IMAGE = ("no image", "a video")
IN_PASSING = (*NOT_AN_IMAGE, "a system folder", "a link to a folder that is read already")
"""Reasons for which a person misses nothing."""


def why_skipped(path: Path) -> str:
    """Why a file or member of a zip file is not read, or ""."""
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return ""
    if suffix in _VIDEOS:
        return "a video"
    if suffix and suffix not in UNREAD_SUFFIXES:
        return "no image"
    try:  # the name promises a format that is not always read, or nothing: the bytes say it
        with open_photo(path) as stream:
            kind = format_of(stream.read(HEAD_BYTES))
    except (OSError, PhotoError):
        return "cannot be opened"
    if kind == "TIFF" and UNREAD_SUFFIXES.get(suffix) == "RAW":  # which is a TIFF by its bytes
        kind = "RAW"
    if can_read(kind):
        return ""
    kind = kind or UNREAD_SUFFIXES.get(suffix, "")
    return why_unread(kind) if kind else "no image"
