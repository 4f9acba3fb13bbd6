"""Full masks, and the way between them and mask patches.

Ground truth goes down: the mask head's target is a mask seen through a roi.
Predictions go up: a mask patch is pasted where its box lies. Masks are bool; any
number but 0 counts as set. Boxes are in pixels.

Shapes: H W sides of the image, N M instances, h w sides of a part of the image or of
a mini-mask, S T sides of a mask patch; `...` is any leading axes.
"""

import numpy as np

from mrcnn.geometry.arrays import Array, array_namespace
from mrcnn.geometry.sampling import (
    bin_centers,
    cover_weights,
    hat_weights,
    weigh_pixels,
)


def mask_bounds(masks: Array) -> np.ndarray:
    """The smallest boxes around masks, all zero for an empty mask.

    Args:
        masks: [H, W, N]

    Returns:
        [N, 4] int32
    """
    masks = as_bool_masks(masks)
    rows, columns = _any_in_row(masks), masks.any(axis=0)  # [H, N], [W, N]
    bounds = np.zeros((masks.shape[2], 4), "int32")
    if masks.size:
        bounds[:, 0], bounds[:, 2] = _first_and_end(rows)
        bounds[:, 1], bounds[:, 3] = _first_and_end(columns)
    return bounds


def mask_through_box(masks: Array, boxes: Array, shape: Array) -> Array:
    """What the mask head should see: the share of each bin that the mask covers.

    Args:
        masks: [..., h, w], full masks or mini-masks
        boxes: [..., 4] in pixels of these masks, anywhere
        shape: (S, T) bins along the box

    Returns:
        [..., S, T] float32 in [0, 1]. Outside the mask is nothing; a box without area
        or with a NaN sees nothing. At least 0.5 makes it a patch of zeros and ones.
    """
    xp = array_namespace(masks, boxes)
    if xp is np:
        masks, boxes = np.asarray(masks), np.asarray(boxes)
    height, width = masks.shape[-2:]
    rows = cover_weights(boxes[..., 0], boxes[..., 2], shape[0], height)
    columns = cover_weights(boxes[..., 1], boxes[..., 3], shape[1], width)
    return weigh_pixels(masks, rows, columns)


def paste_masks(
    patches: Array,
    boxes: Array,
    image_shape: Array,
    *,
    threshold: float,
    whole_pixel_paste: bool,
) -> np.ndarray:
    """Full masks of mask patches.

    Args:
        patches: [N, S, T]
        boxes: [N, 4], see `paste_patch`
        image_shape: (height, width) or more
        threshold: pixels are set from this value on
        whole_pixel_paste: see `Convention`

    Returns:
        [H, W, N] bool
    """
    patches = np.asarray(patches)
    boxes = check_mask_boxes(boxes, len(patches))
    # One mask after the other lies in memory as a whole, so it is quick to use.
    masks = np.zeros((len(patches), *image_shape[:2]), bool)
    for mask, patch, box in zip(masks, patches, boxes, strict=True):
        part, (y, x) = paste_patch(
            patch,
            box,
            image_shape,
            threshold=threshold,
            whole_pixel_paste=whole_pixel_paste,
        )
        mask[y : y + part.shape[0], x : x + part.shape[1]] = part
    return np.moveaxis(masks, 0, -1)


def paste_patch(
    patch: Array,
    box: Array,
    image_shape: Array,
    *,
    threshold: float,
    whole_pixel_paste: bool,
) -> tuple[np.ndarray, tuple[int, int]]:
    """The part of a full mask that a mask patch covers.

    Args:
        patch: [S, T]
        box: [4], anywhere
        image_shape: (height, width) or more
        threshold: pixels are set from this value on
        whole_pixel_paste: see `Convention`

    Returns:
        mask [h, w] bool of the pixels inside image and box, and (y, x) of its corner
        in the image. No pixels for a box outside the image, inside out or not finite.
    """
    box = np.asarray(box, "float64")
    if whole_pixel_paste:
        box = np.round(box)
    if not np.isfinite(box).all() or (box[2:] <= box[:2]).any():
        return np.zeros((0, 0), bool), (0, 0)
    limits = np.array([*image_shape[:2]] * 2)
    # A pixel is inside where its centre is.
    y1, x1, y2, x2 = np.clip(np.ceil(box - 0.5), 0, limits).astype(int)
    weights = [
        _paste_weights(low, high, slice(first, end), side, fade=whole_pixel_paste)
        for low, high, first, end, side in (
            (box[0], box[2], y1, y2, patch.shape[0]),
            (box[1], box[3], x1, x2, patch.shape[1]),
        )
    ]
    return weigh_pixels(patch, *weights) >= threshold, (int(y1), int(x1))


def frame_patches(patches: Array, boxes: Array) -> tuple[np.ndarray, np.ndarray]:
    """Mask patches with a border of zeros, and the boxes of whole pixels to paste into.

    What Detectron and torchvision do: a box grows as its patch does, loses the
    fractions of its corners, and ends behind the pixel of its lower-right one.

    Args:
        patches: [N, S, T]
        boxes: [N, 4]

    Returns:
        [N, S + 2, T + 2], and whole numbers [N, 4] for `paste_patch`
    """
    patches = np.asarray(patches)
    boxes = check_mask_boxes(boxes, len(patches)).astype("float32")
    framed = np.pad(patches, [(0, 0), (1, 1), (1, 1)])
    growth = np.divide(framed.shape[1:], np.maximum(patches.shape[1:], 1))
    half_sides = 0.5 * (boxes[:, 2:] - boxes[:, :2]) * growth.astype("float32")
    center = 0.5 * (boxes[:, 2:] + boxes[:, :2])
    corners = np.concatenate([center - half_sides, center + half_sides], axis=-1)
    return framed, np.trunc(corners) + np.array([0, 0, 1, 1], "float32")


