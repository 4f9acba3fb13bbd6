"""From scored anchors to proposals, the step between the two stages.

Shapes: B images, A anchors, L levels of the pyramid, G groups of anchors, each of them
suppressed by itself: all, or those of one level; K anchors of a group kept before
suppression, R proposals.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from mrcnn.geometry.arrays import Array, take_rows, take_values
from mrcnn.geometry.boxes import (
    UNIT_SQUARE,
    clip_boxes,
    decode_boxes,
    denormalize_boxes,
    normalize_boxes,
)
from mrcnn.image_meta import ImageMeta, parse_image_meta
from mrcnn.layers.tensorflow_ops import non_max_suppression


class ProposalSteps(NamedTuple):
    """How anchors become proposals, best score of a group first."""

    anchors: Array  # [B, G * K, 4] those that take part in suppression
    refined: Array  # [B, G * K, 4] moved by their deltas
    clipped: Array  # [B, G * K, 4] to the image
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
        per_level: whether the limit holds for each level, and proposals are suppressed
            by those of their own level only; the layer then needs `level_probs`
        delta_std: what one unit of each delta stands for
        min_size: pixels; proposals with a smaller side are dropped. Above 0, the layer
            needs `image_meta`
        clip_to_window: whether proposals end where the real picture does, and not
            with its padding; the layer then needs `image_meta`
        edge_shift: see `Convention`
        portable: whether to use `keras.ops` alone, for XLA and export

    Inputs:
        probs: [B, A, 2] (background, foreground)
        deltas: [B, A, 4] (dy, dx, log dh, log dw), in units of `delta_std`
        anchors: [B, A, 4] or [1, A, 4] normalized
        image_meta: [B, 12 + C], needed with some arguments only
        level_probs: L arrays [B, any, 2], what was joined to `probs`; likewise

    Output:
        proposals: [B, R, 4] normalized, best first; unused rows are zero
    """

    def __init__(
        self,
        proposal_count: int,
        nms_threshold: float,
        *,
        pre_nms_limit: int = 6000,
        per_level: bool = False,
        delta_std: Sequence[float] = (0.1, 0.1, 0.2, 0.2),
        min_size: float = 0.0,
        clip_to_window: bool = False,
        edge_shift: int = 0,
        portable: bool = False,
        **kwargs: Any,
    ) -> None:
        # Half precision moves a box by pixels, so the policy does not apply here.
        super().__init__(autocast=False, **{"dtype": "float32", **kwargs})
        self.proposal_count = int(proposal_count)
        self.nms_threshold = float(nms_threshold)
        self.pre_nms_limit = int(pre_nms_limit)
        self.per_level = bool(per_level)
        self.delta_std = tuple(float(std) for std in delta_std)
        self.min_size = float(min_size)
        self.clip_to_window = bool(clip_to_window)
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
        scores, best = self._best(scores, inputs[4:])  # [B, G * K]
        deltas = take_rows(deltas, best) * ops.array(self.delta_std)  # [B, G * K, 4]
        anchors = take_rows(anchors, best)
        refined = decode_boxes(deltas, anchors)

        is_candidate = ops.all(ops.isfinite(refined), axis=-1)
        boxes = ops.where(is_candidate[..., None], refined, 0.0)
        clipped = clip_boxes(boxes, self._clip_window(inputs))
        if self.min_size > 0:
            image_shape = self._image_meta(inputs).image_shape[:, None]  # [B, 1, 3]
            large = is_large(clipped, image_shape, self.min_size, self.edge_shift)
            is_candidate = ops.logical_and(is_candidate, large)
        scores = ops.where(is_candidate, scores, -1.0)
        num_groups = len(inputs[4:]) if self.per_level else 1
        chosen, is_chosen = self._suppress(clipped, scores, num_groups)
        return ProposalSteps(anchors, refined, clipped, chosen, is_chosen)

    def compute_output_shape(self, input_shape: Sequence[tuple]) -> tuple:
        return (input_shape[0][0], self.proposal_count, 4)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "proposal_count": self.proposal_count,
            "nms_threshold": self.nms_threshold,
            "pre_nms_limit": self.pre_nms_limit,
            "per_level": self.per_level,
            "delta_std": list(self.delta_std),
            "min_size": self.min_size,
            "clip_to_window": self.clip_to_window,
            "edge_shift": self.edge_shift,
            "portable": self.portable,
        }

    def _best(self, scores: Array, level_probs: Sequence[Array]) -> tuple[Array, Array]:
        """Scores of the best anchors of each group, and their positions.

        Args:
            scores: [B, A]
            level_probs: see the class

        Returns:
            [B, G * K] and int32 [B, G * K]. A group of fewer anchors than K is filled
            up with rows of score -1.
        """
        if not self.per_level:
            return ops.top_k(scores, self._num_kept(ops.shape(scores)[1]))
        if not level_probs:
            raise ValueError(
                f"{self.name} looks at each level by itself and so needs the probs of "
                "each level after image_meta. Pass them, or set per_level to False."
            )
        found, start = [], 0
        for probs in level_probs:
            num_anchors = ops.shape(probs)[1]
            of_level = scores[:, start : start + num_anchors]
            kept = self._num_kept(num_anchors)
            values, best = ops.top_k(of_level, kept)
            missing = [[0, 0], [0, self.pre_nms_limit - kept]]
            values = ops.pad(values, missing, constant_values=-1.0)  # [B, K]
            found.append((values, ops.pad(best + start, missing)))
            start += num_anchors
        values, best = (ops.concatenate(parts, 1) for parts in zip(*found, strict=True))
        return values, best

    def _suppress(
        self, boxes: Array, scores: Array, num_groups: int
    ) -> tuple[Array, Array]:
        """What suppression within the groups leaves, the best of all of it.

        Args:
            boxes: [B, G * K, 4]
            scores: [B, G * K], negative where there is no candidate
            num_groups: G

        Returns:
            int32 [B, R] positions and bool [B, R] where there is one
        """
        settings = (self.proposal_count, self.nms_threshold)
        if num_groups == 1:
            return non_max_suppression(boxes, scores, *settings, portable=self.portable)
        # A group of an image is an image to the kernel.
        group_shape = (-1, self.pre_nms_limit)
        chosen, is_chosen = non_max_suppression(
            ops.reshape(boxes, (*group_shape, 4)),
            ops.reshape(scores, group_shape),
            *settings,
            portable=self.portable,
        )  # [B * G, R]
        chosen = ops.reshape(chosen, (-1, num_groups, self.proposal_count))
        starts = ops.arange(num_groups, dtype="int32")[:, None] * self.pre_nms_limit
        joined = (-1, num_groups * self.proposal_count)
        chosen = ops.reshape(chosen + starts, joined)  # [B, G * R]
        left = ops.where(
            ops.reshape(is_chosen, joined), take_values(scores, chosen), -1.0
        )
        left, best = ops.top_k(left, self.proposal_count)  # [B, R]
        is_chosen = left >= 0
        return ops.where(is_chosen, take_values(chosen, best), 0), is_chosen

    def _num_kept(self, num_anchors: Array) -> Array:
        if isinstance(num_anchors, int):
            return min(self.pre_nms_limit, num_anchors)
        return ops.minimum(self.pre_nms_limit, num_anchors)

    def _clip_window(self, inputs: Sequence[Array]) -> Array:
        """[4], or [B, 1, 4] for one window for each image; normalized."""
        if not self.clip_to_window:
            return UNIT_SQUARE
        meta = self._image_meta(inputs)
        return normalize_boxes(
            meta.window[:, None],
            meta.image_shape[:, None],
            edge_shift=self.edge_shift,
        )

    def _image_meta(self, inputs: Sequence[Array]) -> ImageMeta:
        if len(inputs) < 4:
            raise ValueError(
                f"{self.name} drops proposals below {self.min_size} pixels, or clips "
                "them to the window, and so needs image_meta as its fourth input, but "
                f"got {len(inputs)} inputs. Pass it, or leave both out."
            )
        return parse_image_meta(ops.cast(inputs[3], "float32"))


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
