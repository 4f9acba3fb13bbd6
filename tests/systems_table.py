"""Writes docs/systems.md, a table of how the presets differ, from the presets.

python -m tests.systems_table
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mrcnn import presets
from mrcnn.config import Config
from mrcnn.geometry.conventions import CONVENTIONS, rounds_anchors

PATH = Path(__file__).parent.parent / "docs" / "systems.md"

COLUMNS: dict[str, type[Config]] = {
    "matterport": presets.Matterport,
    "torchvision": presets.Torchvision,
    "torchvision v2": presets.TorchvisionV2,
    "Detectron": presets.Detectron,
    "maskrcnn-benchmark": presets.MaskRCNNBenchmark,
    "detectron2": presets.Detectron2,
    "MMDetection": presets.MMDetection,
    "py-faster-rcnn": presets.PyFasterRCNN,
}
FORMS: dict[str, tuple[type[Config], type[Config]]] = {
    "R-50-C4": (presets.DetectronC4, presets.Detectron),
    "R-50-C4 of maskrcnn-benchmark": (
        presets.MaskRCNNBenchmarkC4,
        presets.MaskRCNNBenchmark,
    ),
    "R-50-C4 of detectron2": (presets.Detectron2C4, presets.Detectron2),
    "Faster R-CNN": (presets.DetectronFasterRCNN, presets.Detectron),
    "Fast R-CNN": (presets.DetectronFastRCNN, presets.Detectron),
    "Fast R-CNN with VGG-16": (presets.FastRCNN, presets.PyFasterRCNN),
    "Faster R-CNN of MMDetection": (
        presets.MMDetectionFasterRCNN,
        presets.MMDetection,
    ),
}
# In which presets differ by what they are for, not by what they do.
NOT_CHOICES = {"NAME", "IMAGE_META_SIZE", "IMAGE_SHAPE", "BATCH_SIZE"}

# Stands where a system has no such part.
NONE = "–"

INTRODUCTION = """\
# How the systems differ

Detectors of this family are one network with a handful of choices. Each choice is a
knob of `Config`, and each system a class in `mrcnn/presets.py` that sets them:

```python
from mrcnn.presets import Detectron2


class MyConfig(Detectron2):
    NAME = "mine"
    NUM_CLASSES = 1 + 3
```

This page is written from the presets by `python -m tests.systems_table`. A dash says
that the system has no such part.
"""


class Row(NamedTuple):
    """A choice in words, the knobs behind it, and what a config chose."""

    choice: str
    knobs: Sequence[str]
    say: Callable[[Any], str]


def short(number: Any) -> str:
    """A number without what does not matter of it."""
    fraction = {1 / 9: "1/9"}.get(number)
    return fraction or f"{number:.4g}"


def listed(numbers: Any) -> str:
    """Numbers, or one number if all are the same."""
    values = [short(number) for number in np.atleast_1d(numbers)]
    return values[0] if len({*values}) == 1 else ", ".join(values)


def chosen(knob: str, words: dict[Any, str]) -> tuple[list[str], Callable]:
    """One knob, each value in words."""
    return [knob], lambda config: words[getattr(config, knob)]


def counted(knob: str, unit: str = "") -> tuple[list[str], Callable]:
    """One knob that holds a number, or numbers."""
    return [knob], lambda config: listed(getattr(config, knob)) + unit


def truth(value: Any) -> str:
    """True or False in words."""
    return "yes" if value else "no"


def yes(knob: str) -> tuple[list[str], Callable]:
    """One knob that holds a truth."""
    return chosen(knob, {True: "yes", False: "no"})


def of_resnet(knob: str, say: Callable[[Any], str]) -> tuple[list[str], Callable]:
    """Of a ResNet's convolutions and normalizations, where it is one."""
    return (
        [knob, "BACKBONE"],
        lambda config: (
            say(getattr(config, knob)) if config.BACKBONE.startswith("resnet") else NONE
        ),
    )


def masked(knobs: Sequence[str], say: Callable[[Any], str]) -> tuple:
    """Of the mask branch, where there is one."""
    return [*knobs, "MASK_BRANCH"], lambda c: say(c) if c.MASK_BRANCH else NONE


