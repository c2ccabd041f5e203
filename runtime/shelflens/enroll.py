"""Views of a product's only picture, so that one picture is enough to enrol it.

A studio picture shows a product from the front, in the middle, on a plain ground; a phone shows it
nearer, further away, off the middle. The mean direction of four views of the picture is nearer to
such photos than the picture alone is: of the drawn store's phone photos more find their product
(`benchmarks/quality/enroll.py`), and a lookup costs nothing more. Products with several pictures
need no such help, and a catalog of many photos would take four times as long to build.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shelflens.image import Photo, load_image

_NEAR = 3 / 4
"""Share of each side that the near view shows."""
_FAR = 1.3
"""Side of the far view in sides of the picture."""
_RIM = 3
"""Rows and columns of pixels that say which colour the ground has."""


def enrolled_views(photo: Photo, *, size: int) -> NDArray[np.uint8]:
    """The picture, its mirror image, its middle, and the picture seen from further away.

    Args:
        photo: What `load_image` takes.
        size: Side of a view, pixels.

    Returns:
        uint8 [4, size, size, 3]; the first view is what `load_image` gives. Around the last one
        lies the colour of the picture's edge.

    Raises:
        PhotoError: the photo cannot be read.
    """
    whole = load_image(photo, size=size)
    large = load_image(photo, size=round(size / _NEAR))
    margin = (len(large) - size) // 2
    near = large[margin : margin + size, margin : margin + size]
    side = round(size / _FAR)
    at = (size - side) // 2
    edges = (whole[:_RIM], whole[-_RIM:], whole[:, :_RIM], whole[:, -_RIM:])
    rim = np.concatenate([edge.reshape(-1, 3) for edge in edges])
    far = np.broadcast_to(np.median(rim, axis=0).astype(np.uint8), whole.shape).copy()
    small = Image.fromarray(whole).resize((side, side), Image.Resampling.BILINEAR)
    far[at : at + side, at : at + side] = np.asarray(small)
    return np.stack([whole, whole[:, ::-1], near, far])
