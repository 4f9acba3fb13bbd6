"""Box arithmetic, written once for NumPy arrays and tensors.

Boxes are `(y1, x1, y2, x2)` on the last axis, lower-right edge excluded. Nothing here
knows whether the unit is pixels or the unit square, except the two functions that
convert between them; callers keep it consistent. A box that is inside out, or that
holds a NaN, has no area and overlaps nothing.

Shapes: N boxes, M references; `...` is any number of leading axes.
"""

import math

import numpy as np

from mrcnn.geometry.arrays import Array, array_namespace, as_float

UNIT_SQUARE = (0.0, 0.0, 1.0, 1.0)

# A side that a delta may grow by at most: 1000 pixels from the smallest, 16-pixel
# cell, as in Detectron. Keeps `exp` finite while the box head still learns.
MAX_LOG_GROWTH = math.log(1000 / 16)

# Stands in for a side or an area of zero where one divides or takes a logarithm.
TINY = 1e-8


def box_area(boxes: Array) -> Array:
    """Area; an inside-out box or one with a NaN counts as empty. [..., 4] -> [...]"""
    boxes = as_float(boxes)
    xp = array_namespace(boxes)
    sides = boxes[..., 2:] - boxes[..., :2]
    # The comparison is false for NaN, where `maximum` would pass it on.
    sides = xp.where(sides > 0, sides, xp.zeros_like(sides))
    return sides[..., 0] * sides[..., 1]


def pairwise_iou(boxes: Array, references: Array) -> Array:
    """Intersection over union of every box with every reference.

    Args:
        boxes: [..., N, 4]
        references: [..., M, 4]

    Returns:
        [..., N, M] in [0, 1]. A box without area overlaps nothing, so padding rows
        score 0 and callers need no special case for them; so does a box whose area
        is more than its dtype can hold.
    """
    intersection = pairwise_intersection(boxes, references)
    area = box_area(boxes)[..., :, None]  # [..., N, 1]
    reference_area = box_area(references)[..., None, :]  # [..., 1, M]
    union = area + reference_area - intersection
    return _ratio(intersection, union)


def pairwise_cover(boxes: Array, references: Array) -> Array:
    """Share of every box that lies inside every reference, the measure for crowds.

    Args:
        boxes: [..., N, 4]
        references: [..., M, 4]

    Returns:
        [..., N, M] in [0, 1]; 0 for a box or reference without area.
    """
    intersection = pairwise_intersection(boxes, references)
    return _ratio(intersection, box_area(boxes)[..., :, None])


def pairwise_intersection(boxes: Array, references: Array) -> Array:
    """Shared area. [..., N, 4], [..., M, 4] -> [..., N, M]"""
    xp = array_namespace(boxes, references)
    boxes = as_float(boxes)[..., :, None, :]  # [..., N, 1, 4]
    references = as_float(references)[..., None, :, :]  # [..., 1, M, 4]
    top_left = xp.maximum(boxes[..., :2], references[..., :2])
    bottom_right = xp.minimum(boxes[..., 2:], references[..., 2:])
    return box_area(xp.concatenate([top_left, bottom_right], axis=-1))


def clip_boxes(boxes: Array, window: Array) -> Array:
    """Boxes cut off at a window's edges.

    Args:
        boxes: [..., N, 4]
        window: [4], or [..., 1, 4] for one window per image

    Returns:
        [..., N, 4]. A box outside the window ends without area on its edge.
    """
    xp = array_namespace(boxes, window)
    boxes = as_float(boxes)
    window = as_float(window, like=boxes)
    low = xp.concatenate([window[..., :2], window[..., :2]], axis=-1)
    high = xp.concatenate([window[..., 2:], window[..., 2:]], axis=-1)
    return xp.maximum(xp.minimum(boxes, high), low)


