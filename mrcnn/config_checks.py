"""Which values of the knobs are legal, and what to do about the others.

`check_config` goes through two tables: RULES looks at each knob alone, RELATIONS at
knobs that have to fit each other. A check takes values and returns the remedy, or
None where all is well. It finds every problem before it complains.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mrcnn.backbone_names import APPLICATIONS, RESNETS
from mrcnn.config_rules import (
    Check,
    class_weights,
    confidence,
    function,
    name_of,
    none_or,
    number,
    number_or_numbers,
    numbers,
    quoted,
    text,
    truth,
    whole_number,
)
from mrcnn.geometry.conventions import CONVENTIONS
from mrcnn.geometry.resizing import SIDE_STEPS
from mrcnn.image_meta import LENGTH_WITHOUT_CLASSES
from mrcnn.structure_rules import STRUCTURE_RELATIONS, STRUCTURE_RULES

Problem = tuple[str, Any, str]

RESIZE_MODES = [*SIDE_STEPS]
OBJECTNESS = ["softmax", "sigmoid"]
BOX_LOSS_NORMS = ["positives", "sampled"]
INITIALIZERS = ["glorot", "role"]
MASK_TARGETS = ["share", "binary", "samples"]
SCHEDULES = ["constant", "step", "cosine"]
OPTIMIZERS = ["sgd", "adamw"]
PRECISIONS = ["float32", "mixed_bfloat16", "mixed_float16"]
LOSSES = [
    "rpn_class_loss",
    "rpn_bbox_loss",
    "mrcnn_class_loss",
    "mrcnn_bbox_loss",
    "mrcnn_mask_loss",
]


def check_config(config: Any) -> None:
    """Checks all knobs, alone and together.

    Raises:
        ValueError: lists every problem as knob, value and remedy.
    """
    problems = find_problems(config)
    if not problems:
        return
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    lines = [f"  {knob} = {value!r:.80}: {remedy}" for knob, value, remedy in problems]
    raise ValueError("\n".join([f"{type(config).__name__} has {count}:", *lines]))


def find_problems(config: Any) -> list[Problem]:
    """(knob, value, remedy) of every value that cannot work, in the tables' order."""
    checks = [((knob,), rule) for knob, rule in RULES.items()]
    problems: list[Problem] = []
    wrong: set[str] = set()
    for knobs, check in [*checks, *RELATIONS]:
        # To compare a value that is wrong already would only repeat the complaint.
        if wrong.isdisjoint(knobs):
            values = [getattr(config, knob) for knob in knobs]
            remedy = check(*values)
            if remedy is not None:
                problems.append((knobs[0], values[0], remedy))
                wrong.add(knobs[0])
    return problems


# --- Rules: one value alone -------------------------------------------------------


def backbone(value: Any) -> str | None:
    """A check for a built-in backbone or a function that builds one."""
    named = name_of(
        [*RESNETS, *APPLICATIONS], ", or a function that builds the stages C1 to C5"
    )
    return None if callable(value) else named(value)


def loss_weights(value: Any) -> str | None:
    """A check for a dict of the losses' names to factors."""
    if not isinstance(value, dict):
        return f"give a dict with the keys {quoted(LOSSES)}"
    for key, item in value.items():
        remedy = name_of(LOSSES)(key)
        if remedy is not None:
            return f"there is no loss {key!r}; {remedy}"
        remedy = number(0)(item)
        if remedy is not None:
            return f"for {key!r}, {remedy}"
    return None


_count = whole_number(1)
_share = number(0, 1, above=True)
_iou = number(0, 1)
_positive = number(0, above=True)
_side = numbers(_count, 2, " of pixels (height, width)")

