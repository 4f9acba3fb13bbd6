"""The anchors that belong to a network's outputs, for molded images of any shape.

Shapes: A anchors over all levels.
"""

import numpy as np

from mrcnn.config import Config
from mrcnn.geometry.anchors import feature_map_shapes, pyramid_anchors
from mrcnn.geometry.arrays import Array
from mrcnn.geometry.boxes import normalize_boxes
from mrcnn.geometry.conventions import CONVENTIONS, GeometryName


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
    if callable(config.BACKBONE) and config.COMPUTE_BACKBONE_SHAPE is not None:
        shapes = np.asarray(config.COMPUTE_BACKBONE_SHAPE(image_shape))
    else:
        shapes = feature_map_shapes(image_shape, config.BACKBONE_STRIDES)
    return pyramid_anchors(
        config.RPN_ANCHOR_SCALES,
        config.RPN_ANCHOR_RATIOS,
        shapes,
        config.BACKBONE_STRIDES,
        config.RPN_ANCHOR_STRIDE,
        round_anchors=CONVENTIONS[geometry].round_anchors,
    )
