"""torchvision's Mask and Faster R-CNN over a pyramid, both versions.

Version 2 (`maskrcnn_resnet50_fpn_v2`) differs in its normalised pyramid and heads, two
convolutions in front of the RPN's outputs and a box head of four convolutions and one
dense layer. Files from before torchvision 0.13 name the same layers more plainly.

The background is class 0, an anchor has one logit, images are RGB.
"""

from collections.abc import Mapping

import numpy as np

from mrcnn.weights.systems.rules import Rule, System, Variant, convert_state
from mrcnn.weights.systems.shared_rules import block_rules, head_rules, stem_rules

BODY, FPN, RPN = "backbone.body.", "backbone.fpn.", "rpn.head."
BOX, MASK = "roi_heads.box_", "roi_heads.mask_"

TORCHVISION = System(
    name="torchvision",
    preset="Torchvision",
    markers=["backbone.body.", "rpn.head.cls_logits.", "roi_heads.box_predictor."],
    rules=[
        *stem_rules(BODY),
        *block_rules(BODY),
        Rule(FPN + "inner_blocks.{rung}.0", "fpn_c{rung}p{rung}"),
        Rule(FPN + "inner_blocks.{rung}.1", "fpn_c{rung}p{rung}_bn"),
        Rule(FPN + "layer_blocks.{rung}.0", "fpn_p{rung}"),
        Rule(FPN + "layer_blocks.{rung}.1", "fpn_p{rung}_bn"),
        Rule(FPN + "extra_blocks.p{level}", "fpn_p{level}"),
        Rule(RPN + "conv.0.0", "rpn_conv_shared"),
        Rule(RPN + "conv.{index}.0", "rpn_conv_shared{index}"),
        Rule(BOX + "head.{index}.0", "mrcnn_class_conv{index}"),
        Rule(BOX + "head.{index}.1", "mrcnn_class_bn{index}"),
        Rule(BOX + "head.5", "mrcnn_class_fc1"),
        Rule(MASK + "head.{index}.0", "mrcnn_mask_conv{index}"),
        Rule(MASK + "head.{index}.1", "mrcnn_mask_bn{index}"),
        # Of all versions, or of those before 0.13
        *head_rules(
            RPN,
            box_head=BOX + "head.",
            boxes=BOX + "predictor.",
            mask_head=MASK + "head.",
            masks=MASK + "predictor.",
        ),
        Rule(FPN + "inner_blocks.{rung}", "fpn_c{rung}p{rung}"),
        Rule(FPN + "layer_blocks.{rung}", "fpn_p{rung}"),
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
    rules=[*stem_rules(""), *block_rules("")],
    logits="",
    roi_channels=[],
    ignored=r"fc\..*|.*\.num_batches_tracked",
)


def to_named_weights(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The state of a torchvision model by full weight name, in our layout."""
    return convert_state(state, TORCHVISION).named
