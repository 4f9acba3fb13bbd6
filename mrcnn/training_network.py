"""The training graph on one page: the trunk and heads of a network, and the losses.

    proposals + gt ─ DetectionTargetLayer ─ rois, targets
    rois           ─ PyramidROIAlign ─ box head  ─ losses
    positive rois  ─ PyramidROIAlign ─ mask head ─ loss
    anchors + gt   ─ RpnTargetLayer ─ targets ─ losses of the rpn head's outputs

Where the caller brings the proposals, there is no rpn head. Layers and weights are
those of the network that detects, so what one learns the other knows. Knobs become
plain arguments of the parts here.

Shapes: B images, H W molded height and width, A anchors over all levels, R proposals,
G gt slots, C classes with background, `h w` sides of a gt mask, K drawn anchors, T
drawn rois, P' rows for positives among them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from mrcnn import losses
from mrcnn.config import Config
from mrcnn.geometry.arrays import Array, take_rows
from mrcnn.geometry.boxes import normalize_boxes
from mrcnn.geometry.conventions import CONVENTIONS, GeometryName
from mrcnn.geometry.matching import POSITIVE
from mrcnn.image_meta import parse_image_meta
from mrcnn.layers.detection_targets import (
    DetectionTargetLayer,
    PositiveRows,
    PositivesOfBatch,
)
from mrcnn.layers.mask_targets import MaskTargetLayer
from mrcnn.layers.proposals import ProposalLayer
from mrcnn.layers.rpn_targets import RpnTargetLayer
from mrcnn.network import NetworkParts, RpnParts, given_proposals
from mrcnn.network_layers import numbers_by_class, proposal_layer, roi_levels
from mrcnn.network_recompute import recompute_backbone

# Outputs of the graph beside the losses: how many positives an image had to teach.
COUNT_NAMES = ("num_positive_anchors", "num_positive_rois")


class GroundTruth(NamedTuple):
    """What is to be found in the images; padding of class ids and boxes is zero."""

    class_ids: Array  # int32 [B, G], negative for crowds
    boxes: Array  # [B, G, 4] normalized
    masks: Array | None  # bool [B, h, w, G], None without MASK_BRANCH


def build_training_network(
    config: Config,
    geometry: GeometryName,
    parts: NetworkParts,
    *,
    class_names: Sequence[str] | None = None,
    seed: int | None = None,
) -> keras.Model:
    """The training graph around a network's layers.

    Args:
        config: has been validated
        geometry: of the network
        parts: of the network
        class_names: needed where CLASS_WEIGHTS names classes
        seed: of the choice of anchors and rois, which is random in training only

    Returns:
        A model of the network's three inputs and
            input_gt_class_ids int32 [B, G], 0 for padding, negative for crowds
            input_gt_boxes [B, G, 4], pixels
            input_gt_masks bool [B, h, w, G], mini-masks with USE_MINI_MASK; without
                MASK_BRANCH it is left out
            input_rois [B, R, 4], pixels, unused rows zero; without USE_RPN_ROIS, or
                without RPN_BRANCH, which has it among the three
        to a dict of scalars: the losses by `losses.LOSS_NAMES`, not weighted, those of
        the RPN with RPN_BRANCH and that of masks with MASK_BRANCH; and numbers of
        positives, means over the images, by `COUNT_NAMES`.
    """
    edge_shift = CONVENTIONS[geometry].edge_shift
    image_shape = parse_image_meta(parts.image_meta).image_shape[:, None]  # [B, 1, 3]
    gt_inputs = _gt_inputs(config)
    class_ids, boxes_px, *masks = gt_inputs
    boxes = normalize_boxes(boxes_px, image_shape, edge_shift=edge_shift)
    truth = GroundTruth(class_ids, boxes, masks[0] if masks else None)

    inputs = [*parts.inputs, *gt_inputs]
    rpn_losses = {}
    if parts.rpn is not None:
        rpn_losses = _rpn_losses(config, geometry, parts, parts.rpn, truth, seed)
    if parts.rpn is not None and config.USE_RPN_ROIS:
        proposals = _propose(config, geometry, parts.rpn, parts.image_meta)
    else:
        rois = parts.rois
        if rois is None:
            rois = keras.Input([None, 4], name="input_rois")
            inputs.append(rois)
        proposals = given_proposals(rois, parts.image_meta, geometry)

    outputs = {
        **rpn_losses,
        **_head_losses(config, geometry, parts, truth, proposals, class_names, seed),
    }
    model = keras.Model(inputs, outputs, name="mask_rcnn_training")
    if config.RECOMPUTE_FEATURES:
        return recompute_backbone(model, parts.image, parts.stages)
    return model


def _gt_inputs(config: Config) -> list[Array]:
    inputs = [
        keras.Input([None], dtype="int32", name="input_gt_class_ids"),
        keras.Input([None, 4], name="input_gt_boxes"),
    ]
    if config.MASK_BRANCH:
        shape = config.MINI_MASK_SHAPE if config.USE_MINI_MASK else (None, None)
        masks = keras.Input([*shape, None], dtype="bool", name="input_gt_masks")
        inputs.append(masks)
    return inputs


def _propose(
    config: Config, geometry: GeometryName, rpn: RpnParts, image_meta: Array
) -> Array:
    """As for detection, but more of them. -> [B, R, 4]"""
    options = proposal_layer(config, geometry).get_config()
    options["proposal_count"] = config.POST_NMS_ROIS_TRAINING
    options["pre_nms_limit"] = config.PRE_NMS_LIMIT_TRAINING or config.PRE_NMS_LIMIT
    return rpn.propose(ProposalLayer.from_config(options), image_meta)


def _rpn_losses(
    config: Config,
    geometry: GeometryName,
    parts: NetworkParts,
    rpn: RpnParts,
    truth: GroundTruth,
    seed: int | None,
) -> dict[str, Array]:
    inputs = [rpn.anchors, truth.class_ids, truth.boxes]
    if config.RPN_STRADDLE_THRESHOLD is not None:
        inputs.append(_anchor_windows(config.RPN_STRADDLE_THRESHOLD, geometry, parts))
    indices, match, target_deltas = RpnTargetLayer(
        config.RPN_TRAIN_ANCHORS_PER_IMAGE,
        positive_share=config.RPN_POSITIVE_RATIO,
        positive_iou=config.RPN_POSITIVE_IOU,
        negative_iou=config.RPN_NEGATIVE_IOU,
        crowd_iou=config.CROWD_IOU,
        delta_std=config.RPN_BBOX_STD_DEV,
        forced_iou=config.RPN_FORCED_MIN_IOU,
        forced_keep_own=config.RPN_FORCED_KEEP_OWN,
        seed=seed,
        name="rpn_targets",
    )(inputs)
    return {
        "rpn_class_loss": losses.rpn_class_loss(take_rows(rpn.logits, indices), match),
        "rpn_bbox_loss": losses.rpn_bbox_loss(
            take_rows(rpn.deltas, indices),
            target_deltas,
            match,
            beta=config.RPN_SMOOTH_L1_BETA,
            norm=config.BOX_LOSS_NORM,
        ),
        "num_positive_anchors": _mean_positives(match),
    }


def _anchor_windows(
    threshold: float, geometry: GeometryName, parts: NetworkParts
) -> Array:
    """Where anchors may lie: the picture and so many pixels around it. -> [B, 4]"""
    meta = parse_image_meta(parts.image_meta)
    # What rounding does to an anchor on the edge is no reason to drop it.
    margin = threshold + 0.01
    windows = normalize_boxes(
        meta.window[:, None] + np.array([-margin, -margin, margin, margin]),
        meta.image_shape[:, None],
        edge_shift=CONVENTIONS[geometry].edge_shift,
    )
    return windows[:, 0]


def _head_losses(
    config: Config,
    geometry: GeometryName,
    parts: NetworkParts,
    truth: GroundTruth,
    proposals: Array,
    class_names: Sequence[str] | None,
    seed: int | None,
) -> dict[str, Array]:
    rois, match, gt_indices, class_ids, target_deltas = detection_target_layer_of(
        config, seed
    )([proposals, truth.class_ids, truth.boxes])

    levels = roi_levels(config, parts.levels)
    pooled = parts.align_boxes([rois, parts.image_meta, *levels])
    logits, _, deltas = parts.box_head(parts.seen_by_heads(pooled))
    outputs = {
        "mrcnn_class_loss": losses.mrcnn_class_loss(
            logits,
            class_ids,
            match,
            parse_image_meta(parts.image_meta).active_class_ids,
            class_weights=weights_by_class(config, class_names),
            focal_gamma=config.FOCAL_GAMMA,
        ),
        "mrcnn_bbox_loss": losses.mrcnn_bbox_loss(
            deltas,
            class_ids,
            target_deltas,
            match,
            beta=config.SMOOTH_L1_BETA,
            norm=config.BOX_LOSS_NORM,
        ),
    }
    if parts.mask_head is not None:
        outputs["mrcnn_mask_loss"] = _mask_loss(
            config, geometry, parts, truth, (match, rois, gt_indices, class_ids)
        )
    return {**outputs, "num_positive_rois": _mean_positives(match)}


def _mask_loss(
    config: Config,
    geometry: GeometryName,
    parts: NetworkParts,
    truth: GroundTruth,
    drawn: tuple[Array, Array, Array, Array],
) -> Array:
    """Of the rois drawn: match, rois, gt indices and class ids, each [B, T, ...]."""
    # The mask head costs most per roi, and only positives have masks to learn.
    places = int(config.TRAIN_ROIS_PER_IMAGE * config.ROI_POSITIVE_RATIO + 1e-6)
    match, rois, gt_indices, class_ids = PositiveRows(places, name="positive_rois")(
        drawn
    )
    levels = roi_levels(config, parts.levels)
    pooled = parts.align_masks([rois, parts.image_meta, *levels])
    target_masks = MaskTargetLayer(
        config.MASK_SHAPE,
        sample_bins=CONVENTIONS[geometry].sample_bins,
        use_mini_mask=config.USE_MINI_MASK,
        content=config.MASK_TARGETS,
        name="mask_targets",
    )([rois, gt_indices, truth.boxes, truth.masks])
    # Images have different numbers of positives; only these shall move statistics.
    match, pooled, class_ids, target_masks = PositivesOfBatch(name="mask_rows")(
        [match, pooled, class_ids, target_masks]
    )
    assert parts.mask_head is not None
    patches = parts.mask_head(parts.seen_by_heads(pooled))
    return losses.mrcnn_mask_loss(patches, class_ids, target_masks, match)


def detection_target_layer_of(config: Config, seed: int | None) -> DetectionTargetLayer:
    """From proposals to the rois that the heads train on."""
    return DetectionTargetLayer(
        config.TRAIN_ROIS_PER_IMAGE,
        positive_share=config.ROI_POSITIVE_RATIO,
        positive_iou=config.ROI_POSITIVE_IOU,
        negative_iou_low=config.ROI_NEGATIVE_IOU_LOW,
        negative_iou_high=config.ROI_NEGATIVE_IOU_HIGH,
        crowd_iou=config.CROWD_IOU,
        crowd_cover=config.ROI_CROWD_COVER,
        delta_std=config.BBOX_STD_DEV,
        add_gt=config.ROI_ADD_GT,
        seed=seed,
        name="proposal_targets",
    )


def weights_by_class(
    config: Config, class_names: Sequence[str] | None
) -> tuple[float, ...] | None:
    """CLASS_WEIGHTS as one number for each class id, or None."""
    given = config.CLASS_WEIGHTS
    if given is None:
        return None
    return numbers_by_class(given, "CLASS_WEIGHTS", 1.0, config, class_names)


def _mean_positives(match: Array) -> Array:
    """Positives of an image, the mean over the batch. [B, N] -> scalar"""
    is_positive = ops.cast(ops.equal(match, POSITIVE), "float32")
    return ops.mean(ops.sum(is_positive, axis=-1))