def _resize(config: Any) -> str:
    if config.IMAGE_RESIZE_MODE == "square":
        return f"square of {config.IMAGE_MAX_DIM}"
    scales = config.TRAIN_SCALES
    shorter = f"{scales[0]}–{scales[-1]}" if scales else f"{config.IMAGE_MIN_DIM}"
    return f"shorter side {shorter}, longer to {config.IMAGE_MAX_DIM}"


def _levels(config: Any) -> str:
    if config.FEATURES == "pyramid":
        last = 1 + len(config.BACKBONE_STRIDES)
        return f"pyramid, P2–P{last}"
    return f"{config.FEATURES} alone"


def _anchors(config: Any) -> str:
    sides = ", ".join(map(short, config.RPN_ANCHOR_SCALES))
    return f"{sides}; " + (
        "one a level" if config.FEATURES == "pyramid" else "all on each cell"
    )


def _rounding(config: Any) -> str:
    rounds = rounds_anchors(config.ROUND_ANCHORS, config.GEOMETRY)
    return "rounded to pixels" if rounds else "with fractions"


def _limits(config: Any) -> str:
    training = config.PRE_NMS_LIMIT_TRAINING or config.PRE_NMS_LIMIT
    return f"{training} / {config.PRE_NMS_LIMIT}"


def _rois(config: Any) -> str:
    share = short(config.ROI_POSITIVE_RATIO)
    return f"{config.TRAIN_ROIS_PER_IMAGE}, {share} positive"


def _straddle(config: Any) -> str:
    threshold = config.RPN_STRADDLE_THRESHOLD
    return "all" if threshold is None else "inside the picture"


def _box_head(config: Any) -> str:
    width: Any = config.FPN_CLASSIF_FC_LAYERS_SIZE
    if config.BOX_HEAD_DROPOUT:
        width = f"{width}, {short(config.BOX_HEAD_DROPOUT)} dropped in training"
    return {
        "conv": f"2 fc of {width}, BatchNorm",
        "2fc": f"2 fc of {width}",
        "4conv1fc": f"4 conv, BatchNorm, 1 fc of {width}",
        "res5": "last stage of the ResNet",
    }[config.BOX_HEAD]


def _mask_head(config: Any) -> str:
    norm = ", BatchNorm" if config.MASK_HEAD_NORM else ""
    return {"conv": f"4 conv{norm}, deconv", "deconv": "deconv", "fc": "2 fc"}[
        config.MASK_HEAD
    ]


def _roi_pooling(config: Any) -> str:
    if config.ROI_POOLING == "max":
        return "largest of whole cells"
    if not CONVENTIONS[config.GEOMETRY].sample_bins:
        return "sampled from corner to corner"
    where = "middle" if config.ROI_HALF_PIXEL else "corner"
    count = config.ROI_BIN_SAMPLES
    samples = f"{count}x{count} samples" if count else "as many samples as cells"
    return f"aligned, {samples}, cells' values in their {where}"


def _forced(config: Any) -> str:
    keeps = config.RPN_FORCED_KEEP_OWN
    which = "what it overlaps most" if keeps else "whose best it is"
    least = config.RPN_FORCED_MIN_IOU
    return f"{which}, from IoU {short(least)} up" if least else which


def _beta(config: Any) -> str:
    return f"{short(config.RPN_SMOOTH_L1_BETA)} / {short(config.SMOOTH_L1_BETA)}"


