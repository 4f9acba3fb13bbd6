"""What the second-stage heads should say: rois drawn from the proposals, and targets.

Shapes: B images, R proposals, G gt slots, T drawn rois, P places for positives among
them, P' of these in use.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mrcnn.geometry.arrays import Array, take_rows, take_values
from mrcnn.geometry.matching import (
    NEUTRAL,
    POSITIVE,
    match_rois,
    sample_matches,
    without_crowded,
)
from mrcnn.layers.rpn_targets import draw_priorities, encode_targets, with_spare_slot


@keras.saving.register_keras_serializable(package="mrcnn")
class DetectionTargetLayer(keras.layers.Layer):
    """Matches proposals to gt boxes and draws rois for the heads to learn from.

    Positives fill at most their share, negatives all places that are left. The choice
    is random in training only, see `RpnTargetLayer`. Nothing here carries a gradient.

    Args:
        count: T, rois of an image that are drawn
        positive_share: largest share of them that may be positive
        positive_iou: see `match_rois`, as for the next three
        negative_iou_low: a roi with less overlap is not used
        negative_iou_high: below this, a roi is background
        crowd_iou: over this with a crowd, it is not
        crowd_cover: see `without_crowded`; proposals that it leaves out are not used
        delta_std: what one unit of each delta stands for
        add_gt: whether gt boxes, except crowds, are proposals too, so that the heads
            have positives before the RPN finds any
        seed: of the random choice

    Inputs:
        proposals: [B, R, 4] normalized; unused rows zero
        gt_class_ids: [B, G]; 0 for padding, negative for crowds
        gt_boxes: [B, G, 4] normalized

    Output:
        rois: [B, T, 4] normalized, positives first; unused rows, the last, are zero
        match: int32 [B, T] POSITIVE or NEGATIVE; NEUTRAL in unused rows
        gt_indices: int32 [B, T] the gt slot of a positive; 0 for others
        target_class_ids: int32 [B, T] of a positive; 0 for others
        target_deltas: [B, T, 4] (dy, dx, log dh, log dw) of a positive, in units of
            `delta_std`; zero for others
    """

    def __init__(
        self,
        count: int,
        *,
        positive_share: float,
        positive_iou: float,
        negative_iou_low: float,
        negative_iou_high: float,
        crowd_iou: float,
        crowd_cover: float = 1.0,
        delta_std: Sequence[float],
        add_gt: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        # Half precision moves a box by pixels, so the policy does not apply here.
        super().__init__(autocast=False, **{"dtype": "float32", **kwargs})
        self.count = int(count)
        self.positive_share = float(positive_share)
        self.positive_iou = float(positive_iou)
        self.negative_iou_low = float(negative_iou_low)
        self.negative_iou_high = float(negative_iou_high)
        self.crowd_iou = float(crowd_iou)
        self.crowd_cover = float(crowd_cover)
        self.delta_std = tuple(float(std) for std in delta_std)
        self.add_gt = bool(add_gt)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: Sequence[Array], training: bool | None = None) -> tuple:
        proposals, gt_class_ids, gt_boxes = inputs
        proposals, gt_boxes = (
            ops.stop_gradient(ops.cast(one, "float32")) for one in (proposals, gt_boxes)
        )
        gt_class_ids = ops.cast(gt_class_ids, "int32")
        proposals = without_crowded(
            proposals, gt_boxes, gt_class_ids, crowd_cover=self.crowd_cover
        )
        if self.add_gt:
            is_object = ops.greater(gt_class_ids, 0)[..., None]
            added = ops.where(is_object, gt_boxes, 0.0)
            proposals = ops.concatenate([proposals, added], axis=1)  # [B, R + G, 4]
        match, gt_indices = match_rois(
            proposals,
            gt_boxes,
            gt_class_ids,
            positive_iou=self.positive_iou,
            negative_iou_low=self.negative_iou_low,
            negative_iou_high=self.negative_iou_high,
            crowd_iou=self.crowd_iou,
        )
        indices, match = self._draw(match, training)
        is_used = ops.not_equal(match, NEUTRAL)[..., None]
        rois = ops.where(is_used, take_rows(proposals, indices), 0.0)

        is_positive = ops.equal(match, POSITIVE)
        gt_indices = ops.where(is_positive, take_values(gt_indices, indices), 0)
        gt_class_ids, gt_boxes = with_spare_slot(gt_class_ids, gt_boxes)
        class_ids = ops.where(is_positive, take_values(gt_class_ids, gt_indices), 0)
        deltas = encode_targets(
            take_rows(gt_boxes, gt_indices), rois, match, self.delta_std
        )
        return rois, match, gt_indices, class_ids, deltas

    def compute_output_spec(self, inputs: Sequence[Array], **_: Any) -> tuple:
        rows = (inputs[0].shape[0], self.count)
        return (
            keras.KerasTensor((*rows, 4), "float32"),
            keras.KerasTensor(rows, "int32"),
            keras.KerasTensor(rows, "int32"),
            keras.KerasTensor(rows, "int32"),
            keras.KerasTensor((*rows, 4), "float32"),
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "count": self.count,
            "positive_share": self.positive_share,
            "positive_iou": self.positive_iou,
            "negative_iou_low": self.negative_iou_low,
            "negative_iou_high": self.negative_iou_high,
            "crowd_iou": self.crowd_iou,
            "crowd_cover": self.crowd_cover,
            "delta_std": list(self.delta_std),
            "add_gt": self.add_gt,
            "seed": self.seed,
        }

    def _draw(self, match: Array, training: bool | None) -> tuple[Array, Array]:
        """[B, R + G] -> int32 indices [B, T] and match [B, T]"""
        count = ops.shape(match)[1]
        priorities = draw_priorities(count, self.seed_generator, training)
        return sample_matches(
            match,
            ops.zeros_like(match, dtype="float32") + priorities,
            count=self.count,
            positive_share=self.positive_share,
        )


@keras.saving.register_keras_serializable(package="mrcnn")
class PositiveRows(keras.layers.Layer):
    """Cuts rows of drawn rois to the positives of the image that has most of them.

    What runs on positives only, such as the mask head, then costs as little as can be.
    At least one row stays, and rows of images with fewer positives are what they are:
    `match` tells.

    Args:
        max_positives: P, places that positives may fill

    Inputs:
        match: [B, T], positives first
        rows: any number of [B, T, ...]

    Output:
        match and rows, all [B, P', ...]
    """

    def __init__(self, max_positives: int, **kwargs: Any) -> None:
        super().__init__(autocast=False, **{"dtype": "float32", **kwargs})
        self.max_positives = int(max_positives)
        self.supports_jit = False  # The output's shape depends on the data.

    def call(self, inputs: Sequence[Array]) -> tuple:
        is_positive = ops.equal(inputs[0], POSITIVE)
        used = ops.max(ops.sum(ops.cast(is_positive, "int32"), axis=1), initial=1)
        used = ops.minimum(used, max(self.max_positives, 1))
        return tuple(rows[:, :used] for rows in inputs)

    def compute_output_spec(self, inputs: Sequence[Array]) -> tuple:
        return tuple(
            keras.KerasTensor((rows.shape[0], None, *rows.shape[2:]), rows.dtype)
            for rows in inputs
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "max_positives": self.max_positives}


@keras.saving.register_keras_serializable(package="mrcnn")
class PositivesOfBatch(keras.layers.Layer):
    """Packs the positives of all images, each as if it were alone in an image.

    What is computed of the batch as a whole, such as the statistics of a BatchNorm
    that trains, then sees nothing else. Where there is no positive, one row stays.

    Inputs:
        match: [B, P]
        rows: any number of [B, P, ...]

    Output:
        match and rows, all [K, 1, ...], in their order; K positives
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(autocast=False, **{"dtype": "float32", **kwargs})
        self.supports_jit = False  # The output's shape depends on the data.

    def call(self, inputs: Sequence[Array]) -> tuple:
        is_positive = ops.reshape(ops.equal(inputs[0], POSITIVE), (-1,))  # [B * P]
        is_positive = ops.cast(is_positive, "int32")
        order = ops.argsort(1 - is_positive)
        chosen = order[: ops.maximum(ops.sum(is_positive), 1)]  # [K]
        return tuple(
            ops.take(ops.reshape(rows, (-1, 1, *ops.shape(rows)[2:])), chosen, axis=0)
            for rows in inputs
        )

    def compute_output_spec(self, inputs: Sequence[Array]) -> tuple:
        return tuple(
            keras.KerasTensor((None, 1, *rows.shape[2:]), rows.dtype) for rows in inputs
        )
