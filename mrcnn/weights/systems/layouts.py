"""How one tensor is laid out elsewhere, and how it must lie here.

Elsewhere convolutions keep their output channels first, boxes run (x, y, w, h), and
some systems count the background as the last class, which then has no box and no
mask of its own. Here kernels are [kh, kw, in, out], deltas (dy, dx, log dh, log dw)
and the background is class 0.

Shapes: O I output and input channels, kh kw a kernel, F channels of a roi's features,
S their side, K anchors of one cell, C classes with background.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

# (x, y, w, h) -> (y, x, h, w)
BOX_ORDER = [1, 0, 3, 2]


class Widths(NamedTuple):
    """What a tensor's own shape does not tell."""

    roi_channels: int
    """F, by which flattened features unfold."""
    num_classes: int
    """C"""


class Step(NamedTuple):
    """The name of a weight here, and the way its values take."""

    weight: str
    convert: Callable[[np.ndarray, Widths], np.ndarray]


# Leaf of a name elsewhere -> what becomes of it.
Layout = Mapping[str, Step]


def as_is(values: np.ndarray, widths: Widths) -> np.ndarray:
    """A vector stays a vector."""
    return values


def conv_kernel(values: np.ndarray, widths: Widths) -> np.ndarray:
    """[O, I, kh, kw] -> [kh, kw, I, O]"""
    return values.transpose(2, 3, 1, 0)


# The same axes change places where they mean [I, O, kh, kw] -> [kh, kw, O, I].
transposed_conv_kernel = conv_kernel


def dense_kernel(values: np.ndarray, widths: Widths) -> np.ndarray:
    """[O, I] -> [I, O]; a 1x1 convolution counts as dense."""
    return values.reshape(values.shape[:2]).T


def pointwise_kernel(values: np.ndarray, widths: Widths) -> np.ndarray:
    """[O, I] -> [1, 1, I, O]; a convolution stays one."""
    if values.ndim == 4:
        return conv_kernel(values, widths)
    return values.T[None, None]  # [1, 1, I, O]


def flat_kernel(values: np.ndarray, widths: Widths) -> np.ndarray:
    """[O, F * S * S] -> [S, S, F, O]; a convolution stays one."""
    if values.ndim == 4:
        return conv_kernel(values, widths)
    outputs, inputs = values.shape
    side = round((inputs / widths.roi_channels) ** 0.5)
    unfolded = values.reshape(outputs, widths.roi_channels, side, side)
    return unfolded.transpose(2, 3, 1, 0)


def anchor_boxes(values: np.ndarray, widths: Widths) -> np.ndarray:
    """Boxes of K anchors along the first axis reordered. [K * 4, ...] -> same"""
    return _by_box(values)[:, BOX_ORDER].reshape(values.shape)


def class_boxes(values: np.ndarray, widths: Widths) -> np.ndarray:
    """Boxes of all classes reordered. [C * 4, ...] -> same

    Two boxes for more classes are one for background and one for all the others,
    which is the box that all classes share. [2 * 4, ...] -> [4, ...]
    """
    boxes = _by_box(values)[:, BOX_ORDER]
    if len(boxes) == 2 < widths.num_classes:
        boxes = boxes[1:]
    return boxes.reshape(-1, *values.shape[1:])


def background_first(values: np.ndarray, widths: Widths) -> np.ndarray:
    """The last class becomes the first. [C, ...] -> same"""
    return np.roll(values, 1, axis=0)


def without_background(values: np.ndarray, widths: Widths) -> np.ndarray:
    """Zeros for a background that has no rows of its own. [C - 1, ...] -> [C, ...]

    Rows that all classes share, and such as count the background, stay as they are.
    """
    lacking = widths.num_classes - len(values)
    if lacking != 1:
        return values
    return np.concatenate([np.zeros_like(values[:1]), values])


def class_boxes_without_background(values: np.ndarray, widths: Widths) -> np.ndarray:
    """Boxes reordered, zeros for the background. [(C - 1) * 4, ...] -> [C * 4, ...]"""
    boxes = without_background(_by_box(values)[:, BOX_ORDER], widths)
    return boxes.reshape(-1, *values.shape[1:])


def _by_box(values: np.ndarray) -> np.ndarray:
    """[N * 4, ...] -> [N, 4, ...]"""
    return values.reshape(-1, 4, *values.shape[1:])


def layout_of(
    kernel: Callable[[np.ndarray, Widths], np.ndarray],
    rows: Callable[[np.ndarray, Widths], np.ndarray] = as_is,
) -> Layout:
    """A layer of kernel and bias whose output rows are rearranged first.

    Args:
        kernel: how the axes change places
        rows: what happens to the output channels, the first axis of both
    """
    return {
        "weight": Step("kernel", lambda values, w: kernel(rows(values, w), w)),
        "bias": Step("bias", rows),
    }


CONV = layout_of(conv_kernel)

NORM: Layout = {
    "weight": Step("gamma", as_is),
    "bias": Step("beta", as_is),
    "running_mean": Step("moving_mean", as_is),
    "running_var": Step("moving_variance", as_is),
}

# Layers here -> their layout elsewhere; all others are plain convolutions.
LAYOUTS: dict[str, Layout] = {
    "rpn_bbox_pred": layout_of(conv_kernel, anchor_boxes),
    "mrcnn_class_conv1": layout_of(flat_kernel),
    "mrcnn_class_conv2": layout_of(pointwise_kernel),
    "mrcnn_class_fc1": layout_of(flat_kernel),
    "mrcnn_class_logits": layout_of(dense_kernel),
    "mrcnn_bbox_fc": layout_of(dense_kernel, class_boxes),
    "mrcnn_mask_deconv": layout_of(transposed_conv_kernel),
}

# The same where the background is the last class.
BACKGROUND_LAST: dict[str, Layout] = LAYOUTS | {
    "mrcnn_class_logits": layout_of(dense_kernel, background_first),
    "mrcnn_bbox_fc": layout_of(dense_kernel, class_boxes_without_background),
    "mrcnn_mask": layout_of(conv_kernel, without_background),
}


def layout_of_layer(layer: str, *, background_last: bool = False) -> Layout:
    """How the weights of a layer here lie elsewhere.

    Args:
        layer: its name here, as in "bn2a_branch1" or "mrcnn_mask"
        background_last: whether the background is the last class there
    """
    if re.match(r"bn|.*_bn\d?$", layer):
        return NORM
    return (BACKGROUND_LAST if background_last else LAYOUTS).get(layer, CONV)
