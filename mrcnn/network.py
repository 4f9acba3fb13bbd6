"""The network on one page: a Config becomes a Keras model.

    image ─ backbone ─ C2..C5 ─ pyramid ─ P2..P6 ─ rpn head ─ ProposalLayer ─ proposals
    proposals  ─ PyramidROIAlign ─ box head  ─ DetectionLayer ─ detections
    detections ─ PyramidROIAlign ─ mask head ─ mask patches

Knobs become plain arguments of the parts here and nowhere else.

Shapes: B images, H W molded height and width, A anchors over all levels, R proposals,
D detection slots, C classes with background, F pyramid channels, S side of a patch.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from mrcnn.backbones.pyramid import build_pyramid
from mrcnn.backbones.resnet import build_resnet
from mrcnn.config import Config
from mrcnn.geometry.anchors import feature_map_shapes, pyramid_anchors
from mrcnn.geometry.arrays import Array
from mrcnn.geometry.boxes import normalize_boxes
from mrcnn.geometry.conventions import CONVENTIONS, GeometryName
from mrcnn.heads.box import BoxHead
from mrcnn.heads.mask import MaskHead
from mrcnn.heads.rpn import apply_rpn_head, build_rpn_head
from mrcnn.layers.detections import DetectionLayer
from mrcnn.layers.per_roi import PadRois, TrimRois
from mrcnn.layers.proposals import ProposalLayer
from mrcnn.layers.roi_align import PyramidROIAlign


def build_network(
    config: Config,
    geometry: GeometryName,
    *,
    class_names: Sequence[str] | None = None,
    portable: bool = False,
    model_class: type[keras.Model] = keras.Model,
) -> keras.Model:
    """The inference graph.

    Args:
        config: has been validated
        geometry: which conventions boxes, anchors and rois follow
        class_names: needed where DETECTION_MIN_CONFIDENCE names classes
        portable: kernels in plain `keras.ops` with static shapes, for export and XLA,
            instead of TensorFlow's own
        model_class: what to make of the graph

    Returns:
        A model of three inputs and seven outputs, under matterport's names:
            input_image [B, H, W, channels], molded; H and W multiples of 64
            input_image_meta [B, 12 + C]
            input_anchors [B, A, 4], normalized; see `anchors_for_image`
        and
            detections [B, D, 6] (y1, x1, y2, x2, class id, score), normalized
            class probabilities [B, R, C], box deltas [B, R, C, 4] of all proposals
            mask patches [B, D, S, S, C]
            proposals [B, R, 4], normalized
            RPN probabilities [B, A, 2], RPN deltas [B, A, 4]
        Unused rows are zero.
    """
    image = keras.Input([None, None, config.IMAGE_CHANNEL_COUNT], name="input_image")
    image_meta = keras.Input([config.IMAGE_META_SIZE], name="input_image_meta")
    anchors = keras.Input([None, 4], name="input_anchors")

    stages = build_stages(config, image)
    levels = build_pyramid(stages, channels=config.TOP_DOWN_PYRAMID_SIZE)
    _, rpn_probs, rpn_deltas = apply_rpn_head(rpn_head_of(config), levels)
    propose = proposal_layer_of(config, geometry, portable=portable)
    proposals = propose([rpn_probs, rpn_deltas, anchors, image_meta])

    # P6 serves the RPN alone.
    align = roi_align_of(config, geometry, config.POOL_SIZE, portable=portable)
    features = align([proposals, image_meta, *levels[:4]])
    _, probs, deltas = box_head_of(config)(features)
    select = detection_layer_of(config, geometry, class_names, portable=portable)
    detections = select([proposals, probs, deltas, image_meta])

    # The mask head costs most per roi, so it sees the slots in use only.
    slots = detections if portable else TrimRois(name="trim_rois")(detections)
    align = roi_align_of(
        config,
        geometry,
        config.MASK_POOL_SIZE,
        name="roi_align_mask",
        portable=portable,
    )
    features = align([slots[..., :4], image_meta, *levels[:4]])
    patches = MaskHead(config.NUM_CLASSES, train_bn=config.TRAIN_BN)(features)
    if not portable:
        patches = PadRois(config.DETECTION_MAX_INSTANCES, name="pad_rois")(patches)

    return model_class(
        [image, image_meta, anchors],
        [detections, probs, deltas, patches, proposals, rpn_probs, rpn_deltas],
        name="mask_rcnn",
    )


def build_stages(config: Config, image: Array) -> list[Array]:
    """Backbone features C2..C5, from a ResNet by name or a callable of the user's."""
    if callable(config.BACKBONE):
        stages = config.BACKBONE(image, stage5=True, train_bn=config.TRAIN_BN)
    else:
        stages = build_resnet(image, config.BACKBONE, train_bn=config.TRAIN_BN)
    return list(stages)[-4:]


def rpn_head_of(config: Config) -> keras.Model:
    """The network that proposes boxes at every anchor, shared by all levels."""
    return build_rpn_head(
        config.TOP_DOWN_PYRAMID_SIZE,
        anchors_per_location=len(config.RPN_ANCHOR_RATIOS),
        anchor_stride=config.RPN_ANCHOR_STRIDE,
    )


