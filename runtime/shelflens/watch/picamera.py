"""The Raspberry Pi's own cameras: the only module that imports picamera2."""

from __future__ import annotations

import os

from shelflens.errors import CameraError
from shelflens.model.image import Photo
from shelflens.watch.loop import Frames
from shelflens.watch.newest import newest

FORMAT = "RGB888"
"""Named by libcamera after the order in a little-endian word: the array has blue first (Picamera2
manual, appendix A). It is turned round here, so that everything else sees RGB. Its twin BGR888,
which is RGB in memory, is not offered by every camera driver."""


def camera(number: int, size: tuple[int, int]) -> Frames:
    """The newest frames of a camera at the ribbon cable.

    Args:
        number: From 0, as `rpicam-hello --list-cameras` counts.
        size: Width and height.

    Raises:
        CameraError: no picamera2, no such camera, or in use.
    """
    os.environ.setdefault("LIBCAMERA_LOG_LEVELS", "*:ERROR")
    try:
        from picamera2 import Picamera2
    except ImportError as error:
        raise CameraError(
            "Raspberry Pi cameras need picamera2: sudo apt install python3-picamera2, and a "
            "virtual environment made with --system-site-packages"
        ) from error
    name = f"picamera:{number}"
    try:
        opened = Picamera2(number)
        opened.configure(opened.create_video_configuration(main={"size": size, "format": FORMAT}))
        opened.start()
    except Exception as error:  # IndexError, RuntimeError and others, by version
        raise CameraError(
            f"{name}: cannot be opened ({error or type(error).__name__}); rpicam-hello "
            "--list-cameras shows the cameras"
        ) from error

    def take(_: bool) -> Photo | None:
        try:
            pixels = opened.capture_array("main")
        except Exception as error:
            raise CameraError(f"{name}: gives no more frames ({error})") from error
        rgb: Photo = pixels[..., 2::-1]  # also of four bytes a pixel, blue first
        return rgb

    def close() -> None:
        opened.stop()
        opened.close()

    # It keeps one finished frame at most, so nothing grows old between two questions.
    return newest(take, close, name=name, ahead=False)
