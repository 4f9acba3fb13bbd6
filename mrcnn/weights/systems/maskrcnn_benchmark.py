"""maskrcnn-benchmark's Mask and Faster R-CNN, over a pyramid and over stage 4 (C4).

The background is class 0, an anchor has one logit, images are BGR.
"""

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
from mrcnn.weights.systems.rules import Rule, System, Variant, resnet_rules

BODY, FPN, RPN = "backbone.body.", "backbone.fpn.", "rpn.head."
BOX, MASK = "roi_heads.box.", "roi_heads.mask."

MASKRCNN_BENCHMARK = System(
    name="maskrcnn-benchmark",
    preset="MaskRCNNBenchmark",
    markers=["backbone.body.stem.", "rpn.head.", "roi_heads.box."],
    rules=[
        Rule(BODY + "stem.conv1", "conv1", CONV),
        Rule(BODY + "stem.bn1", "bn_conv1", NORM),
        *resnet_rules(BODY),
        *resnet_rules(BOX + "feature_extractor.head."),  # stage 5 over stage 4
        Rule(FPN + "fpn_inner{layer}", "fpn_c{layer}p{layer}", CONV),
        Rule(FPN + "fpn_layer{layer}", "fpn_p{layer}", CONV),
        Rule(RPN + "conv", "rpn_conv_shared", CONV),
        Rule(RPN + "cls_logits", "rpn_class_raw", CONV),
        Rule(RPN + "bbox_pred", "rpn_bbox_pred", RPN_BOXES),
        Rule(BOX + "feature_extractor.fc6", "mrcnn_class_conv1", FLAT),
        Rule(BOX + "feature_extractor.fc7", "mrcnn_class_conv2", POINTWISE),
        Rule(BOX + "predictor.cls_score", "mrcnn_class_logits", DENSE),
        Rule(BOX + "predictor.bbox_pred", "mrcnn_bbox_fc", CLASS_BOXES),
        Rule(
            MASK + "feature_extractor.mask_fcn{number}",
            "mrcnn_mask_conv{number}",
            CONV,
        ),
        Rule(MASK + "predictor.conv5_mask", "mrcnn_mask_deconv", TRANSPOSED_CONV),
        Rule(MASK + "predictor.mask_fcn_logits", "mrcnn_mask", CONV),
    ],
    logits=r"roi_heads\.box\.predictor\.cls_score\.weight",
    roi_channels=[(r"rpn\.head\.conv\.weight", 1)],
    # Stage 5 is shared by both heads and listed for each.
    ignored=(
        r"rpn\.anchor_generator\..*|roi_heads\.mask\.feature_extractor\.head\..*"
        r"|.*\.num_batches_tracked"
    ),
    is_bgr=True,
    variants=[
        Variant(
            "roi_heads.box.feature_extractor.head.layer4.0.conv1.weight",
            note="They are of a network over stage 4 alone (C4), without a pyramid.",
        )
    ],
)
