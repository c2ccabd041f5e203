"""`shelflens watch` as a person or systemd starts it."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.speed.soak import soak
from shelflens import Catalog, Embedder
from shelflens.catalog.reload import Reloader
from shelflens.errors import CameraError
from shelflens.watch import Frame, Frames, Watcher, watch
from shelflens.watch.session import Session, Stop
from shelflens.watch.throttle import RateLimiter
from tests.support.rendered_video import EMPTY, HELD, Shot, product_of, render_frames

Run = Callable[..., tuple[int, str, str]]

CHICKPEAS = HELD[0].photo
SHOTS = [Shot(CHICKPEAS, 1.5), Shot(EMPTY, 1.5, enter=0.4)]
FPS = 10.0


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A product that comes and goes, as JPEGs in a row."""
    path = tmp_path_factory.mktemp("film") / "film.mjpeg"
    with path.open("wb") as out:
        for pixels in render_frames(SHOTS, fps=FPS):
            Image.fromarray(pixels).save(out, "JPEG", quality=90)
    return path


@pytest.fixture
def store(tmp_path: Path, built: Path) -> Path:
    """A catalog of one's own."""
    return Path(shutil.copy(built, tmp_path / "store.catalog"))


@pytest.fixture
def started(stream: Path, store: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """started(...) runs `shelflens watch` on the looped video as a process of its own."""
    processes: list[subprocess.Popen[str]] = []

    def start(*words: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "shelflens", "watch", str(stream), "--loop"]
        process = subprocess.Popen(
            [*command, "--catalog", str(store), *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **(env or {})},
        )  # fmt: skip
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def line_of(stream: Any, words: str, seconds: float = 30) -> str:
    """The next line with these words."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if select.select([stream], [], [], 0.2)[0]:
            line = stream.readline()
            if words in line:
                return str(line)
    raise AssertionError(f"no line with {words!r} in {seconds} s")


def test_people_get_a_line_an_answer(run: Run, stream: Path, built: Path) -> None:
    status, out, err = run("watch", stream, "--catalog", built, "--max-fps", 0)
    assert status == 0
    lines = out.splitlines()
    assert len(lines) == 2
    name = Catalog.open(built).attributes[product_of(CHICKPEAS)]["name"]
    assert f"  match: {name}  (confidence 0." in lines[0]
    assert "unknown: not in this catalog; the nearest is" in lines[1]
    assert err.count("\n") == 1
    assert "34 frames" in err
    assert "2 answers (1 match, 0 ambiguous, 1 unknown)" in err


def test_programs_get_json_that_equals_the_library(run: Run, stream: Path, built: Path) -> None:
    status, out, _ = run("watch", stream, "--catalog", built, "--max-fps", 0, "--json", "-k", 2)
    assert status == 0
    values = [json.loads(line) for line in out.splitlines()]
    from shelflens.watch.sources import open_source

    expected = watch(open_source(str(stream)), Catalog.open(built), Embedder.open(), k=2)
    for got, sighting in zip(values, expected, strict=True):
        assert got.pop("time").endswith("+00:00")
        wanted = sighting.to_dict()
        assert got.pop("latency_ms") > 0
        wanted.pop("latency_ms")
        assert got == wanted
        assert len(got["matches"]) == 2
    assert values[0]["id"] == product_of(CHICKPEAS)
    assert values[1]["id"] is None


def test_a_stream_on_standard_input(stream: Path, built: Path) -> None:
    words = [sys.executable, "-m", "shelflens", "watch", "-", "--catalog", str(built), "--json"]
    with stream.open("rb") as source:
        done = subprocess.run(
            [*words, "--max-fps", "0"], stdin=source, capture_output=True, text=True, check=True
        )
    assert [json.loads(line)["decision"] for line in done.stdout.splitlines()] == [
        "match", "unknown"
    ]  # fmt: skip


def test_a_video(run: Run, tmp_path: Path, built: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS, (320, 240))
    for pixels in render_frames(SHOTS, fps=FPS):
        writer.write(np.ascontiguousarray(pixels[..., ::-1]))
    writer.release()
    status, out, _ = run("watch", path, "--catalog", built, "--max-fps", 0, "--json")
    assert status == 0
    assert json.loads(out.splitlines()[0])["id"] == product_of(CHICKPEAS)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it_cleanly(
    started: Callable[..., subprocess.Popen[str]], number: int, status: int
) -> None:
    process = started("--max-fps", "0")
    line_of(process.stdout, "match")
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == status
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert " answers (" in err


def test_a_reader_that_goes_away_ends_it(started: Callable[..., subprocess.Popen[str]]) -> None:
    process = started("--max-fps", "0", "--json")
    line_of(process.stdout, "match")
    process.stdout.close()  # type: ignore[union-attr]
    process.stdout = None
    _, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in err


def test_a_catalog_is_replaced_while_it_runs(
    started: Callable[..., subprocess.Popen[str]], store: Path, tmp_path: Path
) -> None:
    process = started("--max-fps", "0", "--json")
    assert json.loads(line_of(process.stdout, "match"))["id"] == product_of(CHICKPEAS)
    good = store.read_bytes()
    replacement = tmp_path / "other.catalog"
    replacement.write_bytes(good[:-50])
    replacement.replace(store)
    assert "going on with the one before" in line_of(process.stderr, str(store))
    assert json.loads(line_of(process.stdout, '"decision": "match"'))["id"] == product_of(CHICKPEAS)
    Catalog.open(_written(replacement, good)).remove([product_of(CHICKPEAS)]).save(store)
    assert "new, 29 products" in line_of(process.stderr, str(store))
    for _ in range(20):
        process.stdout.readline()  # type: ignore[union-attr]
    assert f'"id": "{product_of(CHICKPEAS)}"' not in process.stdout.readline()  # type: ignore[union-attr]


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_systemd_hears_of_it(started: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        listener.settimeout(30)
        process = started("--max-fps", "20", env={"NOTIFY_SOCKET": address})
        assert listener.recv(4096).startswith(b"READY=1\nSTATUS=")
        for _ in range(3):
            values = listener.recv(4096).decode()
            assert values.startswith("WATCHDOG=1\nSTATUS=")
        assert "frames/s" in values
        process.send_signal(signal.SIGTERM)
        while values != "STOPPING=1":
            values = listener.recv(4096).decode()
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_a_person_sees_a_live_line(stream: Path, built: Path) -> None:
    main, side = pty.openpty()
    words = [sys.executable, "-m", "shelflens", "watch", str(stream), "--catalog", str(built)]
    process = subprocess.Popen([*words, "--bell"], stdout=side, stderr=side)
    os.close(side)
    seen = b""
    while True:
        try:
            piece = os.read(main, 4096)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        seen += piece
    os.close(main)
    assert process.wait(20) == 0
    text = seen.decode()
    assert "\r" in text
    assert "frames/s" in text
    assert "hold it still" in text
    assert text.count("\a") == 1, "for the match, not for the empty counter"
    assert "match: " in text


def test_a_command_runs_for_each_answer(
    run: Run, stream: Path, built: Path, tmp_path: Path
) -> None:
    script = tmp_path / "log"
    script.write_text(f'#!/bin/sh\necho "$SHELFLENS_DECISION $SHELFLENS_ID" >> {tmp_path}/out\n')
    script.chmod(0o755)
    status, out, _ = run(
        "watch", stream, "--catalog", built, "--max-fps", 0, "--json", "--exec", str(script)
    )
    assert status == 0
    assert len(out.splitlines()) == 2
    lines = (tmp_path / "out").read_text().splitlines()
    assert lines == [f"match {product_of(CHICKPEAS)}", "unknown "]


@pytest.mark.parametrize(
    ("words", "status", "expected"),
    [
        (["nowhere.mp4"], 1, "nowhere.mp4: no such video, folder or camera"),
        (["rtsp://x"], 1, "opens no network"),
        (["FILM", "--catalog", "nowhere.catalog"], 1, "nowhere.catalog"),
        (["FILM", "--model", "nowhere.tflite"], 1, "nowhere.tflite"),
        (["FILM", "--exec", "no-such-program-anywhere"], 1, "no such program"),
        (["FILM", "--burst", "0"], 2, "burst"),
        (["FILM", "--change", "1"], 2, "change"),
        (["FILM", "--hot-fps", "0"], 2, "hot-fps"),
        (["FILM", "--retry"], 2, "expected a camera"),
        (["0", "--loop"], 2, "no end"),
        (["-", "--print-unit"], 2, "no standard input"),
        (["FILM", "--size", "big"], 2, "640x480"),
        (["FILM", "--fps", "0"], 2, "above 0"),
        (["FILM", "-k", "0"], 2, "above 0"),
        ([], 2, "SOURCE"),
    ],
)
def test_what_is_wrong_is_one_line(
    run: Run, stream: Path, built: Path, words: list[str], status: int, expected: str
) -> None:
    words = [str(stream) if word == "FILM" else word for word in words]
    catalog = [] if "--catalog" in words else ["--catalog", str(built)]
    got, out, err = run("watch", *words, *catalog)
    assert (got, out) == (status, "")
    line = err.strip().splitlines()[-1]
    assert expected in line
    assert err.splitlines() == [line]


def test_frames_that_cannot_be_read_are_told_now_and_then(
    run: Run, tmp_path: Path, built: Path
) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(20):
        (folder / f"{number:02d}.jpg").write_bytes(b"not a picture")
    status, out, err = run("watch", folder, "--catalog", built, "--max-fps", 0)
    assert (status, out) == (1, "")
    lines = err.splitlines()
    assert sum("left out" in line for line in lines) == 5  # 1, 2, 4, 8, 16
    assert "not one of 20 frames could be read" in lines[-1]
    for number, pixels in enumerate(render_frames(HELD, fps=10)):
        Image.fromarray(pixels).save(folder / f"{20 + number}.png")
    status, out, _ = run("watch", folder, "--catalog", built, "--max-fps", 0, "--json")
    assert status == 0
    assert json.loads(out)["id"] == product_of(CHICKPEAS)


def test_the_unit_is_printed(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = run(
        "watch", "picamera", "--catalog", "my store.catalog", "--json", "--print-unit"
    )
    assert status == 0
    line = next(line for line in out.splitlines() if line.startswith("ExecStart="))
    assert line.endswith(f' watch picamera "--catalog={tmp_path}/my store.catalog" --json')
    assert all(line.startswith("shelflens watch: ") for line in err.splitlines())


# --- cameras that come and go --------------------------------------------------------------------


def session(
    store: Path, opens: list[Frames | CameraError], *, retry: bool
) -> tuple[list[str], list[str], list[float]]:
    """Run a session on sources that are opened one after the other.

    Returns:
        The decisions, the lines, and how long it waited in all before each opening.
    """
    messages: list[str] = []
    answers: list[str] = []
    slept, at_open = [0.0], []
    reloader = Reloader(store, lambda: Embedder.open(threads=1))
    watcher = Watcher(reloader.catalog, reloader.embedder)

    def open_frames() -> Frames:
        at_open.append(slept[0])
        source = opens.pop(0)
        if isinstance(source, CameraError):
            raise source
        return source

    def sleep(seconds: float) -> None:
        slept[0] += seconds

    Session(
        watcher, reloader, open_frames, rate_limiter=RateLimiter(0, 1), stop=Stop(), retry=retry,
        on_answer=lambda sighting: answers.append(sighting.answer.decision), log=messages.append,
        on_tick=lambda: None, sleep=sleep,
    ).run()  # fmt: skip
    return answers, messages, at_open


def camera(frames: int, *, at: float = 0.0, unplugged: bool = False) -> Frames:
    """A camera that shows the chickpeas."""
    for number, pixels in enumerate(render_frames(HELD, fps=10)):
        if number == frames:
            break
        yield Frame(pixels, at + number / 10)
        yield None
    if unplugged:
        raise CameraError("camera: unplugged")


def test_a_lost_camera_is_waited_for(store: Path) -> None:
    gone = CameraError("camera: cannot be opened")
    opens: list[Frames | CameraError] = [
        gone, gone, gone, camera(20, unplugged=True), *[gone] * 7, camera(20, at=60),
    ]  # fmt: skip
    answers, messages, at_open = session(store, opens, retry=True)
    assert answers == ["match"], "it still shows the same"
    assert messages == [
        "camera: cannot be opened; trying again until it is back",
        "the camera is back",
        "camera: unplugged; trying again until it is back",
        "the camera is back",
    ]
    waits = np.diff(at_open).round(1).tolist()
    assert waits == [1, 2, 4, 1, 2, 4, 8, 16, 30, 30, 30]


def test_without_retry_a_lost_camera_ends_it(store: Path) -> None:
    with pytest.raises(CameraError, match="unplugged"):
        session(store, [camera(3, unplugged=True)], retry=False)


# --- for ever ------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory_is_flat() -> None:
    """Thousands of frames at full speed, with good and bad catalogs dropped on the way."""
    pytest.importorskip("cv2")
    report = soak(seconds=20, fps=0, every=0.5, replace=1.0)
    assert report["status"] == 0
    assert report["frames"] > 300  # thousands on a machine that is not busy
    assert report["answers"] > 10
    assert report["replaced"] >= 5
    assert report["refused"] >= 3
    assert report["descriptors"] < 20
    # A frame is 0.2 MiB, its small picture 12 KiB: kept, they would be seen.
    assert report["mib_last"] - report["mib_after_settling"] < 3, report
