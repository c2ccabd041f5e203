"""What stands around the loop: pace, replaced files, --exec, systemd's socket and unit."""

from __future__ import annotations

import argparse
import gc
import io
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shelflens import Catalog, Embedder
from shelflens.catalog.reload import Reloader
from shelflens.commands import watch as command
from shelflens.errors import DataError, ShelfLensError
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens.watch.hook import Hook, split, variables
from shelflens.watch.notify import Notifier
from shelflens.watch.systemd_unit import systemd_unit, unreadable_reason
from shelflens.watch.throttle import RateLimiter, throttle_reason

# --- pace ----------------------------------------------------------------------------------------


@pytest.fixture
def system(tmp_path: Path) -> Callable[[str, str], None]:
    """system("class/thermal/...", text) writes below a root's `sys`."""

    def write(name: str, text: str) -> None:
        path = tmp_path / "sys" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return write


FIRMWARE = "devices/platform/soc/soc:firmware/get_throttled"


def test_what_strains_a_device(tmp_path: Path, system: Callable[[str, str], None]) -> None:
    assert throttle_reason(tmp_path) == ""
    for text, why in (
        ("0\n", ""),
        ("50000\n", ""),  # it was so in the past
        ("50005\n", "under-voltage"),
        ("80008", "soft temperature limit"),
        ("20002", "clock capped"),
        ("4", "throttled"),
        ("nonsense", ""),
    ):
        system(FIRMWARE, text)
        assert throttle_reason(tmp_path) == why, text
    system("class/thermal/thermal_zone0/temp", "79999\n")
    assert throttle_reason(tmp_path) == ""
    system("class/thermal/thermal_zone0/temp", "81200\n")
    assert throttle_reason(tmp_path) == "81 °C"
    # A sensor that names its own limit, as on a laptop.
    system("class/thermal/thermal_zone0/trip_point_0_type", "critical")
    system("class/thermal/thermal_zone0/trip_point_0_temp", "50000")
    system("class/thermal/thermal_zone0/trip_point_1_type", "passive")
    system("class/thermal/thermal_zone0/trip_point_1_temp", "95000")
    assert throttle_reason(tmp_path) == ""
    system("class/thermal/thermal_zone0/temp", "unreadable")
    system("class/thermal/thermal_zone1/temp", "90000")
    assert throttle_reason(tmp_path) == "90 °C"


def rate(limiter: RateLimiter, clock: list[float], seconds: float) -> float:
    """Frames a second of a loop that does as the pace says."""
    start, frames = clock[0], 0
    while clock[0] - start < seconds:
        clock[0] += limiter.wait_s()
        limiter.start()
        frames += 1
        clock[0] += 0.004  # the work
    return frames / (clock[0] - start)


def test_the_pace_is_kept_and_slows_down(
    tmp_path: Path, system: Callable[[str, str], None]
) -> None:
    clock = [0.0]
    limiter = RateLimiter(10, 2, root=tmp_path, clock=lambda: clock[0])
    assert rate(limiter, clock, 20) == pytest.approx(10, rel=0.05)
    system(FIRMWARE, "8")
    clock[0] += 5
    assert rate(limiter, clock, 20) == pytest.approx(2, rel=0.1)
    assert limiter.throttle_reason == "soft temperature limit"
    system(FIRMWARE, "80000")
    clock[0] += 5
    assert rate(limiter, clock, 20) == pytest.approx(10, rel=0.05)
    free = RateLimiter(0, 2, root=tmp_path, clock=lambda: clock[0])
    assert rate(free, clock, 2) == pytest.approx(250, rel=0.05)


# --- replaced files ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder.open(threads=1)


def drop(path: Path, content: bytes) -> None:
    """Replace a file at once."""
    neighbour = path.with_name(f"{path.name}.new")
    neighbour.write_bytes(content)
    neighbour.replace(path)


