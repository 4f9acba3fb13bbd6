"""Augmentations that move image and masks together by construction.

Each is called as transform(image, masks, rng) and returns (image, masks) anew; the
arguments stay as they are. Join several with `Compose` of `mrcnn.data.augmentation`.
Several training scales are the knob TRAIN_SCALES.

Shapes: H W before, H' W' after, C channels, N instances; image [H, W, C], masks bool
[H, W, N].
"""

from typing import Any

import numpy as np

from mrcnn.geometry.resizing import ImageResize, apply_resize, resize_masks

Pair = tuple[np.ndarray, np.ndarray]

# Parts of red, green and blue in grey (ITU-R BT.601).
_LUMINANCE = np.array([0.299, 0.587, 0.114], "float32")


class HorizontalFlip:
    """Left and right exchanged with a probability; what the paper trains with."""

    def __init__(self, probability: float = 0.5) -> None:
        self.probability = _checked_share("probability", probability)

    def __call__(
        self, image: np.ndarray, masks: np.ndarray, rng: np.random.Generator
    ) -> Pair:
        """The pair, mirrored or as it is."""
        if rng.random() >= self.probability:
            return image, masks
        return _mirror_columns(image), _mirror_columns(masks)


class VerticalFlip:
    """Top and bottom exchanged with a probability."""

    def __init__(self, probability: float = 0.5) -> None:
        self.probability = _checked_share("probability", probability)

    def __call__(
        self, image: np.ndarray, masks: np.ndarray, rng: np.random.Generator
    ) -> Pair:
        """The pair, mirrored or as it is."""
        if rng.random() >= self.probability:
            return image, masks
        return _copy_of(image[::-1], image), _copy_of(masks[::-1], masks)


class Rotate90:
    """A rotation by 0, 90, 180 or 270 degrees, each as likely as the others."""

    def __call__(
        self, image: np.ndarray, masks: np.ndarray, rng: np.random.Generator
    ) -> Pair:
        """The pair, turned; height and width may be exchanged."""
        turns = int(rng.integers(4))
        return (
            _copy_of(np.rot90(image, turns), image),
            _copy_of(np.rot90(masks, turns), masks),
        )


class LargeScaleJitter:
    """The picture scaled by a random factor, the image's shape kept.

    A larger picture is cropped at a random place; a smaller one is put at a random
    place of an image that is filled up with its mean colour. The range of 0.1 to 2 is
    the usual one for long training; 0.8 to 1.25 is a mild one.
    """

    def __init__(self, low: float = 0.1, high: float = 2.0) -> None:
        if not 0 < low <= high:
            raise ValueError(
                f"The scales run from {low} to {high}, but 0 < low <= high is expected."
            )
        self.low, self.high = low, high

    def __call__(
        self, image: np.ndarray, masks: np.ndarray, rng: np.random.Generator
    ) -> Pair:
        """The pair, scaled, then cropped or filled up. [H, W, .] -> [H, W, .]"""
        scale = np.exp(rng.uniform(np.log(self.low), np.log(self.high)))
        plan = _plan_jitter(image.shape, float(scale), rng)
        resized = apply_resize(image, plan)
        y1, x1, y2, x2 = plan.window
        filled = np.empty_like(resized)
        filled[:] = np.mean(image, axis=(0, 1)).astype(image.dtype)
        filled[y1:y2, x1:x2] = resized[y1:y2, x1:x2]
        return filled, resize_masks(masks, plan)


class ColorJitter:
    """Brightness, contrast and saturation changed by random factors.

    Each factor is drawn from 1 - s to 1 + s, where s is the strength. Contrast turns
    about the image's mean, saturation about each pixel's grey; images of other than
    three channels have no saturation.
    """

    def __init__(
        self, brightness: float = 0.2, contrast: float = 0.2, saturation: float = 0.2
    ) -> None:
        self.brightness = _checked_share("brightness", brightness)
        self.contrast = _checked_share("contrast", contrast)
        self.saturation = _checked_share("saturation", saturation)

    def __call__(
        self, image: np.ndarray, masks: np.ndarray, rng: np.random.Generator
    ) -> Pair:
        """The image recoloured in its own dtype, and the masks as they are."""
        brightness, contrast, saturation = (
            float(rng.uniform(1 - strength, 1 + strength))
            for strength in (self.brightness, self.contrast, self.saturation)
        )
        mean = float(image.mean()) * brightness
        # Brightness and contrast together are one line: slope * value + offset.
        slope, offset = brightness * contrast, mean * (1 - contrast)
        pixels = image.astype("float32") * np.float32(slope) + np.float32(offset)
        if image.shape[2] == 3 and self.saturation:
            grey = (pixels @ _LUMINANCE)[..., None]  # [H, W, 1]
            pixels = grey + np.float32(saturation) * (pixels - grey)
        return _like(pixels, image), masks


def _mirror_columns(array: np.ndarray) -> np.ndarray:
    """[H, W, N] -> [H, W, N] with the last column first"""
    if _is_planar(array):
        return _copy_of(array[:, ::-1], array)
    # By index this is twice as quick.
    return array.take(np.arange(array.shape[1])[::-1], axis=1)


def _copy_of(view: np.ndarray, array: np.ndarray) -> np.ndarray:
    """The view laid out in memory as the array it is of. [., ., N] -> [., ., N]

    Whatever comes next is far slower on a view that runs backward, and copying one
    layout into the other is slow itself.
    """
    if not _is_planar(array):
        return np.ascontiguousarray(view)
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(view, -1, 0)), 0, -1)


def _is_planar(array: np.ndarray) -> bool:
    """Whether one mask after the other lies in memory, and not pixel after pixel."""
    return array.strides[2] > max(array.strides[:2])


def _plan_jitter(
    image_shape: tuple[int, ...], scale: float, rng: np.random.Generator
) -> ImageResize:
    """Scaled, then cropped or padded to the shape it had, at random places."""
    no_padding = [(0, 0)] * len(image_shape)
    scaled = ImageResize(image_shape, scale, no_padding, None)
    starts, sides, padding = [], [], []
    for side, target in zip(scaled.scaled_shape, image_shape[:2], strict=True):
        start = int(rng.integers(max(side - target, 0), endpoint=True))
        before = int(rng.integers(max(target - side, 0), endpoint=True))
        starts.append(start)
        sides.append(min(side, target))
        padding.append((before, max(target - side, 0) - before))
    return scaled._replace(
        crop=(starts[0], starts[1], sides[0], sides[1]),
        padding=padding + no_padding[2:],
    )


def _like(pixels: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Floats in the dtype of the image: integers rounded and clipped, floats as is."""
    if not np.issubdtype(image.dtype, np.integer):
        return pixels.astype(image.dtype)
    limits: Any = np.iinfo(image.dtype)
    return np.clip(np.rint(pixels), limits.min, limits.max).astype(image.dtype)


def _checked_share(name: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {value}, but 0 to 1 is expected.")
    return value
