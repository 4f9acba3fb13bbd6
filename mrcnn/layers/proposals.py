"""From scored anchors to proposals, the step between the two stages.

Shapes: B images, A anchors, K anchors kept before suppression, R proposals.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from mrcnn.geometry.arrays import Array, take_rows
from mrcnn.geometry.boxes import (
    UNIT_SQUARE,
    clip_boxes,
    decode_boxes,
    denormalize_boxes,
)
from mrcnn.image_meta import parse_image_meta
from mrcnn.layers.tensorflow_ops import non_max_suppression


class ProposalSteps(NamedTuple):
    """How anchors become proposals, best score first."""

    anchors: Array  # [B, K, 4] those that take part in suppression
    refined: Array  # [B, K, 4] moved by their deltas
    clipped: Array  # [B, K, 4] to the image
    chosen: Array  # int32 [B, R] rows of the above that suppression leaves
    is_chosen: Array  # bool [B, R] false for unused slots


@keras.saving.register_keras_serializable(package="mrcnn")
class ProposalLayer(keras.layers.Layer):
    """Picks the few boxes that deserve a second look.

    Takes the highest-scoring anchors, moves them by their predicted deltas, clips them
    to the image and suppresses near-duplicates. An anchor whose score or deltas are NaN
    is no candidate. Proposals carry no gradient: the RPN learns from its own losses.

    Args:
        proposal_count: R, rows put out for each image
        nms_threshold: IoU above which the lower-scoring box of two is dropped
        pre_nms_limit: K, anchors that take part in suppression; it is quadratic
        delta_std: what one unit of each delta stands for
        min_size: pixels; proposals with a smaller side are dropped. Above 0, the layer
            needs `image_meta`
        edge_shift: see `Convention`
        portable: whether to use `keras.ops` alone, for XLA and export

    Inputs:
        probs: [B, A, 2] (background, foreground)
        deltas: [B, A, 4] (dy, dx, log dh, log dw), in units of `delta_std`
        anchors: [B, A, 4] or [1, A, 4] normalized
        image_meta: [B, 12 + C], needed with `min_size` only

    Output:
        proposals: [B, R, 4] normalized, best first; unused rows are zero
    """

    def __init__(
        self,
        proposal_count: int,
        nms_threshold: float,
        *,
        pre_nms_limit: int = 6000,
        delta_std: Sequence[float] = (0.1, 0.1, 0.2, 0.2),
        min_size: float = 0.0,
        edge_shift: int = 0,
        portable: bool = False,
        **kwargs: Any,
    ) -> None:
        # Half precision moves a box by pixels, so the policy does not apply here.
        super().__init__(autocast=False, **{"dtype": "float32", **kwargs})
        self.proposal_count = int(proposal_count)
        self.nms_threshold = float(nms_threshold)
        self.pre_nms_limit = int(pre_nms_limit)
        self.delta_std = tuple(float(std) for std in delta_std)
        self.min_size = float(min_size)
        self.edge_shift = int(edge_shift)
        self.portable = bool(portable)
        self.supports_jit = self.portable

    def call(self, inputs: Sequence[Array]) -> Array:
        steps = self.steps(inputs)
        return ops.where(
            steps.is_chosen[..., None], take_rows(steps.clipped, steps.chosen), 0.0
        )

    def steps(self, inputs: Sequence[Array]) -> "ProposalSteps":
        """What happens on the way; also for symbolic inputs, to look inside."""
        probs, deltas, anchors = (
            ops.stop_gradient(ops.cast(one, "float32")) for one in inputs[:3]
        )
        # Comparisons are false for NaN; a negative score is no candidate.
        scores = ops.where(probs[..., 1] >= 0, probs[..., 1], -1.0)
        scores, best = ops.top_k(scores, self._num_kept(scores))  # [B, K]
        deltas = take_rows(deltas, best) * ops.array(self.delta_std)  # [B, K, 4]
        anchors = take_rows(anchors, best)
        refined = decode_boxes(deltas, anchors)

        is_candidate = ops.all(ops.isfinite(refined), axis=-1)
        boxes = ops.where(is_candidate[..., None], refined, 0.0)
        clipped = clip_boxes(boxes, UNIT_SQUARE)
        if self.min_size > 0:
            large = is_large(
                clipped, self._image_shape(inputs), self.min_size, self.edge_shift
            )
            is_candidate = ops.logical_and(is_candidate, large)
        chosen, is_chosen = non_max_suppression(
            clipped,
            ops.where(is_candidate, scores, -1.0),
            self.proposal_count,
            self.nms_threshold,
            portable=self.portable,
        )
        return ProposalSteps(anchors, refined, clipped, chosen, is_chosen)

    def compute_output_shape(self, input_shape: Sequence[tuple]) -> tuple:
        return (input_shape[0][0], self.proposal_count, 4)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "proposal_count": self.proposal_count,
            "nms_threshold": self.nms_threshold,
            "pre_nms_limit": self.pre_nms_limit,
            "delta_std": list(self.delta_std),
            "min_size": self.min_size,
            "edge_shift": self.edge_shift,
            "portable": self.portable,
        }

    def _num_kept(self, scores: Array) -> Array:
        num_anchors = ops.shape(scores)[1]
        if isinstance(num_anchors, int):
            return min(self.pre_nms_limit, num_anchors)
        return ops.minimum(self.pre_nms_limit, num_anchors)

    def _image_shape(self, inputs: Sequence[Array]) -> Array:
        """[B, 1, 3], one for all boxes of an image."""
        if len(inputs) < 4:
            raise ValueError(
                f"{self.name} drops proposals below {self.min_size} pixels and so "
                f"needs image_meta as its fourth input, but got {len(inputs)} inputs. "
                "Pass it, or set min_size to 0."
            )
        return parse_image_meta(ops.cast(inputs[3], "float32")).image_shape[:, None]


def is_large(
    boxes_norm: Array, image_shape: Array, min_size: float, edge_shift: int
) -> Array:
    """Whether both sides have `min_size` pixels, and any length at all.

    Args:
        boxes_norm: [..., 4]
        image_shape: [..., 2+] with as many axes as the boxes
        min_size: pixels
        edge_shift: see `Convention`

    Returns:
        bool [...]
    """
    boxes_px = denormalize_boxes(boxes_norm, image_shape, edge_shift=edge_shift)
    sides = boxes_px[..., 2:] - boxes_px[..., :2]
    return ops.all(ops.logical_and(sides >= min_size, sides > 0), axis=-1)
