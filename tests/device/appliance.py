"""The lines of docs/how-to/appliance.md, typed in a userland; then what the units start is started.

systemd does not run there, nor is there a camera: its tools judge the units, and the commands of
the units run with the users of the units, on a recording.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.device.checks import write
from tests.device.machines import Machine
from tests.device.needs import NeedError
from tests.device.userland import ARCHITECTURES, userland
from tests.support.hosts import free_port
from tests.support.readme import block
from tests.support.rendered_video import DEMO, EMPTY, HELD, Shot, render_frames

PACKAGES = ("systemd", "passwd", "base-passwd", "util-linux")
"""What every Raspberry Pi OS has, and an unpacked userland not."""
ABSENT = "python3-picamera2"
"""Of Raspberry Pi OS only: what the guide takes from apt beside Debian's own."""

STATE = Path("/var/lib/shelflens")
NOBODY = 65_534
"""In the place of the user that DynamicUser=yes makes."""
FILM = (Shot(EMPTY, 2.0), *HELD)
SHOWN = HELD[0].photo.rpartition("-")[0]
ANSWER_S = 240.0
"""For an answer under emulation, from the start of Python on."""


def try_appliance(name: str, suite: str, wheel: Path) -> None:
    """Follow the guide.

    Args:
        name: Of the architecture.
        suite: Of Debian.
        wheel: Ours.

    Raises:
        NeedError: a line failed, or did not do what the guide says.
    """
    machine = userland(name, quick=True, suite=suite, more=PACKAGES)
    machine = replace(machine, settings={"SYSTEMD_OFFLINE": "1"})  # as in a chroot: no bus
    _new_card(machine)
    shutil.copy(wheel, machine.outside(wheel.name))
    _back_office(machine)
    lines = block("pi-appliance").splitlines()
    named = set(lines[0].removeprefix("sudo apt install --yes ").split()) - {ABSENT}
    _expect(named == set(ARCHITECTURES[name].packages), f"{lines[0]}: not what the userland has")
    for line in lines[1:]:
        print(f"{time.strftime('%H:%M:%S')} {suite}: {line}", flush=True)
        machine.run("sh", "-c", line.replace("sudo ", ""))
    _judge(machine)
    port = free_port()
    with _watching(machine, port) as log:
        answer = _wait(lambda: _answer(port), "no answer of the camera loop", log)
        _expect(answer["id"] == SHOWN, f"another product: {answer}")
        _drop(machine, "new", signed=True)
        print(f"{suite}: {_received(machine)}", flush=True)
        sizes = _wait(lambda: _products(port, 5), "the new catalog is not used", log)
    _drop(machine, "unsigned", signed=False)
    said = _received(machine, patience=True)
    _expect("unsigned.catalog" in said, f"not named: {said}")
    here = machine.root / STATE.relative_to("/")
    _expect((here / "incoming/refused/unsigned.catalog").exists(), "not in incoming/refused")
    print(f"{suite}: answers, takes a signed catalog ({sizes} products), refuses another")


def _new_card(machine: Machine) -> None:
    """What Imager leaves: a user pi, and nothing of ours."""
    for folder in ("opt/shelflens", "var/lib/shelflens", "etc/shelflens", "home/pi"):
        shutil.rmtree(machine.root / folder, ignore_errors=True)
    for pattern in ("shelflens*", "multi-user.target.wants"):
        for path in (machine.root / "etc/systemd/system").glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    etc = machine.root / "etc"
    (etc / "passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\npi:x:1000:1000::/home/pi:/bin/sh\n"
        f"nobody:x:{NOBODY}:{NOBODY}:nobody:/nonexistent:/usr/sbin/nologin\n"
    )
    (etc / "group").write_text(f"root:x:0:\nvideo:x:44:\npi:x:1000:\nnogroup:x:{NOBODY}:\n")
    (etc / "shadow").write_text("root:*:1::::::\npi:*:1::::::\n")
    (etc / "gshadow").unlink(missing_ok=True)
    machine.outside().mkdir(parents=True, exist_ok=True)
    machine.run("chown", "pi:pi", machine.home)


def _back_office(machine: Machine) -> None:
    """Part 2 of the guide, on this machine: a signed catalog, and its key on the Pi."""
    office = machine.outside("office")  # of this machine: only three files are copied
    office.mkdir()
    with (DEMO / "studio.csv").open(newline="", encoding="utf-8") as stream:
        rows = sorted(csv.DictReader(stream), key=lambda row: row["product"] != SHOWN)
    for name, count in (("store", 4), ("new", 5), ("unsigned", 3)):
        products = office / f"{name}.csv"
        write(products, rows[:count], DEMO)
        words = ("catalog", "build", products, "--out", office / f"{name}.catalog")
        _shelflens(*words, "--adapt", "off")
    for line in block("pi-sign").splitlines():
        _shelflens(*line.split()[1:], folder=office)
    _shelflens("sign", "new.catalog", "--key", "shop.key", "--serial", 1 << 40, folder=office)
    for name in ("store.catalog", "store.catalog.sig", "shop.pub"):
        shutil.copy(office / name, machine.outside(name))