def patches_in_box(patches: Array, boxes: Array, box: Array) -> np.ndarray:
    """Mask patches as another box would cut them, on as many cells.

    Args:
        patches: [N, S, T]
        boxes: [N, 4] where they lie
        box: [4] to see them from

    Returns:
        [N, S, T] float32; zero where a patch does not reach. A box without area
        sees nothing.
    """
    patches = np.asarray(patches)
    boxes = check_mask_boxes(boxes, len(patches)).astype("float64")
    box = np.asarray(box, "float64")
    weights = []
    for axis, side in enumerate(patches.shape[1:]):
        low, extent = boxes[:, axis], boxes[:, axis + 2] - boxes[:, axis]
        bins = np.divide(
            side, extent, out=np.full(len(boxes), np.nan), where=extent > 0
        )
        positions = bin_centers(
            (box[axis] - low) * bins, (box[axis + 2] - low) * bins, side
        )
        weights.append(hat_weights(positions, side))
    return weigh_pixels(patches, *weights)


def pairwise_mask_iou(masks: Array, references: Array) -> np.ndarray:
    """Intersection over union of every mask with every reference.

    Args:
        masks: [H, W, N]
        references: [H, W, M]

    Returns:
        [N, M] in [0, 1]; an empty mask overlaps nothing.
    """
    masks, references = as_bool_masks(masks), as_bool_masks(references)
    if masks.shape[:2] != references.shape[:2]:
        raise ValueError(
            f"Masks of {masks.shape[:2]} and of {references.shape[:2]} pixels cannot "
            "overlap: give both of the same image."
        )
    bits, reference_bits = _pack_bits(masks), _pack_bits(references)
    shared = np.zeros((len(bits), len(reference_bits)))
    for row, mask_bits in zip(shared, bits, strict=True):
        row[:] = np.bitwise_count(reference_bits & mask_bits).sum(axis=1)
    areas, reference_areas = masks.sum(axis=(0, 1)), references.sum(axis=(0, 1))
    union = areas[:, None] + reference_areas - shared
    return shared / np.maximum(union, 1)


def as_bool_masks(masks: Array) -> np.ndarray:
    """The masks as bool, or an error for another shape. [H, W, N] -> [H, W, N]"""
    masks = np.asarray(masks)
    if masks.ndim != 3:
        raise ValueError(
            f"Masks have shape {masks.shape}, expected (height, width, instances): "
            "stack the masks of an image along the last axis."
        )
    return masks if masks.dtype == bool else masks.astype(bool)


def check_mask_boxes(boxes: Array, count: int) -> np.ndarray:
    """The boxes, or an error for another shape; none may be `[]`. -> [count, 4]"""
    boxes = np.asarray(boxes)
    if boxes.shape != (count, 4) and boxes.size + count:
        raise ValueError(
            f"Boxes have shape {boxes.shape}, expected {(count, 4)}: one for each mask."
        )
    return boxes.reshape(-1, 4)


def _pack_bits(masks: np.ndarray) -> np.ndarray:
    """Pixels as bits, 64 to a number. [H, W, N] -> uint64 [N, HW / 64]"""
    height, width, count = masks.shape
    pixels = np.moveaxis(masks, -1, 0).reshape(count, height * width)
    packed = np.packbits(pixels, axis=1)
    packed = np.pad(packed, ((0, 0), (0, -packed.shape[1] % 8)))
    return np.ascontiguousarray(packed).view("uint64")


def _any_in_row(masks: np.ndarray) -> np.ndarray:
    """Whether any pixel of a row is set. [H, W, N] -> [H, N]

    Folds one half of the columns onto the other, six times quicker than `any` along
    an axis in the middle.
    """
    if not masks.shape[1]:
        return np.zeros(masks.shape[::2], bool)
    while masks.shape[1] > 1:
        half = (masks.shape[1] + 1) // 2
        masks = np.logical_or(masks[:, :half], masks[:, -half:])
    return masks[:, 0]


def _first_and_end(is_set: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First set index and the one after the last, 0 and 0 for none. [L, N] -> [N] x2"""
    first = is_set.argmax(axis=0)
    end = len(is_set) - is_set[::-1].argmax(axis=0)
    return first, np.where(is_set.any(axis=0), end, 0)


def _paste_weights(
    low: float, high: float, pixels: slice, side: int, *, fade: bool
) -> np.ndarray:
    """Weights of a patch's cells in the pixels between two edges. -> [h, side]"""
    bins = side / (high - low)
    positions = bin_centers(
        (pixels.start - low) * bins,
        (pixels.stop - low) * bins,
        pixels.stop - pixels.start,
    )
    if not fade:
        positions = np.clip(positions, 0, side - 1)
    return hat_weights(positions, side)
