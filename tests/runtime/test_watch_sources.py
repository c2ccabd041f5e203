"""Frames from cameras (played by fakes), videos, folders and streams."""

from __future__ import annotations

import io
import itertools
import os
import sys
import threading
import time
import types
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from shelflens.errors import CameraError, PhotoError
from shelflens.model.image import load_image
from shelflens.watch.latest_frame import latest_frames
from shelflens.watch.mjpeg import JpegSplitter
from shelflens.watch.sources import is_camera, is_path, open_source
from tests.support.rendered_video import HELD, render_frames

Pixels = NDArray[np.uint8]


def jpeg(number: int, *, progressive: bool = False, thumbnail: bool = False) -> bytes:
    """A JPEG whose picture tells its number, perhaps with a JPEG in its EXIF block."""
    pixels = np.random.default_rng(number).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    stream = io.BytesIO()
    exif = b""
    if thumbnail:
        exif = b"Exif\0\0" + b"II*\0\x08\0\0\0\0\0\0\0\0\0" + jpeg(number + 1000)
    Image.fromarray(pixels).save(stream, "JPEG", progressive=progressive, exif=exif)
    return stream.getvalue()


JPEGS = [jpeg(0), jpeg(1, progressive=True), jpeg(2, thumbnail=True), jpeg(3)]


def split(stream: bytes, cuts: list[int], **limits: int) -> tuple[list[bytes], JpegSplitter]:
    """What a splitter makes of a stream that comes in pieces."""
    splitter = JpegSplitter(**limits)
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    found = []
    for start, end in itertools.pairwise(edges):
        found += splitter.feed(stream[start:end])
    return found, splitter


@given(
    st.lists(st.sampled_from(JPEGS), max_size=6),
    st.lists(st.integers(0, 1 << 20), max_size=40),
    st.sampled_from(
        [b"", b"\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n", b"\xff", b"\0\xff\0"]
    ),
)
@settings(max_examples=300)
def test_every_jpeg_comes_out_whole_however_it_is_cut(
    images: list[bytes], cuts: list[int], between: bytes
) -> None:
    stream = between + between.join(images) + between
    found, splitter = split(stream, cuts)
    assert found == images
    assert splitter.dropped == 0


@given(st.binary(max_size=3000), st.lists(st.integers(0, 1 << 20), max_size=10))
@settings(max_examples=300)
def test_noise_gives_nothing_that_is_not_framed_and_ends(noise: bytes, cuts: list[int]) -> None:
    found, _ = split(noise, cuts)
    assert all(image.startswith(b"\xff\xd8\xff") and image.endswith(b"\xff\xd9") for image in found)
    assert sum(map(len, found)) <= len(noise)


@given(st.integers(0, 10_000), st.integers(0, 255), st.lists(st.integers(0, 1 << 20), max_size=10))
@settings(max_examples=300)
def test_a_damaged_byte_costs_no_more_than_its_neighbours(
    position: int, value: int, cuts: list[int]
) -> None:
    damaged = bytearray(JPEGS[0])
    damaged[position % len(damaged)] = value
    stream = JPEGS[3] + bytes(damaged) + b"".join([JPEGS[3]] * 30)
    found, _ = split(stream, cuts)
    assert found[0] == JPEGS[3]
    assert found[-1] == JPEGS[3]
    for image in found:  # what comes out is read, or refused as any damaged photo
        with suppress(PhotoError):
            load_image(image)


def test_a_jpeg_cut_short_gives_way_to_the_next() -> None:
    found, splitter = split(JPEGS[0][:-200] + JPEGS[3], [])
    assert found == [JPEGS[3]]
    assert splitter.dropped == 1


