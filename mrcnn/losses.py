"""The five losses, each a pure function of predictions, targets and matches.

Rows that do not count (padding, anchors and rois that were not drawn) neither add to a
loss nor to what it is divided by, whatever numbers they hold; where nothing counts, the
loss is 0. Every loss is one float32 number for the whole batch, computed in float32
whatever the precision of the predictions.

After Ren et al., "Faster R-CNN" and He et al., "Mask R-CNN"; the focal factor is that
of Lin et al., "Focal Loss for Dense Object Detection".

Shapes: B images, K drawn anchors, R drawn rois, P of these that may be positive, C
classes with background, C' classes that are predicted apart: C or 1, S side of a mask
patch.
"""

from collections.abc import Sequence
from typing import Any

from keras import ops

from mrcnn.geometry.arrays import Array
from mrcnn.geometry.matching import NEUTRAL, POSITIVE

LOSS_NAMES = (
    "rpn_class_loss",
    "rpn_bbox_loss",
    "mrcnn_class_loss",
    "mrcnn_bbox_loss",
    "mrcnn_mask_loss",
)

# The logit of a class that an image's dataset does not know.
IMPOSSIBLE = -1e9

# What a probability stays away from 0 and 1, where its logarithm ends.
MARGIN = 1e-7


def rpn_class_loss(logits: Array, match: Array) -> Array:
    """Cross entropy of object against background, the mean over drawn anchors.

    Args:
        logits: [B, K, 2] (background, object), or [B, K, 1] of the object alone
        match: [B, K] of the drawn anchors, NEUTRAL in unused places

    Returns:
        A scalar.
    """
    logits, counts = _where_drawn(logits, match)
    is_object = ops.equal(match, POSITIVE)
    if logits.shape[-1] == 1:
        entropy = _binary_cross_entropy(logits[..., 0], _as_float(is_object))  # [B, K]
    else:
        entropy = -_at_class(ops.log_softmax(logits), ops.cast(is_object, "int32"))
    return _mean(entropy, counts)


def rpn_bbox_loss(
    deltas: Array,
    target_deltas: Array,
    match: Array,
    *,
    beta: float = 1.0,
    norm: str = "positives",
) -> Array:
    """Smooth L1 distance of the positive anchors' deltas to their targets.

    Args:
        deltas: [B, K, 4] of the drawn anchors
        target_deltas: [B, K, 4]
        match: [B, K]
        beta: distance at which the loss turns from a parabola into a line; 0 makes it
            the plain distance
        norm: "positives" averages over the positives' coordinates; "sampled" divides
            the sum by the number of drawn anchors, negatives included

    Returns:
        A scalar.
    """
    return _box_loss(deltas, target_deltas, match, beta, norm)


def mrcnn_class_loss(
    logits: Array,
    target_class_ids: Array,
    match: Array,
    active_class_ids: Array,
    *,
    class_weights: Sequence[float] | None = None,
    focal_gamma: float = 0.0,
) -> Array:
    """Cross entropy over the classes that each image's dataset knows.

    Args:
        logits: [B, R, C]
        target_class_ids: [B, R]; 0 for background
        match: [B, R], NEUTRAL in unused places
        active_class_ids: [B, C], not 0 for a class of the image's dataset. The
            background is always one; the others' logits neither count nor learn. An
            image without any class but the background does not count.
        class_weights: C numbers; the loss is the mean weighted by each row's target
            class, so that only their ratios matter
        focal_gamma: from 0 up; with more, rows that are right already count less

    Returns:
        A scalar.
    """
    logits, counts = _where_drawn(logits, match)
    target_class_ids = ops.cast(target_class_ids, "int32")
    is_active = ops.not_equal(active_class_ids, 0)[:, None]  # [B, 1, C]
    counts = counts * _as_float(ops.any(is_active[..., 1:], axis=-1))
    is_background = ops.equal(ops.arange(logits.shape[-1]), 0)
    is_active = ops.logical_or(is_active, is_background)
    # A class that is not active cannot be right, so its rows must not count.
    target_is_active = _at_class(
        _as_float(is_active) * ops.ones_like(logits), target_class_ids
    )
    counts = counts * target_is_active

    log_probs = ops.log_softmax(ops.where(is_active, logits, IMPOSSIBLE))
    log_prob = _at_class(log_probs, target_class_ids)  # [B, R]
    entropy = -ops.where(counts > 0, log_prob, 0.0)
    if focal_gamma:
        # The margin keeps the slope of the power finite where the row is right.
        wrong = 1 + MARGIN - ops.exp(-entropy)
        entropy = entropy * wrong**focal_gamma
    if class_weights is not None:
        weights = ops.convert_to_tensor(class_weights, "float32")
        counts = counts * ops.take(weights, target_class_ids)
    return _mean(entropy, counts)


