"""What the weights of a detector say of the config that they fit."""

import re
from collections.abc import Mapping

Shape = tuple[int, ...]

# A weight that a ResNet has, and those after it in the list lack; deepest first.
BACKBONES = {
    "res4w_branch2a/kernel": "resnet101",
    "res4f_branch2c/kernel": "resnet50",
    "res4f_branch2a/kernel": "resnet34",
    "res4b_branch2a/kernel": "resnet18",
}

# The weight that tells that there are heads.
LOGITS = "mrcnn_class_logits/bias"


def deduce_knobs(shapes: Mapping[str, Shape]) -> dict[str, object]:
    """Knobs of `Config` that the weights leave no choice of.

    Args:
        shapes: of the weights, by full weight name

    Returns:
        Values by the knobs' names. What the weights do not tell is not among them.
    """
    knobs: dict[str, object] = {}
    backbone = next((BACKBONES[name] for name in BACKBONES if name in shapes), None)
    if backbone is not None:
        knobs["BACKBONE"] = backbone
        knobs["BIAS_BEFORE_NORM"] = "res4a_branch2a/bias" in shapes
    if "fpn_p2/kernel" in shapes:
        knobs["TOP_DOWN_PYRAMID_SIZE"] = shapes["fpn_p2/kernel"][-1]
        knobs["FPN_NORM"] = "fpn_p2_bn/gamma" in shapes
    return knobs | _rpn_knobs(shapes) | _box_knobs(shapes) | _mask_knobs(shapes)


def _rpn_knobs(shapes: Mapping[str, Shape]) -> dict[str, object]:
    if not {"rpn_conv_shared/kernel", "rpn_bbox_pred/bias"} <= set(shapes):
        return {"RPN_BRANCH": False} if LOGITS in shapes else {}
    scores, deltas = shapes["rpn_class_raw/bias"][0], shapes["rpn_bbox_pred/bias"][0]
    hidden = [n for n in shapes if re.fullmatch(r"rpn_conv_shared\d?/kernel", n)]
    return {
        "RPN_BRANCH": True,
        "RPN_CHANNELS": shapes["rpn_conv_shared/kernel"][-1],
        "RPN_NUM_CONVS": len(hidden),
        "RPN_OBJECTNESS": "sigmoid" if 4 * scores == deltas else "softmax",
    }


def _box_knobs(shapes: Mapping[str, Shape]) -> dict[str, object]:
    if not {LOGITS, "mrcnn_bbox_fc/bias"} <= set(shapes):
        return {}
    num_classes = shapes[LOGITS][0]
    knobs: dict[str, object] = {
        "NUM_CLASSES": num_classes,
        "CLASS_AGNOSTIC_BOXES": shapes["mrcnn_bbox_fc/bias"][0] < 4 * num_classes,
    }
    is_deep = "mrcnn_class_fc1/kernel" in shapes
    first = "mrcnn_class_fc1/kernel" if is_deep else "mrcnn_class_conv1/kernel"
    if first in shapes:
        is_normed = "mrcnn_class_bn1/gamma" in shapes
        knobs["BOX_HEAD"] = "4conv1fc" if is_deep else "conv" if is_normed else "2fc"
        knobs["POOL_SIZE"] = shapes[first][0]
        knobs["FPN_CLASSIF_FC_LAYERS_SIZE"] = shapes[first][-1]
    return knobs


def _mask_knobs(shapes: Mapping[str, Shape]) -> dict[str, object]:
    if LOGITS not in shapes:
        return {}
    if "mrcnn_mask/bias" not in shapes:
        return {"MASK_BRANCH": False}
    num_masks = shapes["mrcnn_mask/bias"][0]
    return {
        "MASK_BRANCH": True,
        "CLASS_AGNOSTIC_MASKS": num_masks < shapes[LOGITS][0],
        "MASK_HEAD_NORM": "mrcnn_mask_bn1/gamma" in shapes,
    }
