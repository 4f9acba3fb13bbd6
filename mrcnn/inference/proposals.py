"""The caller's proposals on their way into a network without an RPN.

Shapes: N images, B images of one batch, R rois of each, `r` rois of one image.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mrcnn.config import Config
from mrcnn.data.proposals import checked_proposals
from mrcnn.geometry.resizing import ImageResize, resize_boxes, round_up

# Numbers of rois are rounded up to multiples of this, so that few graphs are traced.
ROI_STEP = 128

Proposals = list[np.ndarray]
"""For each image float32 [r, 4], pixels."""


def list_proposals(
    proposals: Any, image_shapes: Sequence[tuple[int, ...]], config: Config
) -> Proposals | None:
    """The proposals of each image, in their one form.

    Args:
        proposals: one array for each image, see `checked_proposals`; None for none
        image_shapes: [N] (height, width) or more, of the images they are in pixels of
        config: of the network

    Returns:
        [N] arrays; or None with an RPN, which is all that may be given then
    """
    if config.RPN_BRANCH:
        if proposals is not None:
            raise ValueError(
                "This network proposes boxes itself, but proposals were given. Set "
                "RPN_BRANCH = False to have it look at yours, or leave them out."
            )
        return None
    if proposals is None:
        raise ValueError(
            "RPN_BRANCH = False takes the boxes to look at from you. Give proposals=, "
            "a list with one array [N, 4] of (y1, x1, y2, x2) in pixels for each image."
        )
    is_listed = isinstance(proposals, Iterable) and not isinstance(proposals, Mapping)
    listed = list(proposals) if is_listed else []
    if not is_listed or len(listed) != len(image_shapes):
        count = f"{len(listed)} arrays" if is_listed else type(proposals).__name__
        raise ValueError(
            f"proposals are {count} for {len(image_shapes)} images. Give a list with "
            "one array [N, 4] for each image; an image without any has an empty one."
        )
    return [
        checked_proposals(boxes, shape, f"image {index}")
        for index, (boxes, shape) in enumerate(zip(listed, image_shapes, strict=True))
    ]


def molded_proposals(
    proposals: Any, plans: Sequence[ImageResize], config: Config
) -> Proposals | None:
    """The proposals of each image, carried over to where it lies in the molded image.

    Args:
        proposals: in pixels of the images as loaded, see `list_proposals`
        plans: [N] how the images are resized
        config: of the network
    """
    listed = list_proposals(proposals, [plan.original_shape for plan in plans], config)
    if listed is None:
        return None
    return [
        np.asarray(resize_boxes(boxes, plan), "float32")
        for boxes, plan in zip(listed, plans, strict=True)
    ]


def stack_rois(proposals: Sequence[np.ndarray]) -> np.ndarray:
    """Proposals of a batch as the network takes them, unused rows zero.

    [B] arrays [r, 4] -> float32 [B, R, 4], R a multiple of `ROI_STEP`
    """
    longest = max((len(boxes) for boxes in proposals), default=0)
    rois = np.zeros((len(proposals), round_up(max(longest, 1), ROI_STEP), 4), "float32")
    for row, boxes in zip(rois, proposals, strict=True):
        row[: len(boxes)] = boxes
    return rois
