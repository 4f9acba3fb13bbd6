"""detectron2's Mask and Faster R-CNN, over a pyramid and over stage 4 (C4).

The background is the last class and has no box and no mask, an anchor has one logit,
images are BGR. Over stage 4, the anchors of a cell begin with all ratios of the first
side length. A box head of convolutions and one dense layer goes by names of its
own, since "fc1" stands for another layer there.
"""

from mrcnn.weights.systems.rules import Rule, System, Variant

RPN, BOX, MASK = (
    "proposal_generator.rpn_head.",
    "roi_heads.box_",
    "roi_heads.mask_head.",
)


def _resnet_rules(prefix: str) -> list[Rule]:
    """Stem and blocks; a normalization hangs on the convolution before it."""
    block = prefix + "res{stage}.{block}."
    return [
        Rule(prefix + "stem.conv1", "conv1"),
        Rule(prefix + "stem.conv1.norm", "bn_conv1"),
        Rule(block + "conv{conv}", "res{stage}{block}_branch2{conv}"),
        Rule(block + "conv{conv}.norm", "bn{stage}{block}_branch2{conv}"),
        Rule(block + "shortcut", "res{stage}{block}_branch1"),
        Rule(block + "shortcut.norm", "bn{stage}{block}_branch1"),
    ]


DETECTRON2 = System(
    name="detectron2",
    preset="Detectron2",
    markers=["proposal_generator.rpn_head.", "roi_heads.box_predictor."],
    rules=[
        *_resnet_rules("backbone.bottom_up."),
        *_resnet_rules("backbone."),  # over stage 4 there is no pyramid above it
        *_resnet_rules("roi_heads."),  # and stage 5 is the head
        Rule("backbone.fpn_lateral{level}", "fpn_c{level}p{level}"),
        Rule("backbone.fpn_lateral{level}.norm", "fpn_c{level}p{level}_bn"),
        Rule("backbone.fpn_output{level}", "fpn_p{level}"),
        Rule("backbone.fpn_output{level}.norm", "fpn_p{level}_bn"),
        Rule("backbone.top_block.p{level}", "fpn_p{level}"),
        Rule(RPN + "conv", "rpn_conv_shared"),
        Rule(RPN + "conv.conv0", "rpn_conv_shared"),
        Rule(RPN + "conv.conv{index}", "rpn_conv_shared{index}"),
        Rule(RPN + "objectness_logits", "rpn_class_raw"),
        Rule(RPN + "anchor_deltas", "rpn_bbox_pred"),
        Rule(BOX + "head.fc1", "mrcnn_class_conv1"),
        Rule(BOX + "head.fc2", "mrcnn_class_conv2"),
        Rule(BOX + "predictor.cls_score", "mrcnn_class_logits"),
        Rule(BOX + "predictor.bbox_pred", "mrcnn_bbox_fc"),
        Rule(MASK + "mask_fcn{number}", "mrcnn_mask_conv{number}"),
        Rule(MASK + "mask_fcn{number}.norm", "mrcnn_mask_bn{number}"),
        Rule(MASK + "deconv", "mrcnn_mask_deconv"),
        Rule(MASK + "predictor", "mrcnn_mask"),
    ],
    logits=r"roi_heads\.box_predictor\.cls_score\.weight",
    roi_channels=[(r"proposal_generator\.rpn_head\.conv(\.conv0)?\.weight", 1)],
    ignored=r"pixel_(mean|std)|.*\.cell_anchors\.\d|.*\.num_batches_tracked",
    is_bgr=True,
    background_last=True,
    anchors_by_side=True,
    variants=[Variant("roi_heads.res5.0.conv1.weight", preset="Detectron2C4")],
)

DETECTRON2_CONV_HEAD = DETECTRON2._replace(
    markers=[*DETECTRON2.markers, "roi_heads.box_head.conv1."],
    rules=[
        Rule(BOX + "head.conv{number}", "mrcnn_class_conv{number}"),
        Rule(BOX + "head.conv{number}.norm", "mrcnn_class_bn{number}"),
        Rule(BOX + "head.fc1", "mrcnn_class_fc1"),
        *DETECTRON2.rules,  # of two for one name, the first counts
    ],
    roi_channels=[(r"roi_heads\.box_head\.conv4\.weight", 0)],
)
