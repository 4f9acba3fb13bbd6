"""The layers with matterport's constructors: numbers come from a config.

They compute in matterport's geometry, whatever the config says, and save to a file
without it: what they took from the config goes along as plain numbers.

Shapes: B images, A anchors, R proposals, G gt slots, T drawn rois, C classes with
background, D detection slots, `h w` sides of a gt mask, S side of a mask patch, F
channels.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mrcnn import network_layers, training_network
from mrcnn.config import Config
from mrcnn.geometry.arrays import Array
from mrcnn.geometry.conventions import CONVENTIONS, GeometryName
from mrcnn.geometry.matching import POSITIVE
from mrcnn.layers import detection_targets, detections, proposals, roi_align
from mrcnn.layers.mask_targets import MaskTargetLayer

GEOMETRY: GeometryName = "matterport"


@keras.saving.register_keras_serializable("mrcnn", "MatterportProposalLayer")
class ProposalLayer(proposals.ProposalLayer):
    """From scored anchors to proposals; see `mrcnn.layers.proposals`.

    Inputs:
        rpn_class: [B, A, 2] (background, object)
        rpn_bbox: [B, A, 4] deltas
        anchors: [B, A, 4] normalized

    Output:
        [B, proposal_count, 4] normalized, best first; unused rows are zero
    """

    def __init__(
        self,
        proposal_count: int,
        nms_threshold: float,
        config: Config | None = None,
        **kwargs: Any,
    ) -> None:
        layer = network_layers.proposal_layer(config or Config(), GEOMETRY)
        settings = {
            **_settings_of(layer),
            "proposal_count": proposal_count,
            "nms_threshold": nms_threshold,
        }
        super().__init__(**{**settings, **kwargs})
        self.config = config


@keras.saving.register_keras_serializable("mrcnn", "MatterportPyramidROIAlign")
class PyramidROIAlign(roi_align.PyramidROIAlign):
    """Features of each roi, one sample for a bin; see `mrcnn.layers.roi_align`.

    Inputs:
        boxes: [B, R, 4] normalized
        image_meta: [B, 12 + C]
        feature_maps: P2 to P5, [B, any, any, F] each

    Output:
        [B, R, *pool_shape, F]
    """

    def __init__(self, pool_shape: Sequence[int], **kwargs: Any) -> None:
        convention = CONVENTIONS[GEOMETRY]
        settings = {
            "sample_bins": convention.sample_bins,
            "round_fpn_level": convention.round_fpn_level,
        }
        super().__init__(pool_shape, **{**settings, **kwargs})


@keras.saving.register_keras_serializable("mrcnn", "MatterportDetectionTargetLayer")
class DetectionTargetLayer(keras.layers.Layer):
    """Rois drawn from the proposals at random, and what the heads should say of them.

    Only proposals are drawn, in training or not: ROI_ADD_GT has no part here.

    Inputs:
        proposals: [B, R, 4] normalized; unused rows zero
        gt_class_ids: [B, G]; 0 for padding, negative for crowds
        gt_boxes: [B, G, 4] normalized
        gt_masks: [B, h, w, G], mini-masks with USE_MINI_MASK

    Output:
        rois: [B, T, 4] normalized, positives first; unused rows, the last, are zero
        target_class_ids: int32 [B, T], 0 for all but positives
        target_deltas: [B, T, 4] in units of BBOX_STD_DEV, zero for all but positives
        target_mask: [B, T, S, S] zeros and ones, zero for all but positives
    """

    def __init__(self, config: Config | None, **kwargs: Any) -> None:
        settings = _target_settings(config or Config())
        settings |= {name: kwargs.pop(name) for name in settings if name in kwargs}
        mask_settings = {
            name: settings.pop(name)
            for name in ("mask_shape", "sample_bins", "use_mini_mask", "content")
        }
        # Half precision moves a box by pixels, so the policy does not apply here.
        super().__init__(autocast=False, **{"dtype": "float32", **kwargs})
        self.config = config
        self.draw = detection_targets.DetectionTargetLayer(**settings)
        self.cut_masks = MaskTargetLayer(**mask_settings)

    def call(self, inputs: Sequence[Array]) -> list[Array]:
        """Rois, class ids, deltas and mask patches."""
        proposals, gt_class_ids, gt_boxes, gt_masks = inputs
        rois, match, gt_indices, class_ids, deltas = self.draw(
            [proposals, gt_class_ids, gt_boxes], training=True
        )
        # Positives come first, and only they have masks.
        count = self.draw.count
        places = max(int(count * self.draw.positive_share + 1e-6), 1)
        masks = self.cut_masks(
            [rois[:, :places], gt_indices[:, :places], gt_boxes, gt_masks]
        )
        is_positive = ops.equal(match[:, :places], POSITIVE)[..., None, None]
        masks = ops.where(is_positive, masks, 0.0)
        rest = [(0, 0), (0, count - places), (0, 0), (0, 0)]
        return [rois, class_ids, deltas, ops.pad(masks, rest)]

    def compute_output_shape(self, input_shape: Sequence[tuple]) -> list[tuple]:
        """Of the four outputs."""
        rows = (input_shape[0][0], self.draw.count)
        return [(*rows, 4), rows, (*rows, 4), (*rows, *self.cut_masks.mask_shape)]

    def compute_output_spec(self, inputs: Sequence[Array]) -> list:
        """Shapes and dtypes of the four outputs."""
        shapes = self.compute_output_shape([one.shape for one in inputs])
        dtypes = ("float32", "int32", "float32", "float32")
        return [
            keras.KerasTensor(shape, dtype)
            for shape, dtype in zip(shapes, dtypes, strict=True)
        ]

    def compute_mask(self, inputs: Sequence[Array], mask: Any = None) -> list[None]:
        """No output is masked."""
        return [None] * 4

    def get_config(self) -> dict[str, Any]:
        """Plain numbers in place of the config."""
        settings = {**_settings_of(self.draw), **_settings_of(self.cut_masks)}
        return {**super().get_config(), "config": None, **settings}


@keras.saving.register_keras_serializable("mrcnn", "MatterportDetectionLayer")
class DetectionLayer(detections.DetectionLayer):
    """From classified rois to detections; see `mrcnn.layers.detections`.

    Inputs:
        rois: [B, R, 4] normalized
        mrcnn_class: [B, R, C] probabilities
        mrcnn_bbox: [B, R, C, 4] deltas
        image_meta: [B, 12 + C]

    Output:
        [B, D, 6] (y1, x1, y2, x2, class id, score), normalized, best first; unused
        rows are zero
    """

    def __init__(self, config: Config | None = None, **kwargs: Any) -> None:
        layer = network_layers.detection_layer(config or Config(), GEOMETRY, None)
        super().__init__(**{**_settings_of(layer), **kwargs})
        self.config = config


def _target_settings(config: Config) -> dict[str, Any]:
    layer = training_network.detection_target_layer_of(config, seed=None)
    return {
        **_settings_of(layer),
        "add_gt": False,
        "mask_shape": config.MASK_SHAPE,
        "sample_bins": CONVENTIONS[GEOMETRY].sample_bins,
        "use_mini_mask": config.USE_MINI_MASK,
        "content": config.MASK_TARGETS,
    }


def _settings_of(layer: keras.layers.Layer) -> dict[str, Any]:
    """A layer's own arguments, without those that every layer has."""
    common = ("name", "trainable", "dtype")
    settings = layer.get_config()
    return {name: value for name, value in settings.items() if name not in common}
