"""Box functions under matterport's names and parameters.

All of them speak its convention: normalized boxes are shifted by one pixel. Functions
whose names end in `graph` take and give tensors, symbolic ones included, and load Keras
when called; the others take and give NumPy arrays.

Shapes: N boxes, M references, B images.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mrcnn.geometry.arrays import Array, array_namespace
from mrcnn.geometry.boxes import (
    TINY,
    clip_boxes,
    decode_boxes,
    denormalize_boxes,
    encode_boxes,
    is_padding,
    normalize_boxes,
    pairwise_intersection,
    pairwise_iou,
)
from mrcnn.geometry.conventions import CONVENTIONS

EDGE_SHIFT = CONVENTIONS["matterport"].edge_shift


def compute_iou(
    box: Array, boxes: Array, box_area: float, boxes_area: Array
) -> np.ndarray:
    """IoU of one box [4] with boxes [N, 4], whose areas are known. -> [N]"""
    box, boxes = np.asarray(box), np.asarray(boxes)
    intersection = pairwise_intersection(box[None], boxes)[0]
    return intersection / np.maximum(box_area + boxes_area - intersection, TINY)


def compute_overlaps(boxes1: Array, boxes2: Array) -> np.ndarray:
    """IoU of every box with every other. [N, 4], [M, 4] -> float64 [N, M]"""
    return pairwise_iou(_float64(boxes1), _float64(boxes2))


def non_max_suppression(boxes: Array, scores: Array, threshold: float) -> np.ndarray:
    """Indices of the boxes that no better one overlaps by more than the threshold.

    Args:
        boxes: [N, 4]
        scores: [N]
        threshold: IoU

    Returns:
        int32 [at most N], best first; of equal scores the first row wins. Empty for
        no boxes.
    """
    boxes = _float64(boxes).reshape(-1, 4)
    waiting = np.argsort(-_float64(scores), kind="stable")
    kept = []
    while len(waiting):
        best, waiting = waiting[0], waiting[1:]
        kept.append(best)
        overlap = pairwise_iou(boxes[best][None], boxes[waiting])[0]
        waiting = waiting[overlap <= threshold]
    return np.array(kept, "int32")


def apply_box_deltas(boxes: Array, deltas: Array) -> np.ndarray:
    """Boxes moved by deltas. [N, 4], [N, 4] -> float32 [N, 4]"""
    return decode_boxes(np.asarray(deltas), np.asarray(boxes)).astype("float32")


def box_refinement(box: Array, gt_box: Array) -> np.ndarray:
    """Deltas from boxes to gt boxes. [N, 4], [N, 4] -> float32 [N, 4]"""
    return encode_boxes(_float64(gt_box), _float64(box)).astype("float32")


def norm_boxes(boxes: Array, shape: Array) -> np.ndarray:
    """Pixel boxes [N, 4] normalized by (height, width), float32."""
    boxes_norm = normalize_boxes(_float64(boxes), shape, edge_shift=EDGE_SHIFT)
    return boxes_norm.astype("float32")


def denorm_boxes(boxes: Array, shape: Array) -> np.ndarray:
    """Normalized boxes [N, 4] in whole pixels of (height, width), int32."""
    boxes_px = denormalize_boxes(_float64(boxes), shape, edge_shift=EDGE_SHIFT)
    return np.around(boxes_px).astype("int32")


def trim_zeros(x: Array) -> np.ndarray:
    """The rows of a table that are not all zero. [N, any] -> [at most N, any]"""
    x = np.asarray(x)
    return x[~is_padding(x)]


def batch_slice(
    inputs: Array | Sequence[Array],
    graph_fn: Callable[..., Any],
    batch_size: int,
    names: Sequence[str] | None = None,
) -> Any:
    """Results of a function of one image, for each image of a batch.

    Args:
        inputs: one array or several, each [B, ...]
        graph_fn: takes one image's part of each input, gives one array or several
        batch_size: B
        names: names the outputs for the reader; eager tensors carry none

    Returns:
        The outputs stacked, each [B, ...]: one array, or a list where `graph_fn`
        gives several.
    """
    inputs = inputs if isinstance(inputs, list | tuple) else [inputs]
    results = [graph_fn(*(x[i] for x in inputs)) for i in range(batch_size)]
    rows = [r if isinstance(r, list | tuple) else [r] for r in results]
    outputs = list(zip(*rows, strict=True))
    stacked = [array_namespace(*parts).stack(parts, axis=0) for parts in outputs]
    return stacked[0] if len(stacked) == 1 else stacked


def box_refinement_graph(box: Array, gt_box: Array) -> Array:
    """Deltas from boxes to gt boxes. [N, 4], [N, 4] -> [N, 4]"""
    return encode_boxes(_tensor(gt_box), _tensor(box))


def apply_box_deltas_graph(boxes: Array, deltas: Array) -> Array:
    """Boxes moved by deltas. [N, 4], [N, 4] -> [N, 4]"""
    return decode_boxes(_tensor(deltas), _tensor(boxes))


def clip_boxes_graph(boxes: Array, window: Array) -> Array:
    """Boxes [N, 4] cut off at the edges of a window [4]."""
    return clip_boxes(_tensor(boxes), _tensor(window))


def overlaps_graph(boxes1: Array, boxes2: Array) -> Array:
    """IoU of every box with every other. [N, 4], [M, 4] -> [N, M]"""
    return pairwise_iou(_tensor(boxes1), _tensor(boxes2))


def norm_boxes_graph(boxes: Array, shape: Array) -> Array:
    """Pixel boxes [..., 4] normalized by (height, width)."""
    return normalize_boxes(_tensor(boxes), _tensor(shape), edge_shift=EDGE_SHIFT)


def denorm_boxes_graph(boxes: Array, shape: Array) -> Array:
    """Normalized boxes [..., 4] in whole pixels of (height, width), int32."""
    from keras import ops

    boxes = denormalize_boxes(_tensor(boxes), _tensor(shape), edge_shift=EDGE_SHIFT)
    return ops.cast(ops.round(boxes), "int32")


def log2_graph(x: Array) -> Array:
    """Binary logarithm. [...] -> [...]"""
    from keras import ops

    return ops.log2(_tensor(x))


def trim_zeros_graph(boxes: Array, name: str = "trim_zeros") -> tuple[Array, Array]:
    """The rows that are not all zero, and which they are.

    Args:
        boxes: [N, 4]
        name: names the operations in a graph

    Returns:
        boxes [at most N, 4] and bool [N].
    """
    from keras import name_scope, ops

    with name_scope(name):
        boxes = _tensor(boxes)
        is_real = ops.logical_not(is_padding(boxes))
        return ops.take(boxes, ops.nonzero(is_real)[0], axis=0), is_real


def batch_pack_graph(x: Array, counts: Array, num_rows: int) -> Array:
    """The first rows of each image, one after the other.

    Args:
        x: [B, N, ...]
        counts: integers [B], the rows to take from each image
        num_rows: images to take from, at most B

    Returns:
        [sum of counts, ...]
    """
    from keras import ops

    x = ops.convert_to_tensor(x)[:num_rows, ...]
    counts = ops.convert_to_tensor(counts)[:num_rows, None]  # [B, 1]
    counts = ops.cast(counts, "int32")
    is_taken = ops.less(ops.arange(ops.shape(x)[1]), counts)  # [B, N]
    rows = ops.nonzero(ops.reshape(is_taken, [-1]))[0]
    return ops.take(ops.reshape(x, [-1, *x.shape[2:]]), rows, axis=0)


def _float64(array: Array) -> np.ndarray:
    return np.asarray(array, "float64")


def _tensor(array: Array) -> Array:
    from keras import ops

    return ops.cast(ops.convert_to_tensor(array), "float32")
