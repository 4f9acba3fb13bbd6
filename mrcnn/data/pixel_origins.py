"""Where the pixels of an augmented image come from, and boxes that go with them.

Whatever moves masks, of any make, also moves masks on which each pixel's place is
written, a mask for each binary digit. What they hold afterwards tells where every pixel
was, and so where a box has gone: where the mask of its rectangle would be. Places are
in Gray code, in which neighbours differ in one digit, so that a mask sampled between
two pixels holds the place of one of them.

Shapes: H W before, H' W' after, K masks of digits, N boxes.
"""

import numpy as np

from mrcnn.geometry.masks import mask_bounds

# Stands for the origin of pixels that were not in the image before.
_NOWHERE = -1


def origin_masks(image_shape: tuple[int, ...]) -> np.ndarray:
    """Masks that tell each pixel's place; to be moved with an image of that shape.

    Args:
        image_shape: (H, W) or more

    Returns:
        bool [H, W, K]: set everywhere, then the digits of the row, then of the column
    """
    height, width = image_shape[:2]
    num_rows, num_columns = _num_digits(height), _num_digits(width)
    # One plane after the other in memory, as masks are quick to use.
    planes = np.empty((1 + num_rows + num_columns, height, width), bool)
    planes[0] = True
    planes[1 : 1 + num_rows] = _gray_digits(height)[:, :, None]
    planes[1 + num_rows :] = _gray_digits(width)[:, None]
    return np.moveaxis(planes, 0, -1)


def pixel_origins(
    masks: np.ndarray, image_shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Row and column that each pixel had.

    Args:
        masks: `origin_masks` of the image before, moved. bool [H', W', K]
        image_shape: (H, W) or more of the image before

    Returns:
        int32 [H', W'] and [H', W'], both -1 for pixels that were not in the image
    """
    split = 1 + _num_digits(image_shape[0])
    is_known = masks[..., 0]
    rows, columns = _number(masks[..., 1:split]), _number(masks[..., split:])
    return np.where(is_known, rows, _NOWHERE), np.where(is_known, columns, _NOWHERE)


def moved_boxes(
    boxes: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Boxes where the pixels inside them have gone.

    Args:
        boxes: [N, 4] pixels of the image before, taken as the nearest whole ones, at
            least one
        rows: see `pixel_origins`
        columns: likewise

    Returns:
        float32 [N, 4] the smallest boxes around these pixels, and bool [N] whether
        there are any
    """
    corner = np.rint(boxes[:, :2]).astype("int64")
    corner = np.minimum(corner, np.ceil(boxes[:, 2:]).astype("int64") - 1)
    end = np.maximum(np.rint(boxes[:, 2:]).astype("int64"), corner + 1)
    in_rows, in_columns = _lines_hit(np.hstack([corner, end]), rows, columns)
    upright = mask_bounds(in_rows.T[:, None])  # [N, 4]
    across = mask_bounds(in_columns.T[None])  # [N, 4]
    moved = np.stack(
        [upright[:, 0], across[:, 1], upright[:, 2], across[:, 3]], axis=-1
    )
    is_seen = np.logical_and(in_rows.any(axis=1), in_columns.any(axis=1))
    return moved.astype("float32"), is_seen


def _lines_hit(
    boxes: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Which rows and columns hold a pixel of each box. -> bool [N, H'], [N, W']"""
    is_known = rows != _NOWHERE
    frame = np.outer(is_known.any(axis=1), is_known.any(axis=0))
    is_framed = np.array_equal(is_known, frame)
    # Flips, crops and changes of scale keep straight what is straight, and most is.
    for by_row, by_column, first in ((rows, columns, 0), (columns, rows, 1)):
        of_rows, of_columns = _of_lines(by_row), _of_lines(by_column.T)
        if is_framed and of_rows is not None and of_columns is not None:
            return (
                _within(of_rows, boxes[:, first], boxes[:, first + 2]),
                _within(of_columns, boxes[:, 1 - first], boxes[:, 3 - first]),
            )
    in_rows = np.empty((len(boxes), rows.shape[0]), bool)
    in_columns = np.empty((len(boxes), rows.shape[1]), bool)
    for index, (y1, x1, y2, x2) in enumerate(boxes):
        is_inside = (rows >= y1) & (rows < y2) & (columns >= x1) & (columns < x2)
        in_rows[index] = is_inside.any(axis=1)
        in_columns[index] = is_inside.any(axis=0)
    return in_rows, in_columns


def _of_lines(origins: np.ndarray) -> np.ndarray | None:
    """The one origin that all known pixels of a line have; None if they differ.

    [H', W'] -> [H'], -1 for lines without a known pixel
    """
    of_lines = origins.max(axis=1)
    is_same = (origins == of_lines[:, None]) | (origins == _NOWHERE)
    return of_lines if is_same.all() else None


def _within(places: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """[L], [N], [N] -> bool [N, L]"""
    return (places >= low[:, None]) & (places < high[:, None])


def _num_digits(count: int) -> int:
    return max(1, (count - 1).bit_length())


def _gray_digits(count: int) -> np.ndarray:
    """Digits of 0.. in Gray code, the lowest first. -> bool [K, count]"""
    numbers: np.ndarray = np.arange(count)
    digits = np.arange(_num_digits(count))[:, None]
    return ((numbers ^ numbers >> 1) >> digits & 1).astype(bool)


def _number(digits: np.ndarray) -> np.ndarray:
    """The numbers of digits in Gray code. [H', W', K] -> int32 [H', W']"""
    total = np.zeros(digits.shape[:2], "int32")
    digit = np.zeros(digits.shape[:2], bool)
    # From the highest digit down, a set one turns round those that follow.
    for index in reversed(range(digits.shape[2])):
        digit = digit ^ digits[..., index]
        total += digit.astype("int32") << index
    return total
