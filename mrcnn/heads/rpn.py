"""Region proposal network: at every anchor, object or not, and how to move the box.

One small network slides over all levels of the pyramid. After Ren et al., "Faster
R-CNN", section 3.1.

Shapes: B images, h w a feature map, F its channels, K anchors of one cell, A anchors
of one level or, where levels are joined, of all.
"""

from collections.abc import Sequence

import keras
from keras import layers, ops

from mrcnn.geometry.arrays import Array


def build_rpn_head(
    channels: int,
    anchors_per_location: int,
    anchor_stride: int = 1,
    *,
    rpn_channels: int = 512,
    num_convs: int = 1,
    objectness: str = "softmax",
) -> keras.Model:
    """The network that all levels share.

    Args:
        channels: F
        anchors_per_location: K
        anchor_stride: cells from one anchor to the next
        rpn_channels: width of the hidden convolutions
        num_convs: how many there are
        objectness: "softmax" of two numbers for each anchor, or "sigmoid" of one,
            which is the same as softmax with a background of 0

    Returns:
        A model named "rpn_model" from [B, h, w, F] to logits [B, A, 2], probs
        [B, A, 2] (background, foreground) and deltas [B, A, 4]. Anchors run row by
        row, cell by cell, then by ratio. All outputs are float32, whatever the
        precision of the features.
    """
    # A nested model casts what it is given to the dtype of its input.
    precision = keras.config.dtype_policy().compute_dtype
    features = keras.Input(
        (None, None, channels), dtype=precision, name="input_rpn_feature_map"
    )
    hidden = features
    for number in range(1, num_convs + 1):
        hidden = layers.Conv2D(
            rpn_channels,
            3,
            strides=anchor_stride if number == 1 else 1,
            padding="same",
            activation="relu",
            name="rpn_conv_shared" if number == 1 else f"rpn_conv_shared{number}",
        )(hidden)
    num_logits = {"softmax": 2, "sigmoid": 1}[objectness]
    logits = _build_prediction(
        hidden, anchors_per_location, num_logits, "rpn_class_raw"
    )
    if objectness == "sigmoid":
        logits = ops.pad(logits, [[0, 0], [0, 0], [1, 0]])  # [B, A, 2]
    probs = layers.Softmax(name="rpn_class_xxx", dtype="float32")(logits)
    deltas = _build_prediction(hidden, anchors_per_location, 4, "rpn_bbox_pred")
    return keras.Model(features, [logits, probs, deltas], name="rpn_model")


def join_levels(
    outputs: Sequence[tuple[Array, Array, Array]],
) -> tuple[Array, Array, Array]:
    """The head's outputs on all levels, joined in the levels' order.

    Args:
        outputs: of the head, on P2 to P6

    Returns:
        logits [B, A, 2], probs [B, A, 2], deltas [B, A, 4], float32
    """
    names = ("rpn_class_logits", "rpn_class", "rpn_bbox")
    logits, probs, deltas = (
        layers.Concatenate(axis=1, name=name, dtype="float32")(list(parts))
        for name, parts in zip(names, zip(*outputs, strict=True), strict=True)
    )
    return logits, probs, deltas


def _build_prediction(
    hidden: Array, anchors_per_location: int, length: int, name: str
) -> Array:
    """`length` numbers for every anchor. [B, h, w, any] -> [B, A, length]"""
    filters = anchors_per_location * length
    values = layers.Conv2D(filters, 1, name=name, dtype="float32")(hidden)
    return layers.Reshape((-1, length), dtype="float32")(values)
