"""From images of any size to the size the network takes, masks and boxes alike.

`plan_resize` decides once how an image is scaled, padded or cropped; the plan then
carries image, masks and boxes over on the same pixel grid, and boxes back. Sampling
is bilinear, pixel centres on pixel centres, the outer pixels repeated at the border.

Shapes: H W sides of the image, H' W' of the resized result, C channels, N masks.
"""

import functools
import logging
import math
import sys
from types import ModuleType
from typing import Literal, NamedTuple, get_args

import numpy as np

from mrcnn.geometry.arrays import Array, as_floats
from mrcnn.geometry.sampling import bin_centers, pick_pixels

logger = logging.getLogger("mrcnn")

ResizeMode = Literal["none", "square", "pad64", "crop", "shorter_side"]

# What both sides of a molded image are multiples of: five halvings, then one for P6.
# In "shorter_side" the last of them may round up.
SIDE_STEPS = {"none": 64, "square": 64, "pad64": 64, "crop": 64, "shorter_side": 32}

# OpenCV resizes these as they are; all others take the way over float64.
_OPENCV_DTYPES = ("uint8", "uint16", "int16", "float32", "float64")
_OPENCV_CHANNELS = 512


class ImageResize(NamedTuple):
    """How an image is carried over: scaled, then cropped or padded with zeros."""

    original_shape: tuple[int, ...]
    """(height, width[, channels]) of the image before."""

    scale: float
    """Sides after scaling over sides before, up to rounding to whole pixels."""

    padding: list[tuple[int, int]]
    """Zeros before and after along each axis: [(top, bottom), (left, right), ...]."""

    crop: tuple[int, int, int, int] | None
    """(y, x, height, width) cut from the scaled image, or None."""

    cut_sides: bool = False
    """Whether scaled sides are cut down to whole pixels, and not rounded."""

    @property
    def scaled_shape(self) -> tuple[int, int]:
        """(height, width) after scaling, before cropping or padding."""
        whole = math.floor if self.cut_sides else round
        height, width = (
            max(1, whole(side * self.scale)) for side in self.original_shape[:2]
        )
        return height, width

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(height, width[, channels]) of the result."""
        (top, bottom), (left, right) = self.padding[:2]
        height, width = self.crop[2:] if self.crop else self.scaled_shape
        return (top + height + bottom, left + width + right, *self.original_shape[2:])

    @property
    def window(self) -> tuple[int, int, int, int]:
        """Box of the real picture inside the result, in pixels."""
        (top, bottom), (left, right) = self.padding[:2]
        height, width = self.image_shape[:2]
        return top, left, height - bottom, width - right

    @property
    def zoom(self) -> tuple[float, float]:
        """The exact (vertical, horizontal) scale, after rounding to whole pixels."""
        height, width = self.scaled_shape
        return height / self.original_shape[0], width / self.original_shape[1]

    @property
    def shift(self) -> tuple[int, int]:
        """(down, right): where the scaled image's corner lies in the result."""
        y, x = self.crop[:2] if self.crop else (0, 0)
        return self.padding[0][0] - y, self.padding[1][0] - x


