"""What the region proposal network should say: anchors drawn for its losses.

Shapes: B images, A anchors, G gt slots, K drawn anchors.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mrcnn.geometry.arrays import Array, take_rows
from mrcnn.geometry.boxes import encode_boxes
from mrcnn.geometry.matching import POSITIVE, draw_anchors, without_straddling


@keras.saving.register_keras_serializable(package="mrcnn")
class RpnTargetLayer(keras.layers.Layer):
    """Matches anchors to gt boxes and draws some of them for the two RPN losses.

    In training the choice is random, and the same random order goes for all images of
    a batch, so that a batch may be split over devices. Otherwise the order is fixed, so
    that losses of the same images can be compared.

    Args:
        count: K, anchors of an image that are drawn
        positive_share: largest share of them that may be positive
        positive_iou: see `match_anchors`, as for the next two
        negative_iou: below this, an anchor is background
        crowd_iou: over this with a crowd, it is not
        delta_std: what one unit of each delta stands for
        forced_iou: a gt box takes no anchors that overlap it by less
        forced_keep_own: whether what is taken learns the gt box it overlaps most
        seed: of the random choice

    Inputs:
        anchors: [B, A, 4] or [1, A, 4] normalized
        gt_class_ids: [B, G]; 0 for padding, negative for crowds
        gt_boxes: [B, G, 4] normalized
        windows: [B, 4] normalized; anchors that reach over the edges of their image's
            window are not used. May be left out

    Output:
        indices: int32 [B, K] of the drawn anchors, positives first; 0 in unused places
        match: int32 [B, K] POSITIVE or NEGATIVE; NEUTRAL in unused places, the last
        target_deltas: [B, K, 4] (dy, dx, log dh, log dw) of the positives, in units of
            `delta_std`; zero for others
    """

    def __init__(
        self,
        count: int,
        *,
        positive_share: float,
        positive_iou: float,
        negative_iou: float,
        crowd_iou: float,
        delta_std: Sequence[float],
        forced_iou: float = 0.0,
        forced_keep_own: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        # Half precision moves a box by pixels, so the policy does not apply here.
        super().__init__(autocast=False, **{"dtype": "float32", **kwargs})
        self.count = int(count)
        self.positive_share = float(positive_share)
        self.positive_iou = float(positive_iou)
        self.negative_iou = float(negative_iou)
        self.crowd_iou = float(crowd_iou)
        self.delta_std = tuple(float(std) for std in delta_std)
        self.forced_iou = float(forced_iou)
        self.forced_keep_own = bool(forced_keep_own)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_jit = False  # How many gt slots are looked at depends on them.

    def call(self, inputs: Sequence[Array], training: bool | None = None) -> tuple:
        anchors, gt_class_ids, gt_boxes, *windows = inputs
        anchors, gt_boxes = (
            ops.stop_gradient(ops.cast(one, "float32")) for one in (anchors, gt_boxes)
        )
        gt_class_ids = ops.cast(gt_class_ids, "int32")
        gt_class_ids, gt_boxes = without_unused_slots(gt_class_ids, gt_boxes)
        for window in windows:
            anchors = without_straddling(anchors, ops.cast(window, "float32"))
        num_anchors = ops.shape(anchors)[1]
        priorities = draw_priorities(num_anchors, self.seed_generator, training)
        num_images = ops.shape(gt_boxes)[0]
        anchors = ops.broadcast_to(anchors, (num_images, num_anchors, 4))

        def targets_of(image: Sequence[Array]) -> tuple[Array, Array, Array]:
            return self._targets_of_image(image, priorities)

        # One image after the other: the overlaps of all their anchors with all gt
        # boxes would not fit into memory together.
        return tuple(ops.map(targets_of, (anchors, gt_class_ids, gt_boxes)))

    def compute_output_spec(self, inputs: Sequence[Array], **_: Any) -> tuple:
        num_images = inputs[1].shape[0]
        return (
            keras.KerasTensor((num_images, self.count), "int32"),
            keras.KerasTensor((num_images, self.count), "int32"),
            keras.KerasTensor((num_images, self.count, 4), "float32"),
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "count": self.count,
            "positive_share": self.positive_share,
            "positive_iou": self.positive_iou,
            "negative_iou": self.negative_iou,
            "crowd_iou": self.crowd_iou,
            "delta_std": list(self.delta_std),
            "forced_iou": self.forced_iou,
            "forced_keep_own": self.forced_keep_own,
            "seed": self.seed,
        }

    def _targets_of_image(
        self, image: Sequence[Array], priorities: Array
    ) -> tuple[Array, Array, Array]:
        """([A, 4], [G], [G, 4]), [A] -> [K], [K], [K, 4]"""
        anchors, gt_class_ids, gt_boxes = image
        indices, match, gt_indices = draw_anchors(
            anchors,
            gt_boxes,
            gt_class_ids,
            priorities,
            positive_iou=self.positive_iou,
            negative_iou=self.negative_iou,
            crowd_iou=self.crowd_iou,
            count=self.count,
            positive_share=self.positive_share,
            forced_iou=self.forced_iou,
            forced_keep_own=self.forced_keep_own,
        )
        gt_boxes = take_rows(gt_boxes, gt_indices)  # [K, 4]
        targets = encode_targets(
            gt_boxes, take_rows(anchors, indices), match, self.delta_std
        )
        return indices, match, targets


def encode_targets(
    gt_boxes: Array, references: Array, match: Array, delta_std: Sequence[float]
) -> Array:
    """Deltas from the positive references to their gt boxes, zero for others.

    [..., K, 4], [..., K, 4], [..., K] -> [..., K, 4] in units of `delta_std`
    """
    targets = encode_boxes(gt_boxes, references) / ops.array(delta_std)
    return ops.where(ops.equal(match, POSITIVE)[..., None], targets, 0.0)


def without_unused_slots(gt_class_ids: Array, gt_boxes: Array) -> tuple[Array, Array]:
    """The slots up to the last that an image of the batch uses, at least one.

    [B, G], [B, G, 4] -> [B, G'], [B, G', 4]
    """
    gt_class_ids, gt_boxes = with_spare_slot(gt_class_ids, gt_boxes)
    slots = ops.arange(1, ops.shape(gt_class_ids)[1] + 1)
    used = ops.where(ops.not_equal(gt_class_ids, 0), slots, 0)
    num_used = ops.max(used, initial=1)
    return gt_class_ids[:, :num_used], gt_boxes[:, :num_used]


def with_spare_slot(gt_class_ids: Array, gt_boxes: Array) -> tuple[Array, Array]:
    """An empty slot more, so that there is one to point to where there are none.

    [B, G], [B, G, 4] -> [B, G + 1], [B, G + 1, 4]
    """
    gt_class_ids = ops.pad(gt_class_ids, [(0, 0), (0, 1)])
    return gt_class_ids, ops.pad(gt_boxes, [(0, 0), (0, 1), (0, 0)])


def draw_priorities(
    count: Array, seed_generator: keras.random.SeedGenerator, training: bool | None
) -> Array:
    """Numbers that decide who is drawn: random in training, else fixed. -> [count]"""
    # As many numbers more change none of the first, so padding changes no choice.
    return keras.random.uniform((count,), seed=seed_generator if training else 0)
