"""Image files of every common kind, read into one: uint8 `[H, W, C]` in 0..255.

JPEG, PNG, TIFF and whatever else Pillow knows; 8 and 16 bits; grey, RGB, RGBA, palette
or any number of channels (TIFF). Files are turned upright as their EXIF tag says, and
their shape can be had without decoding them. Whatever is wrong with a file, the error
is an OSError that names it.

Shapes: H W height and width of the upright image, C channels.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

# EXIF tag of the orientation, and its values that exchange height and width.
_ORIENTATION, _TURNED = 0x0112, (5, 6, 7, 8)

# TIFF tag of the number of channels; Pillow drops those past the fourth.
_SAMPLES_PER_PIXEL = 277

# Pillow's modes that NumPy reads as they are.
_PLAIN_MODES = ("L", "RGB", "RGBA", "I;16", "I;16B", "I", "F")

# Shares of red, green and blue in grey (ITU-R BT.601).
_LUMINANCE = np.array([0.299, 0.587, 0.114])

PathLike = str | os.PathLike


def read_image(path: PathLike, channel_count: int = 3) -> np.ndarray:
    """The pixels of a file, as 8 bits with the number of channels asked for.

    For three channels grey is repeated and alpha is dropped; for one channel colours
    become grey. Any other difference between the file and `channel_count` is an error.
    Values up to 255 are kept; see `to_8_bits` for the others.

    Returns:
        uint8 [H, W, channel_count]
    """
    pixels = read_pixels(path)
    try:
        return to_8_bits(fit_channels(pixels, channel_count))
    except ValueError as error:
        raise OSError(f"The image file {os.fspath(path)!r}: {error}") from error


def read_pixels(path: PathLike) -> np.ndarray:
    """The pixels as the file has them: [H, W] or [H, W, C], integers or floats."""
    with _explained(path), _opened(path) as picture:
        if picture is None:
            return _read_tiff(path)
        return picture_pixels(picture)


def read_image_shape(path: PathLike) -> tuple[int, int]:
    """(H, W) of the upright image; only the file's header is read."""
    with _explained(path), _opened(path) as picture:
        if picture is None:
            return _tiff_shape(path)
        return picture_shape(picture)


def image_shape_or_none(path: PathLike) -> tuple[int, int] | None:
    """The same, or None for a file that cannot be read: loading it will say why."""
    try:
        return read_image_shape(path)
    except OSError:
        return None


def read_ids(path: PathLike) -> np.ndarray:
    """An image whose pixel values are numbers, not colours. -> int32 [H, W]

    A palette image gives its indices, a grey one its values with all its bits, and a
    colour one R + 256 G + 65536 B; alpha is ignored.
    """
    from PIL import ImageOps

    with _explained(path), _opened(path) as picture:
        if picture is None:
            pixels = _read_tiff(path)
        elif picture.mode in ("P", "1"):
            pixels = np.asarray(ImageOps.exif_transpose(picture))
        elif picture.mode in ("LA", "PA"):
            pixels = np.asarray(ImageOps.exif_transpose(picture))[..., 0]
        else:
            pixels = picture_pixels(picture)
    if pixels.ndim == 2 or pixels.shape[-1] == 1:
        return pixels.reshape(pixels.shape[:2]).astype("int32")
    return pixels[..., :3].astype("int32") @ np.array([1, 256, 65536], "int32")


def picture_pixels(picture: Any) -> np.ndarray:
    """The upright pixels of a Pillow picture: [H, W], [H, W, 3] or [H, W, 4]"""
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(picture)
    if upright.mode == "1":
        upright = upright.convert("L")
    elif upright.mode not in _PLAIN_MODES:
        has_alpha = "A" in upright.mode.upper() or "transparency" in upright.info
        upright = upright.convert("RGBA" if has_alpha else "RGB")
    return np.array(upright)


def picture_shape(picture: Any) -> tuple[int, int]:
    """(H, W) of a Pillow picture once it is upright."""
    width, height = picture.size
    if picture.format == "TIFF":  # Pillow turns these by itself
        return (height, width)
    is_turned = picture.getexif().get(_ORIENTATION) in _TURNED
    return (width, height) if is_turned else (height, width)