def test_a_jpeg_without_an_end_does_not_fill_the_memory() -> None:
    splitter = JpegSplitter(max_bytes=10_000)
    head = JPEGS[0][: JPEGS[0].index(b"\xff\xda") + 14]
    splitter.feed(head)
    for _ in range(200):
        assert splitter.feed(b"\x55" * 1000) == []
        assert len(splitter._bytes) <= 12_000
    assert splitter.feed(JPEGS[3]) == [JPEGS[3]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of ten pictures, and what is none."""
    where = tmp_path / "frames"
    where.mkdir()
    for number, pixels in enumerate(render_frames(HELD, fps=5)):
        if number < 10:
            Image.fromarray(pixels).save(where / f"{number:03d}.png")
    (where / "notes.txt").write_text("none")
    return where


def test_a_folder_in_the_order_of_its_names(folder: Path) -> None:
    frames = list(open_source(str(folder), fps=5))
    assert [frame.at for frame in frames if frame] == [n / 5 for n in range(10)]
    paths = [frame.photo for frame in frames if frame]
    assert paths == sorted(folder.glob("*.png"))


def test_a_folder_in_a_loop_goes_on_in_time(folder: Path) -> None:
    with closing(open_source(str(folder), loop=True)) as frames:
        times = [frame.at for frame, _ in zip(frames, range(25), strict=False) if frame]
    assert times == sorted(times)
    assert times[-1] == pytest.approx(2.4)


def test_a_mjpeg_file_needs_no_opencv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    path = tmp_path / "film.mjpeg"
    path.write_bytes(b"".join(JPEGS))
    assert [frame.photo for frame in open_source(str(path)) if frame] == JPEGS
    with closing(open_source(str(path), loop=True)) as frames:
        again = [frame.photo for frame, _ in zip(frames, range(9), strict=False) if frame]
    assert again == [*JPEGS, *JPEGS, JPEGS[0]]


def test_a_recorded_stream_gives_every_frame(tmp_path: Path) -> None:
    path = tmp_path / "stream"
    path.write_bytes(b"".join(JPEGS))
    with path.open("rb") as stream:
        frames = list(open_source("-", stdin=stream.fileno()))
    assert [frame.photo for frame in frames if frame] == JPEGS
    assert [frame.at for frame in frames if frame] == [0.0, 0.1, 0.2, 0.3]


def test_a_pipe_gives_the_newest_frame() -> None:
    reader, writer = os.pipe()
    frames = open_source("-", stdin=reader)
    os.write(writer, JPEGS[0])
    first = next(frame for frame in frames if frame)
    os.write(writer, JPEGS[1] + JPEGS[2] + JPEGS[3])
    time.sleep(0.3)
    second = next(frame for frame in frames if frame)
    os.close(writer)
    rest = [frame for frame in frames if frame]
    os.close(reader)
    assert (first.photo, second.photo, rest) == (JPEGS[0], JPEGS[3], [])
    assert second.at > first.at


def test_a_pipe_read_as_a_recording_gives_all() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as stream:
        stream.write(b"".join(JPEGS))
    frames = list(open_source("-", stdin=reader, fps=20))
    os.close(reader)
    assert [(frame.photo, frame.at) for frame in frames if frame] == [
        (image, n / 20) for n, image in enumerate(JPEGS)
    ]


def test_a_stream_without_pictures_is_refused() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"no camera here\n" * 100)
    os.close(writer)
    with pytest.raises(CameraError, match="not one whole JPEG"):
        list(open_source("-", stdin=reader))
    os.close(reader)


def test_what_is_no_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "photo.jpg").write_bytes(JPEGS[0])
    (tmp_path / "broken.mjpeg").write_bytes(b"nothing")
    (tmp_path / "broken.mp4").write_bytes(b"nothing" * 99)
    for source, words in (
        ("empty", "no images in it"),
        ("photo.jpg", "lookup answers it"),
        ("broken.mjpeg", "not one whole JPEG"),
        ("broken.mp4", "not a video"),
    ):
        with pytest.raises(CameraError, match=words):
            list(open_source(str(tmp_path / source)))
    with pytest.raises(CameraError, match="opens no network"):
        open_source("rtsp://camera/1")
    with pytest.raises(CameraError, match="picamera: and a number"):
        open_source("picamera:left")
    with pytest.raises(FileNotFoundError):
        open_source(str(tmp_path / "nowhere.mp4"))


def test_which_source_is_what() -> None:
    assert all(map(is_camera, ["0", "12", "/dev/video0", "picamera", "picamera:1"]))
    assert not any(map(is_camera, ["-", "film.mp4", "./0", "picameras"]))
    assert [source for source in ("0", "-", "picamera", "film.mp4") if is_path(source)] == [
        "film.mp4"
    ]


def test_a_video_gives_every_frame_in_rgb(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 8.0, (320, 240))
    shown = [pixels for pixels, _ in zip(render_frames(HELD, fps=8), range(12), strict=False)]
    for pixels in shown:
        writer.write(np.ascontiguousarray(pixels[..., ::-1]))
    writer.release()
    frames = [frame for frame in open_source(str(path)) if frame]
    assert len(frames) == 12
    for number, (frame, pixels) in enumerate(zip(frames, shown, strict=True)):
        assert frame.at == pytest.approx(number / 8)
        apart = load_image(frame.photo).astype(float) - pixels  # JPEG's own loss is noise
        assert np.abs(apart.mean((0, 1))).max() < 2
    with closing(open_source(str(path), loop=True)) as looped:
        times = [frame.at for frame, _ in zip(looped, range(30), strict=False) if frame]
    assert np.allclose(times, np.arange(30) / 8)


class FakeCapture:
    """What `cv2.VideoCapture` is for a camera at 50 frames a second that is unplugged."""

    plugged = True
    frames = 10**9
    last: ClassVar[FakeCapture]
    device: ClassVar[Any]
    log: list[str]

    def __init__(self, device: Any, api: int) -> None:
        assert api == 200
        self.log, self.number = [], 0
        FakeCapture.last = self
        FakeCapture.device = device

    def isOpened(self) -> bool:
        return self.plugged

    def set(self, key: int, value: float) -> bool:
        self.log.append(f"{key}={value:g}")
        return True

    def grab(self) -> bool:
        time.sleep(0.02)
        self.number += 1
        return self.number <= self.frames

    def retrieve(self) -> tuple[bool, Pixels]:
        self.log.append("retrieve")
        blue_green_red = np.zeros((4, 6, 3), np.uint8)
        blue_green_red[..., 2] = self.number % 256
        return True, blue_green_red

    def release(self) -> None:
        self.log.append("release")


@pytest.fixture
def cv2(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """An OpenCV with a camera."""
    module = types.ModuleType("cv2")
    vars(module).update(
        VideoCapture=FakeCapture, CAP_V4L2=200, CAP_PROP_FRAME_WIDTH=3, CAP_PROP_FRAME_HEIGHT=4
    )
    monkeypatch.setitem(sys.modules, "cv2", module)
    return module


@pytest.mark.usefixtures("cv2")
def test_a_usb_camera_gives_fresh_frames_in_rgb(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = open_source("0", size=(800, 600))
    first = next(frame for frame in frames if frame)
    time.sleep(0.3)  # looking at a frame takes long: ten others come and go
    second = next(frame for frame in frames if frame)
    camera = FakeCapture.last
    assert FakeCapture.device == 0
    assert camera.log[:2] == ["3=800", "4=600"]
    assert camera.log.count("retrieve") <= 3, "frames that nobody looks at are not decoded"
    numbers = [int(np.asarray(frame.photo)[0, 0, 0]) for frame in (first, second)]
    assert numbers[1] - numbers[0] >= 8
    assert camera.number - numbers[1] <= 2, "not an old frame"
    frames.close()
    assert camera.log[-1] == "release"
    with closing(open_source("/dev/video7")) as second_camera:
        assert next(frame for frame in second_camera if frame)
        assert FakeCapture.device == "/dev/video7"


@pytest.mark.usefixtures("cv2")
def test_an_unplugged_camera_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeCapture, "frames", 3)
    with pytest.raises(CameraError, match=r"/dev/video0: .*unplugged"):
        list(open_source("0"))
    assert FakeCapture.last.log[-1] == "release"
    monkeypatch.setattr(FakeCapture, "plugged", False)
    with pytest.raises(CameraError, match="cannot be opened as a camera"):
        open_source("0")


def test_a_camera_that_hangs_is_given_up() -> None:
    stuck = threading.Event()

    def take(_: bool) -> Any:
        stuck.wait(10)
        raise EOFError

    frames = latest_frames(take, lambda: None, name="camera", max_silence=0.3)
    timer = threading.Timer(0.9, stuck.set)  # so that closing need not wait
    timer.start()
    with pytest.raises(CameraError, match=r"camera: gave no frame for 0\.3 s"):
        list(frames)


def test_without_the_library_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    monkeypatch.setitem(sys.modules, "picamera2", None)
    (tmp_path / "film.mp4").write_bytes(b"x")
    for source, words in (
        ("0", r"shelflens\[camera\]"),
        (str(tmp_path / "film.mp4"), r"shelflens\[camera\]"),
        ("picamera", "apt install python3-picamera2"),
    ):
        with pytest.raises(CameraError, match=words):
            list(open_source(source))


class FakePicamera:
    """Picamera2 as far as we use it: RGB888 gives blue first."""

    last: ClassVar[FakePicamera]
    log: list[Any]
    frames = 10**9

    def __init__(self, number: int) -> None:
        if number > 1:
            raise IndexError("list index out of range")
        self.log = [number]
        FakePicamera.last = self

    def create_video_configuration(self, main: dict[str, Any]) -> dict[str, Any]:
        assert main["format"] == "RGB888"
        return main

    def configure(self, configuration: dict[str, Any]) -> None:
        self.size = configuration["size"]

    def start(self) -> None:
        self.log.append("start")

    def capture_array(self, name: str) -> Pixels:
        assert name == "main"
        if self.log.count("frame") >= self.frames:
            raise RuntimeError("Camera frontend has timed out!")
        self.log.append("frame")
        array = np.zeros((self.size[1], self.size[0], 3), np.uint8)
        array[..., 0] = 255  # blue
        return array

    def stop(self) -> None:
        self.log.append("stop")

    def close(self) -> None:
        self.log.append("close")


@pytest.fixture
def picamera2(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picamera2 with two cameras."""
    module = types.ModuleType("picamera2")
    vars(module).update(Picamera2=FakePicamera)
    monkeypatch.setitem(sys.modules, "picamera2", module)


@pytest.mark.usefixtures("picamera2")
def test_a_pi_camera_gives_rgb_when_asked() -> None:
    frames = open_source("picamera:1", size=(64, 48))
    pixels = load_image(next(frame.photo for frame in frames if frame))
    assert pixels.shape == (48, 64, 3)
    assert pixels[0, 0].tolist() == [0, 0, 255], "blue is blue"
    time.sleep(0.1)
    assert FakePicamera.last.log.count("frame") == 1, "no frame is taken that nobody wants"
    frames.close()
    assert FakePicamera.last.log == [1, "start", "frame", "stop", "close"]


@pytest.mark.usefixtures("picamera2")
def test_a_pi_camera_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CameraError, match=r"picamera:2: cannot be opened .*list-cameras"):
        open_source("picamera:2")
    monkeypatch.setattr(FakePicamera, "frames", 2)
    with pytest.raises(CameraError, match=r"gives no more frames .*timed out"):
        list(open_source("picamera"))
    assert FakePicamera.last.log[-1] == "close"