TABLES: dict[str, list[Row]] = {
    "Images": [
        Row(
            "Size",
            ["IMAGE_RESIZE_MODE", "IMAGE_MIN_DIM", "IMAGE_MAX_DIM", "TRAIN_SCALES"],
            _resize,
        ),
        Row("Minus mean pixel (RGB)", *counted("MEAN_PIXEL")),
        Row("Divided by", *counted("PIXEL_STD")),
        Row("Keep fractions of grey levels", *yes("RESIZE_TO_FLOAT")),
        Row("Classes with background", *counted("NUM_CLASSES")),
    ],
    "Backbone": [
        Row("Network", ["BACKBONE"], lambda config: str(config.BACKBONE)),
        Row("Features", ["FEATURES", "BACKBONE_STRIDES"], _levels),
        Row(
            "Halves maps in convolutions of",
            *of_resnet("STRIDE_IN_1X1", lambda value: "1x1" if value else "3x3"),
        ),
        Row(
            "Pads what it halves",
            *of_resnet(
                "SYMMETRIC_PADDING",
                lambda value: "on all sides" if value else "below and right",
            ),
        ),
        Row("Bias before BatchNorm", *of_resnet("BIAS_BEFORE_NORM", truth)),
        Row("BatchNorm learns", *of_resnet("TRAIN_BN", truth)),
        Row("Its momentum", *of_resnet("BATCH_NORM_MOMENTUM", short)),
        Row("Its epsilon", *of_resnet("NORM_EPSILON", short)),
        Row(
            "BatchNorm in the pyramid",
            ["FPN_NORM", "FEATURES"],
            lambda c: truth(c.FPN_NORM) if c.FEATURES == "pyramid" else NONE,
        ),
    ],
    "Anchors and proposals": [
        Row(
            "Proposals come from",
            *chosen("RPN_BRANCH", {True: "the RPN", False: "the caller"}),
        ),
        Row("Sides of anchors", ["RPN_ANCHOR_SCALES", "FEATURES"], _anchors),
        Row("Ratios, width / height", *counted("RPN_ANCHOR_RATIOS")),
        Row(
            "Anchors lie in a cell's",
            *chosen("ANCHOR_OFFSET", {0.0: "corner", 0.5: "middle"}),
        ),
        Row("Corners of anchors", ["ROUND_ANCHORS", "GEOMETRY"], _rounding),
        Row("Strides as maps were rounded", *yes("ANCHOR_STRIDES_FROM_MAPS")),
        Row(
            "RPN's convolutions",
            ["RPN_NUM_CONVS", "RPN_CHANNELS"],
            lambda config: f"{config.RPN_NUM_CONVS} of {config.RPN_CHANNELS}",
        ),
        Row(
            "Objectness", ["RPN_OBJECTNESS"], lambda config: str(config.RPN_OBJECTNESS)
        ),
        Row("Deltas divided by", *counted("RPN_BBOX_STD_DEV")),
        Row("Each level by itself", *yes("RPN_PER_LEVEL")),
        Row(
            "Ranked, training / test",
            ["PRE_NMS_LIMIT", "PRE_NMS_LIMIT_TRAINING"],
            _limits,
        ),
        Row(
            "Proposals, training / test",
            ["POST_NMS_ROIS_TRAINING", "POST_NMS_ROIS_INFERENCE"],
            lambda config: (
                f"{config.POST_NMS_ROIS_TRAINING} / {config.POST_NMS_ROIS_INFERENCE}"
            ),
        ),
        Row("Smallest side", *counted("RPN_MIN_SIZE")),
        Row("Cut off where the picture ends", *yes("RPN_CLIP_TO_WINDOW")),
    ],
    "Heads": [
        Row(
            "Geometry",
            *chosen("GEOMETRY", {"matterport": "matterport's", "aligned": "aligned"}),
        ),
        Row(
            "Features of a roi",
            ["ROI_POOLING", "ROI_HALF_PIXEL", "ROI_BIN_SAMPLES", "GEOMETRY"],
            _roi_pooling,
        ),
        Row("Cells of a roi", *counted("POOL_SIZE")),
        Row(
            "Box head",
            ["BOX_HEAD", "FPN_CLASSIF_FC_LAYERS_SIZE", "BOX_HEAD_DROPOUT"],
            _box_head,
        ),
        Row("Mask head", *masked(["MASK_HEAD", "MASK_HEAD_NORM"], _mask_head)),
        Row(
            "Mask patches",
            *masked(["MASK_SHAPE"], lambda c: "{}x{}".format(*c.MASK_SHAPE)),
        ),
        Row(
            "Pasted with a border",
            *masked(["PASTE_WITH_BORDER"], lambda c: truth(c.PASTE_WITH_BORDER)),
        ),
        Row(
            "A roi may become",
            *chosen(
                "DETECTION_PER_CLASS", {True: "several classes", False: "its best"}
            ),
        ),
        Row("Score of detections", *counted("DETECTION_MIN_CONFIDENCE")),
        Row("IoU of suppression", *counted("DETECTION_NMS_THRESHOLD")),
        Row("Smallest side of detections", *counted("DETECTION_MIN_SIZE")),
    ],
    "Training": [
        Row("Anchors in use", ["RPN_STRADDLE_THRESHOLD"], _straddle),
        Row(
            "An object's best anchor learns",
            ["RPN_FORCED_KEEP_OWN", "RPN_FORCED_MIN_IOU"],
            _forced,
        ),
        Row("Crowds forbid from an IoU of", *counted("CROWD_IOU")),
        Row("Share of a roi that crowds may cover", *counted("ROI_CROWD_COVER")),
        Row("Background overlaps an object from", *counted("ROI_NEGATIVE_IOU_LOW")),
        Row("Rois", ["TRAIN_ROIS_PER_IMAGE", "ROI_POSITIVE_RATIO"], _rois),
        Row(
            "Beta of box losses, RPN / head",
            ["RPN_SMOOTH_L1_BETA", "SMOOTH_L1_BETA"],
            _beta,
        ),
        Row(
            "Box losses divided by",
            *chosen(
                "BOX_LOSS_NORM", {"positives": "positives", "sampled": "all drawn"}
            ),
        ),
        Row(
            "Masks learn",
            *masked(
                ["MASK_TARGETS"],
                lambda c: {
                    "share": "share of a cell",
                    "binary": "yes or no",
                    "samples": "bilinear samples",
                }[c.MASK_TARGETS],
            ),
        ),
        Row(
            "Mini-masks",
            *masked(["USE_MINI_MASK"], lambda c: truth(c.USE_MINI_MASK)),
        ),
        Row("New layers begin", ["INITIALIZERS"], lambda c: str(c.INITIALIZERS)),
        Row(
            "Learning rate",
            ["LEARNING_RATE", "LEARNING_RATE_BATCH_SIZE"],
            lambda c: (
                short(c.LEARNING_RATE)
                + (
                    f" for {c.LEARNING_RATE_BATCH_SIZE} images"
                    if c.LEARNING_RATE_BATCH_SIZE
                    else ""
                )
            ),
        ),
        Row("Weight decay", *counted("WEIGHT_DECAY")),
    ],
}


