"""The parts of a network as a Config asks for them.

Here, in `training_network.py` and in `data/`, knobs become the plain arguments that
the parts take.

Shapes: B images, H W molded height and width, h w a feature map, F channels.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from mrcnn.backbones.applications import APPLICATIONS, build_application
from mrcnn.backbones.pyramid import build_pyramid
from mrcnn.backbones.resnet import ResnetStyle, build_resnet, build_stage
from mrcnn.config import Config
from mrcnn.geometry.arrays import Array
from mrcnn.geometry.conventions import CONVENTIONS, GeometryName
from mrcnn.heads.box import BoxHead
from mrcnn.heads.mask import MaskHead
from mrcnn.heads.rpn import build_rpn_head
from mrcnn.heads.stage import StageHead
from mrcnn.layers.detections import DetectionLayer
from mrcnn.layers.proposals import ProposalLayer
from mrcnn.layers.roi_align import PyramidROIAlign
from mrcnn.layers.roi_pool import PyramidROIPool


def stages(config: Config, image: Array) -> list[Array]:
    """Backbone features C2..C5, of a network by name or of a callable of the user's."""
    if config.IMAGE_CHANNEL_ORDER == "BGR":
        image = ops.flip(image, axis=-1)
    if callable(config.BACKBONE):
        stages = config.BACKBONE(image, stage5=True, train_bn=config.TRAIN_BN)
    elif config.BACKBONE in APPLICATIONS:
        stages = build_application(
            image,
            config.BACKBONE,
            mean_pixel=config.MEAN_PIXEL,
            pixel_std=config.PIXEL_STD,
            train_bn=config.TRAIN_BN,
        )
    else:
        stages = build_resnet(
            image,
            config.BACKBONE,
            stage5=config.FEATURES != "C4",
            train_bn=config.TRAIN_BN,
            style=_resnet_style(config),
        )
    return list(stages)[-4:]


def levels(config: Config, stages: Sequence[Array]) -> list[Array]:
    """The maps that are searched for objects: P2 and coarser, or C4 or C5 alone."""
    if config.FEATURES != "pyramid":
        return [stages[-2] if config.FEATURES == "C4" else stages[-1]]
    return build_pyramid(
        stages,
        channels=config.TOP_DOWN_PYRAMID_SIZE,
        num_levels=len(config.BACKBONE_STRIDES),
        extra_levels=config.EXTRA_LEVELS,
        zero_laterals=config.ZERO_INIT_LATERALS,
        symmetric_padding=config.SYMMETRIC_PADDING,
        norm=config.FPN_NORM,
        **_norm_options(config),
    )


def roi_levels(config: Config, levels: Sequence[Array]) -> Sequence[Array]:
    """Those of the levels that rois take features from; others serve the RPN alone."""
    return levels[: config.ROI_NUM_LEVELS]


def rpn_head(config: Config, channels: int) -> keras.Model:
    """The network that proposes boxes at every anchor, shared by all levels.

    `channels` are those of the levels.
    """
    num_scales = 1 if config.FEATURES == "pyramid" else len(config.RPN_ANCHOR_SCALES)
    return build_rpn_head(
        channels,
        anchors_per_location=len(config.RPN_ANCHOR_RATIOS) * num_scales,
        anchor_stride=config.RPN_ANCHOR_STRIDE,
        rpn_channels=config.RPN_CHANNELS,
        num_convs=config.RPN_NUM_CONVS,
        objectness=config.RPN_OBJECTNESS,
    )


def proposal_layer(
    config: Config, geometry: GeometryName, *, portable: bool = False
) -> ProposalLayer:
    """From scored anchors to proposals."""
    return ProposalLayer(
        config.POST_NMS_ROIS_INFERENCE,
        config.RPN_NMS_THRESHOLD,
        pre_nms_limit=config.PRE_NMS_LIMIT,
        per_level=config.RPN_PER_LEVEL,
        delta_std=config.RPN_BBOX_STD_DEV,
        min_size=config.RPN_MIN_SIZE,
        clip_to_window=config.RPN_CLIP_TO_WINDOW,
        edge_shift=CONVENTIONS[geometry].edge_shift,
        portable=portable,
        name="ROI",
    )


