"""Anchors: the fixed reference boxes that the region proposal network starts from.

An anchor's ratio is width over height. Anchors stand in the order of the RPN's
outputs: level by level, row by row, cell by cell, then by ratio.

Shapes: L levels, K anchors of one cell, h w a feature map, A anchors over all levels.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from mrcnn.geometry.arrays import Array


def pyramid_anchors(
    scales: Array,
    ratios: Array,
    feature_shapes: Array,
    feature_strides: Array,
    anchor_stride: int = 1,
    *,
    round_anchors: bool,
    offset: float = 0.0,
) -> np.ndarray:
    """Anchors of all levels, one or more scales for each.

    Args:
        scales: [L] or [L, any], square root of an anchor's area in pixels
        ratios: [any], width over height
        feature_shapes: [L, 2] (height, width) in cells
        feature_strides: [L] or [L, 2], pixels from one cell to the next
        anchor_stride: cells from one anchor to the next
        round_anchors: see `Convention`
        offset: of an anchor's centre from its cell's upper-left corner, in cells

    Returns:
        [A, 4] in pixels, float64. Boxes reach over the image's edges.
    """
    counts = {
        "scales": len(scales),
        "feature_shapes": len(feature_shapes),
        "feature_strides": len(feature_strides),
    }
    if len(set(counts.values())) > 1:
        raise ValueError(
            f"Anchors need one entry for each pyramid level, but got {counts}. "
            "Give RPN_ANCHOR_SCALES as many entries as BACKBONE_STRIDES."
        )
    levels = zip(scales, feature_shapes, feature_strides, strict=True)
    return np.concatenate(
        [
            level_anchors(
                scale,
                ratios,
                shape,
                stride,
                anchor_stride,
                round_anchors=round_anchors,
                offset=offset,
            )
            for scale, shape, stride in levels
        ]
    )


def level_anchors(
    scales: Array,
    ratios: Array,
    feature_shape: Array,
    feature_stride: Array,
    anchor_stride: int = 1,
    *,
    round_anchors: bool,
    offset: float = 0.0,
) -> np.ndarray:
    """Anchors of one level, centred on each cell's upper-left corner or beside it.

    Args:
        scales: one or more, square root of an anchor's area in pixels
        ratios: [any], width over height
        feature_shape: (height, width) in cells
        feature_stride: pixels from one cell to the next, or (y, x) of them
        anchor_stride: cells from one anchor to the next
        round_anchors: see `Convention`
        offset: see `pyramid_anchors`

    Returns:
        [h * w * K, 4] in pixels, float64; a map without cells has no anchors.
    """
    shapes = cell_anchors(scales, ratios, round_anchors=round_anchors)  # [K, 4]
    stride_y, stride_x = np.broadcast_to(feature_stride, 2)
    shift_y = (np.arange(0, feature_shape[0], anchor_stride) + offset) * stride_y
    shift_x = (np.arange(0, feature_shape[1], anchor_stride) + offset) * stride_x
    y, x = np.meshgrid(shift_y, shift_x, indexing="ij")
    centers = np.stack([y, x, y, x], axis=-1)  # [h, w, 4]
    return (centers[:, :, None, :] + shapes).reshape(-1, 4)


def cell_anchors(scales: Array, ratios: Array, *, round_anchors: bool) -> np.ndarray:
    """Anchors of one cell about the origin, ratio by ratio. -> [K, 4]"""
    ratio, scale = np.meshgrid(
        np.asarray(ratios, "float64"), np.atleast_1d(scales), indexing="ij"
    )
    half_height = 0.5 * (scale / np.sqrt(ratio)).ravel()
    half_width = 0.5 * (scale * np.sqrt(ratio)).ravel()
    corners = np.stack([-half_height, -half_width, half_height, half_width], axis=-1)
    return np.round(corners) if round_anchors else corners


def feature_map_shapes(image_shape: Array, strides: Array) -> np.ndarray:
    """Cells of each level's map for a molded image.

    Args:
        image_shape: (height, width) or more
        strides: [L]

    Returns:
        [L, 2] int64. Sides that a stride does not divide are rounded up, as strided
        convolutions with padding do.
    """
    sides = np.asarray(image_shape[:2], "int64")
    return -(-sides // np.asarray(strides, "int64")[:, None])


def backbone_map_shapes(
    image_shape: Array,
    strides: Array,
    backbone: str | Callable[..., Any],
    compute_shapes: Callable[[Array], Array] | None,
) -> np.ndarray:
    """Cells of each level's map for a molded image and a network's backbone.

    Args:
        image_shape: (height, width) or more
        strides: [L]
        backbone: a name, or a function that builds one
        compute_shapes: from the image's shape to [L, 2]; asked for a backbone that is a
            function

    Returns:
        [L, 2] int64
    """
    if callable(backbone) and compute_shapes is not None:
        return np.asarray(compute_shapes(image_shape), "int64")
    return feature_map_shapes(image_shape, strides)


def level_strides(image_shape: Array, feature_shapes: Array) -> np.ndarray:
    """Whole pixels from cell to cell along both axes. [2+], [L, 2] -> [L, 2] (y, x)

    Equal to the network's strides where they divide the image's sides, and a little
    less where a map was rounded up.
    """
    return np.asarray(image_shape[:2], "int64") // np.asarray(feature_shapes, "int64")
