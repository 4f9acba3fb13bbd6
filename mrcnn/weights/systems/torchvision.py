"""torchvision's Mask and Faster R-CNN over a pyramid, both versions.

Version 2 (`maskrcnn_resnet50_fpn_v2`) differs in its normalised pyramid and heads, two
convolutions in front of the RPN's outputs and a box head of four convolutions and one
dense layer. Files from before torchvision 0.13 name the same layers more plainly.

The background is class 0, an anchor has one logit, images are RGB.
"""

from collections.abc import Mapping

import numpy as np

from mrcnn.weights.systems.layouts import (
    CLASS_BOXES,
    CONV,
    DENSE,
    FLAT,
    NORM,
    POINTWISE,
    RPN_BOXES,
    TRANSPOSED_CONV,
)
from mrcnn.weights.systems.rules import (
    Rule,
    System,
    Variant,
    convert_state,
    resnet_rules,
)

BODY, FPN, RPN = "backbone.body.", "backbone.fpn.", "rpn.head."
BOX, MASK = "roi_heads.box_", "roi_heads.mask_"

TORCHVISION = System(
    name="torchvision",
    preset="Torchvision",
    markers=["backbone.body.", "rpn.head.cls_logits.", "roi_heads.box_predictor."],
    rules=[
        *resnet_rules(BODY),
        Rule(FPN + "inner_blocks.{rung}.0", "fpn_c{rung}p{rung}", CONV),
        Rule(FPN + "inner_blocks.{rung}.1", "fpn_c{rung}p{rung}_bn", NORM),
        Rule(FPN + "layer_blocks.{rung}.0", "fpn_p{rung}", CONV),
        Rule(FPN + "layer_blocks.{rung}.1", "fpn_p{rung}_bn", NORM),
        Rule(FPN + "extra_blocks.p{level}", "fpn_p{level}", CONV),
        Rule(RPN + "conv.0.0", "rpn_conv_shared", CONV),
        Rule(RPN + "conv.{index}.0", "rpn_conv_shared{index}", CONV),
        Rule(RPN + "cls_logits", "rpn_class_raw", CONV),
        Rule(RPN + "bbox_pred", "rpn_bbox_pred", RPN_BOXES),
        Rule(BOX + "head.fc6", "mrcnn_class_conv1", FLAT),
        Rule(BOX + "head.fc7", "mrcnn_class_conv2", POINTWISE),
        Rule(BOX + "head.{index}.0", "mrcnn_class_conv{index}", CONV),
        Rule(BOX + "head.{index}.1", "mrcnn_class_bn{index}", NORM),
        Rule(BOX + "head.5", "mrcnn_class_fc1", FLAT),
        Rule(BOX + "predictor.cls_score", "mrcnn_class_logits", DENSE),
        Rule(BOX + "predictor.bbox_pred", "mrcnn_bbox_fc", CLASS_BOXES),
        Rule(MASK + "head.{index}.0", "mrcnn_mask_conv{index}", CONV),
        Rule(MASK + "head.{index}.1", "mrcnn_mask_bn{index}", NORM),
        Rule(MASK + "predictor.conv5_mask", "mrcnn_mask_deconv", TRANSPOSED_CONV),
        Rule(MASK + "predictor.mask_fcn_logits", "mrcnn_mask", CONV),
        # Before version 0.13
        Rule(FPN + "inner_blocks.{rung}", "fpn_c{rung}p{rung}", CONV),
        Rule(FPN + "layer_blocks.{rung}", "fpn_p{rung}", CONV),
        Rule(RPN + "conv", "rpn_conv_shared", CONV),
        Rule(MASK + "head.mask_fcn{number}", "mrcnn_mask_conv{number}", CONV),
    ],
    logits=r"roi_heads\.box_predictor\.cls_score\.weight",
    roi_channels=[
        (r"roi_heads\.box_head\.3\.0\.weight", 0),
        (r"rpn\.head\.conv(\.0\.0)?\.weight", 1),
    ],
    variants=[
        Variant("roi_heads.box_head.5.weight", preset="TorchvisionV2"),
        Variant(
            "roi_heads.box_head.fc6.weight",
            note="What torchvision publishes as COCO_V1 wants NORM_EPSILON = 0.",
        ),
        # And so does what it published before it changed the names.
        Variant("rpn.head.conv.weight", knobs={"NORM_EPSILON": 0.0}),
    ],
)

TORCHVISION_RESNET = System(
    name="torchvision's ResNet",
    preset=None,
    markers=["conv1.weight", "layer1.0.conv1.", "layer4.0.conv1."],
    rules=resnet_rules(""),
    logits="",
    roi_channels=[],
    ignored=r"fc\..*|.*\.num_batches_tracked",
)


def to_named_weights(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The state of a torchvision model by full weight name, in our layout."""
    return convert_state(state, TORCHVISION).named
