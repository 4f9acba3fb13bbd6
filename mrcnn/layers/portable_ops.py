"""Suppression and cropping in `keras.ops` alone.

Twins of TensorFlow's kernels in `tensorflow_ops.py`, where the promises of both are
written. Nothing here depends on the backend, has a shape that depends on values, or
leaves a graph that XLA, ONNX or TFLite would not take.

Shapes: B images, N boxes, K chosen boxes, L levels, R rois, G grids per roi, P points
of a grid along one side, Q points in all, `h w` a feature map, F channels.
"""

from collections.abc import Callable
from typing import Any

from keras import ops

from mrcnn.geometry.arrays import Array, take_rows
from mrcnn.geometry.boxes import pairwise_iou


def non_max_suppression(
    boxes: Array, scores: Array, max_count: int, iou_threshold: float
) -> tuple[Array, Array]:
    """The twin of `tensorflow_ops.non_max_suppression`."""
    rows = ops.arange(ops.shape(boxes)[1], dtype="int32")
    slots = ops.arange(max_count, dtype="int32")
    is_valid = ops.cast(ops.zeros_like(scores[:, :1]) + ops.zeros((max_count,)), "bool")

    def has_candidates(step: Array, scores: Array, *_: Array) -> Array:
        return ops.logical_and(step < max_count, ops.any(scores >= 0))

    def choose(
        step: Array, scores: Array, indices: Array, is_valid: Array
    ) -> tuple[Array, Array, Array, Array]:
        best = ops.cast(ops.argmax(scores, axis=-1), "int32")[:, None]  # [B, 1]
        found = ops.max(scores, axis=-1, keepdims=True) >= 0
        overlap = pairwise_iou(take_rows(boxes, best), boxes)[:, 0]  # [B, N]
        is_done = ops.logical_or(overlap > iou_threshold, rows == best)
        scores = ops.where(is_done, -1.0, scores)
        is_slot = ops.logical_and(slots == step, found)
        indices = ops.where(is_slot, best, indices)
        return step + 1, scores, indices, ops.logical_or(is_valid, is_slot)

    indices = ops.cast(is_valid, "int32")
    step = ops.zeros((), "int32")
    state = (step, ops.cast(scores, "float32"), indices, is_valid)
    _, _, indices, is_valid = ops.while_loop(has_candidates, choose, state)
    return indices, is_valid


def pool_levels(
    maps: list[Array],
    boxes: Array,
    levels: Array,
    pool_shape: tuple[int, int],
    *,
    border: int,
) -> Array:
    """The twin of `tensorflow_ops.pool_levels`."""
    crop = _cropper(maps, levels, pool_shape, border)
    total: Any = 0.0
    # One grid after the other: only one set of crops is held at a time.
    for grid in range(boxes.shape[2]):
        total += crop(boxes[:, :, grid])
    return total / boxes.shape[2]


def pool_levels_by_count(
    maps: list[Array],
    boxes: Array,
    steps: Array,
    counts: Array,
    levels: Array,
    pool_shape: tuple[int, int],
    *,
    border: int,
) -> Array:
    """The twin of `tensorflow_ops.pool_levels_by_count`."""
    crop = _cropper(maps, levels, pool_shape, border)
    num_grids = ops.prod(counts, axis=-1)[..., None, None, None]  # [B, R, 1, 1, 1]

    def is_left(grid: Array, _: Array) -> Array:
        return grid < ops.max(num_grids, initial=0)

    def add(grid: Array, total: Array) -> tuple[Array, Array]:
        crops = crop(grid_of(boxes, steps, counts, grid=grid))
        return grid + 1, total + ops.where(grid < num_grids, crops, 0.0)

    cells = ops.zeros((*pool_shape, maps[0].shape[-1]))
    nothing = ops.zeros_like(ops.cast(num_grids, "float32")) + cells
    _, total = ops.while_loop(is_left, add, (ops.zeros((), "int32"), nothing))
    return total / ops.cast(num_grids, "float32")


