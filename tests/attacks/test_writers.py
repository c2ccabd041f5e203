"""Writers: several at once, killed, of another user; install and rollback."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shelflens import Catalog, CatalogError
from shelflens.catalog.install import previous_path
from shelflens.catalog.lock import write_lock
from shelflens.files import ABANDONED_SECONDS, write_text
from tests.attacks.odd_contents import sound
from tests.attacks.writers import concurrent_adds, kill_during_save

Run = Callable[..., tuple[int, str, str]]


def test_concurrent_changes_are_all_there(tmp_path: Path) -> None:
    lost, refused = concurrent_adds(tmp_path, rounds=3, writers=4)
    assert (lost, refused) == (0, 0)


def test_a_killed_writer_leaves_the_old_catalog_or_the_new(tmp_path: Path) -> None:
    assert kill_during_save(tmp_path, kills=12) == 0


def test_a_writer_waits_and_then_says_why(tmp_path: Path) -> None:
    path = tmp_path / "store.catalog"
    sound(path)
    with write_lock(path):
        code = (
            "import sys; from shelflens.catalog.lock import write_lock\n"
            "with write_lock(sys.argv[1], wait=0.2): pass"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
        )
        assert "another shelflens is writing it; try again" in done.stderr
    with write_lock(path, wait=0):
        pass
    assert [file.name for file in tmp_path.iterdir()] == ["store.catalog"]


def test_the_lock_of_a_killed_writer_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "store.catalog"
    sound(path)
    code = (
        "import sys, time; from shelflens.catalog.lock import write_lock\n"
        "with write_lock(sys.argv[1]): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(CatalogError, match="another shelflens"), write_lock(path, wait=0):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with write_lock(path, wait=1):
            pass


def test_leftovers_of_killed_writers_are_swept(tmp_path: Path) -> None:
    old, new = tmp_path / ".store.csv.abc.tmp", tmp_path / ".store.csv.def.tmp"
    held, foreign = tmp_path / ".store.csv.ghi.tmp", tmp_path / ".other.csv.abc.tmp"
    for path in (old, new, held, foreign):
        path.write_text("half")
    past = time.time() - ABANDONED_SECONDS - 5
    for path in (old, held, foreign):
        os.utime(path, (past, past))
    code = (
        "import sys, time; from shelflens.files import lock_descriptor\n"
        "f = open(sys.argv[1], 'r+b'); print(lock_descriptor(f.fileno()), flush=True)\n"
        "time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(held)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "True\n"
        write_text(tmp_path / "store.csv", "whole")
        holder.kill()
        holder.wait()
    assert not old.exists()
    assert new.exists()
    assert held.exists()
    assert foreign.exists()


def test_a_link_stays_a_link_and_the_mode_stays(tmp_path: Path) -> None:
    real, link = tmp_path / "v1.catalog", tmp_path / "store.catalog"
    catalog = sound(real)
    real.chmod(0o640)
    link.symlink_to("v1.catalog")
    catalog.remove(["p1"]).save(link)
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert len(Catalog.open(real)) == len(catalog) - 1


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away"
)
def test_owner_and_group_stay(tmp_path: Path) -> None:
    path = tmp_path / "store.catalog"
    catalog = sound(path)
    os.chown(path, 65534, 65533)
    path.chmod(0o600)
    catalog.save(path)
    status = path.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (65534, 65533, 0o600)


def test_install_and_rollback(tmp_path: Path, run: Run) -> None:
    path, new = tmp_path / "store.catalog", tmp_path / "new.catalog"
    first = sound(path)
    before = path.read_bytes()
    first.remove(["p1"]).save(new)
    after = new.read_bytes()
    status, out, _ = run("catalog", "install", new, path)
    assert status == 0
    assert "4 products" in out
    assert "store.catalog.previous" in out
    assert (path.read_bytes(), previous_path(path).read_bytes()) == (after, before)
    assert run("catalog", "rollback", path)[0] == 0
    assert (path.read_bytes(), previous_path(path).read_bytes()) == (before, after)
    assert run("catalog", "rollback", path)[0] == 0
    assert path.read_bytes() == after
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"store.catalog", "store.catalog.previous", "new.catalog"}


def test_a_damaged_catalog_is_not_installed(tmp_path: Path, run: Run) -> None:
    path, new = tmp_path / "store.catalog", tmp_path / "new.catalog"
    sound(path)
    before = path.read_bytes()
    damaged = bytearray(before)
    damaged[-3] ^= 1
    new.write_bytes(damaged)
    status, _, err = run("catalog", "install", new, path)
    assert status == 1
    assert "damaged" in err
    assert run("catalog", "rollback", path)[2].count("no previous catalog") == 1
    assert path.read_bytes() == before
    assert {file.name for file in tmp_path.iterdir()} == {"store.catalog", "new.catalog"}
    shutil.copy(new, previous_path(path))
    assert run("catalog", "rollback", path)[0] == 1
    assert path.read_bytes() == before