def _shelflens(*words: object, folder: Path | None = None) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "shelflens", *map(str, words)],
        capture_output=True, text=True, check=False, cwd=folder,
    )  # fmt: skip
    if done.returncode:
        raise NeedError(f"shelflens {words[0]} ended with {done.returncode}: {done.stderr}")


def _judge(machine: Machine) -> None:
    """systemd's tools on the units, and whether they start at a boot."""
    units = ("shelflens-watch.service", "shelflens-receive.path", "shelflens-receive.service")
    for unit in units[:2]:
        said = machine.run("systemctl", "is-enabled", unit).strip()
        _expect(said == "enabled", f"{unit} is {said}")
    paths = [f"/etc/systemd/system/{unit}" for unit in units]
    done = subprocess.run(
        machine.entered(["systemd-analyze", "verify", *paths]),
        env=machine.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    ours = [line for line in done.stderr.splitlines() if "shelflens" in line]
    _expect(not ours, f"systemd-analyze: {ours}")
    groups = machine.run("id", "--groups", "--name", "pi").split()
    _expect("shelflens" in groups, f"pi is in the groups {groups}")


def _command(machine: Machine, unit: str) -> list[str]:
    text = (machine.root / f"etc/systemd/system/{unit}.service").read_text(encoding="utf-8")
    (line,) = re.findall(r"^ExecStart=(.*)$", text, re.M)
    return str(line).split()


@contextmanager
def _watching(machine: Machine, port: int) -> Iterator[Path]:
    """The camera loop, on a recording in the place of the camera; its output as a file."""
    from PIL import Image

    film = machine.root / "srv/film"
    shutil.rmtree(film, ignore_errors=True)
    film.mkdir(parents=True)
    for number, frame in enumerate(render_frames(FILM, fps=10)):
        Image.fromarray(frame).save(film / f"{number:03}.jpg")
    words = _command(machine, "shelflens-watch")
    _expect("--retry" in words and "picamera" in words, f"another command: {words}")
    words = [word for word in words if word != "--retry" and not word.startswith("--http=")]
    words[words.index("picamera")] = "/srv/film"
    words += ["--loop", f"--http=127.0.0.1:{port}"]
    user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--groups=44", "--no-new-privs"]
    log = machine.outside("watch.log")
    with log.open("wb") as stream:
        process = subprocess.Popen(
            machine.entered([*user, *words]), env=machine.environment(), stdout=stream,
            stderr=stream,
        )  # fmt: skip
        try:
            yield log
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _status(port: int) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/status.json", timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except OSError:
        return {}


def _answer(port: int) -> dict[str, Any] | None:
    answers = _status(port).get("answers", [])
    matches = [answer for answer in answers if answer["decision"] == "match"]
    return matches[0] if matches else None


def _products(port: int, wanted: int) -> int | None:
    found = re.search(r"(\d+) products", str(_status(port).get("catalog", "")))
    return wanted if found and int(found[1]) == wanted else None


def _drop(machine: Machine, name: str, *, signed: bool) -> None:
    """Copy a catalog into the folder, as the user pi."""
    names = [f"{name}.catalog", *([f"{name}.catalog.sig"] if signed else [])]
    pi = ["setpriv", "--reuid=pi", "--regid=pi", "--init-groups"]
    for file in names:
        machine.run(*pi, "cp", f"office/{file}", f"{STATE}/incoming/{file}")


def _received(machine: Machine, *, patience: bool = False) -> str:
    """What the receiving unit's command says, run as its user."""
    words = _command(machine, "shelflens-receive")
    user = ["setpriv", "--reuid=shelflens", "--regid=shelflens", "--clear-groups"]
    done = subprocess.run(
        machine.entered([*user, *words]), env=machine.environment(), capture_output=True,
        text=True, check=False, timeout=ANSWER_S,
    )  # fmt: skip
    if not patience and done.returncode:
        raise NeedError(f"catalog receive ended with {done.returncode}: {done.stderr}")
    return f"{done.stdout}{done.stderr}".strip()


def _wait(found: Any, problem: str, log: Path) -> Any:
    deadline = time.monotonic() + ANSWER_S
    while time.monotonic() < deadline:
        if (value := found()) is not None:
            return value
        time.sleep(0.5)
    raise NeedError(f"{problem}: {log.read_text(errors='replace')[-1000:]}")


def _expect(true: bool, problem: str) -> None:
    if not true:
        raise NeedError(problem)