RULES: dict[str, Check] = {
    "NAME": none_or(text),
    "GPU_COUNT": _count,
    "IMAGES_PER_GPU": _count,
    "STEPS_PER_EPOCH": _positive,
    "VALIDATION_STEPS": number(0),
    "GEOMETRY": none_or(name_of(list(CONVENTIONS))),
    "BACKBONE": backbone,
    "COMPUTE_BACKBONE_SHAPE": none_or(function),
    "BACKBONE_STRIDES": numbers(_count),
    "TOP_DOWN_PYRAMID_SIZE": _count,
    "FPN_CLASSIF_FC_LAYERS_SIZE": _count,
    "TRAIN_BN": none_or(truth),
    "BATCH_NORM_MOMENTUM": number(0, 1),
    "STRIDE_IN_1X1": truth,
    "SYMMETRIC_PADDING": truth,
    "BIAS_BEFORE_NORM": truth,
    "NORM_EPSILON": number(0),
    "FPN_NORM": truth,
    "NUM_CLASSES": whole_number(1, hint=": your classes and 1 for the background"),
    "IMAGE_RESIZE_MODE": name_of(RESIZE_MODES),
    "IMAGE_MIN_DIM": _count,
    "IMAGE_MAX_DIM": _count,
    "IMAGE_MIN_SCALE": number(0),
    "TRAIN_SCALES": none_or(numbers(_count)),
    "ASPECT_GROUPING": truth,
    "IMAGE_CHANNEL_COUNT": _count,
    "MEAN_PIXEL": numbers(number(-math.inf), hint=", one for each channel"),
    "PIXEL_STD": number_or_numbers(_positive),
    "RESIZE_TO_FLOAT": truth,
    "RPN_ANCHOR_SCALES": numbers(_positive, hint=", one for each pyramid level"),
    "RPN_ANCHOR_RATIOS": numbers(_positive),
    "RPN_ANCHOR_STRIDE": _count,
    "ANCHOR_STRIDES_FROM_MAPS": truth,
    "ANCHOR_OFFSET": number(0, 1),
    "ROUND_ANCHORS": none_or(truth),
    "RPN_CHANNELS": _count,
    "RPN_NUM_CONVS": _count,
    "RPN_OBJECTNESS": name_of(OBJECTNESS),
    "RPN_PER_LEVEL": truth,
    "RPN_CLIP_TO_WINDOW": truth,
    "PRE_NMS_LIMIT": _count,
    "PRE_NMS_LIMIT_TRAINING": none_or(_count),
    "RPN_NMS_THRESHOLD": _iou,
    "RPN_MIN_SIZE": number(0),
    "POST_NMS_ROIS_TRAINING": _count,
    "POST_NMS_ROIS_INFERENCE": _count,
    "RPN_TRAIN_ANCHORS_PER_IMAGE": _count,
    "RPN_POSITIVE_RATIO": _share,
    "RPN_POSITIVE_IOU": _iou,
    "RPN_NEGATIVE_IOU": _iou,
    "RPN_STRADDLE_THRESHOLD": none_or(number(0)),
    "RPN_FORCED_MIN_IOU": _iou,
    "RPN_FORCED_KEEP_OWN": truth,
    "CROWD_IOU": _iou,
    "ROI_CROWD_COVER": number(0, 1),
    "RPN_BBOX_STD_DEV": numbers(_positive, 4),
    "RPN_SMOOTH_L1_BETA": number(0),
    "USE_RPN_ROIS": truth,
    "MAX_GT_INSTANCES": _count,
    "TRAIN_ROIS_PER_IMAGE": _count,
    "ROI_POSITIVE_RATIO": _share,
    "ROI_POSITIVE_IOU": _iou,
    "ROI_NEGATIVE_IOU_LOW": _iou,
    "ROI_NEGATIVE_IOU_HIGH": _iou,
    "ROI_ADD_GT": truth,
    "BBOX_STD_DEV": numbers(_positive, 4),
    "SMOOTH_L1_BETA": number(0),
    "BOX_LOSS_NORM": name_of(BOX_LOSS_NORMS),
    "CLASS_WEIGHTS": none_or(class_weights),
    "FOCAL_GAMMA": number(0),
    "INITIALIZERS": name_of(INITIALIZERS),
    "MASK_TARGETS": name_of(MASK_TARGETS),
    "USE_MINI_MASK": truth,
    "MINI_MASK_SHAPE": _side,
    "ROI_HALF_PIXEL": truth,
    "ROI_BIN_SAMPLES": whole_number(0),
    "BOX_HEAD_DROPOUT": number(0, 1),
    "POOL_SIZE": _count,
    "MASK_POOL_SIZE": _count,
    "MASK_SHAPE": _side,
    "CLASS_AGNOSTIC_BOXES": truth,
    "CLASS_AGNOSTIC_MASKS": truth,
    "ROI_CANONICAL_SCALE": _positive,
    "ROI_CANONICAL_LEVEL": whole_number(2, 5),
    "DETECTION_MAX_INSTANCES": _count,
    "DETECTION_MIN_CONFIDENCE": confidence,
    "DETECTION_NMS_THRESHOLD": _iou,
    "DETECTION_CLASS_AGNOSTIC_NMS": truth,
    "DETECTION_PER_CLASS": truth,
    "DETECTION_MIN_SIZE": number(0),
    "MASK_THRESHOLD": number(0, 1),
    "PASTE_WITH_BORDER": truth,
    "LEARNING_RATE": _positive,
    "LEARNING_MOMENTUM": number(0, 1),
    "LEARNING_RATE_BATCH_SIZE": none_or(_count),
    "LEARNING_RATE_SCHEDULE": name_of(SCHEDULES),
    "LEARNING_RATE_DROPS": none_or(numbers(_positive)),
    "WARMUP_STEPS": whole_number(0),
    "OPTIMIZER": name_of(OPTIMIZERS),
    "ACCUMULATE_STEPS": _count,
    "WEIGHT_DECAY": number(0),
    "GRADIENT_CLIP_NORM": none_or(_positive),
    "PRECISION": name_of(PRECISIONS),
    "DETECTION_PRECISION": name_of(PRECISIONS),
    "RECOMPUTE_FEATURES": truth,
    "EMA_DECAY": none_or(number(0, 0.999999)),
    "LOSS_WEIGHTS": loss_weights,
    "SEED": whole_number(0),
    "KEEP_CHECKPOINTS": none_or(_count),
    "CHECKPOINT_MONITOR": text,
    **STRUCTURE_RULES,
}