def mrcnn_bbox_loss(
    deltas: Array,
    target_class_ids: Array,
    target_deltas: Array,
    match: Array,
    *,
    beta: float = 1.0,
    norm: str = "positives",
) -> Array:
    """Smooth L1 distance of the positive rois' deltas to their targets.

    Args:
        deltas: [B, R, C', 4]; those of the target class count
        target_class_ids: [B, R]
        target_deltas: [B, R, 4]
        match: [B, R]
        beta: see `rpn_bbox_loss`
        norm: see `rpn_bbox_loss`, of rois

    Returns:
        A scalar.
    """
    deltas = _at_class(ops.swapaxes(deltas, -1, -2), target_class_ids)
    return _box_loss(deltas, target_deltas, match, beta, norm)


def mrcnn_mask_loss(
    patches: Array,
    target_class_ids: Array,
    target_masks: Array,
    match: Array,
    *,
    from_logits: bool = False,
) -> Array:
    """Cross entropy of every pixel, the mean over the positive rois' patches.

    Args:
        patches: [B, P, S, S, C']; those of the target class count
        target_class_ids: [B, P]
        target_masks: [B, P, S, S] in [0, 1]
        match: [B, P]
        from_logits: whether the patches are logits, not probabilities. Of a
            probability that rounds to 0 or 1, a pixel can learn nothing more

    Returns:
        A scalar.
    """
    patches = _at_class(patches, target_class_ids)  # [B, P, S, S]
    is_positive = ops.equal(match, POSITIVE)[..., None, None]
    patches = ops.where(is_positive, ops.cast(patches, "float32"), 0.0)
    targets = ops.where(is_positive, ops.cast(target_masks, "float32"), 0.0)
    if from_logits:
        entropy = _binary_cross_entropy(patches, targets)
    else:
        probs = ops.clip(patches, MARGIN, 1 - MARGIN)
        entropy = -targets * ops.log(probs) - (1 - targets) * ops.log(1 - probs)
    return _mean(entropy, _as_float(is_positive) * ops.ones_like(entropy))


def _box_loss(
    deltas: Array, target_deltas: Array, match: Array, beta: float, norm: str
) -> Array:
    """[..., N, 4], [..., N, 4], [..., N] -> scalar"""
    is_positive = ops.equal(match, POSITIVE)[..., None]  # [..., N, 1]
    error = ops.cast(deltas, "float32") - ops.cast(target_deltas, "float32")
    distance = ops.abs(ops.where(is_positive, error, 0.0))
    if beta > 0:
        parabola = 0.5 / beta * distance**2
        distance = ops.where(distance < beta, parabola, distance - 0.5 * beta)
    if norm == "sampled":
        divisor = ops.sum(_as_float(ops.not_equal(match, NEUTRAL)))
    else:
        divisor = 4 * ops.sum(_as_float(is_positive))
    # What is left to divide where nothing counts is 0.
    return ops.sum(distance) / ops.maximum(divisor, 1.0)


def _binary_cross_entropy(logits: Array, targets: Array) -> Array:
    """Of sigmoid probabilities, finite for any logit. [...], [...] -> [...]"""
    return ops.softplus(logits) - logits * targets


def _where_drawn(logits: Array, match: Array) -> tuple[Array, Array]:
    """Logits [..., N, C], zero in unused places, and 1.0 or 0.0 [..., N] for use."""
    is_drawn = ops.not_equal(match, NEUTRAL)
    logits = ops.where(is_drawn[..., None], ops.cast(logits, "float32"), 0.0)
    return logits, _as_float(is_drawn)


def _at_class(values: Array, class_ids: Array) -> Array:
    """The values of each row's class. [B, N, ..., C'], [B, N] -> [B, N, ...]"""
    num_classes = values.shape[-1]
    if num_classes == 1:
        return values[..., 0]
    # A product with ones and zeros, whose gradient needs no scattering.
    chosen = ops.one_hot(class_ids, num_classes, dtype=values.dtype)  # [B, N, C']
    inner = "hw"[: len(values.shape) - 3]
    return ops.einsum(f"bn{inner}c,bnc->bn{inner}", values, chosen)


def _mean(values: Array, weights: Array) -> Array:
    """Weighted mean, 0 where all weights are 0. [...], [...] -> scalar"""
    total = ops.sum(weights)
    return ops.sum(values * weights) / ops.where(total > 0, total, 1.0)


def _as_float(flags: Array) -> Any:
    return ops.cast(flags, "float32")
