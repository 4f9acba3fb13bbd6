"""Pictures small enough that a page can hold a thousand of them.

Shapes: H W the image, C channels.
"""

import base64
import io
from typing import Any

from PIL import Image

from mrcnn.drawing.pictures import as_picture

_SIDES = (960, 800, 640, 512, 416, 320, 256)
_LAST_QUALITY = 50
_ALL_PICTURES = 24_000_000
_LEAST, _MOST = 12_000, 80_000


def bytes_for_each(num_pictures: int) -> int:
    """Bytes that each picture of a page may take, so that all of them stay usable."""
    return min(max(_ALL_PICTURES // max(num_pictures, 1), _LEAST), _MOST)


def thumbnail(image: Any, max_bytes: int) -> str:
    """A JPEG picture as a `data:` address, with the longest side that fits.

    Args:
        image: see `as_picture`
        max_bytes: of the JPEG; a picture of 256 pixels is the smallest that is tried
    """
    picture = Image.fromarray(as_picture(image))
    picture.thumbnail((_SIDES[0], _SIDES[0]), Image.Resampling.LANCZOS)
    content = _jpeg(picture, quality=80)
    for side in _SIDES[1:]:
        if len(content) > max_bytes and side < max(picture.size):
            picture.thumbnail((side, side), Image.Resampling.LANCZOS)
            content = _jpeg(picture, quality=80)
    if len(content) > max_bytes:
        content = _jpeg(picture, _LAST_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(content).decode("ascii")


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality, optimize=True)
    return stream.getvalue()