# --- Relations: values that have to fit each other ----------------------------------


def max_dim_fits_pyramid(max_dim: int, mode: str) -> str | None:
    """In "square" mode the molded side is IMAGE_MAX_DIM."""
    return _fits_pyramid(max_dim) if mode == "square" else None


def min_dim_fits_pyramid(min_dim: int, mode: str) -> str | None:
    """In "crop" mode the molded side is IMAGE_MIN_DIM."""
    return _fits_pyramid(min_dim) if mode == "crop" else None


def min_dim_is_below_max_dim(min_dim: int, max_dim: int, mode: str) -> str | None:
    """Elsewhere the molded side does not depend on it, and IMAGE_MAX_DIM wins."""
    if mode != "shorter_side":
        return None
    return not_above("IMAGE_MAX_DIM")(min_dim, max_dim)


def train_scales_fit_mode(
    scales: Sequence[int] | None, mode: str, max_dim: int
) -> str | None:
    """Each could stand for IMAGE_MIN_DIM, where images are resized by that."""
    if scales is None:
        return None
    if mode in ("crop", "none"):
        return f"give None, as IMAGE_RESIZE_MODE = {mode!r} has one scale only"
    if mode in ("square", "shorter_side"):
        remedy = not_above("IMAGE_MAX_DIM")(max(scales), max_dim)
        return remedy and f"for each item, {remedy}"
    remedies = [remedy for scale in scales if (remedy := _fits_pyramid(scale))]
    return f"for each item, {remedies[0]}" if remedies else None


def mean_pixel_fits_channels(mean_pixel: Sequence[float], channels: int) -> str | None:
    """One mean for each channel."""
    fits = len(mean_pixel) == channels
    return None if fits else f"give IMAGE_CHANNEL_COUNT = {channels} numbers"


def pixel_std_fits_channels(pixel_std: Any, channels: int) -> str | None:
    """One deviation for all channels, or one for each."""
    fits = np.ndim(pixel_std) == 0 or len(pixel_std) == channels
    return None if fits else f"give one number, or IMAGE_CHANNEL_COUNT = {channels}"


def custom_backbone_knows_shapes(
    compute_shape: Any, network: Any, rpn_branch: bool
) -> str | None:
    """A backbone of one's own comes with a function for its shapes, for anchors."""
    if compute_shape is not None or not callable(network) or not rpn_branch:
        return None
    return (
        "with a function as BACKBONE, give a function from the image shape to the "
        "heights and widths of the levels"
    )


def keys_are_classes(by_class: Any, num_classes: int) -> str | None:
    """Class ids among the keys of a dict exist."""
    keys = by_class if isinstance(by_class, dict) else {}
    unknown = [key for key in keys if not isinstance(key, str) and key >= num_classes]
    if not unknown:
        return None
    return f"remove the class {unknown[0]}, as NUM_CLASSES is {num_classes}"


