"""`service install`: what is written, run, kept and refused."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from shelflens.watch.service_files import CATALOG, INCOMING, RECEIVE, UNITS, WATCH
from tests.support.hosts import program

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def store(tmp_path: Path, built: Path, run: Run) -> Path:
    """A signed catalog, and shop.pub beside it."""
    path = Path(shutil.copy(built, tmp_path / "store.catalog"))
    assert run("keys", "new", tmp_path / "shop")[0] == 0
    assert run("sign", path, "--key", tmp_path / "shop.key")[0] == 0
    return path


def words(store: Path, *more: object) -> list[object]:
    """The command that becomes a service."""
    trust = ("--trust", store.with_name("shop.pub"))
    return ["--", "watch", "/dev/video0", "--catalog", store, *trust, *more]


def test_a_dry_run_shows_all_and_changes_nothing(run: Run, store: Path) -> None:
    before = sorted(store.parent.iterdir())
    status, out, _ = run("service", "install", "--dry-run", *words(store, "--retry"))
    assert status == 0
    for path in (
        "/etc/sysusers.d/shelflens.conf", "/etc/tmpfiles.d/shelflens.conf",
        f"{UNITS}/{WATCH}.service", f"{UNITS}/{RECEIVE}.path", f"{UNITS}/{RECEIVE}.service",
    ):  # fmt: skip
        assert f"# {path}\n" in out
    assert f"# copy {store} to {CATALOG}\n" in out
    assert f"# copy {store}.sig to {CATALOG}.sig\n" in out
    commands = re.findall(r"^# run  (.*)$", out, re.M)
    assert [line.split()[0] for line in commands] == [
        "systemd-sysusers", "systemd-tmpfiles", "systemctl", "systemctl",
    ]  # fmt: skip
    starts = re.findall(r"^ExecStart=(.*)$", out, re.M)
    key = "--trust=/etc/shelflens/shop.pub"
    assert starts[0].endswith(f"watch /dev/video0 --catalog={CATALOG} {key} --retry")
    assert starts[1].endswith(f"catalog receive {INCOMING} --catalog={CATALOG} {key}")
    assert sorted(store.parent.iterdir()) == before


def test_without_a_key_nothing_is_received(run: Run, store: Path) -> None:
    status, out, _ = run(
        "service", "install", "--dry-run", "--", "watch", "picamera", "--catalog", store
    )
    assert status == 0
    assert RECEIVE not in out
    assert f"enable {WATCH}.service\n" in out


def test_what_cannot_be_a_service_is_one_line(
    run: Run, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = ("watch", "picamera", "--catalog")
    for line, status_wanted, said in (
        (["serve", "--catalog", store], 2, "expected -- watch SOURCE"),
        (["watch", "-", "--catalog", store], 2, "no standard input"),
        ([*bare, tmp_path / "none.catalog"], 1, "none.catalog: No such file"),
        ([*bare, store, "--trust", tmp_path / "none.pub"], 1, "none.pub: No such file"),
    ):
        status, out, err = run("service", "install", "--dry-run", "--", *line)
        assert (status, out) == (status_wanted, ""), err
        assert said in err.splitlines()[-1]
    monkeypatch.setenv("PATH", str(tmp_path))
    status, out, err = run("service", "install", "--", *bare, store)
    assert (status, out) == (1, "")
    assert "a service needs systemd" in err.splitlines()[-1]


@pytest.mark.browser  # a program of the system
def test_the_root_of_a_card_gets_all_of_it(run: Run, store: Path, tmp_path: Path) -> None:
    program("systemd-sysusers", "systemd")
    root = tmp_path / "root"
    root.mkdir()
    install = ("service", "install", "--root", root)
    status, out, err = run(*install, *words(store, "--publish", "mqtt://till@broker.local"))
    assert status == 0, err
    assert f"{WATCH}.service, {RECEIVE}.path: enabled" in out

    def inside(path: Path) -> Path:
        return root / path.relative_to("/")

    assert inside(CATALOG).read_bytes() == store.read_bytes()
    assert inside(Path("/etc/shelflens/shop.pub")).exists()
    user = re.search(r"^shelflens:x:(\d+):(\d+):", (root / "etc/passwd").read_text(), re.M)
    assert user
    for path, mode in ((CATALOG.parent, 0o755), (INCOMING, 0o2770), (CATALOG, 0o644)):
        status_of = inside(path).stat()
        assert stat.S_IMODE(status_of.st_mode) == mode
        assert (status_of.st_uid, status_of.st_gid) == (int(user[1]), int(user[2]))
    wants = root / "etc/systemd/system/multi-user.target.wants"
    assert sorted(path.name for path in wants.iterdir()) == [
        f"{RECEIVE}.path",
        f"{WATCH}.service",
    ]
    # A catalog that was received since then is not replaced by the one of the first day.
    inside(CATALOG).write_bytes(b"newer")
    status, out, err = run(*install, *words(store))
    assert status == 0, err
    assert "is there and stays" in out
    assert inside(CATALOG).read_bytes() == b"newer"
    assert "broker.local" not in inside(UNITS / f"{WATCH}.service").read_text()


@pytest.mark.browser  # a program of the system
def test_systemd_takes_the_units(run: Run, store: Path, tmp_path: Path) -> None:
    analyze = program("systemd-analyze", "systemd")
    root = tmp_path / "root"
    root.mkdir()
    more = ("--http", "0.0.0.0:8090")
    assert run("service", "install", "--root", root, *words(store, *more))[0] == 0
    folder = root / UNITS.relative_to("/")
    units = [folder / f"{WATCH}.service", folder / f"{RECEIVE}.path"]
    done = subprocess.run(
        [analyze, "verify", *map(str, [*units, folder / f"{RECEIVE}.service"])],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "shelflens" in line]
    assert not ours, done.stderr
    for unit in (WATCH, RECEIVE):
        rated = subprocess.run(
            [analyze, "security", "--offline=yes", "--no-pager", str(folder / f"{unit}.service")],
            capture_output=True,
            text=True,
            check=False,
        )
        level = re.search(r"Overall exposure level for \S+: ([\d.]+)", rated.stdout)
        assert level, rated.stderr
        assert float(level[1]) <= 2.5, rated.stdout
