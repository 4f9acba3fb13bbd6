"""From images to the network's inputs: resized, padded, mean-subtracted, with a meta.

How an image is resized depends on its shape alone, so all images of a call can be
planned and grouped before the first pixel is read.

Shapes: N images, H W height and width as loaded, h w molded height and width, C
channels, K classes with background.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from mrcnn.config import Config
from mrcnn.data.molding import mold_padded
from mrcnn.geometry.resizing import (
    SIDE_STEPS,
    ImageResize,
    apply_resize,
    plan_resize,
)
from mrcnn.image_meta import compose_image_meta
from mrcnn.inference.images import ImageSource, image_shape, list_images, load_image


class MoldedImage(NamedTuple):
    """One image as the network takes it."""

    molded: np.ndarray  # [h, w, C] float32
    image_meta: np.ndarray  # [12 + K]
    window: tuple[int, int, int, int]  # where the image lies in the molded image


def mold_inputs(
    images: Any, config: Config, *, pad_after_mean: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All images of a list as one batch.

    Args:
        images: see `list_images`
        config: of the network
        pad_after_mean: see `Convention`

    Returns:
        molded images [N, h, w, C] float32, image metas [N, 12 + K] and windows [N, 4].
        Images that come out in different shapes are refused; `detect` takes them.
    """
    sources = list_images(images, config.IMAGE_CHANNEL_COUNT)
    plans = plan_images(sources, config)
    groups = group_by_shape(plan.image_shape for plan in plans)
    if len(groups) != 1:
        raise ValueError(
            "One batch needs at least one image and all of one shape, but got "
            f"{len(sources)} images that are resized to {list(groups)}. Use detect(), "
            "which groups images by shape, or IMAGE_RESIZE_MODE = 'square'."
        )
    molded = [
        mold(source, index, plan, config, pad_after_mean=pad_after_mean)
        for index, (source, plan) in enumerate(zip(sources, plans, strict=True))
    ]
    return (
        np.stack([image.molded for image in molded]),
        np.stack([image.image_meta for image in molded]),
        np.array([image.window for image in molded]),
    )


def plan_images(sources: list[ImageSource], config: Config) -> list[ImageResize]:
    """How each image will be resized for detection; no pixels are read.

    The mode "crop" is one of training. Detection takes the whole image at the same
    scale instead, padded to multiples of 64 as in the mode "pad64".
    """
    mode = config.IMAGE_RESIZE_MODE
    plans = []
    for index, source in enumerate(sources):
        plan = plan_resize(
            image_shape(source, index, config.IMAGE_CHANNEL_COUNT),
            min_dim=config.IMAGE_MIN_DIM,
            max_dim=config.IMAGE_MAX_DIM,
            min_scale=config.IMAGE_MIN_SCALE,
            mode="pad64" if mode == "crop" else mode,
        )
        _check_sides(plan.image_shape, index, mode)
        plans.append(plan)
    return plans


def group_by_shape(
    image_shapes: Iterable[tuple[int, ...]],
) -> dict[tuple[int, ...], list[int]]:
    """Indices of the images of each shape, shapes and indices in order."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, shape in enumerate(image_shapes):
        groups.setdefault(tuple(shape), []).append(index)
    return groups


def mold(
    source: ImageSource,
    index: int,
    plan: ImageResize,
    config: Config,
    *,
    pad_after_mean: bool,
) -> MoldedImage:
    """One image, read and made ready for the network.

    The meta's `active_class_ids` are zero: at detection no class is left out.
    """
    image = load_image(source, index, config.IMAGE_CHANNEL_COUNT, config.MEAN_PIXEL)
    if config.RESIZE_TO_FLOAT:
        image = image.astype("float32")
    molded = mold_padded(
        apply_resize(image, plan),
        config.MEAN_PIXEL,
        plan.window,
        pad_after_mean=pad_after_mean,
        pixel_std=config.PIXEL_STD,
    )
    image_meta = compose_image_meta(
        image_id=0,
        original_image_shape=image.shape,
        image_shape=molded.shape,
        window=plan.window,
        scale=plan.scale,
        active_class_ids=np.zeros(config.NUM_CLASSES),
    )
    return MoldedImage(molded, image_meta, plan.window)


def _check_sides(shape: tuple[int, ...], index: int, mode: str) -> None:
    step = SIDE_STEPS[mode]
    if shape[0] % step or shape[1] % step:
        raise ValueError(
            f"Image {index} is {shape[0]}×{shape[1]} after resizing with "
            f"IMAGE_RESIZE_MODE = {mode!r}, but the network needs sides that are "
            f"multiples of {step}. Set IMAGE_RESIZE_MODE = 'pad64'."
        )
