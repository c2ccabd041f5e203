"""The photos in a zip file, with the rules of a folder."""

from __future__ import annotations

from shelflens.ingest.folders import (
    NOT_AN_IMAGE,
    Found,
    is_hidden,
    is_side_car,
    is_system_folder,
    why_skipped,
)
from shelflens.model.archive import Archive


def find_zipped_images(archive: Archive) -> Found:
    """All images in a zip file, in natural order; their paths lead through the zip file.

    A first folder that holds everything and no photo itself is no part of a product's id: programs
    put a folder into a zip file as a whole.
    """
    found = Found()
    unread: set[str] = set()
    for name in archive.members:
        *folders, file = name.split("/")
        path = archive.path / name
        if any(map(is_hidden, name.split("/"))) or is_side_car(file.lower()):
            continue
        if any(is_system_folder(folder.lower()) for folder in folders):
            found.skipped.setdefault("a system folder", []).append(path)
        elif reason := why_skipped(path):
            found.skipped.setdefault(reason, []).append(path)
            if reason not in NOT_AN_IMAGE:
                unread.add("/".join(folders))
        else:
            found.images.append((path, "/".join(folders)))
    holding = {folder for _, folder in found.images}
    found.empty += sorted(unread - holding - {""})
    wrapper = _wrapper([*holding, *found.empty])
    if wrapper:
        start = len(wrapper) + 1
        found.images[:] = [(path, folder[start:]) for path, folder in found.images]
        found.empty[:] = [folder[start:] for folder in found.empty]
        found.notes.append(
            f"{archive.path}: all lies in the folder {wrapper!r}, which is no part of the ids"
        )
    found.sort()
    return found


def _wrapper(folders: list[str]) -> str:
    """The first folder of all, where it holds folders only."""
    first = {folder.partition("/")[0] for folder in folders}
    return first.pop() if len(first) == 1 and all("/" in folder for folder in folders) else ""
