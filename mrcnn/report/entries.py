"""What a gallery says about each image: its instances, drawn, and what is wrong.

How bad an image is: each instance costs 1 minus the score of the detection that found
it, so 1 if there is none, and each false detection costs its score. That needs no
threshold: it asks for high scores where they are right and low ones where they are not.

Shapes: D detections, G ground-truth instances.
"""

import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.data.dataset import Dataset
from mrcnn.evaluation.error_kinds import FOREGROUND_IOU, MISSED, Mistake
from mrcnn.evaluation.matches import ImageMatches, match_image
from mrcnn.evaluation.records import EvaluatedImage, ImageId
from mrcnn.evaluation.scores import plain
from mrcnn.evaluation.summary import Evaluation
from mrcnn.geometry.mask_coding import Rle
from mrcnn.inference.results import Instances
from mrcnn.report.svg_paths import view_box, view_path, view_scale

RIGHT = "right"
CROWD = "crowd"

Entry = dict[str, Any]


def evaluated_entries(evaluation: Evaluation, max_images: int) -> list[Entry]:
    """The images of an evaluation that cost most, the worst first.

    Each has "id", "width", "height", "view" (sides of its drawing), "cost", and lists
    of instances: "gt" with "class", "box", "path", "kind", "by" (the detection that
    found it, or None); "found" with "class", "box", "path", "score", "kind", "gt" (the
    instance that it means, or None) and "iou" with that. A kind is one of ERROR_KINDS,
    RIGHT, or CROWD for crowds and what lies in them. `found` begins with the best.
    """
    mistakes: dict[ImageId, list[Mistake]] = defaultdict(list)
    for mistake in evaluation.errors.mistakes:
        mistakes[mistake.image_id].append(mistake)
    judged = []
    for image in evaluation.images:
        found = match_image(
            image, iou_threshold=FOREGROUND_IOU, use_masks=evaluation.use_masks
        )
        judged.append((image_cost(found), image, found))
    # Images that cost the same keep their order.
    judged.sort(key=lambda one: -one[0])
    return [
        {
            "id": image.image_id,
            "cost": round(cost, 3),
            **_sides(image.image_shape),
            **_judged_instances(image, found, mistakes[image.image_id]),
        }
        for cost, image, found in judged[:max_images]
    ]


def detected_entry(image_id: int, found: Instances) -> Entry:
    """As `evaluated_entries`, but without ground truth, kinds and cost."""
    order = np.argsort(-found.scores, kind="stable")
    rles = found.rle() if found.has_masks else None
    instances = [
        {
            **_drawn(found.class_ids[i], found.boxes[i], rles, i, found.image_shape),
            "score": _rounded(found.scores[i]),
        }
        for i in order.tolist()
    ]
    return {"id": image_id, **_sides(found.image_shape), "found": instances}


def image_cost(found: ImageMatches) -> float:
    """How bad an image's detections are; see above."""
    is_match = found.matches >= 0
    is_false = ~is_match & ~found.is_ignored
    right, false = found.scores[is_match], found.scores[is_false]
    return float(len(found.columns) - right.sum() + false.sum())


def image_name(dataset: Dataset, image_id: ImageId) -> str:
    """The name of an image's file, or what its source calls it."""
    info = dataset.image_info[int(image_id)]
    if isinstance(info["path"], str | os.PathLike):
        return Path(info["path"]).name
    return f"{info['source']} {info['id']}"


def _judged_instances(
    image: EvaluatedImage, found: ImageMatches, mistakes: list[Mistake]
) -> Entry:
    gt, detections = image.gt, image.detections
    kinds = {m.detection: m for m in mistakes if m.detection is not None}
    shown, found_by = [], {}
    for position, row in enumerate(found.rows.tolist()):
        match, mistake = int(found.matches[position]), kinds.get(row)
        target = mistake.gt if mistake else None
        if match >= 0:
            target = int(found.columns[match])
            found_by[target] = position
        overlap = _overlap_with(found, position, target)
        shown.append(
            {
                **_drawn(
                    detections.class_ids[row],
                    detections.boxes[row],
                    detections.rles,
                    row,
                    image.image_shape,
                ),
                "score": _rounded(detections.scores[row]),
                "kind": mistake.kind if mistake else RIGHT if match >= 0 else CROWD,
                "gt": target,
                "iou": overlap,
            }
        )
    # The best detection that means an instance says what became of it, unless it is
    # missed all the same: mistakes end with those.
    meant = {m.gt: m.kind for m in reversed(mistakes) if m.detection is not None}
    meant.update({m.gt: MISSED for m in mistakes if m.kind == MISSED})
    truth = [
        {
            **_drawn(gt.class_ids[i], gt.boxes[i], gt.rles, i, image.image_shape),
            "kind": CROWD
            if gt.is_crowd[i]
            else RIGHT
            if i in found_by
            else meant.get(i, MISSED),
            "by": found_by.get(i),
        }
        for i in range(len(gt))
    ]
    return {"gt": truth, "found": shown}


def _overlap_with(found: ImageMatches, position: int, gt: int | None) -> float | None:
    if gt is None:
        return None
    column = int(np.flatnonzero(found.columns == gt)[0])
    return _rounded(found.overlaps[position, column])


def _drawn(
    class_id: int,
    box: np.ndarray,
    rles: list[Rle] | None,
    index: int,
    image_shape: tuple[int, int],
) -> Entry:
    return {
        "class": int(class_id),
        "box": view_box(box, image_shape),
        "path": view_path(rles[index]) if rles is not None else None,
    }


def _sides(image_shape: tuple[int, int]) -> Entry:
    height, width = image_shape
    scale = view_scale(image_shape)
    view = [round(width * scale), round(height * scale)]
    return {"width": width, "height": height, "view": view}


def _rounded(value: Any) -> float | None:
    return plain(round(float(value), 4))
