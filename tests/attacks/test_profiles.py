"""Profiles: damaged, made by several at once, killed, and private from the first byte."""

from __future__ import annotations

import os
import random
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import shelflens.files
from shelflens import ProfileError
from shelflens.discovery.events import NewEvent
from shelflens.discovery.profile import Profile
from tests.attacks.damage import cut, flipped, mixed
from tests.attacks.profiles import first_writers, sound_profile, tally_profiles

GOLDEN = Path(__file__).parents[1] / "golden"


def test_no_damaged_profile_reads_back_as_another(tmp_path: Path) -> None:
    path, generator = tmp_path / "me.profile", random.Random(3)
    whole = sound_profile(path)
    offsets = [generator.randrange(len(whole)) for _ in range(250)]
    for damages in (
        flipped(whole, iter(offsets), generator),
        mixed(whole, 150, generator),
        cut(whole, iter(range(0, len(whole), 997))),
    ):
        counts = tally_profiles(whole, path, damages)
        assert counts["other answers"] == counts["raw exception"] == 0, counts
        assert counts["refused"], counts


def test_the_damaged_event_is_named_and_stays_refused(tmp_path: Path) -> None:
    path = tmp_path / "me.profile"
    whole = sound_profile(path)
    path.write_bytes(whole.replace(b"Tea 7", b"Tee 7"))
    for _ in range(2):
        with pytest.raises(ProfileError, match=r"damaged \(event 8 is not as it was logged\)"):
            Profile(path, create=True)
    path.write_bytes(whole)
    with Profile(path) as profile:
        profile.forget(["p7"])
    lost = path.read_bytes()
    assert b"Tea 7" not in lost
    with Profile(path) as profile:
        assert len(profile.events()) == 11


def test_an_event_that_is_missing_is_noticed(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "me.profile"
    whole = sound_profile(path)
    for statement in (
        "DELETE FROM events WHERE number = 4",
        "UPDATE facts SET value = 'another' WHERE key = 'space'",
        "INSERT INTO facts VALUES ('catalog', 'elsewhere')",
        "PRAGMA user_version = 1",
    ):
        path.write_bytes(whole)
        database = sqlite3.connect(path, isolation_level=None)
        database.execute(statement)
        database.close()
        with pytest.raises(ProfileError, match="damaged"):
            Profile(path)


def test_first_writers_do_not_clash(tmp_path: Path) -> None:
    assert first_writers(tmp_path, rounds=2, writers=4) == (0, 0)


def test_events_that_are_logged_together_are_all_kept_or_none(tmp_path: Path) -> None:
    path = tmp_path / "me.profile"
    sound_profile(path)
    good, bad = np.ones(64, np.float32), np.full(64, np.nan, np.float32)
    with Profile(path) as profile:
        with pytest.raises(ProfileError, match="finite numbers"):
            profile.log_all([NewEvent("buy", good, "x"), NewEvent("buy", bad, "y")], space="s")
        assert len(profile.events()) == 12
        profile.log_all([NewEvent("buy", good, "x"), NewEvent("view", good, "y")], space="s")
        assert [event.product for event in profile.events()][-2:] == ["x", "y"]


def test_an_old_profile_gets_its_checksums_with_the_next_event(tmp_path: Path) -> None:
    path = tmp_path / "me.profile"
    path.write_bytes((GOLDEN / "profile-1.profile").read_bytes())
    with Profile(path) as profile:
        before = [event.to_dict() for event in profile.events()]
    assert path.read_bytes()[60:64] == bytes([0, 0, 0, 1])  # user_version: reading changes nothing
    with Profile(path) as profile:
        profile.log("like", np.ones(3, np.float32), space="golden-1", product="x")
    with Profile(path) as profile:
        assert [event.to_dict() for event in profile.events()][:2] == before
    path.write_bytes(path.read_bytes().replace(b"tea.jpg", b"tee.jpg"))
    with pytest.raises(ProfileError, match="event 2"):
        Profile(path)


def test_an_export_is_private_from_its_first_byte(
    tmp_path: Path, run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    sound_profile(tmp_path / "me.profile")
    out = tmp_path / "out.json"
    seen: list[int] = []
    atomic_writer = shelflens.files.atomic_writer

    @contextmanager
    def watched(path: Path, **options: Any) -> Iterator[Any]:
        with atomic_writer(path, **options) as stream:
            yield stream
            seen.extend(stat.S_IMODE(f.stat().st_mode) for f in tmp_path.glob(".out.json*"))
        seen.append(stat.S_IMODE(out.stat().st_mode))

    monkeypatch.setattr("shelflens.commands.profile.atomic_writer", watched)
    mask = os.umask(0)
    try:
        for _ in range(2):  # the second replaces a file that anyone may read
            status, _, err = run("profile", "export", tmp_path / "me.profile", "--out", out)
            assert status == 0, err
            assert seen == [0o600, 0o600]
            seen.clear()
            out.chmod(0o644)
    finally:
        os.umask(mask)
