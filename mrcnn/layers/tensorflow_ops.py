"""TensorFlow's own kernels, each beside its portable twin.

The only file of this room that imports TensorFlow, and only where Keras computes with
it. Every function takes `portable`: with it the twin from `portable_ops.py` computes
the same numbers, slower on a CPU but in a form that XLA compiles, that runs on Keras'
other backends and that exports to ONNX and TFLite.

Shapes: B images, N boxes, K chosen boxes, R rois, G grids per roi, M rois of one level,
`h w` a feature map, F channels.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from mrcnn.geometry.arrays import Array, take_rows, take_values, top_k
from mrcnn.layers import portable_ops

KERNELS_ARE_USABLE = keras.backend.backend() == "tensorflow"
"""Whether Keras computes with TensorFlow; without it, everything is portable."""

if KERNELS_ARE_USABLE:
    import tensorflow as tf


def non_max_suppression(
    boxes: Array,
    scores: Array,
    max_count: int,
    iou_threshold: float,
    *,
    portable: bool = False,
) -> tuple[Array, Array]:
    """The boxes that no better box overlaps by more than the threshold, best first.

    Args:
        boxes: [B, N, 4] in any unit, without NaN
        scores: [B, N]; a negative score says that a row is no candidate
        max_count: K, which may be more than N
        iou_threshold: a box whose overlap is just this is kept
        portable: whether to compute it in the twin

    Returns:
        int32 indices [B, K] into the rows and bool [B, K], true where an index was
        chosen; those come first, and the others are 0. Among equal scores, the lower
        index wins. A box without area overlaps nothing and is kept.
    """
    if portable:
        return portable_ops.non_max_suppression(boxes, scores, max_count, iou_threshold)
    num_boxes = tf.shape(scores)[1]
    scores, order = top_k(scores, num_boxes)  # [B, N]
    # The kernel returns scores, not indices, and leaves ties to chance. So it gets
    # ranks for scores: they are whole, exact and without ties.
    ranks = tf.where(scores >= 0, tf.range(num_boxes, 0, -1), 0)
    _, chosen, _, _ = tf.image.combined_non_max_suppression(
        tf.stop_gradient(take_rows(boxes, order))[:, :, None],  # [B, N, 1, 4]
        tf.cast(ranks, "float32")[..., None],  # [B, N, 1]
        max_output_size_per_class=max_count,
        max_total_size=max_count,
        iou_threshold=iou_threshold,
        score_threshold=0.5,
        clip_boxes=False,
    )
    is_valid = chosen > 0.5  # [B, K]
    places = tf.where(is_valid, num_boxes - tf.cast(chosen, "int32"), 0)
    return tf.where(is_valid, take_values(order, places), 0), is_valid


def pool_levels(
    maps: list[Array],
    boxes: Array,
    levels: Array,
    pool_shape: tuple[int, int],
    *,
    border: int = 0,
    portable: bool = False,
) -> Array:
    """Crops, each from one level of a pyramid, averaged over a roi's grids.

    A grid's points lie on its box from corner to corner, first and last row and
    column upon the edges. Values between cells are interpolated bilinearly; a point
    outside the map has the value 0.

    Args:
        maps: [B, h, w, F] float32, one for each level
        boxes: [B, R, G, 4], where 0 and 1 are the centres of the map's first and last
            cell, those of the border included
        levels: int32 [B, R] positions in `maps`
        pool_shape: points of a grid along height and width
        border: cells, 0 or 1, by which the maps are thought to be continued on all
            sides, with the values of the cells next to them
        portable: whether to compute it in the twin

    Returns:
        [B, R, *pool_shape, F]. Gradients flow into the maps only.
    """
    boxes = ops.stop_gradient(boxes)
    if portable:
        return portable_ops.pool_levels(maps, boxes, levels, pool_shape, border=border)
    boxes = tf.reshape(boxes, [-1, boxes.shape[2], 4])  # [B * R, G, 4]

    def pool(features: Array, images: Array, rows: Array) -> Array:
        crops = [
            tf.image.crop_and_resize(features, one, images, pool_shape)
            for one in tf.unstack(tf.gather(boxes, rows), axis=1)
        ]
        return tf.add_n(crops) / len(crops)

    return _by_level(pool, maps, levels, pool_shape, border)


def pool_levels_by_count(
    maps: list[Array],
    boxes: Array,
    steps: Array,
    counts: Array,
    levels: Array,
    pool_shape: tuple[int, int],
    *,
    border: int = 0,
    portable: bool = False,
) -> Array:
    """Crops as in `pool_levels`, averaged over as many grids as each roi asks for.

    Args:
        maps: [B, h, w, F] float32, one for each level
        boxes: [B, R, 4] a roi's first grid, in the units of `pool_levels`
        steps: [B, R, 2] from one grid to the next, downwards and to the right
        counts: int32 [B, R, 2] grids downwards and to the right, 1 or more of each
        levels: int32 [B, R] positions in `maps`
        pool_shape: points of a grid along height and width
        border: see `pool_levels`
        portable: whether to compute it in the twin, which takes as long for each roi
            as for the one with most grids

    Returns:
        [B, R, *pool_shape, F]. Gradients flow into the maps only.
    """
    boxes, steps = ops.stop_gradient(boxes), ops.stop_gradient(steps)
    if portable:
        return portable_ops.pool_levels_by_count(
            maps, boxes, steps, counts, levels, pool_shape, border=border
        )
    boxes, steps = tf.reshape(boxes, [-1, 4]), tf.reshape(steps, [-1, 2])
    counts = tf.reshape(counts, [-1, 2])

    def pool(features: Array, images: Array, rows: Array) -> Array:
        of_level = [tf.gather(values, rows) for values in (boxes, steps, counts)]
        num_grids = tf.reduce_prod(of_level[2], axis=-1)  # [M]
        most = tf.reduce_max(tf.concat([[0], num_grids], axis=0))

        def add(grid: Array, total: Array) -> tuple[Array, Array]:
            chosen = tf.where(grid < num_grids)[:, 0]
            grids = portable_ops.grid_of(
                *[tf.gather(values, chosen) for values in of_level], grid=grid
            )
            crops = tf.image.crop_and_resize(
                features, grids, tf.gather(images, chosen), pool_shape
            )
            return grid + 1, tf.tensor_scatter_nd_add(total, chosen[:, None], crops)

        shape = [tf.size(rows), *pool_shape, maps[0].shape[-1]]
        state = (tf.constant(0), tf.zeros(shape))
        _, total = tf.while_loop(lambda grid, _: grid < most, add, state)
        return total / tf.cast(num_grids, "float32")[:, None, None, None]

    return _by_level(pool, maps, levels, pool_shape, border)


def _by_level(
    pool: Callable[[Array, Array, Array], Array],
    maps: list[Array],
    levels: Array,
    pool_shape: tuple[int, int],
    border: int,
) -> Array:
    """Each roi from its own level. -> [B, R, *pool_shape, F]

    Args:
        pool: from a map with its border, the images [M] of the rois of its level and
            their rows [M] among all rois, to [M, *pool_shape, F]
        maps: see `pool_levels`, as the others
        levels: int32 [B, R]
        pool_shape: points of a grid along height and width
        border: cells
    """
    num_images, num_rois = tf.shape(levels)[0], tf.shape(levels)[1]
    image_indices = tf.repeat(tf.range(num_images), num_rois)  # [B * R]
    levels = tf.reshape(levels, [-1])
    pooled, places = [], []
    for level, features in enumerate(maps):
        if border:
            margin = [border, border]
            features = tf.pad(features, [[0, 0], margin, margin, [0, 0]], "SYMMETRIC")
        rows = tf.cast(tf.where(levels == level)[:, 0], "int32")
        places.append(rows)
        pooled.append(pool(features, tf.gather(image_indices, rows), rows))
    # One copy; to join the levels and then to sort the rois would be two.
    pooled = tf.dynamic_stitch(places, pooled)  # [B * R, *pool_shape, F]
    return tf.reshape(pooled, [num_images, num_rois, *pool_shape, maps[0].shape[-1]])


def runs_on_cpu() -> bool:
    """Whether TensorFlow computes, and no accelerator is there for it."""
    return KERNELS_ARE_USABLE and not tf.config.list_logical_devices("GPU")


def run_apart(
    function: Callable[..., Array],
    arguments: Sequence[tuple[Sequence[int | None], str]],
) -> Callable[..., Array]:
    """A function with a graph of its own, made once for all calls.

    It starts when all arguments are there. In the graph around it, what it makes of
    weights alone would be made at once, and wait in memory.

    Args:
        function: of tensors
        arguments: their shapes, None where a side may vary, and dtypes
    """
    if not KERNELS_ARE_USABLE:
        return function
    return tf.function(
        function,
        input_signature=[tf.TensorSpec(*argument) for argument in arguments],
        autograph=False,
        experimental_attributes={"_noinline": True},
    )


def in_turn(
    compute: Callable[[Array, Array], Array],
    count: int,
    at_once: int,
    dtype: str = "float32",
) -> Array:
    """What a function makes of some rows after the other, joined.

    Only some rows' intermediate results are in memory at a time, with TensorFlow.

    Args:
        compute: int32 first row, and the row after the last, to [N, ...], all axes but
            the first alike
        count: rows in all; may be 0
        at_once: rows, but for the last call, which may get fewer; 1 if less
        dtype: of what the function makes
    """
    if not KERNELS_ARE_USABLE:
        return compute(0, count)
    at_once = tf.maximum(at_once, 1)
    shape_of_row = tf.TensorShape(None)

    def add(index: Array, chunks: Any) -> tuple[Array, Any]:
        nonlocal shape_of_row
        start = index * at_once
        chunk = compute(start, tf.minimum(start + at_once, count))
        shape_of_row = chunk.shape[1:]
        return index + 1, chunks.write(index, chunk)

    # Once at least, to see what no rows look like.
    _, chunks = tf.while_loop(
        lambda index, _: index * at_once < tf.maximum(count, 1),
        add,
        (0, tf.TensorArray(dtype, size=0, dynamic_size=True, infer_shape=False)),
        parallel_iterations=1,
    )
    joined = chunks.concat()
    joined.set_shape([None, *shape_of_row])  # as far as it is known
    return joined


def kernel_gradient(
    images: Array, kernel_shape: Sequence[int], upstream: Array
) -> Array:
    """Gradient of a convolution of stride 1 with zeros around the images.

    Args:
        images: [B, H, W, F]
        kernel_shape: (h, w, F, F')
        upstream: [B, H, W, F'] gradient of what it puts out

    Returns:
        [h, w, F, F'] gradient of its kernel
    """
    return tf.compat.v1.nn.conv2d_backprop_filter(
        images, kernel_shape, upstream, strides=[1, 1, 1, 1], padding="SAME"
    )


def trace_for_all_shapes(predict_function: Any, inputs: Sequence[Array]) -> None:
    """Makes the graph of a Keras model's predict function, one for all shapes.

    A graph of the first batch's shapes would not do for the next image, and tracing
    takes as long as detecting in an image.

    Args:
        predict_function: of TensorFlow, not called yet
        inputs: of the model, with the sides that may vary unknown
    """
    specs = [tf.TensorSpec(one.shape, one.dtype) for one in inputs]
    predict_function.get_concrete_function([(specs,)])