def encode_boxes(boxes: Array, references: Array) -> Array:
    """Deltas that lead from each reference to its box.

    Args:
        boxes: [..., N, 4]
        references: [..., N, 4]

    Returns:
        [..., N, 4] (dy, dx, log dh, log dw): shifts of the centre in units of the
        reference's sides, growth of the sides as logarithms. Finite for any finite
        boxes; rows where a box or reference has no area carry no information.
    """
    xp = array_namespace(boxes, references)
    center, sides = _center_and_sides(boxes)
    reference_center, reference_sides = _center_and_sides(references)
    sides = xp.maximum(sides, TINY)
    reference_sides = xp.maximum(reference_sides, TINY)
    shift = (center - reference_center) / reference_sides
    return xp.concatenate([shift, xp.log(sides / reference_sides)], axis=-1)


def decode_boxes(deltas: Array, references: Array) -> Array:
    """Boxes that the deltas lead to, the inverse of `encode_boxes`.

    Args:
        deltas: [..., N, 4] (dy, dx, log dh, log dw); growth is cut at
            `MAX_LOG_GROWTH`
        references: [..., N, 4]

    Returns:
        [..., N, 4]
    """
    xp = array_namespace(deltas, references)
    deltas = as_float(deltas)
    reference_center, reference_sides = _center_and_sides(references)
    center = reference_center + deltas[..., :2] * reference_sides
    growth = xp.minimum(deltas[..., 2:], MAX_LOG_GROWTH)
    half_sides = 0.5 * reference_sides * xp.exp(growth)
    return xp.concatenate([center - half_sides, center + half_sides], axis=-1)


def normalize_boxes(boxes_px: Array, image_shape: Array, *, edge_shift: int) -> Array:
    """Pixel boxes in units of the image's sides.

    With an edge shift of 1, the coordinates of pixels run from 0 to 1: the last
    pixel lies at exactly 1.0, and the box's excluded lower-right edge is moved onto
    the pixel before it. With 0, the image's edges lie at 0 and 1.

    Args:
        boxes_px: [..., N, 4]
        image_shape: (height, width) or more; or [..., 1, 2+] for one per image
        edge_shift: see `Convention`

    Returns:
        [..., N, 4]
    """
    scale, shift = _pixel_scale(image_shape, edge_shift, like=boxes_px)
    return (as_float(boxes_px) - shift) / scale


def denormalize_boxes(
    boxes_norm: Array, image_shape: Array, *, edge_shift: int
) -> Array:
    """The inverse of `normalize_boxes`; pixel boxes are not rounded."""
    scale, shift = _pixel_scale(image_shape, edge_shift, like=boxes_norm)
    return as_float(boxes_norm) * scale + shift


def is_padding(boxes: Array) -> Array:
    """Whether a row is all zero, as unused slots are. [..., 4] -> bool [...]"""
    xp = array_namespace(boxes)
    return xp.all(xp.equal(boxes, 0), axis=-1)


def _ratio(part: Array, whole: Array) -> Array:
    xp = array_namespace(part)
    # Guard the divisor rather than the quotient: 0 / 0 has no usable gradient.
    # An area that overflowed is infinite, and inf / inf would be NaN.
    usable = (whole > TINY**2) & (whole < np.inf)
    divisor = xp.where(usable, whole, xp.ones_like(whole))
    return xp.where(usable, part / divisor, xp.zeros_like(part))


def _center_and_sides(boxes: Array) -> tuple[Array, Array]:
    boxes = as_float(boxes)
    sides = boxes[..., 2:] - boxes[..., :2]
    return boxes[..., :2] + 0.5 * sides, sides


def _pixel_scale(
    image_shape: Array, edge_shift: int, *, like: Array
) -> tuple[Array, Array]:
    """Factor and offset between the unit square and pixels, both [..., 4]."""
    xp = array_namespace(image_shape, like)
    if xp is not np or isinstance(image_shape, np.ndarray):
        shape = as_float(image_shape, like=like if xp is not np else None)[..., :2]
    else:
        shape = np.asarray(image_shape[:2], "float64")
    if xp is np and isinstance(like, np.ndarray) and like.dtype == np.float32:
        shape = shape.astype("float32")
    scale = xp.concatenate([shape, shape], axis=-1) - edge_shift
    shift = as_float(np.array([0.0, 0.0, edge_shift, edge_shift], "float32"), like=like)
    return scale, shift
