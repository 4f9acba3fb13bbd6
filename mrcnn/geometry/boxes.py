"""Box arithmetic, written once for NumPy arrays and tensors.

Boxes are `(y1, x1, y2, x2)` on the last axis, lower-right edge excluded. Nothing here
knows whether the unit is pixels or the unit square, except the two functions that
convert between them; callers keep it consistent. A box that is inside out, or that
holds a NaN, has no area and overlaps nothing.

Shapes: N boxes, M references; `...` is any number of leading axes.
"""

import math

import numpy as np

from mrcnn.geometry.arrays import Array, array_namespace, as_float, as_floats

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
    height = boxes[..., 2] - boxes[..., 0]
    width = boxes[..., 3] - boxes[..., 1]
    # The comparison is false for NaN, where `maximum` would pass it on.
    return xp.where((height > 0) & (width > 0), height * width, 0.0)


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
    boxes, references = as_floats(boxes, references)
    intersection = pairwise_intersection(boxes, references)
    area = box_area(boxes)[..., :, None]  # [..., N, 1]
    reference_area = box_area(references)[..., None, :]  # [..., 1, M]
    return _share(intersection, area + reference_area - intersection)


def pairwise_cover(boxes: Array, references: Array) -> Array:
    """Share of every box that lies inside every reference, the measure for crowds.

    Args:
        boxes: [..., N, 4]
        references: [..., M, 4]

    Returns:
        [..., N, M] in [0, 1]; 0 for a box or reference without area.
    """
    boxes, references = as_floats(boxes, references)
    intersection = pairwise_intersection(boxes, references)
    return _share(intersection, box_area(boxes)[..., :, None])


def pairwise_intersection(boxes: Array, references: Array) -> Array:
    """Shared area, finite. [..., N, 4], [..., M, 4] -> [..., N, M]"""
    boxes, references = as_floats(boxes, references)
    boxes = _empty_unless_finite(boxes)
    references = _empty_unless_finite(references)
    shared_height = _pairwise_shared_side(boxes, references, 0)
    return shared_height * _pairwise_shared_side(boxes, references, 1)


def clip_boxes(boxes: Array, window: Array) -> Array:
    """Boxes cut off at a window's edges.

    Args:
        boxes: [..., N, 4]
        window: [4], or [..., 1, 4] for one window per image

    Returns:
        [..., N, 4]. A box outside the window ends without area on its edge; of boxes
        with a NaN nothing is promised.
    """
    boxes, window = as_floats(boxes, window)
    xp = array_namespace(boxes)
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
        reference's sides, growth of the sides as logarithms. Finite for coordinates
        up to 1e30; rows where a box or reference has no area carry no information.
    """
    boxes, references = as_floats(boxes, references)
    xp = array_namespace(boxes)
    center, sides = _center_and_sides(boxes)
    reference_center, reference_sides = _center_and_sides(references)
    reference_sides = xp.maximum(reference_sides, TINY)
    shift = (center - reference_center) / reference_sides
    # Guards the quotient too, which may be too small for its dtype.
    growth = xp.maximum(sides / reference_sides, TINY)
    return xp.concatenate([shift, xp.log(growth)], axis=-1)


def decode_boxes(deltas: Array, references: Array) -> Array:
    """Boxes that the deltas lead to, the inverse of `encode_boxes`.

    Args:
        deltas: [..., N, 4] (dy, dx, log dh, log dw); growth is cut at
            `MAX_LOG_GROWTH`
        references: [..., N, 4]

    Returns:
        [..., N, 4]
    """
    deltas, references = as_floats(deltas, references)
    xp = array_namespace(deltas)
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
    boxes_px, image_shape = as_floats(boxes_px, image_shape)
    scale, shift = _pixel_scale(image_shape, edge_shift)
    return (boxes_px - shift) / scale


def denormalize_boxes(
    boxes_norm: Array, image_shape: Array, *, edge_shift: int
) -> Array:
    """The inverse of `normalize_boxes`; pixel boxes are not rounded."""
    boxes_norm, image_shape = as_floats(boxes_norm, image_shape)
    scale, shift = _pixel_scale(image_shape, edge_shift)
    return boxes_norm * scale + shift


def is_padding(boxes: Array) -> Array:
    """Whether a row is all zero, as unused slots are. [..., 4] -> bool [...]"""
    xp = array_namespace(boxes)
    return xp.all(xp.equal(boxes, 0), axis=-1)


def _pairwise_shared_side(boxes: Array, references: Array, axis: int) -> Array:
    # One coordinate at a time: with N times M results, a last axis of two or four
    # would take several times the memory and the time.
    xp = array_namespace(boxes)
    low = boxes[..., axis][..., :, None]  # [..., N, 1]
    high = boxes[..., axis + 2][..., :, None]  # [..., N, 1]
    reference_low = references[..., axis][..., None, :]  # [..., 1, M]
    reference_high = references[..., axis + 2][..., None, :]  # [..., 1, M]
    end = xp.minimum(high, reference_high)  # [..., N, M]
    return xp.maximum(end - xp.maximum(low, reference_low), 0.0)


def _empty_unless_finite(boxes: Array) -> Array:
    """Zero rows where the area is zero, NaN or infinite, so that sums stay finite."""
    xp = array_namespace(boxes)
    area = box_area(boxes)[..., None]  # [..., 1]
    return xp.where((area > 0) & (area < np.inf), boxes, 0.0)


def _share(part: Array, whole: Array) -> Array:
    xp = array_namespace(part)
    # Guard the divisor rather than the quotient: 0 / 0 has no usable gradient.
    return part / xp.where(whole > TINY**2, whole, np.inf)


def _center_and_sides(boxes: Array) -> tuple[Array, Array]:
    boxes = as_float(boxes)
    sides = boxes[..., 2:] - boxes[..., :2]
    return boxes[..., :2] + 0.5 * sides, sides


def _pixel_scale(image_shape: Array, edge_shift: int) -> tuple[Array, Array]:
    """Factor [..., 4] and offset [4] from the unit square to pixels."""
    xp = array_namespace(image_shape)
    sides = xp.concatenate([image_shape[..., :2], image_shape[..., :2]], axis=-1)
    shift = np.array([0, 0, edge_shift, edge_shift])
    return sides - edge_shift, as_floats(shift, image_shape)[0]
