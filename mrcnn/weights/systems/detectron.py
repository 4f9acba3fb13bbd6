"""Detectron: the blobs of the original on Caffe2, and its port Detectron.pytorch.

The background is class 0, an anchor has one logit, images are BGR. What stands in the
place of BatchNorm only scales and shifts; its statistics are filled in.
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
from mrcnn.weights.systems.rules import Rule, System, Variant

BLOCK = "res{stage}_{block}_"

DETECTRON = System(
    name="Detectron",
    preset="Detectron",
    markers=["conv1_w", "res2_0_branch2a_w", "res2_0_branch2a_bn_s"],
    rules=[
        Rule("conv1", "conv1", CONV),
        Rule("res_conv1_bn", "bn_conv1", NORM),
        Rule(BLOCK + "branch2{letter}", "res{stage}{block}_branch2{letter}", CONV),
        Rule(BLOCK + "branch2{letter}_bn", "bn{stage}{block}_branch2{letter}", NORM),
        Rule(BLOCK + "branch1", "res{stage}{block}_branch1", CONV),
        Rule(BLOCK + "branch1_bn", "bn{stage}{block}_branch1", NORM),
        Rule("fpn_inner_" + BLOCK + "sum", "fpn_c{stage}p{stage}", CONV),
        Rule("fpn_inner_" + BLOCK + "sum_lateral", "fpn_c{stage}p{stage}", CONV),
        Rule("fpn_" + BLOCK + "sum", "fpn_p{stage}", CONV),
        Rule("fpn_{level}", "fpn_p{level}", CONV),
        Rule("conv_rpn", "rpn_conv_shared", CONV),
        Rule("conv_rpn_fpn2", "rpn_conv_shared", CONV),
        Rule("rpn_cls_logits", "rpn_class_raw", CONV),
        Rule("rpn_cls_logits_fpn2", "rpn_class_raw", CONV),
        Rule("rpn_bbox_pred", "rpn_bbox_pred", RPN_BOXES),
        Rule("rpn_bbox_pred_fpn2", "rpn_bbox_pred", RPN_BOXES),
        Rule("fc6", "mrcnn_class_conv1", FLAT),
        Rule("fc7", "mrcnn_class_conv2", POINTWISE),
        Rule("cls_score", "mrcnn_class_logits", DENSE),
        Rule("bbox_pred", "mrcnn_bbox_fc", CLASS_BOXES),
        Rule("_[mask]_fcn{number}", "mrcnn_mask_conv{number}", CONV),
        Rule("conv5_mask", "mrcnn_mask_deconv", TRANSPOSED_CONV),
        Rule("mask_fcn_logits", "mrcnn_mask", CONV),
    ],
    logits="cls_score_w",
    roi_channels=[("conv_rpn(_fpn2)?_w", 1)],
    # The biases before a normalization are zero, and left from another training.
    ignored=r".*_momentum|lr|(conv1|res\d_\d+_branch(1|2[abc]))_b|(pred|fc1000)_[wb]",
    separator="_",
    leaves={"w": "weight", "b": "bias", "s": "weight"},
    is_bgr=True,
    only_scales=True,
    variants=[
        Variant(
            "conv_rpn_w",
            note="They are of a network over stage 4 alone (C4), without a pyramid.",
        )
    ],
)

BODY, RPN = "Conv_Body.", "RPN."


def _resnet_rules(prefix: str) -> list[Rule]:
    block = prefix + "res{stage}.{block}."
    return [
        Rule(prefix + "res1.conv1", "conv1", CONV),
        Rule(prefix + "res1.bn1", "bn_conv1", NORM),
        Rule(block + "conv{conv}", "res{stage}{block}_branch2{conv}", CONV),
        Rule(block + "bn{conv}", "bn{stage}{block}_branch2{conv}", NORM),
        Rule(block + "downsample.0", "res{stage}{block}_branch1", CONV),
        Rule(block + "downsample.1", "bn{stage}{block}_branch1", NORM),
    ]


DETECTRON_PYTORCH = System(
    name="Detectron.pytorch",
    preset="Detectron",
    markers=["Conv_Body.", "RPN.", "Box_Outs."],
    rules=[
        *_resnet_rules(BODY + "conv_body."),
        *_resnet_rules(BODY),  # over stage 4 there is no pyramid around it
        *_resnet_rules("Box_Head."),  # and stage 5 is the head
        Rule(BODY + "conv_top", "fpn_c5p5", CONV),
        *(
            Rule(
                f"{BODY}topdown_lateral_modules.{index}.conv_lateral",
                f"fpn_c{4 - index}p{4 - index}",
                CONV,
            )
            for index in range(3)
        ),
        *(
            Rule(f"{BODY}posthoc_modules.{index}", f"fpn_p{5 - index}", CONV)
            for index in range(4)
        ),
        Rule(RPN + "FPN_RPN_conv", "rpn_conv_shared", CONV),
        Rule(RPN + "RPN_conv", "rpn_conv_shared", CONV),
        Rule(RPN + "FPN_RPN_cls_score", "rpn_class_raw", CONV),
        Rule(RPN + "RPN_cls_score", "rpn_class_raw", CONV),
        Rule(RPN + "FPN_RPN_bbox_pred", "rpn_bbox_pred", RPN_BOXES),
        Rule(RPN + "RPN_bbox_pred", "rpn_bbox_pred", RPN_BOXES),
        Rule("Box_Head.fc1", "mrcnn_class_conv1", FLAT),
        Rule("Box_Head.fc2", "mrcnn_class_conv2", POINTWISE),
        Rule("Box_Outs.cls_score", "mrcnn_class_logits", DENSE),
        Rule("Box_Outs.bbox_pred", "mrcnn_bbox_fc", CLASS_BOXES),
        *(
            Rule(f"Mask_Head.conv_fcn.{2 * index}", f"mrcnn_mask_conv{index + 1}", CONV)
            for index in range(4)
        ),
        Rule("Mask_Head.upconv", "mrcnn_mask_deconv", TRANSPOSED_CONV),
        Rule("Mask_Head.upconv5", "mrcnn_mask_deconv", TRANSPOSED_CONV),
        Rule("Mask_Outs.classify", "mrcnn_mask", CONV),
    ],
    logits=r"Box_Outs\.cls_score\.weight",
    roi_channels=[(r"RPN\.(FPN_)?RPN_conv\.weight", 1)],
    # Stage 5 is shared by both heads and listed for each.
    ignored=r"Mask_Head\.res5\..*|.*\.num_batches_tracked",
    is_bgr=True,
    only_scales=True,
    variants=[
        Variant(
            "RPN.RPN_conv.weight",
            note="They are of a network over stage 4 alone (C4), without a pyramid.",
        )
    ],
)
