"""Detection in several views of each image: mirrored, larger, smaller.

What one view misses another may find, and where they agree their boxes and masks
average out errors. Takes the time of all views together.

Shapes: N images, V views, H W the image, C channels.
"""

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from mrcnn.config import Config
from mrcnn.geometry.resizing import SIDE_STEPS
from mrcnn.inference.detect import show_progress
from mrcnn.inference.images import image_shape, list_images, load_image
from mrcnn.inference.local_masks import mirror_boxes
from mrcnn.inference.merging import merge_views
from mrcnn.inference.proposals import Proposals, list_proposals
from mrcnn.inference.results import Instances


class View(NamedTuple):
    """One way of looking at an image."""

    is_mirrored: bool = False
    scale: float = 1.0  # of the molded image's sides


Detect = Callable[..., list[Instances]]
"""Images [H, W, C] of one batch, and `proposals` of each or None -> the instances in
each."""


def list_views(flip: bool, scales: Sequence[float]) -> list[View]:
    """Every scale, as it is and, with `flip`, mirrored too. -> [V]"""
    scales = [float(scale) for scale in np.atleast_1d(scales)]
    if not scales or not all(0 < scale < np.inf for scale in scales):
        raise ValueError(
            f"scales is {scales}, expected at least one number above 0, such as "
            "(0.75, 1, 1.25)."
        )
    mirrorings = (False, True) if flip else (False,)
    return [View(mirrored, scale) for scale in scales for mirrored in mirrorings]


def scaled_config(config: Config, scale: float) -> Config:
    """The config of a network that sees its images larger or smaller.

    In "square" mode its sides are multiples of 64 as well.
    """
    if scale == 1:
        return config
    if config.IMAGE_RESIZE_MODE == "none":
        raise ValueError(
            "IMAGE_RESIZE_MODE = 'none' keeps images as they are, so they have no "
            f"view at scale {scale}. Set another mode, or leave scales at (1,)."
        )
    step = SIDE_STEPS["square"] if config.IMAGE_RESIZE_MODE == "square" else 1
    scaled = copy.copy(config)
    for name in ("IMAGE_MIN_DIM", "IMAGE_MAX_DIM"):
        side = round(getattr(config, name) * scale / step) * step
        setattr(scaled, name, max(side, step))
    return scaled


def detect_in_views(
    images: Any,
    detectors: Sequence[tuple[View, Detect]],
    config: Config,
    *,
    proposals: Any = None,
    batch_size: int | None = None,
    verbose: int = 0,
) -> list[Instances]:
    """The instances of every image, merged from several views of it.

    Args:
        images: any number of images of any shapes, see `list_images`
        detectors: [V] the views, and what finds instances in each
        config: of the network
        proposals: what to look at without RPN_BRANCH, see `inference.detect.detect`
        batch_size: images that are read and handed to a detector at a time,
            BATCH_SIZE if None
        verbose: 1 shows progress on stderr if there are several images

    Returns:
        [N], in the order of the images
    """
    batch_size = config.BATCH_SIZE if batch_size is None else batch_size
    if batch_size < 1:
        raise ValueError(f"batch_size is at least 1, but got {batch_size}.")
    sources = list_images(images, config.IMAGE_CHANNEL_COUNT)
    shapes = [
        image_shape(source, index, config.IMAGE_CHANNEL_COUNT)
        for index, source in enumerate(sources)
    ]
    given = list_proposals(proposals, shapes, config)
    results: list[Instances] = []
    for start in range(0, len(sources), batch_size):
        batch = [
            load_image(source, start + i, config.IMAGE_CHANNEL_COUNT, config.MEAN_PIXEL)
            for i, source in enumerate(sources[start : start + batch_size])
        ]
        rois = None if given is None else given[start : start + batch_size]
        results += _detect_batch(batch, rois, detectors, config)
        if verbose and len(sources) > 1:
            show_progress(len(results), len(sources))
    return results


def _detect_batch(
    images: list[np.ndarray],
    proposals: Proposals | None,
    detectors: Sequence[tuple[View, Detect]],
    config: Config,
) -> list[Instances]:
    by_view = [_look(images, proposals, view, detect) for view, detect in detectors]
    return [
        merge_views(
            found,
            nms_threshold=config.DETECTION_NMS_THRESHOLD,
            max_instances=config.DETECTION_MAX_INSTANCES,
        )
        for found in zip(*by_view, strict=True)
    ]


def _look(
    images: list[np.ndarray], proposals: Proposals | None, view: View, detect: Detect
) -> Iterable[Instances]:
    """What one view finds, in pixels of the images themselves."""
    if not view.is_mirrored:
        return detect(images, proposals=proposals)
    if proposals is not None:
        pairs = zip(proposals, images, strict=True)
        proposals = [mirror_boxes(boxes, image.shape[1]) for boxes, image in pairs]
    mirror_images = [image[:, ::-1] for image in images]
    found = detect(mirror_images, proposals=proposals)
    return [instances.mirrored() for instances in found]
