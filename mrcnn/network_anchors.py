"""The anchors that belong to a network's outputs, for molded images of any shape.

Shapes: A anchors over all levels.
"""

import numpy as np

from mrcnn.config import Config
from mrcnn.geometry.anchors import (
    backbone_map_shapes,
    level_strides,
    pyramid_anchors,
)
from mrcnn.geometry.arrays import Array
from mrcnn.geometry.boxes import normalize_boxes
from mrcnn.geometry.conventions import CONVENTIONS, GeometryName, rounds_anchors


def anchors_for_image(
    config: Config, image_shape: Array, geometry: GeometryName
) -> np.ndarray:
    """Anchors for molded images of one shape, as the network expects them.

    Args:
        config: of the network
        image_shape: (height, width) or more of the molded image
        geometry: of the network

    Returns:
        [A, 4] float32, normalized
    """
    convention = CONVENTIONS[geometry]
    pixels = pixel_anchors_for_image(config, image_shape, geometry)
    normalized = normalize_boxes(
        pixels, tuple(image_shape[:2]), edge_shift=convention.edge_shift
    )
    return normalized.astype("float32")


def pixel_anchors_for_image(
    config: Config, image_shape: Array, geometry: GeometryName
) -> np.ndarray:
    """The same anchors in pixels. -> float64 [A, 4]"""
    if not config.RPN_BRANCH:
        raise ValueError(
            "RPN_BRANCH = False leaves out the network that anchors are for, so there "
            "are none. Hand the boxes to look at to detect(images, proposals=...)."
        )
    strides: Array = config.BACKBONE_STRIDES
    shapes = backbone_map_shapes(
        image_shape, strides, config.BACKBONE, config.COMPUTE_BACKBONE_SHAPE
    )
    if config.ANCHOR_STRIDES_FROM_MAPS:
        strides = level_strides(image_shape, shapes)
    scales: Array = config.RPN_ANCHOR_SCALES
    if config.FEATURES != "pyramid":
        scales = [scales]  # all of them on the single map
    return pyramid_anchors(
        scales,
        config.RPN_ANCHOR_RATIOS,
        shapes,
        strides,
        config.RPN_ANCHOR_STRIDE,
        round_anchors=rounds_anchors(config.ROUND_ANCHORS, geometry),
        offset=config.ANCHOR_OFFSET,
    )
