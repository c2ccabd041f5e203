"""Where frames come from: a camera, a video, a folder, a stream of JPEGs."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator, Iterator
from pathlib import Path

from shelflens.errors import CameraError
from shelflens.model.image import Photo
from shelflens.watch.latest_frame import latest_frames
from shelflens.watch.loop import Frame, Frames
from shelflens.watch.mjpeg import JpegSplitter

PICAMERA, STDIN = "picamera", "-"
IMAGES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"}
STREAMS = {".mjpeg", ".mjpg"}
"""Files of consecutive JPEGs, read without OpenCV."""

DEFAULT_FPS = 10.0
"""Frames per second of a recorded folder or stream, unless given."""

_CHUNK_BYTES = 1 << 16


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

    Cameras and pipes give the latest frame on request and drop the rest; None means that there is
    none yet. Recordings give every frame.

    Args:
        source: `picamera`, `picamera:1`; a number or device (`0`, `/dev/video0`); a video file; a
            `.mjpeg` file; a folder of images, in the order of their names; `-`, JPEGs on
            standard input.
        fps: Frames per second of a recording; makes standard input a recording.
        loop: Begin a file or folder again at its end.
        size: Width and height to ask a camera for.
        stdin: File descriptor read for `-`.

    Raises:
        CameraError: it cannot be opened; or, later, it fails.
        FileNotFoundError: no such file.
    """
    kind, _, index = source.partition(":")
    if kind == PICAMERA:
        from shelflens.watch import picamera

        if index and not index.isdecimal():
            raise CameraError(f"{source}: expected picamera, or picamera: and a number")
        return picamera.camera(int(index or 0), size)
    if is_camera(source):
        from shelflens.watch import opencv

        return opencv.camera(source, size)
    if source == STDIN:
        recorded = fps is not None or stat.S_ISREG(os.fstat(stdin).st_mode)
        return _recorded(_jpegs(stdin), fps or DEFAULT_FPS) if recorded else _piped(stdin)
    if "://" in source:
        raise CameraError(
            f"{source}: ShelfLens opens no network; pipe it in: ffmpeg -i URL -f mjpeg - | "
            "shelflens watch - ..."
        )
    path = Path(source)
    if not path.exists():
        raise FileNotFoundError(2, "no such video, folder or camera", source)
    if path.is_dir():
        return _recorded(_images(path, loop), fps or DEFAULT_FPS)
    if path.suffix.lower() in STREAMS:
        return _recorded(_mjpeg_file(path, loop), fps or DEFAULT_FPS)
    if path.suffix.lower() in IMAGES:
        raise CameraError(f"{source}: is a single image; shelflens lookup answers it")
    from shelflens.watch import opencv

    return opencv.video(source, fps=fps, loop=loop)


def _recorded(photos: Iterator[Photo], fps: float) -> Frames:
    for index, photo in enumerate(photos):
        yield Frame(photo, index / fps)


def _images(folder: Path, loop: bool) -> Iterator[Photo]:
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGES)
    if not paths:
        raise CameraError(f"{folder}: no images in it; expected {', '.join(sorted(IMAGES))}")
    while True:
        yield from paths
        if not loop:
            return


def _mjpeg_file(path: Path, loop: bool) -> Iterator[Photo]:
    while True:
        count = 0
        with path.open("rb") as stream:
            for photo in _jpegs(stream.fileno()):
                yield photo
                count += 1
        if not count:
            raise CameraError(f"{path}: not one whole JPEG in it; expected consecutive JPEGs")
        if not loop:
            return


def _jpegs(handle: int) -> Generator[Photo, None, None]:
    splitter, count = JpegSplitter(), 0
    while chunk := os.read(handle, _CHUNK_BYTES):
        for photo in splitter.feed(chunk):
            yield photo
            count += 1
    if not count:
        raise CameraError("the stream held not one whole JPEG; expected consecutive JPEGs (MJPEG)")


def _piped(handle: int) -> Frames:
    photos = _jpegs(handle)

    def take(_: bool) -> Photo | None:
        for photo in photos:
            return photo
        raise EOFError

    # A program may take long to start its camera, and one that fails ends the pipe.
    return latest_frames(take, photos.close, name="standard input", max_silence=float("inf"))