def plan_resize(
    image_shape: Array,
    *,
    min_dim: int | None = None,
    max_dim: int | None = None,
    min_scale: float | None = None,
    mode: str = "square",
    rng: np.random.Generator | None = None,
) -> ImageResize:
    """How an image of this shape becomes one for the network.

    Args:
        image_shape: (height, width[, channels])
        min_dim: the shorter side is scaled up to it; never down but in "shorter_side"
        max_dim: in mode "square", the side of the result, and limit of the scale; in
            "shorter_side" that limit alone
        min_scale: least scale, whatever `min_dim` asks for; not in "shorter_side"
        mode: "none" leaves the image as it is; "square" pads to max_dim by max_dim;
            "pad64" pads sides to multiples of 64; "crop" cuts out min_dim by min_dim;
            "shorter_side" pads sides to multiples of 32
        rng: places the crop; without it, the crop is from the middle

    Returns:
        The plan. Padding is centred, its odd pixel at the bottom or right; in
        "shorter_side" all of it is there.
    """
    shape = tuple(int(side) for side in image_shape)
    if len(shape) not in (2, 3) or min(shape) < 1:
        raise ValueError(
            f"Cannot resize an image of shape {shape}: expected (height, width) or "
            "(height, width, channels), all at least 1."
        )
    _check_mode(mode, min_dim, max_dim)
    no_padding = [(0, 0)] * len(shape)
    if mode == "none":
        return ImageResize(shape, 1.0, no_padding, None)
    if mode == "shorter_side":
        assert min_dim
        return _plan_shorter_side(shape, min_dim, max_dim or sys.maxsize)
    limit = max_dim if mode == "square" else None
    scale = _choose_scale(shape, min_dim, limit, min_scale)
    scaled = ImageResize(shape, scale, no_padding, None)
    height, width = scaled.scaled_shape
    if mode == "crop":
        assert min_dim
        y = _crop_start(height, min_dim, rng)
        x = _crop_start(width, min_dim, rng)
        return scaled._replace(crop=(y, x, min_dim, min_dim))
    if mode == "square":
        assert max_dim
        sides = [_pad_to(height, max_dim), _pad_to(width, max_dim)]
    else:
        step = SIDE_STEPS[mode]
        sides = [_pad_to(side, round_up(side, step)) for side in (height, width)]
    return scaled._replace(padding=sides + no_padding[2:])


def apply_resize(image: Array, plan: ImageResize) -> np.ndarray:
    """The image carried over.

    Args:
        image: [H, W] or [H, W, C], numbers of any kind
        plan: made for an image of this height and width

    Returns:
        [H', W'] or [H', W', C], same dtype; integers are rounded to the nearest. May
        be the image itself where the plan changes nothing.
    """
    image = np.asarray(image)
    if image.dtype == bool:
        raise TypeError(
            "Cannot resize a bool array as an image: use resize_masks for masks, or "
            "convert it with astype('float32') first."
        )
    _check_shape(image, plan)
    return _crop_or_pad(_scale_image(image, plan.scaled_shape), plan)


def resize_masks(masks: Array, plan: ImageResize) -> np.ndarray:
    """Masks carried over on the grid of their image.

    Args:
        masks: [H, W, N] bool, or numbers of which all but 0 are set
        plan: made for their image

    Returns:
        [H', W', N] bool: set where more than half of the sampled value is set.
    """
    masks = np.asarray(masks)
    _check_shape(masks, plan)
    # One plane after the other lies in memory as a whole, so it is quick to use.
    resized = np.zeros((masks.shape[2], *plan.image_shape[:2]), bool)
    for index in range(masks.shape[2]):
        plane = (masks[:, :, index] != 0).astype("float32")
        scaled = _scale_image(plane, plan.scaled_shape) > 0.5
        resized[index] = _crop_or_pad(scaled, plan)
    return np.moveaxis(resized, 0, -1)


def resize_boxes(boxes_px: Array, plan: ImageResize) -> Array:
    """Boxes carried over, neither rounded nor clipped. [..., 4] -> [..., 4]"""
    boxes_px, zoom, shift = as_floats(boxes_px, plan.zoom * 2, plan.shift * 2)
    return boxes_px * zoom + shift


def unresize_boxes(boxes_px: Array, plan: ImageResize) -> Array:
    """Boxes of the result carried back, the inverse of `resize_boxes`."""
    boxes_px, zoom, shift = as_floats(boxes_px, plan.zoom * 2, plan.shift * 2)
    return (boxes_px - shift) / zoom