def page() -> str:
    """The whole page."""
    configs = {name: preset() for name, preset in COLUMNS.items()}
    classes = [[name, f"`{preset.__name__}`"] for name, preset in COLUMNS.items()]
    parts = [INTRODUCTION, table(["System", "Preset"], classes)]
    for title, rows in TABLES.items():
        lines = [[row.choice, *map(row.say, configs.values())] for row in rows]
        head = ["", *configs]
        parts.append(f"## {title}\n\n{table(head, lines)}")
    parts.append("## Other forms\n\n" + "\n".join(map(_form, FORMS)))
    return "\n".join(parts)


def table(head: list[str], lines: list[list[str]]) -> str:
    """A table in Markdown."""
    rule = ["---"] * len(head)
    return "".join(f"| {' | '.join(line)} |\n" for line in [head, rule, *lines])


def _form(name: str) -> str:
    preset, parent = FORMS[name]
    config, other = preset(), parent()
    changes = [
        f"{row.choice}: {row.say(config)}"
        for rows in TABLES.values()
        for row in rows
        if row.say(config) != row.say(other) and row.say(config) != NONE
    ]
    if other.MASK_BRANCH and not config.MASK_BRANCH:
        changes.insert(0, "no mask branch")
    said = "\n".join(f"- {change}" for change in changes)
    title = f"**{name}**, `{preset.__name__}`"
    return f"{title}, is `{parent.__name__}` with\n\n{said}\n"


if __name__ == "__main__":
    PATH.write_text(page(), encoding="utf-8")
