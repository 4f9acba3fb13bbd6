"""The losses under matterport's names and parameters, plain: no weights, beta 1.

Every loss is one float32 number for the whole batch, 0 where nothing counts.

Shapes: B images, A anchors, K places for targets of positive anchors, T rois, C classes
with background, S side of a mask patch.
"""

from typing import Any

import keras
from keras import ops

from mrcnn import losses
from mrcnn.geometry.arrays import Array, take_rows, take_values, top_k
from mrcnn.geometry.matching import NEGATIVE, NEUTRAL, POSITIVE


def smooth_l1_loss(y_true: Array, y_pred: Array) -> Array:
    """A parabola for errors up to 1, a line beyond. [...], [...] -> [...]"""
    # Keras averages over the last axis.
    return keras.losses.huber(_tensor(y_true)[..., None], _tensor(y_pred)[..., None])


def rpn_class_loss_graph(rpn_match: Array, rpn_class_logits: Array) -> Array:
    """Cross entropy of the anchors that are not neutral.

    Args:
        rpn_match: [B, A, 1], 1, -1 or 0
        rpn_class_logits: [B, A, 2] (background, object)

    Returns:
        A scalar.
    """
    match = _tensor(rpn_match, "int32")[..., 0]
    return losses.rpn_class_loss(_tensor(rpn_class_logits), match)


def rpn_bbox_loss_graph(
    config: Any, target_bbox: Array, rpn_match: Array, rpn_bbox: Array
) -> Array:
    """Smooth L1 distance of the positive anchors' deltas to their targets.

    Args:
        config: of old callers; the loss does not depend on it
        target_bbox: [B, K, 4], row i of the i-th positive anchor, zero rows after
        rpn_match: [B, A, 1], 1, -1 or 0
        rpn_bbox: [B, A, 4] deltas

    Returns:
        A scalar.
    """
    targets, deltas = _tensor(target_bbox), _tensor(rpn_bbox)
    match = _tensor(rpn_match, "int32")[..., 0]
    # Neutral rows, so that there are enough whatever A is.
    places = [(0, 0), (0, targets.shape[1])]
    match = ops.pad(match, places, constant_values=NEUTRAL)  # [B, A + K]
    deltas = ops.pad(deltas, [*places, (0, 0)])
    # Among equals the first come first, so positives keep their order.
    is_positive = ops.cast(ops.equal(match, POSITIVE), "int32")
    _, indices = top_k(is_positive, targets.shape[1])  # [B, K]
    return losses.rpn_bbox_loss(
        take_rows(deltas, indices), targets, take_values(match, indices)
    )


def mrcnn_class_loss_graph(
    target_class_ids: Array, pred_class_logits: Array, active_class_ids: Array
) -> Array:
    """Cross entropy of the rois whose most probable class is active in their image.

    Args:
        target_class_ids: [B, T], 0 for background
        pred_class_logits: [B, T, C]
        active_class_ids: [B, C], not 0 for a class of the image's dataset

    Returns:
        A scalar.
    """
    class_ids = _tensor(target_class_ids, "int32")
    logits, active = _tensor(pred_class_logits), _tensor(active_class_ids)
    predicted = ops.cast(ops.argmax(logits, axis=-1), "int32")
    counts = ops.not_equal(take_values(active, predicted), 0)  # [B, T]
    match = ops.where(counts, _match_of(class_ids), NEUTRAL)
    return losses.mrcnn_class_loss(logits, class_ids, match, ops.ones_like(active))


def mrcnn_bbox_loss_graph(
    target_bbox: Array, target_class_ids: Array, pred_bbox: Array
) -> Array:
    """Smooth L1 distance of the positive rois' deltas to their targets.

    Args:
        target_bbox: [B, T, 4]
        target_class_ids: [B, T], 0 for all but positives
        pred_bbox: [B, T, C, 4]; those of the target class count

    Returns:
        A scalar.
    """
    class_ids = _tensor(target_class_ids, "int32")
    return losses.mrcnn_bbox_loss(
        _tensor(pred_bbox), class_ids, _tensor(target_bbox), _match_of(class_ids)
    )


def mrcnn_mask_loss_graph(
    target_masks: Array, target_class_ids: Array, pred_masks: Array
) -> Array:
    """Cross entropy of every pixel of the positive rois' mask patches.

    Args:
        target_masks: [B, T, S, S] in [0, 1]
        target_class_ids: [B, T], 0 for all but positives
        pred_masks: [B, T, S, S, C] probabilities; those of the target class count

    Returns:
        A scalar.
    """
    class_ids = _tensor(target_class_ids, "int32")
    return losses.mrcnn_mask_loss(
        _tensor(pred_masks), class_ids, _tensor(target_masks), _match_of(class_ids)
    )


def _match_of(class_ids: Array) -> Array:
    """POSITIVE where there is a class, NEGATIVE for background. [B, T] -> [B, T]"""
    return ops.where(ops.greater(class_ids, 0), POSITIVE, NEGATIVE)


def _tensor(array: Array, dtype: str = "float32") -> Array:
    return ops.cast(ops.convert_to_tensor(array), dtype)
