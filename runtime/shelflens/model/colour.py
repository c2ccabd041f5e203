"""Wide-gamut photos: an RGB profile that is not sRGB's is applied, since the network saw sRGB.

Whether a profile is sRGB's is read from its colorants (ICC.1:2022, 8.4), so that a photo without
a profile, or with that of sRGB, pays nothing and loads no colour management.
"""

from __future__ import annotations

import io
import struct

from PIL import Image

MAX_PROFILE_BYTES = 4 << 20
"""A larger profile is left alone."""

_SRGB = ((0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
"""XYZ of red, green and blue, adapted to D50 (IEC 61966-2-1)."""
_TOLERANCE = 0.01
_MAX_TAGS = 100


def is_wide(profile: bytes) -> bool:
    """Whether a profile is one of RGB other than sRGB; False of what is no profile."""
    if not 132 <= len(profile) <= MAX_PROFILE_BYTES:
        return False
    if profile[36:40] != b"acsp" or profile[16:20] != b"RGB ":
        return False
    tags = {}
    for index in range(min(int.from_bytes(profile[128:132], "big"), _MAX_TAGS)):
        entry = profile[132 + 12 * index : 144 + 12 * index]
        if len(entry) < 12:
            return False
        tags[entry[:4]] = struct.unpack(">II", entry[4:])
    for name, wanted in zip((b"rXYZ", b"gXYZ", b"bXYZ"), _SRGB, strict=True):
        if name not in tags:  # by tables: a scanner's or printer's
            return True
        colorant = profile[tags[name][0] + 8 : tags[name][0] + 20]
        if len(colorant) < 12:
            return False
        values = [fixed / 65536 for fixed in struct.unpack(">iii", colorant)]
        if any(abs(a - b) > _TOLERANCE for a, b in zip(values, wanted, strict=True)):
            return True
    return False


def to_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """An RGB picture with its profile applied; as it is where the profile is damaged."""
    from PIL import ImageCms  # here and not above: few photos need it

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"))
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return picture
    return picture if converted is None else converted
