"""Everything that changes a file of a user, killed at each of its system calls."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shelflens import Catalog, ShelfLensError
from shelflens.catalog.install import install, rollback
from shelflens.catalog.lock import opened_to_change
from shelflens.discovery.events import NewEvent
from shelflens.discovery.profile import Profile
from shelflens.files import write_text
from tests.attacks.odd_contents import sound
from tests.attacks.syscalls import run_until


@dataclass(frozen=True)
class Change:
    """Something that changes files in a folder."""

    name: str
    prepare: Callable[[Path], object]
    """Makes what is there before."""
    change: Callable[[Path], object]
    state: Callable[[Path], object]
    """What a reader sees; a `ShelfLensError` or `OSError` is a file that is broken."""


def _remove(folder: Path) -> None:
    with opened_to_change(folder / "store.catalog") as catalog:
        catalog.remove(["p1"]).save(folder / "store.catalog")


def _catalogs(folder: Path) -> None:
    sound(folder / "store.catalog")
    sound(folder / "new.catalog", products=9)


def _installed(folder: Path) -> None:
    _catalogs(folder)
    install(folder / "new.catalog", folder / "store.catalog")


def _ids(folder: Path) -> list[str]:
    catalog = Catalog.open(folder / "store.catalog")
    catalog.verify()
    return catalog.ids


def _log(folder: Path, *, count: int = 3, create: bool = False) -> None:
    events = [NewEvent("like", np.eye(8, dtype=np.float32)[n % 8], f"p{n}") for n in range(count)]
    with Profile(folder / "me.profile", create=create) as profile:
        profile.log_all(events, space="s", at=1e9, catalog="store.catalog")


def _forget(folder: Path) -> None:
    with Profile(folder / "me.profile") as profile:
        profile.forget(["p0", "p2"])


def _events(folder: Path) -> list[tuple[int, str]]:
    if not (folder / "me.profile").exists():
        return []
    with Profile(folder / "me.profile", create=True) as profile:
        return [(event.number, event.product) for event in profile.events()]


def _text(folder: Path) -> str:
    return (folder / "out.txt").read_text()


CHANGES = (
    Change(
        "catalog save",
        _catalogs,
        lambda f: Catalog.open(f / "new.catalog").save(f / "store.catalog"),
        _ids,
    ),
    Change("catalog remove", _catalogs, _remove, _ids),
    Change(
        "catalog install",
        _catalogs,
        lambda f: install(f / "new.catalog", f / "store.catalog"),
        _ids,
    ),
    Change("catalog rollback", _installed, lambda f: rollback(f / "store.catalog"), _ids),
    Change("profile, the first events", lambda f: None, lambda f: _log(f, create=True), _events),
    Change("profile log", lambda f: _log(f, count=20, create=True), _log, _events),
    Change("profile forget", lambda f: _log(f, create=True), _forget, _events),
    Change(
        "a text",
        lambda f: write_text(f / "out.txt", "old"),
        lambda f: write_text(f / "out.txt", "new" * 5000),
        _text,
    ),
)


def killed(folder: Path, change: Change, *, step: int = 1, first: int = 0) -> Iterator[str]:
    """Kill a change at one system call after another, until it is not reached any more.

    After each kill a reader must see what was there before or what comes after, and the same
    change must then succeed.

    Args:
        folder: Where to work.
        change: What is killed.
        step: 1 kills at every stop, 2 at every second.
        first: The first stop.

    Yields:
        After each kill, what is wrong; empty where nothing is.
    """
    before, after = _states(folder, change)
    stop = first
    while True:
        target = folder / "killed"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder / "before", target)
        if not run_until(lambda target=target: change.change(target), stop):  # type: ignore[misc]
            return
        wrong = ""
        try:
            if change.state(target) not in (before, after):
                wrong = "neither the old nor the new"
            elif change.state(target) == before:
                change.change(target)
                wrong = "" if change.state(target) == after else "cannot be changed any more"
        except (ShelfLensError, OSError) as error:
            wrong = str(error)
        yield wrong and f"{change.name}, stop {stop}: {wrong}"
        stop += step


def _states(folder: Path, change: Change) -> tuple[object, object]:
    for name in ("before", "after"):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir()
        change.prepare(folder / name)
    change.change(folder / "after")
    before, after = change.state(folder / "before"), change.state(folder / "after")
    if before == after:
        raise ValueError(f"{change.name} changes nothing: it would not test anything")
    return before, after