def fit_channels(pixels: np.ndarray, channel_count: int) -> np.ndarray:
    """Pixels with another number of channels. [H, W] or [H, W, any] -> [H, W, C]"""
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    channels = pixels.shape[-1]
    if channels == channel_count:
        return pixels
    if channel_count == 3 and channels == 1:
        return np.repeat(pixels, 3, axis=-1)
    if channel_count == 3 and channels == 4:
        return pixels[..., :3]
    if channel_count == 1 and channels in (3, 4):
        grey = pixels[..., :3] @ _LUMINANCE
        grey = grey if pixels.dtype.kind == "f" else np.round(grey)
        return grey[..., None].astype(pixels.dtype)  # [H, W, 1]
    raise ValueError(
        f"it has {channels} channels and {channel_count} are expected. Convert it, or "
        f"set IMAGE_CHANNEL_COUNT and the dataset's channel_count to {channels}."
    )


def to_8_bits(pixels: np.ndarray) -> np.ndarray:
    """Pixels on the scale 0..255. [...] numbers -> [...] uint8

    The largest value decides what the numbers mean: up to 255 they are kept; up to
    65535 they are 16-bit values and divided by 257, so that the largest becomes 255;
    floats up to 1 are shares of 255. Anything else (negative, NaN, larger) is refused:
    the file's scale is then its owner's to know.
    """
    if pixels.dtype == np.uint8 or pixels.size == 0:
        return pixels.astype("uint8", copy=False)
    low, high = pixels.min(), pixels.max()
    is_known = np.isfinite(low) and np.isfinite(high) and low >= 0 and high <= 65535
    if not is_known:
        raise ValueError(
            f"its values run from {low} to {high}, and neither 8 nor 16 bits hold "
            "them. Override load_image and bring them to 0..255 there."
        )
    if high > 255:
        return np.round(pixels / 257).astype("uint8")
    is_share = pixels.dtype.kind == "f" and high <= 1
    return np.round(pixels * 255.0 if is_share else pixels).astype("uint8")


@contextmanager
def _explained(path: PathLike) -> Iterator[None]:
    """Errors of any type inside become an OSError that names the file."""
    if not os.path.isfile(path):
        raise FileNotFoundError(f"There is no image file {os.fspath(path)!r}.")
    try:
        yield
    # Decoders answer damage with errors of every type.
    except Exception as error:
        raise OSError(
            f"Cannot read the image file {os.fspath(path)!r}: {error}. It may be "
            "damaged, cut off, or of an unknown kind."
        ) from error


@contextmanager
def _opened(path: PathLike) -> Iterator[Any]:
    """A Pillow picture, or None for a TIFF that Pillow would not read whole."""
    from PIL import Image, UnidentifiedImageError

    # Opened by name, Pillow maps a plain TIFF into memory and garbles turned ones.
    with open(path, "rb") as file:
        try:
            picture = Image.open(file)
        except UnidentifiedImageError:
            if not os.fspath(path).lower().endswith((".tif", ".tiff")):
                raise
            yield None
            return
        with picture:
            yield None if _is_layered(picture) else picture


def _is_layered(picture: Any) -> bool:
    """Whether this is a TIFF of several pages or of unusual channels."""
    if picture.format != "TIFF":
        return False
    channels = picture.tag_v2.get(_SAMPLES_PER_PIXEL, 1)
    return picture.n_frames > 1 or channels not in (1, 3, 4)


def _read_tiff(path: PathLike) -> np.ndarray:
    """[H, W] or [H, W, C]"""
    import tifffile

    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        axis = _channel_axis(series)
        pixels = np.squeeze(series.asarray())
    return pixels if axis is None else np.moveaxis(pixels, axis, -1)


def _tiff_shape(path: PathLike) -> tuple[int, int]:
    import tifffile

    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        axis = _channel_axis(series)
        sides = [side for side in series.shape if side > 1]
    if axis is not None:
        del sides[axis]
    return sides[0], sides[1]


def _channel_axis(series: Any) -> int | None:
    """Which of the axes longer than one holds the channels."""
    named = zip(series.axes, series.shape, strict=True)
    names, sides = zip(*[(name, side) for name, side in named if side > 1], strict=True)
    if len(sides) == 2:
        return None
    if len(sides) != 3:
        raise ValueError(
            f"it has the axes {series.axes} of lengths {series.shape}, but an image "
            "has a height, a width and channels"
        )
    declared = [axis for axis, name in enumerate(names) if name in "SC"]
    # Without a name, the shortest axis: images are taller and wider than deep.
    return declared[0] if declared else int(np.argmin(sides))
