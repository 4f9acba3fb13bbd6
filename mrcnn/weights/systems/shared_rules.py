"""Names that several systems have in common, each written once.

Many took over torchvision's ResNet or parts of its names, and the first port of Mask
R-CNN to PyTorch left its names of the heads to those after it.
"""

from mrcnn.weights.systems.rules import Rule


def stem_rules(prefix: str) -> list[Rule]:
    """What comes before the blocks of torchvision's ResNet."""
    return [Rule(prefix + "conv1", "conv1"), Rule(prefix + "bn1", "bn_conv1")]


def block_rules(prefix: str, stage: str = "layer{layer}") -> list[Rule]:
    """The blocks of torchvision's ResNet.

    `stage` is how a stage is called, with a place for its number.
    """
    block = f"{prefix}{stage}.{{block}}."
    ours = stage[stage.index("{") :] + "{block}_branch"
    return [
        Rule(block + "conv{conv}", f"res{ours}2{{conv}}"),
        Rule(block + "bn{conv}", f"bn{ours}2{{conv}}"),
        Rule(block + "downsample.0", f"res{ours}1"),
        Rule(block + "downsample.1", f"bn{ours}1"),
    ]


def head_rules(
    rpn: str, *, box_head: str, boxes: str, mask_head: str, masks: str
) -> list[Rule]:
    """The region proposal network and the heads of maskrcnn-benchmark and torchvision.

    Args:
        rpn: what stands before the names of the region proposal network's layers
        box_head: before those of the box head's hidden layers
        boxes: before those that score and place boxes
        mask_head: before those of the mask head's hidden layers
        masks: before those that draw masks
    """
    return [
        Rule(rpn + "conv", "rpn_conv_shared"),
        Rule(rpn + "cls_logits", "rpn_class_raw"),
        Rule(rpn + "bbox_pred", "rpn_bbox_pred"),
        Rule(box_head + "fc6", "mrcnn_class_conv1"),
        Rule(box_head + "fc7", "mrcnn_class_conv2"),
        Rule(boxes + "cls_score", "mrcnn_class_logits"),
        Rule(boxes + "bbox_pred", "mrcnn_bbox_fc"),
        Rule(mask_head + "mask_fcn{number}", "mrcnn_mask_conv{number}"),
        Rule(masks + "conv5_mask", "mrcnn_mask_deconv"),
        Rule(masks + "mask_fcn_logits", "mrcnn_mask"),
    ]