def drops_fit_schedule(drops: Sequence[float] | None, schedule: str) -> str | None:
    """The "step" schedule has steps, and no other."""
    if (schedule == "step") == (drops is not None):
        return None
    remedy = "give epochs" if drops is None else "give None"
    return f"{remedy}, as LEARNING_RATE_SCHEDULE = {schedule!r}"


def batch_size_is_whole(batch_size: Any, *_: Any) -> str | None:
    """Set by hand, BATCH_SIZE may differ from what is computed."""
    return _count(batch_size)


def image_shape_fits_channels(image_shape: Any, channels: int, *_: Any) -> str | None:
    """Set by hand, IMAGE_SHAPE is any three sides with the channels of images."""
    remedy = numbers(_count, 3, " (height, width, channels)")(image_shape)
    if remedy is not None or image_shape[2] == channels:
        return remedy
    return f"end it with IMAGE_CHANNEL_COUNT = {channels}, or change that"


def meta_size_is_current(meta_size: Any, num_classes: int) -> str | None:
    """IMAGE_META_SIZE leaves no choice."""
    expected = LENGTH_WITHOUT_CLASSES + num_classes
    why = f"has to be {expected}, as NUM_CLASSES is {num_classes}"
    fits = _count(meta_size) is None and meta_size == expected
    return None if fits else f"{why}; config.__init__() computes it anew"


def not_above(other: str) -> Check:
    """A check that the first value is at most the second, which is called `other`."""

    def check(value: float, limit: float) -> str | None:
        remedy = f"lower it to {other} = {limit} or less, or raise that"
        return None if value <= limit else remedy

    return check


def _fits_pyramid(side: int) -> str | None:
    step = SIDE_STEPS["square"]
    if side % step == 0:
        return None
    below = side // step * step
    choices = [str(near) for near in (below, below + step) if near]
    return f"give a multiple of {step}, such as {' or '.join(choices)}"


_SQUARE = ("IMAGE_MIN_DIM", "IMAGE_MAX_DIM", "IMAGE_RESIZE_MODE")

# Knobs whose values the check takes, the one to blame first. Values that are computed
# stand here and not in RULES, as they are wrong whenever their knobs are.
RELATIONS: list[tuple[tuple[str, ...], Check]] = [
    (_SQUARE, min_dim_is_below_max_dim),
    (("IMAGE_MAX_DIM", "IMAGE_RESIZE_MODE"), max_dim_fits_pyramid),
    (("IMAGE_MIN_DIM", "IMAGE_RESIZE_MODE"), min_dim_fits_pyramid),
    (("TRAIN_SCALES", "IMAGE_RESIZE_MODE", "IMAGE_MAX_DIM"), train_scales_fit_mode),
    (("MEAN_PIXEL", "IMAGE_CHANNEL_COUNT"), mean_pixel_fits_channels),
    (("PIXEL_STD", "IMAGE_CHANNEL_COUNT"), pixel_std_fits_channels),
    *STRUCTURE_RELATIONS,
    (
        ("COMPUTE_BACKBONE_SHAPE", "BACKBONE", "RPN_BRANCH"),
        custom_backbone_knows_shapes,
    ),
    (("DETECTION_MIN_CONFIDENCE", "NUM_CLASSES"), keys_are_classes),
    (("CLASS_WEIGHTS", "NUM_CLASSES"), keys_are_classes),
    (("RPN_NEGATIVE_IOU", "RPN_POSITIVE_IOU"), not_above("RPN_POSITIVE_IOU")),
    (
        ("ROI_NEGATIVE_IOU_LOW", "ROI_NEGATIVE_IOU_HIGH"),
        not_above("ROI_NEGATIVE_IOU_HIGH"),
    ),
    (("ROI_NEGATIVE_IOU_HIGH", "ROI_POSITIVE_IOU"), not_above("ROI_POSITIVE_IOU")),
    (("LEARNING_RATE_DROPS", "LEARNING_RATE_SCHEDULE"), drops_fit_schedule),
    (("BATCH_SIZE", "IMAGES_PER_GPU", "GPU_COUNT"), batch_size_is_whole),
    (("IMAGE_SHAPE", "IMAGE_CHANNEL_COUNT", *_SQUARE), image_shape_fits_channels),
    (("IMAGE_META_SIZE", "NUM_CLASSES"), meta_size_is_current),
]
