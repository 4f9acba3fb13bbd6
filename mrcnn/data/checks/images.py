"""What is wrong with an image as it was loaded.

Shapes: H W the image, C channels.
"""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from mrcnn.config import Config
from mrcnn.data.checks.damage import Finding
from mrcnn.data.dataset import Dataset
from mrcnn.data.image_files import fit_channels

# A file of so many pixels takes about half a second to decode.
HUGE_PIXELS = 50_000_000


def load_checked_image(
    dataset: Dataset, image_id: int, config: Config
) -> tuple[np.ndarray | None, list[Finding]]:
    """An image [H, W, C], or None where training cannot use it, and what was found."""
    reference = dataset.describe_image(image_id)

    def found(kind: str, message: str) -> Finding:
        return Finding(kind, message, image_id, reference)

    try:
        image = np.asarray(dataset.load_image(image_id))
    except FileNotFoundError as error:
        return None, [found("missing image file", first_sentence(error))]
    # Users' load_image and decoders raise errors of every type.
    except Exception as error:
        return None, [found("unreadable image", first_sentence(error))]
    if image.ndim not in (2, 3) or 0 in image.shape or image.dtype.kind not in "uifb":
        message = f"load_image gave {image.dtype} of shape {image.shape}."
        return None, [found("wrong image shape", message)]
    try:
        image = fit_channels(image, config.IMAGE_CHANNEL_COUNT)
    except ValueError:
        channels = image.reshape(*image.shape[:2], -1).shape[2]
        message = f"It has {channels}, the config {config.IMAGE_CHANNEL_COUNT}."
        return None, [found("wrong number of channels", message)]
    problems = [*_value_problems(image), *_side_problems(image.shape, config)]
    return image, [found(*problem) for problem in problems]


def first_sentence(error: Exception) -> str:
    """An error's first line, with its type where it would not explain itself."""
    lines = str(error).strip().splitlines()
    text = lines[0] if lines else ""
    is_ours = isinstance(error, OSError | ValueError) and text
    return text if is_ours else f"{type(error).__name__}: {text}".rstrip(": ")


def real_path(path: Any) -> str | None:
    """One spelling of an image's path; None where it is no file."""
    is_path = isinstance(path, str | os.PathLike) and os.path.isfile(path)
    return os.path.realpath(path) if is_path else None


def _value_problems(image: np.ndarray) -> Iterator[tuple[str, str]]:
    low, high = image.min(), image.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        yield "wrong image values", "It holds NaN or infinite values."
    elif low < 0 or high > 255:
        yield "wrong image values", f"They run from {low:g} to {high:g}."
    elif low == high:
        yield "blank image", f"Every value is {low:g}."
    elif high <= 1:
        text = f"They run from {low:g} to {high:g}: 0..1 in place of 0..255?"
        yield "wrong image values", text


def _side_problems(
    image_shape: tuple[int, ...], config: Config
) -> Iterator[tuple[str, str]]:
    height, width = image_shape[:2]
    if height * width > HUGE_PIXELS:
        yield "huge image", f"It has {width} x {height} pixels."
    if config.IMAGE_RESIZE_MODE == "none" and (height % 64 or width % 64):
        yield "side not divisible by 64", f"It has {width} x {height} pixels."
