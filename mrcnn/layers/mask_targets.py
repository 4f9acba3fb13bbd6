"""What the mask head should say: gt masks as the rois see them.

Shapes: B images, G gt slots, P rois, h w sides of a gt mask, S T sides of a patch.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from mrcnn.geometry.arrays import Array, take_rows
from mrcnn.geometry.boxes import TINY
from mrcnn.geometry.masks import mask_through_box
from mrcnn.geometry.sampling import OUTSIDE, hat_weights, weigh_pixels

CONTENTS = ("share", "binary", "samples")


@keras.saving.register_keras_serializable(package="mrcnn")
class MaskTargetLayer(keras.layers.Layer):
    """Cuts each roi's part out of its gt mask and shrinks it to a mask patch.

    Args:
        mask_shape: (S, T) of a patch
        sample_bins: see `Convention`: a patch's cell tells of its bin what `content`
            says; or it is 1 where the mask, sampled on a grid that spans the roi from
            corner to corner, is more than half, and 0 elsewhere
        use_mini_mask: whether gt masks are cut to their gt boxes, or are of the whole
            image
        content: "share" of the bin that the mask covers; "binary", whether that is half
            or more; "samples", the mean of bilinear samples of the mask, as many along
            a side of the bin as it has pixels, where a pixel's value belongs to its
            upper-left corner

    Inputs:
        rois: [B, P, 4] normalized
        gt_indices: int32 [B, P] slot of each roi's gt mask
        gt_boxes: [B, G, 4] normalized
        gt_masks: [B, h, w, G]; not 0 is set

    Output:
        target_masks: [B, P, S, T] in 0..1. What lies outside the gt mask is 0, and so
            is the whole patch where a gt box has no area. Without gradient.
    """

    def __init__(
        self,
        mask_shape: Sequence[int],
        *,
        sample_bins: bool,
        use_mini_mask: bool,
        content: str = "share",
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **{"dtype": "float32", **kwargs})
        height, width = mask_shape
        self.mask_shape = (int(height), int(width))
        self.sample_bins = bool(sample_bins)
        self.use_mini_mask = bool(use_mini_mask)
        if content not in CONTENTS:
            raise ValueError(f"content is {content!r}; give one of {CONTENTS}.")
        self.content = content

    def call(self, inputs: Sequence[Array]) -> Array:
        rois, gt_indices, gt_boxes, gt_masks = inputs
        boxes = ops.cast(rois, "float32")
        if self.use_mini_mask:
            gt_boxes = ops.pad(ops.cast(gt_boxes, "float32"), [(0, 0), (0, 1), (0, 0)])
            boxes = _within(boxes, take_rows(gt_boxes, gt_indices))
        # One image after the other: full masks of all rois take much memory.
        return ops.stop_gradient(
            ops.map(self._patches_of_image, (boxes, gt_indices, gt_masks))
        )

    def compute_output_shape(self, input_shape: Sequence[tuple]) -> tuple:
        return (*input_shape[0][:2], *self.mask_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "mask_shape": list(self.mask_shape),
            "sample_bins": self.sample_bins,
            "use_mini_mask": self.use_mini_mask,
            "content": self.content,
        }

    def _patches_of_image(self, image: Sequence[Array]) -> Array:
        """Patches of rois in units of their masks. -> [P, S, T]"""
        boxes, gt_indices, gt_masks = image
        # An empty mask more, so that there is one to point to where there are none.
        gt_masks = ops.pad(gt_masks, [(0, 0), (0, 0), (0, 1)])
        masks = ops.not_equal(ops.take(gt_masks, gt_indices, axis=-1), 0)  # [h, w, P]
        masks = ops.moveaxis(masks, -1, 0)  # [P, h, w]
        if self.sample_bins:
            sides = [ops.cast(side, "float32") for side in ops.shape(masks)[1:]]
            boxes = boxes * ops.stack([*sides, *sides])
            patches = self._bins_of(masks, boxes)
        else:
            patches = _mask_corner_to_corner(masks, boxes, self.mask_shape) > 0.5
        return ops.cast(patches, "float32")

    def _bins_of(self, masks: Array, boxes: Array) -> Array:
        """[P, h, w], [P, 4] in pixels -> [P, S, T]"""
        if self.content == "samples":
            return _mask_by_samples(masks, boxes, self.mask_shape)
        shares = mask_through_box(masks, boxes, self.mask_shape)
        return shares if self.content == "share" else shares >= 0.5


def _within(boxes: Array, references: Array) -> Array:
    """The boxes with their references as unit square. [..., 4], [..., 4] -> [..., 4]

    Not finite where a reference has no area.
    """
    corner = ops.concatenate([references[..., :2], references[..., :2]], axis=-1)
    sides = references[..., 2:] - references[..., :2]
    sides = ops.where(sides > TINY, sides, np.nan)
    return (boxes - corner) / ops.concatenate([sides, sides], axis=-1)


def _mask_corner_to_corner(masks: Array, boxes: Array, shape: Sequence[int]) -> Array:
    """Bilinear samples whose first and last lie on the box's edges.

    [P, h, w], [P, 4], where 0 and 1 are the centres of the outer pixels -> [P, S, T]
    """
    height, width = ops.shape(masks)[1:]
    rows = _corner_weights(boxes[:, 0], boxes[:, 2], shape[0], height)
    columns = _corner_weights(boxes[:, 1], boxes[:, 3], shape[1], width)
    return weigh_pixels(masks, rows, columns)


def _corner_weights(start: Array, stop: Array, count: int, side: Array) -> Array:
    """Weights of pixels at `count` places from start to stop. [P], [P] -> [P, S, h]"""
    last = ops.cast(side - 1, "float32")
    share = np.linspace(0, 1, count, dtype="float32")
    positions = (start[:, None] + (stop - start)[:, None] * share) * last  # [P, S]
    is_inside = ops.logical_and(positions >= 0, positions <= last)
    return hat_weights(ops.where(is_inside, positions, OUTSIDE), side)


def _mask_by_samples(masks: Array, boxes: Array, shape: Sequence[int]) -> Array:
    """Means of the bilinear samples in each bin. [P, h, w], [P, 4] -> [P, S, T]"""
    height, width = ops.shape(masks)[1:]
    rows = _sample_weights(boxes[:, 0], boxes[:, 2], shape[0], height)
    columns = _sample_weights(boxes[:, 1], boxes[:, 3], shape[1], width)
    return weigh_pixels(masks, rows, columns)


def _sample_weights(start: Array, stop: Array, count: int, side: Array) -> Array:
    """Weights of pixels in bins from start to stop. [P], [P] -> [P, S, h]"""
    start, extent = start[:, None], ops.maximum(stop - start, 1.0)[:, None]  # [P, 1]
    last = ops.cast(side - 1, "float32")
    # A mask that lies far beyond its roi asks for no more samples than it has pixels.
    per_bin = ops.clip(ops.ceil(extent / count), 1.0, last + 1)  # [P, 1]
    per_bin = ops.where(ops.isfinite(extent), per_bin, 1.0)
    bins = np.arange(count, dtype="float32")

    def add_sample(index: Array, weights: Array) -> Array:
        index = ops.cast(index, "float32")
        positions = start + (bins + (index + 0.5) / per_bin) * extent / count  # [P, S]
        # The outer pixels reach one pixel further, and beyond is nothing.
        is_inside = ops.logical_and(positions >= -1, positions <= last + 1)
        counts = ops.logical_and(is_inside, index < per_bin)
        positions = ops.where(counts, ops.clip(positions, 0.0, last), OUTSIDE)
        return weights + hat_weights(positions, side)

    most = ops.cast(ops.max(per_bin, initial=1.0), "int32")
    weights = hat_weights(ops.full_like(start + bins, OUTSIDE), side)  # [P, S, h]
    return ops.fori_loop(0, most, add_sample, weights) / per_bin[..., None]