def proposal_layer_of(
    config: Config, geometry: GeometryName, *, portable: bool = False
) -> ProposalLayer:
    """From scored anchors to proposals."""
    return ProposalLayer(
        config.POST_NMS_ROIS_INFERENCE,
        config.RPN_NMS_THRESHOLD,
        pre_nms_limit=config.PRE_NMS_LIMIT,
        delta_std=config.RPN_BBOX_STD_DEV,
        min_size=config.RPN_MIN_SIZE,
        edge_shift=CONVENTIONS[geometry].edge_shift,
        portable=portable,
        name="ROI",
    )


def roi_align_of(
    config: Config,
    geometry: GeometryName,
    pool_side: int,
    *,
    name: str = "roi_align_classifier",
    portable: bool = False,
) -> PyramidROIAlign:
    """Features of each roi, cut from the level that fits its size."""
    convention = CONVENTIONS[geometry]
    return PyramidROIAlign(
        [pool_side, pool_side],
        sample_bins=convention.sample_bins,
        round_fpn_level=convention.round_fpn_level,
        canonical_scale=config.ROI_CANONICAL_SCALE,
        canonical_level=config.ROI_CANONICAL_LEVEL,
        portable=portable,
        name=name,
    )


def box_head_of(config: Config) -> BoxHead:
    """From a roi's features to its class and a better box."""
    return BoxHead(
        config.POOL_SIZE,
        config.NUM_CLASSES,
        fc_layers_size=config.FPN_CLASSIF_FC_LAYERS_SIZE,
        train_bn=config.TRAIN_BN,
    )


def detection_layer_of(
    config: Config,
    geometry: GeometryName,
    class_names: Sequence[str] | None,
    *,
    portable: bool = False,
) -> DetectionLayer:
    """From classified rois to detections."""
    return DetectionLayer(
        config.DETECTION_MAX_INSTANCES,
        confidence_by_class(config, class_names),
        config.DETECTION_NMS_THRESHOLD,
        delta_std=config.BBOX_STD_DEV,
        edge_shift=CONVENTIONS[geometry].edge_shift,
        per_class=config.DETECTION_PER_CLASS,
        class_agnostic_nms=config.DETECTION_CLASS_AGNOSTIC_NMS,
        min_size=config.DETECTION_MIN_SIZE,
        portable=portable,
        name="mrcnn_detection",
    )


def detector_of(model: keras.Model, *, masks: bool) -> keras.Model:
    """The part of a network that `detect` needs.

    Args:
        model: what `build_network` makes, not portable
        masks: False leaves the mask head out

    Returns:
        A model from the same inputs to detections [B, D, 6] and, with masks, the
        patches of each detection's own class [B, D', S, S], where D' is the largest
        number of detections in the batch, or 1.
    """
    detections = model.outputs[0]
    if not masks:
        return keras.Model(model.inputs, detections)
    trimmed = model.get_layer("trim_rois").output  # [B, D', 6]
    class_ids = ops.cast(trimmed[..., 4], "int32")[:, :, None, None, None]
    patches = model.get_layer("mrcnn_mask").output  # [B, D', S, S, C]
    patches = ops.take_along_axis(patches, class_ids, axis=-1)
    return keras.Model(model.inputs, [detections, ops.squeeze(patches, -1)])


def confidence_by_class(
    config: Config, class_names: Sequence[str] | None
) -> float | tuple[float, ...]:
    """DETECTION_MIN_CONFIDENCE as one number, or one for each class id."""
    given = config.DETECTION_MIN_CONFIDENCE
    if not isinstance(given, dict):
        return float(given or 0.0)
    ids = {name: class_id for class_id, name in enumerate(class_names or ())}
    thresholds: list[Any] = [Config.DETECTION_MIN_CONFIDENCE] * config.NUM_CLASSES
    for key, threshold in given.items():
        if isinstance(key, str) and key not in ids:
            known = ", ".join(ids) or "not told yet; give class ids instead"
            raise ValueError(
                f"DETECTION_MIN_CONFIDENCE names the class {key!r}, but the names of "
                f"classes are {known}."
            )
        thresholds[ids[key] if isinstance(key, str) else key] = threshold
    return tuple(float(threshold) for threshold in thresholds)


def anchors_for_image(
    config: Config, image_shape: Array, geometry: GeometryName
) -> np.ndarray:
    """Anchors for molded images of one shape, as the network expects them.

    Args:
        config: of the network
        image_shape: (height, width) or more of the molded image
        geometry: of the network

    Returns:
        [A, 4] float32, normalized
    """
    convention = CONVENTIONS[geometry]
    pixels = pixel_anchors_for_image(config, image_shape, geometry)
    normalized = normalize_boxes(
        pixels, tuple(image_shape[:2]), edge_shift=convention.edge_shift
    )
    return normalized.astype("float32")


def pixel_anchors_for_image(
    config: Config, image_shape: Array, geometry: GeometryName
) -> np.ndarray:
    """The same anchors in pixels. -> float64 [A, 4]"""
    if callable(config.BACKBONE) and config.COMPUTE_BACKBONE_SHAPE is not None:
        shapes = np.asarray(config.COMPUTE_BACKBONE_SHAPE(image_shape))
    else:
        shapes = feature_map_shapes(image_shape, config.BACKBONE_STRIDES)
    return pyramid_anchors(
        config.RPN_ANCHOR_SCALES,
        config.RPN_ANCHOR_RATIOS,
        shapes,
        config.BACKBONE_STRIDES,
        config.RPN_ANCHOR_STRIDE,
        round_anchors=CONVENTIONS[geometry].round_anchors,
    )