def round_up(side: int, step: int) -> int:
    """The next multiple of a step, the side itself included."""
    return -(-side // step) * step


def _plan_shorter_side(
    shape: tuple[int, ...], min_dim: int, max_dim: int
) -> ImageResize:
    """Up or down to `min_dim`, or as near as `max_dim` lets the longer side come."""
    shorter, longer = sorted(shape[:2])
    scale = min(min_dim / shorter, max_dim / longer)
    no_padding = [(0, 0)] * len(shape)
    scaled = ImageResize(shape, scale, no_padding, None, cut_sides=True)
    step = SIDE_STEPS["shorter_side"]
    sides = [(0, round_up(side, step) - side) for side in scaled.scaled_shape]
    return scaled._replace(padding=sides + no_padding[2:])


def _check_mode(mode: str, min_dim: int | None, max_dim: int | None) -> None:
    if mode not in get_args(ResizeMode):
        raise ValueError(
            f"Unknown resize mode {mode!r}: use one of {get_args(ResizeMode)}."
        )
    if mode == "square" and not max_dim:
        raise ValueError(
            f"Resize mode 'square' needs max_dim, the result's side, but got {max_dim}."
        )
    if mode in ("crop", "shorter_side") and not min_dim:
        raise ValueError(
            f"Resize mode {mode!r} needs min_dim, a side in pixels, but got {min_dim}."
        )
    if mode == "pad64" and min_dim and min_dim % 64:
        raise ValueError(
            f"Resize mode 'pad64' needs a min_dim divisible by 64, but got {min_dim}: "
            f"use {-(-min_dim // 64) * 64}."
        )


def _choose_scale(
    shape: tuple[int, ...],
    min_dim: int | None,
    max_dim: int | None,
    min_scale: float | None,
) -> float:
    height, width = shape[:2]
    scale = max(1.0, (min_dim or 0) / min(height, width), min_scale or 0)
    if max_dim and round(max(height, width) * scale) > max_dim:
        return max_dim / max(height, width)
    return scale


def _pad_to(side: int, target: int) -> tuple[int, int]:
    before = (target - side) // 2
    return before, target - side - before


def _crop_start(side: int, target: int, rng: np.random.Generator | None) -> int:
    room = side - target
    return room // 2 if rng is None else int(rng.integers(room, endpoint=True))


def _check_shape(image: np.ndarray, plan: ImageResize) -> None:
    if image.shape[:2] != tuple(plan.original_shape[:2]) or image.ndim not in (2, 3):
        raise ValueError(
            f"An array of shape {image.shape} does not fit a resize planned for "
            f"{plan.original_shape}: plan it with the array's own shape."
        )


def _crop_or_pad(image: np.ndarray, plan: ImageResize) -> np.ndarray:
    if plan.crop:
        y, x, height, width = plan.crop
        image = image[y : y + height, x : x + width]
    shape = (*plan.image_shape[:2], *image.shape[2:])
    if image.shape == shape:
        return image
    padded = np.zeros(shape, image.dtype)
    y1, x1, y2, x2 = plan.window
    padded[y1:y2, x1:x2] = image
    return padded


def _scale_image(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Bilinear, same dtype. [H, W(, C)] -> [*shape(, C)]"""
    if image.shape[:2] == shape:
        return image
    known = image.dtype.name in _OPENCV_DTYPES and image.dtype.isnative
    numbers = np.ascontiguousarray(image, image.dtype if known else "float64")
    opencv = _opencv()
    if opencv is None:
        scaled = _scale_with_numpy(numbers, shape)
    else:
        scaled = _scale_with_opencv(numbers, shape, opencv)
    if np.issubdtype(image.dtype, np.integer) and scaled.dtype != image.dtype:
        scaled = np.rint(scaled)
    return scaled.astype(image.dtype, copy=False)


def _scale_with_opencv(
    image: np.ndarray, shape: tuple[int, int], opencv: ModuleType
) -> np.ndarray:
    height, width = shape
    planes = image.reshape(*image.shape[:2], -1)
    parts = [
        opencv.resize(
            planes[..., start : start + _OPENCV_CHANNELS],
            (width, height),
            interpolation=opencv.INTER_LINEAR,
        ).reshape(height, width, -1)
        for start in range(0, planes.shape[2], _OPENCV_CHANNELS)
    ]
    joined = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)
    return joined.reshape(height, width, *image.shape[2:])


def _scale_with_numpy(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The same numbers without OpenCV, some twenty times slower."""
    height, width = image.shape[:2]
    rows = np.clip(bin_centers(0.0, height, shape[0]), 0, height - 1)
    columns = np.clip(bin_centers(0.0, width, shape[1]), 0, width - 1)
    return pick_pixels(image, rows, columns)


@functools.cache
def _opencv() -> ModuleType | None:
    """OpenCV, or None where it does not import; said once."""
    try:
        import cv2
    except ImportError as error:
        logger.warning(
            "OpenCV does not import (%s), so images are resized with NumPy, which is "
            "slower. On a machine without libGL, either of these helps: "
            "`pip install --force-reinstall --no-deps opencv-python-headless` or "
            "`apt-get install libgl1`.",
            error,
        )
        return None
    return cv2
