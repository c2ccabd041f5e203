"""USB cameras and video files: the only module that imports OpenCV."""

from __future__ import annotations

import math
import os
from typing import Any

from shelflens.errors import CameraError
from shelflens.model.image import Photo
from shelflens.watch.latest_frame import latest_frames
from shelflens.watch.loop import Frame, Frames

_RATE = 30.0
"""Frames per second of a video that does not state its own."""


def camera(device: str, size: tuple[int, int]) -> Frames:
    """The latest frames of a V4L2 camera.

    Args:
        device: A number, or a path such as `/dev/video0`.
        size: Width and height to ask for; the camera gives what it has.

    Raises:
        CameraError: no OpenCV, no such camera, in use, or unplugged while it is watched.
    """
    cv2 = _library()
    name = f"/dev/video{device}" if device.isdecimal() else device
    capture = cv2.VideoCapture(int(device) if device.isdecimal() else device, cv2.CAP_V4L2)
    if not capture.isOpened():
        capture.release()
        raise CameraError(
            f"{name}: cannot be opened as a camera; check that it is plugged in (ls /dev/video*), "
            "not in use, and that you are in the group video"
        )
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])

    def take(wanted: bool) -> Photo | None:
        # Grabbing empties the driver's queue; only a frame that is waited for is decoded.
        if not capture.grab():
            raise CameraError(f"{name}: the camera gives no more frames; was it unplugged?")
        if not wanted:
            return None
        good, image = capture.retrieve()
        if not good or image is None:
            raise CameraError(f"{name}: a frame cannot be decoded; try another --size")
        rgb: Photo = _rgb(image)
        return rgb

    return latest_frames(take, capture.release, name=name)


def video(path: str, *, fps: float | None, loop: bool) -> Frames:
    """Every frame of a video file.

    Args:
        path: The file.
        fps: Frames per second; None for the video's own.
        loop: Begin again at its end.

    Raises:
        CameraError: no OpenCV, or not a video that it reads.
    """
    cv2 = _library()
    index = 0
    while True:
        capture = cv2.VideoCapture(path)
        try:
            rate = fps or float(capture.get(cv2.CAP_PROP_FPS))
            rate = rate if math.isfinite(rate) and 0 < rate <= 1000 else _RATE
            before = index
            while capture.isOpened():
                good, image = capture.read()
                if not good or image is None:
                    break
                yield Frame(_rgb(image), index / rate)
                index += 1
        finally:
            capture.release()
        if index == before:
            raise CameraError(f"{path}: not a video that OpenCV can read, or damaged")
        if not loop:
            return


def _rgb(image: Any) -> Any:
    """OpenCV's BGR [h, w, 3], or grey [h, w], as RGB."""
    if image.ndim == 2:
        image = image[..., None].repeat(3, -1)
    return image[..., ::-1]


def _library() -> Any:
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")  # our own message states the cause
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    try:
        import cv2
    except ImportError as error:
        raise CameraError(
            "USB cameras and video files need OpenCV: pip install 'shelflens[camera]' "
            "(a stream of JPEGs on standard input, or a folder of images, does not)"
        ) from error
    return cv2