def grid_of(boxes: Array, steps: Array, counts: Array, *, grid: Array) -> Array:
    """The box of each roi's grid of a number, row by row from 0 on. -> [..., 4]

    Args:
        boxes: [..., 4] of the first grids
        steps: [..., 2] from one to the next, downwards and to the right
        counts: int32 [..., 2] grids downwards and to the right
        grid: int32 number
    """
    place = ops.stack([grid // counts[..., 1], grid % counts[..., 1]], axis=-1)
    shift = ops.cast(place, "float32") * steps
    return boxes + ops.concatenate([shift, shift], axis=-1)


def largest_cells(
    maps: list[Array],
    rows: tuple[Array, Array],
    columns: tuple[Array, Array],
    levels: Array,
) -> Array:
    """The largest value of each channel in every rectangle of a grid.

    Args:
        maps: [B, h, w, F], one for each level
        rows: int32 [B, R, P] where rectangles begin and where they end, the latter not
            included, inside the map
        columns: likewise, int32 [B, R, P']
        levels: int32 [B, R] positions in `maps`

    Returns:
        [B, R, P, P', F]; 0 for a rectangle without cells. Gradients flow into the cell
        that was largest, the first of equals.
    """
    _, widths, starts, length = _level_table(maps)
    channels = maps[0].shape[-1]
    cells = ops.concatenate(
        [ops.reshape(one, (ops.shape(one)[0], -1, channels)) for one in maps], axis=1
    )  # [B, length, F]
    cells = ops.reshape(cells, (-1, channels))
    values = ops.stop_gradient(cells)
    image_start = ops.arange(ops.shape(levels)[0], dtype="int32")[:, None] * length
    start = (image_start + ops.take(starts, levels))[..., None, None]  # [B, R, 1, 1]
    width = ops.take(widths, levels)[..., None, None]
    tops, bottoms = (edge[..., :, None] for edge in rows)  # [B, R, P, 1]
    lefts, rights = (edge[..., None, :] for edge in columns)  # [B, R, 1, P']
    num_columns = ops.maximum(ops.max(rights - lefts), 1)
    num_steps = ops.maximum(ops.max(bottoms - tops), 1) * num_columns

    def is_left(step: Array, *_: Array) -> Array:
        return step < num_steps

    def look(step: Array, largest: Array, places: Array) -> tuple[Array, Array, Array]:
        y, x = tops + step // num_columns, lefts + step % num_columns
        is_inside = ops.logical_and(y < bottoms, x < rights)  # [B, R, P, P']
        place = ops.where(is_inside, start + y * width + x, 0)
        value = ops.take(values, place, axis=0)  # [B, R, P, P', F]
        is_larger = ops.logical_and(is_inside[..., None], value > largest)
        largest = ops.where(is_larger, value, largest)
        return step + 1, largest, ops.where(is_larger, place[..., None], places)

    # One cell of all rectangles after the other: few values are held at a time.
    nowhere = ops.zeros_like(start + tops + lefts)[..., None]
    nowhere = nowhere + ops.zeros((channels,), "int32") - 1
    lowest = ops.full_like(ops.cast(nowhere, "float32"), -float("inf"))
    state = (ops.zeros((), "int32"), lowest, nowhere)
    _, _, places = ops.while_loop(is_left, look, state)
    is_found = places >= 0
    channel = ops.arange(channels, dtype="int32")
    flat = ops.where(is_found, places, 0) * channels + channel
    return ops.where(is_found, ops.take(ops.reshape(cells, (-1,)), flat), 0.0)


def _cropper(
    maps: list[Array], levels: Array, pool_shape: tuple[int, int], border: int
) -> Callable[[Array], Array]:
    """From the boxes of one grid for each roi to crops.

    [B, R, 4] -> [B, R, P, P, F]; the arguments are those of `pool_levels`.
    """
    heights, widths, starts, length = _level_table(maps)
    height, width = ops.take(heights, levels), ops.take(widths, levels)  # [B, R]
    image_start = ops.arange(ops.shape(levels)[0], dtype="int32")[:, None] * length
    start = (image_start + ops.take(starts, levels))[..., None, None]  # [B, R, 1, 1]
    channels = maps[0].shape[-1]
    rows = ops.concatenate(
        [ops.reshape(one, (ops.shape(one)[0], -1, channels)) for one in maps], axis=1
    )  # [B, length, F]
    rows = ops.reshape(rows, (-1, channels))

    def crop(boxes: Array) -> Array:
        y1, x1, y2, x2 = ops.unstack(boxes, 4, axis=-1)  # [B, R]
        tops, bottoms, y_weights = _grid_line(y1, y2, height, pool_shape[0], border)
        lefts, rights, x_weights = _grid_line(x1, x2, width, pool_shape[1], border)
        total: Any = 0.0
        for y, y_weight in ((tops, y_weights[0]), (bottoms, y_weights[1])):
            for x, x_weight in ((lefts, x_weights[0]), (rights, x_weights[1])):
                cells = y[..., :, None] * width[..., None, None] + x[..., None, :]
                weight = y_weight[..., :, None] * x_weight[..., None, :]
                values = ops.take(rows, start + cells, axis=0)  # [B, R, P, P, F]
                total += values * weight[..., None]
        return total

    return crop


def _level_table(maps: list[Array]) -> tuple[Array, Array, Array, Array]:
    """Height, width and first row of each level, all [L], and the rows in all."""
    sides = [ops.shape(one)[1:3] for one in maps]
    heights = ops.stack([ops.cast(side[0], "int32") for side in sides])
    widths = ops.stack([ops.cast(side[1], "int32") for side in sides])
    ends = ops.cumsum(heights * widths)
    return heights, widths, ends - heights * widths, ends[-1]


def _grid_line(
    low: Array, high: Array, side: Array, points: int, border: int
) -> tuple[Array, Array, tuple[Array, Array]]:
    """The two cells about every point along one side of the crops, and their weights.

    Args:
        low: [B, R] where the crop begins, in units of the map's side
        high: [B, R] where it ends
        side: int32 [B, R] cells of the map without its border
        points: P
        border: cells by which the map is continued on both sides

    Returns:
        int32 cells before and after each point, both [B, R, P], and their weights;
        a point outside the map weighs nothing.
    """
    low, high = low[..., None], high[..., None]
    last = ops.cast(side, "float32")[..., None] + (2 * border - 1)
    if points > 1:
        # The kernel's operations in the kernel's order: a point on the last cell that
        # rounding puts beyond it counts as outside there, so it must do so here. As
        # a plain number the divisor would be compiled into a factor.
        intervals = ops.where(low == low, float(points - 1), 1.0)
        step = (high - low) * last / intervals
        steps = ops.arange(points, dtype="float32") * step
        places = _rounded(low * last) + _rounded(steps)  # [B, R, P]
    else:
        places = 0.5 * (low + high) * last
    is_inside = ops.logical_and(places >= 0, places <= last)
    places = ops.where(is_inside, places, 0.0)
    before = ops.floor(places)
    share = places - before
    weight = ops.cast(is_inside, "float32")
    first_cell = ops.cast(before, "int32") - border
    last_cell = side[..., None] - 1
    before = ops.clip(first_cell, 0, last_cell)
    after = ops.clip(first_cell + 1, 0, last_cell)
    return before, after, ((1 - share) * weight, share * weight)


def _rounded(product: Array) -> Array:
    """The product as float32 holds it: compilers fuse it with no sum that follows."""
    return ops.where(product == product, product, 0.0)