def model_of(space: str) -> bytes:
    """The bundled model, as one that speaks another space."""
    whole = BUNDLED_MODEL.read_bytes()
    with zipfile.ZipFile(BUNDLED_MODEL) as archive:
        card = json.loads(archive.read("shelflens.json"))
    card["space"] = space
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("shelflens.json", json.dumps(card))
    return whole[: card["flatbuffer"]["bytes"]] + stream.getvalue()


def catalog_of(space: str, products: int = 3) -> bytes:
    """A catalog of random products."""
    rows = np.random.default_rng(products).normal(size=(products, 256)).astype(np.float32)
    with TemporaryDirectory() as folder:
        path = Path(folder, "x.catalog")
        Catalog([f"p{n}" for n in range(products)], rows, space=space).save(path)
        return path.read_bytes()


def mapped(path: Path) -> list[str]:
    """Mappings of this file in this process, of replaced ones too."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return [line for line in lines if str(path) in line]


@pytest.fixture
def reloader(tmp_path: Path, built: Path) -> Reloader:
    """A catalog and a model, to be replaced."""
    store, model = tmp_path / "store.catalog", tmp_path / "model.tflite"
    shutil.copy(built, store)
    shutil.copy(BUNDLED_MODEL, model)
    return Reloader(store, lambda: Embedder.open(model, threads=1), model)


def test_nothing_new_is_nothing(reloader: Reloader) -> None:
    assert reloader.refresh() == (False, [])


def test_a_new_catalog_is_picked_up_and_the_old_one_let_go(
    tmp_path: Path, reloader: Reloader
) -> None:
    store = tmp_path / "store.catalog"
    for count in (19_000, 20_000):  # above 4 MiB: smaller ones are not mapped
        drop(store, catalog_of(reloader.catalog.space, count))
        new, lines = reloader.refresh()
        assert (new, len(reloader.catalog)) == (True, count)
        assert lines == [f"{store}: new, {count} products"]
    gc.collect()
    if sys.platform == "linux":
        assert mapped(store)
        assert not [line for line in mapped(store) if "(deleted)" in line]
    assert reloader.refresh() == (False, [])


def test_a_new_catalog_without_products_is_one(tmp_path: Path, reloader: Reloader) -> None:
    store = tmp_path / "store.catalog"
    drop(store, catalog_of(reloader.catalog.space, 0))
    assert reloader.refresh() == (True, [f"{store}: new, 0 products"])
    assert len(reloader.catalog) == 0


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "other"])
def test_a_bad_catalog_is_refused_once_and_the_old_one_kept(
    tmp_path: Path, reloader: Reloader, damage: str
) -> None:
    store = tmp_path / "store.catalog"
    good = store.read_bytes()
    bad = {
        "cut": good[: len(good) // 2],
        "flipped": good[:-100] + bytes([good[-100] ^ 1]) + good[-99:],
        "empty": b"",
        "other": b"not a catalog at all" * 100,
    }[damage]
    before = reloader.catalog
    drop(store, bad)
    new, lines = reloader.refresh()
    assert (new, len(lines), reloader.catalog) == (False, 1, before)
    assert str(store) in lines[0]
    assert lines[0].endswith("; going on with the one before")
    assert "\n" not in lines[0]
    assert reloader.refresh() == (False, [])
    drop(store, good)
    assert reloader.refresh()[0]


def test_a_large_damaged_catalog_is_refused_too(tmp_path: Path, reloader: Reloader) -> None:
    good = catalog_of(reloader.catalog.space, 20_000)
    assert len(good) > 4 << 20
    index = len(good) - 1000
    drop(tmp_path / "store.catalog", good[:index] + bytes([good[index] ^ 1]) + good[index + 1 :])
    new, lines = reloader.refresh()
    assert not new
    assert "checksum" in lines[0]


def test_a_file_that_is_gone_is_told_once(tmp_path: Path, reloader: Reloader) -> None:
    store = tmp_path / "store.catalog"
    good = store.read_bytes()
    store.unlink()
    new, lines = reloader.refresh()
    assert not new
    assert lines == [f"{store}: is gone; going on with the one before"]
    assert reloader.refresh() == (False, [])
    store.write_bytes(good)
    assert reloader.refresh()[0]


def test_a_bad_model_is_refused_and_a_good_one_taken(tmp_path: Path, reloader: Reloader) -> None:
    model = tmp_path / "model.tflite"
    good, before = model.read_bytes(), reloader.embedder
    drop(model, good[:100_000] + b"\0" * 64 + good[100_064:])
    new, lines = reloader.refresh()
    assert (new, len(lines), reloader.embedder) == (False, 1, before)
    drop(model, good)
    new, lines = reloader.refresh()
    assert new
    assert reloader.embedder is not before
    assert lines == [f"{model}: new, {before.card.name}"]
    before = reloader.embedder
    gc.collect()
    if sys.platform == "linux":
        assert not [line for line in mapped(model) if "(deleted)" in line]


@pytest.mark.parametrize("first", ["catalog", "model", "both"])
def test_a_pair_of_another_space_is_taken_when_both_are_there(
    tmp_path: Path, reloader: Reloader, first: str
) -> None:
    store, model = tmp_path / "store.catalog", tmp_path / "model.tflite"
    before = reloader.catalog, reloader.embedder
    files = {
        "catalog": (store, catalog_of("elsewhere", 4)),
        "model": (model, model_of("elsewhere")),
    }
    if first != "both":
        drop(*files.pop(first))
        new, lines = reloader.refresh()
        assert (new, len(lines)) == (False, 1)
        assert "elsewhere" in lines[0]
        assert lines[0].endswith("until both fit")
        assert (reloader.catalog, reloader.embedder) == before
        assert reloader.refresh() == (False, [])
    for path, content in files.values():
        drop(path, content)
    new, lines = reloader.refresh()
    assert (new, len(lines)) == (True, 2)
    assert reloader.catalog.space == reloader.embedder.card.space == "elsewhere"
    assert len(reloader.catalog) == 4


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["a", "b", "bad"])), max_size=8))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_dropped_model_and_catalog_fit(
    tmp_path_factory: pytest.TempPathFactory, drops: list[tuple[bool, str]]
) -> None:
    """And when both files are good and of one space, they are in use."""
    folder = tmp_path_factory.mktemp("reloaded")
    store, model = folder / "store.catalog", folder / "model"
    catalogs = {"a": catalog_of("a"), "b": catalog_of("b"), "bad": b"bad"}

    class Fake:
        """An embedder that is only a card."""

        def __init__(self, space: str) -> None:
            self.card = argparse.Namespace(space=space, size=8, dim=256, name=space)

        def embed_pixels(self, pixels: Any) -> Any:
            return pixels

    def open_embedder() -> Any:
        space = model.read_text()
        if space == "bad":
            raise ShelfLensError(f"{model}: bad")
        return Fake(space)

    drop(store, catalogs["a"])
    drop(model, b"a")
    reloader = Reloader(store, open_embedder, model)
    content = {True: "a", False: "a"}
    for is_model, what in drops:
        content[is_model] = what
        if is_model:
            drop(model, what.encode())
        else:
            drop(store, catalogs[what])
        reloader.refresh()
        assert reloader.catalog.space == reloader.embedder.card.space
        if content[True] == content[False] != "bad":
            assert reloader.catalog.space == content[True]


# --- --exec --------------------------------------------------------------------------------------

ANSWER = {"decision": "match", "id": "p1", "name": 'Tea "Earl; Grey" $(x) é', "confidence": 0.9}


def ran(script: str, *, seconds: float = 5.0, answers: int = 1) -> tuple[list[str], float]:
    """Run a Python script by the hook; what it told, and how long handing over took."""
    messages: list[str] = []
    hook = Hook([sys.executable, "-c", script], seconds=seconds, report=messages.append)
    start = time.monotonic()
    for _ in range(answers):
        hook.run(ANSWER)
    spent = time.monotonic() - start
    hook.close()
    return messages, spent


def test_a_command_gets_the_answer(tmp_path: Path) -> None:
    script = (
        "import json, os, sys; print(json.dumps([json.load(sys.stdin), dict(os.environ)]), "
        f"file=open({str(tmp_path / 'out')!r}, 'w'))"
    )
    assert ran(script)[0] == []
    answer, environment = json.loads((tmp_path / "out").read_text())
    assert answer == ANSWER
    assert environment["SHELFLENS_ID"] == "p1"
    assert environment["SHELFLENS_NAME"] == ANSWER["name"]
    assert environment["SHELFLENS_DECISION"] == "match"
    assert environment["SHELFLENS_CONFIDENCE"] == "0.9"


def test_a_command_that_fails_hangs_or_does_not_read_is_one_line() -> None:
    messages, _ = ran("import sys; sys.exit(3)")
    assert messages == [f"--exec {sys.executable}: exit status 3"]
    messages, spent = ran("import time; time.sleep(60)", seconds=0.5)
    assert spent < 0.4
    assert messages == [f"--exec {sys.executable}: took longer than 0.5 s and was ended"]
    messages, spent = ran("import time; time.sleep(60)", seconds=0.5, answers=20)
    assert spent < 0.4
    assert sum("this one is left out" in line for line in messages) >= 15
    assert ran("import os; os.close(0)")[0] == []


def test_what_a_command_has_started_ends_with_it(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\n"
        "time.sleep(60)"
    )
    ran(script, seconds=1.5)
    pid = int((tmp_path / "pid").read_text())
    for _ in range(50):
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            return
        time.sleep(0.1)
    pytest.fail("it still runs")


def test_names_never_reach_a_shell_and_nulls_are_no_trouble() -> None:
    messages = variables({**ANSWER, "name": "a\0b", "id": None})
    assert messages["SHELFLENS_NAME"] == "a b"
    assert messages["SHELFLENS_ID"] == ""
    for line in ("", "no-such-program-anywhere x", "'unclosed"):
        with pytest.raises(DataError, match="--exec"):
            split(line)
    words = split("env 'a b' $HOME;x")
    assert words[1:] == ["a b", "$HOME;x"]
    assert Path(words[0]).is_absolute()


# --- systemd -------------------------------------------------------------------------------------


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told(tmp_path: Path, abstract: bool) -> None:
    address = f"@shelflens-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + address[1:] if abstract else address)
        listener.settimeout(5)
        notifier = Notifier({"NOTIFY_SOCKET": address})
        notifier.send_lines("READY=1", "STATUS=two\nlines")
        assert listener.recv(4096) == b"READY=1\nSTATUS=two lines"
        for _ in range(100):
            notifier.keep_alive("12 frames/s é")
        assert listener.recv(4096).decode() == "WATCHDOG=1\nSTATUS=12 frames/s é"
        listener.settimeout(0.1)
        with pytest.raises(TimeoutError):
            listener.recv(4096)
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).send_lines("READY=1")
    Notifier({}).send_lines("READY=1")


def parsed(*words: str) -> argparse.Namespace:
    """A command line of `watch`."""
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(words)


awkward = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="/"), min_size=1
).filter(lambda text: text.strip(". ") and not text.startswith("-"))


@given(
    awkward, awkward, st.integers(1, 99), st.booleans(), st.booleans(), st.floats(0.5, 99),
    st.sampled_from(["picamera", "0", "/dev/video3"]), st.sampled_from([(640, 480), (1280, 720)]),
    st.lists(st.sampled_from(["match", "ambiguous", "unknown"]), max_size=2),
)  # fmt: skip
@settings(max_examples=100)
def test_the_unit_runs_the_same_arguments(
    catalog: str, model: str, k: int, messages: bool, retry: bool, fps: float, source: str,
    size: tuple[int, int], only: list[str],
) -> None:  # fmt: skip
    words = [source, f"--catalog=/store/{catalog}", f"--model=/m/{model}", f"-k={k}"]
    words += [f"--max-fps={fps}", f"--size={size[0]}x{size[1]}", *["--json"] * messages]
    words += [f"--only={decision}" for decision in only]
    args = parsed(*words, *["--retry"] * retry)
    assert parsed(*command.command_words(args)) == args


def test_the_units_paths_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    args = parsed("film.avi", "--catalog", "a b.catalog", "--exec", "env 'x y'")
    words = command.command_words(args)
    assert words[0] == str(tmp_path / "film.avi")
    assert f"--catalog={tmp_path}/a b.catalog" in words
    run = next(word for word in words if word.startswith("--exec="))
    assert split(run.removeprefix("--exec=")) == [shutil.which("env"), "x y"]


AWKWARD = ["--exec=/bin/echo \"100%\" '$HOME' \\n; x", "--catalog=/opt/shelf lens/50%.catalog"]


def test_words_are_quoted_for_systemd() -> None:
    text = systemd_unit(["/usr/bin/python3", "-m", "shelflens", *AWKWARD], [], picamera=False)
    line = next(line for line in text.splitlines() if line.startswith("ExecStart="))
    assert line == (
        "ExecStart=/usr/bin/python3 -m shelflens "
        '"--exec=/bin/echo \\"100%%\\" \'$$HOME\' \\\\n; x" '
        '"--catalog=/opt/shelf lens/50%%.catalog"'
    )
    with pytest.raises(DataError, match="control character"):
        systemd_unit(["/bin/x", "two\nlines"], [], picamera=False)


def test_a_file_that_the_service_cannot_read_is_told() -> None:
    assert "does not see it" in unreadable_reason(Path("/tmp/store.catalog"))
    assert "not there yet" in unreadable_reason(Path("/nowhere/store.catalog"))
    assert unreadable_reason(Path("/")) == ""


def test_a_private_folder_is_told(tmp_path: Path) -> None:
    path = tmp_path / "private" / "store.catalog"
    path.parent.mkdir()
    path.write_bytes(b"x")
    path.parent.chmod(0o700)
    problem = unreadable_reason(path, private=())  # the tests' own folder is in one
    assert f"{path.parent}: the service's own user may not read it" in problem
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


MAX_EXPOSURE = 1.5
"""systemd's exposure from 0 (safe) to 10; a service without any hardening has 9.6."""


