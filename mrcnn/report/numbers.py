"""The numbers of a page, ready for JSON: None where there is nothing to measure.

Shapes: N images.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mrcnn.evaluation.calibration import calibrate
from mrcnn.evaluation.scores import ClassScores, plain
from mrcnn.evaluation.summary import Evaluation
from mrcnn.inference.class_names import ClassNames, name_of
from mrcnn.inference.results import Instances

SIZE_EDGES = (0, 32**2, 96**2, float("inf"))
"""COCO's small, medium and large: areas in pixels."""

_NUM_SCORE_BINS = 20


def evaluation_numbers(evaluation: Evaluation) -> dict[str, Any]:
    """All numbers of an evaluation, with curves and histograms."""
    numbers = evaluation.to_dict()
    hits = numbers["hits"]["per_class"]
    for entry, scores in zip(
        numbers["coco"]["per_class"], evaluation.coco.per_class, strict=True
    ):
        entry["hits"] = {name: hits[name][scores.class_id] for name in hits}
        entry["curves"] = _curves(scores)
    histogram = calibrate(
        evaluation.images,
        num_bins=_NUM_SCORE_BINS,
        iou_threshold=evaluation.iou_threshold,
        use_masks=evaluation.use_masks,
    )
    more = {
        "kind": "evaluation",
        "use_masks": evaluation.use_masks,
        "iou_threshold": evaluation.iou_threshold,
        "score_threshold": evaluation.score_threshold,
        "min_confidence": evaluation.min_confidence,
        "num_images": len(evaluation.images),
        "num_gt": sum(int((~i.gt.is_crowd).sum()) for i in evaluation.images),
        "num_detections": sum(len(image.detections) for image in evaluation.images),
        "sizes": _count_sizes(evaluation),
        "score_histogram": {
            "edges": histogram.edges,
            "right": histogram.num_right,
            "wrong": histogram.counts - histogram.num_right,
        },
    }
    return plain({**numbers, **more})


def detection_numbers(
    results: Sequence[Instances], class_names: ClassNames | None
) -> dict[str, Any]:
    """How many instances of each class were found, and with what scores."""
    highest = max((int(r.class_ids.max(initial=0)) for r in results), default=0)
    num_classes = max(len(class_names or ()), highest + 1)
    names = [name_of(i, class_names) for i in range(num_classes)]
    scores = np.concatenate([np.zeros(0), *(found.scores for found in results)])
    scores = scores[np.isfinite(scores)]
    counts, edges = np.histogram(scores, _NUM_SCORE_BINS, (0, 1))
    numbers = {
        "kind": "detection",
        "class_names": names,
        "num_images": len(results),
        "num_detections": sum(map(len, results)),
        "per_class": [_count_class(results, i, names[i]) for i in range(1, len(names))],
        "score_histogram": {"edges": edges, "found": counts},
    }
    return plain(numbers)


def _count_class(
    results: Sequence[Instances], class_id: int, class_name: str
) -> dict[str, Any]:
    scores = [found.scores[found.class_ids == class_id] for found in results]
    together = np.concatenate([np.zeros(0), *scores])
    return {
        "class_id": class_id,
        "class_name": class_name,
        "num_images": sum(len(one) > 0 for one in scores),
        "num_detections": len(together),
        "mean_score": together.mean() if len(together) else None,
    }


def _curves(scores: ClassScores) -> dict[str, list[float | None] | None]:
    """Precision at IoU 0.5 and recalls 0, 0.01, … 1; three digits are enough to see."""
    curves = {"boxes": scores.box_precisions, "masks": scores.mask_precisions}
    return {
        kind: None if curve is None else plain(np.round(curve, 3))
        for kind, curve in curves.items()
    }


def _count_sizes(evaluation: Evaluation) -> dict[str, int]:
    areas = [image.gt.areas[~image.gt.is_crowd] for image in evaluation.images]
    counts, _ = np.histogram(np.concatenate([np.zeros(0), *areas]), SIZE_EDGES)
    return dict(zip(("small", "medium", "large"), counts, strict=True))
