"""Region proposal network: at every anchor, object or not, and how to move the box.

One small network slides over all levels of the pyramid. After Ren et al., "Faster
R-CNN", section 3.1.

Shapes: B images, h w a feature map, F its channels, K anchors of one cell, A anchors
of one level or, where levels are joined, of all.
"""

from collections.abc import Sequence

import keras
from keras import layers

from mrcnn.geometry.arrays import Array


def build_rpn_head(
    channels: int,
    anchors_per_location: int,
    anchor_stride: int = 1,
    *,
    rpn_channels: int = 512,
) -> keras.Model:
    """The network that all levels share.

    Args:
        channels: F
        anchors_per_location: K
        anchor_stride: cells from one anchor to the next
        rpn_channels: width of the hidden convolution

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
    hidden = layers.Conv2D(
        rpn_channels,
        3,
        strides=anchor_stride,
        padding="same",
        activation="relu",
        name="rpn_conv_shared",
    )(features)
    logits = _build_prediction(hidden, anchors_per_location, 2, "rpn_class_raw")
    probs = layers.Softmax(name="rpn_class_xxx", dtype="float32")(logits)
    deltas = _build_prediction(hidden, anchors_per_location, 4, "rpn_bbox_pred")
    return keras.Model(features, [logits, probs, deltas], name="rpn_model")


def apply_rpn_head(
    head: keras.Model, levels: Sequence[Array]
) -> tuple[Array, Array, Array]:
    """The head's outputs on all levels, joined in the levels' order.

    Args:
        head: what `build_rpn_head` makes
        levels: P2 to P6, [B, h, w, F] each

    Returns:
        logits [B, A, 2], probs [B, A, 2], deltas [B, A, 4], float32
    """
    names = ("rpn_class_logits", "rpn_class", "rpn_bbox")
    outputs = zip(*[head(level) for level in levels], strict=True)
    logits, probs, deltas = (
        layers.Concatenate(axis=1, name=name, dtype="float32")(list(parts))
        for name, parts in zip(names, outputs, strict=True)
    )
    return logits, probs, deltas


def _build_prediction(
    hidden: Array, anchors_per_location: int, length: int, name: str
) -> Array:
    """`length` numbers for every anchor. [B, h, w, any] -> [B, A, length]"""
    filters = anchors_per_location * length
    values = layers.Conv2D(filters, 1, name=name, dtype="float32")(hidden)
    return layers.Reshape((-1, length), dtype="float32")(values)