@pytest.mark.parametrize("source", ["picamera", "/dev/video0"])
def test_systemd_takes_the_unit(tmp_path: Path, source: str) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    words = [sys.executable, "-m", "shelflens", "watch", source, "--retry", *AWKWARD]
    text = systemd_unit(words, [Path("/home/x y/50%"), Path("/opt")], picamera=source == "picamera")
    path = tmp_path / "shelflens-watch.service"
    path.write_text(text)
    analyze = ["systemd-analyze", "--no-pager"]
    done = subprocess.run([*analyze, "verify", path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    threshold = f"--threshold={MAX_EXPOSURE * 10:.0f}"
    done = subprocess.run(
        [*analyze, "security", "--offline=true", threshold, path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-300:]
    assert "SAFE" in done.stdout


def test_the_unit_says_what_it_must() -> None:
    text = systemd_unit(["/usr/bin/python3"], [Path("/home/pi/store.catalog")], picamera=True)
    lines = text.splitlines()
    for line in (
        "Type=notify", "Restart=on-failure", "WatchdogSec=60", "PrivateNetwork=yes",
        "DynamicUser=yes", "SupplementaryGroups=video", "DeviceAllow=char-video4linux rw",
        "ProtectSystem=strict", "ProtectHome=read-only", "ReadOnlyPaths=-/home/pi",
        "RestrictAddressFamilies=AF_UNIX AF_NETLINK",
    ):  # fmt: skip
        assert line in lines
    assert "ProtectHome=yes" in systemd_unit(["/x"], [Path("/srv/store.catalog")], picamera=False)
