"""Where frames come from: a camera, a video, a folder, a stream of JPEGs."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator, Iterator
from pathlib import Path

from shelflens.errors import CameraError
from shelflens.model.image import Photo
from shelflens.watch.loop import Frame, Frames
from shelflens.watch.mjpeg import JpegSplitter
from shelflens.watch.newest import newest

PICAMERA, STDIN = "picamera", "-"
PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"}
STREAMS = {".mjpeg", ".mjpg"}
"""Files of JPEGs one behind the other, read without OpenCV."""

RATE = 10.0
"""Frames a second of a folder or stream that was recorded, when nobody says."""

_PIECE = 1 << 16


def is_camera(source: str) -> bool:
    """Whether this names a camera, which may be unplugged and come back."""
    return source.partition(":")[0] == PICAMERA or source.isdecimal() or source.startswith("/dev/")


def is_path(source: str) -> bool:
    """Whether this names a file or folder."""
    return source != STDIN and not is_camera(source)


def open_source(
    source: str,
    *,
    fps: float | None = None,
    loop: bool = False,
    size: tuple[int, int] = (640, 480),
    stdin: int = 0,
) -> Frames:
    """The frames of a source; close the iterator to release it.

    Cameras and pipes give the newest frame when it is asked for, and drop the others; None says
    that there is none yet. Recordings give every frame.

    Args:
        source: `picamera`, `picamera:1`; a number or device (`0`, `/dev/video0`); a video file; a
            `.mjpeg` file; a folder of pictures, in the order of their names; `-`, JPEGs on
            standard input.
        fps: Frames a second of a recording; makes a recording of standard input.
        loop: Begin a file or folder again at its end.
        size: Width and height to ask a camera for.
        stdin: File descriptor read for `-`.

    Raises:
        CameraError: it cannot be opened; or, later, it fails.
        FileNotFoundError: no such file.
    """
    kind, _, number = source.partition(":")
    if kind == PICAMERA:
        from shelflens.watch import picamera

        if number and not number.isdecimal():
            raise CameraError(f"{source}: expected picamera, or picamera: and a number")
        return picamera.camera(int(number or 0), size)
    if is_camera(source):
        from shelflens.watch import opencv

        return opencv.camera(source, size)
    if source == STDIN:
        recorded = fps is not None or stat.S_ISREG(os.fstat(stdin).st_mode)
        return _recorded(_jpegs(stdin), fps or RATE) if recorded else _piped(stdin)
    if "://" in source:
        raise CameraError(
            f"{source}: ShelfLens opens no network; pipe it in: ffmpeg -i URL -f mjpeg - | "
            "shelflens watch - ..."
        )
    path = Path(source)
    if not path.exists():
        raise FileNotFoundError(2, "no such video, folder or camera", source)
    if path.is_dir():
        return _recorded(_pictures(path, loop), fps or RATE)
    if path.suffix.lower() in STREAMS:
        return _recorded(_file(path, loop), fps or RATE)
    if path.suffix.lower() in PICTURES:
        raise CameraError(f"{source}: is one picture; shelflens lookup answers it")
    from shelflens.watch import opencv

    return opencv.video(source, fps=fps, loop=loop)


def _recorded(photos: Iterator[Photo], fps: float) -> Frames:
    for number, photo in enumerate(photos):
        yield Frame(photo, number / fps)


def _pictures(folder: Path, loop: bool) -> Iterator[Photo]:
    paths = sorted(one for one in folder.iterdir() if one.suffix.lower() in PICTURES)
    if not paths:
        raise CameraError(f"{folder}: no pictures in it; expected {', '.join(sorted(PICTURES))}")
    while True:
        yield from paths
        if not loop:
            return


def _file(path: Path, loop: bool) -> Iterator[Photo]:
    while True:
        count = 0
        with path.open("rb") as stream:
            for photo in _jpegs(stream.fileno()):
                yield photo
                count += 1
        if not count:
            raise CameraError(f"{path}: not one whole JPEG in it; expected JPEGs in a row")
        if not loop:
            return


def _jpegs(handle: int) -> Generator[Photo, None, None]:
    splitter, count = JpegSplitter(), 0
    while piece := os.read(handle, _PIECE):
        for photo in splitter.feed(piece):
            yield photo
            count += 1
    if not count:
        raise CameraError("the stream held not one whole JPEG; expected JPEGs in a row (MJPEG)")


def _piped(handle: int) -> Frames:
    photos = _jpegs(handle)

    def take(_: bool) -> Photo | None:
        for photo in photos:
            return photo
        raise EOFError

    # A program that starts a camera may take its time, and one that has none ends the pipe.
    return newest(take, photos.close, name="standard input", silence=float("inf"))