def roi_align(
    config: Config,
    geometry: GeometryName,
    pool_side: int,
    name: str,
    portable: bool = False,
) -> PyramidROIAlign:
    """Features of each roi, cut from the level that fits its size."""
    convention = CONVENTIONS[geometry]
    if config.ROI_POOLING == "max":
        return PyramidROIPool(
            [pool_side, pool_side],
            round_fpn_level=convention.round_fpn_level,
            canonical_scale=config.ROI_CANONICAL_SCALE,
            canonical_level=config.ROI_CANONICAL_LEVEL,
            portable=portable,
            name=name,
        )
    return PyramidROIAlign(
        [pool_side, pool_side],
        sample_bins=convention.sample_bins,
        round_fpn_level=convention.round_fpn_level,
        canonical_scale=config.ROI_CANONICAL_SCALE,
        canonical_level=config.ROI_CANONICAL_LEVEL,
        bin_samples=config.ROI_BIN_SAMPLES,
        half_pixel=config.ROI_HALF_PIXEL,
        portable=portable,
        name=name,
    )


def roi_stage(config: Config, channels: int) -> StageHead | None:
    """What looks at a roi before both heads do: a ResNet's last stage, or None.

    `channels` are those of the levels.
    """
    if config.BOX_HEAD != "res5":
        return None

    def build(features: Array) -> Array:
        assert isinstance(config.BACKBONE, str)
        style, train_bn = _resnet_style(config), config.TRAIN_BN
        return build_stage(features, config.BACKBONE, 5, train_bn=train_bn, style=style)

    return StageHead(build, channels)


def box_head(config: Config) -> BoxHead:
    """From a roi's features to its class and a better box."""
    return BoxHead(
        config.POOL_SIZE,
        config.NUM_CLASSES,
        kind=config.BOX_HEAD,
        fc_layers_size=config.FPN_CLASSIF_FC_LAYERS_SIZE,
        class_agnostic=config.CLASS_AGNOSTIC_BOXES,
        dropout=config.BOX_HEAD_DROPOUT,
        **_norm_options(config),
    )


def mask_head(config: Config) -> MaskHead | None:
    """From a roi's features to a mask patch for every class, or None without masks."""
    if not config.MASK_BRANCH:
        return None
    return MaskHead(
        config.NUM_CLASSES,
        kind=config.MASK_HEAD,
        patch_shape=config.MASK_SHAPE,
        fc_layers_size=config.FPN_CLASSIF_FC_LAYERS_SIZE,
        norm=config.MASK_HEAD_NORM,
        class_agnostic=config.CLASS_AGNOSTIC_MASKS,
        **_norm_options(config),
    )


def detection_layer(
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


def _resnet_style(config: Config) -> ResnetStyle:
    return ResnetStyle(
        stride_in_1x1=config.STRIDE_IN_1X1,
        bias_before_norm=config.BIAS_BEFORE_NORM,
        symmetric_padding=config.SYMMETRIC_PADDING,
        norm_epsilon=config.NORM_EPSILON,
        stem_stride=config.STEM_STRIDE,
        dilated_stage5=config.DILATED_STAGE5,
    )


def _norm_options(config: Config) -> dict[str, Any]:
    """Of the normalizations in pyramid and heads."""
    return {
        "train_bn": config.TRAIN_BN,
        "norm_epsilon": config.NORM_EPSILON,
        "bias_before_norm": config.BIAS_BEFORE_NORM,
    }


def confidence_by_class(
    config: Config, class_names: Sequence[str] | None
) -> float | tuple[float, ...]:
    """DETECTION_MIN_CONFIDENCE as one number, or one for each class id."""
    given = config.DETECTION_MIN_CONFIDENCE
    if not isinstance(given, dict):
        return float(given or 0.0)
    return numbers_by_class(
        given,
        "DETECTION_MIN_CONFIDENCE",
        float(Config.DETECTION_MIN_CONFIDENCE),  # type: ignore[arg-type]
        config,
        class_names,
    )


def numbers_by_class(
    given: Mapping[str | int, float],
    knob: str,
    otherwise: float,
    config: Config,
    class_names: Sequence[str] | None,
) -> tuple[float, ...]:
    """A dict of class names or ids as one number for each class id.

    Args:
        given: what the knob holds
        knob: its name
        otherwise: the number of classes left out
        config: of the network
        class_names: needed where the dict names classes
    """
    ids = {name: class_id for class_id, name in enumerate(class_names or ())}
    numbers = [otherwise] * config.NUM_CLASSES
    for key, number in given.items():
        if isinstance(key, str) and key not in ids:
            known = ", ".join(ids) or "not told yet; give class ids instead"
            raise ValueError(
                f"{knob} names the class {key!r}, but the names of classes are {known}."
            )
        numbers[ids[key] if isinstance(key, str) else key] = float(number)
    return tuple(numbers)
