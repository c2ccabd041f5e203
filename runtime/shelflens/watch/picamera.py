"""Cameras at a Raspberry Pi's ribbon cable: the only module that imports picamera2."""

from __future__ import annotations

import os

from shelflens.errors import CameraError
from shelflens.model.image import Photo
from shelflens.watch.latest_frame import latest_frames
from shelflens.watch.loop import Frames

FORMAT = "RGB888"
"""Named by libcamera after the order in a little-endian word: the array has blue first (Picamera2
manual, appendix A), and is reversed to RGB here. BGR888, which is RGB in memory, is not offered by
every camera driver."""


def camera(number: int, size: tuple[int, int]) -> Frames:
    """The latest frames of a camera at the ribbon cable.

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
        device = Picamera2(number)
        device.configure(device.create_video_configuration(main={"size": size, "format": FORMAT}))
        device.start()
    except Exception as error:  # IndexError, RuntimeError and others, by version
        raise CameraError(
            f"{name}: cannot be opened ({error or type(error).__name__}); rpicam-hello "
            "--list-cameras shows the cameras"
        ) from error

    def take(_: bool) -> Photo | None:
        try:
            pixels = device.capture_array("main")
        except Exception as error:
            raise CameraError(f"{name}: gives no more frames ({error})") from error
        rgb: Photo = pixels[..., 2::-1]  # also with four bytes per pixel, blue first
        return rgb

    def close() -> None:
        device.stop()
        device.close()

    # Picamera2 keeps one finished frame at most, so no frame gets old.
    return latest_frames(take, close, name=name, ahead=False)
