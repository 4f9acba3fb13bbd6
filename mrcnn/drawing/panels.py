"""Panels of ground truth beside detections, small enough to keep one of every epoch.

Shapes: H W the image, h w the panel.
"""

from typing import Any

import numpy as np

from mrcnn.drawing.instance_parts import ClassNames
from mrcnn.drawing.instances import draw_instances
from mrcnn.drawing.overlays import side_by_side
from mrcnn.geometry.resizing import ImageResize, apply_resize

# Pixels between the two halves.
GAP = 8

# Instances from which on boxes hide more than they show.
CROWDED = 20


def truth_beside_detections(
    image: Any,
    truth: Any,
    found: Any,
    *,
    class_names: ClassNames | None = None,
    side: int = 512,
) -> np.ndarray:
    """One image twice: what there is to find on the left, what was found on the right.

    Args:
        image: as `draw_instances` takes it
        truth: of the image, as `draw_instances` takes it, with class ids and masks
        found: likewise
        class_names: by class id, the background first
        side: pixels of the longer side of each half, of which smaller images keep
            their own

    Returns:
        [h, w, 3] uint8. Where there are several classes, each has its colour. Many
        instances are shown by their masks alone.
    """
    num_classes = 0 if class_names is None else len(class_names)
    halves = [
        draw_instances(
            image,
            instances,
            class_names=class_names,
            colors="class" if num_classes > 2 else "instance",
            show_boxes=len(instances["class_ids"]) < CROWDED,
            # The name of the only class tells nothing, and hides much.
            captions=None if num_classes != 2 else _scores_of(instances),
        )
        for instances in (truth, found)
    ]
    return side_by_side([_shrunk(half, side) for half in halves], gap=GAP)


def _scores_of(instances: Any) -> list[str]:
    """Scores alone, nothing for the ground truth."""
    scores = instances.get("scores")
    if scores is None:
        return [""] * len(instances["class_ids"])
    return [f"{score:.2f}" for score in scores]


def _shrunk(picture: np.ndarray, side: int) -> np.ndarray:
    """[H, W, 3] -> [h, w, 3], neither side longer than asked for"""
    scale = min(1.0, side / max(picture.shape[:2]))
    no_padding = [(0, 0)] * 3
    return apply_resize(picture, ImageResize(picture.shape, scale, no_padding, None))
