"""How detections meet the ground truth: precision over recall, and overlaps.

Shapes: N detections, M ground-truth instances, K thresholds.
"""

import numpy as np

from mrcnn.drawing.figures import new_figure, plain, show
from mrcnn.drawing.instance_parts import ClassNames, class_text
from mrcnn.geometry.arrays import Array


def show_precision_recall(
    average_precision: float, precisions: Array, recalls: Array
) -> None:
    """Precision over recall.

    Args:
        average_precision: for the title
        precisions: [K] or a list
        recalls: [K] or a list
    """
    figure = new_figure((6.4, 4.8))
    axes = figure.add_subplot()
    axes.set_title(f"Precision-Recall Curve. AP@50 = {average_precision:.3f}")
    # Up to each recall the precision at it holds: the area below is the AP.
    axes.plot(np.asarray(recalls), np.asarray(precisions), drawstyle="steps-pre")
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.05), ylim=(0, 1.05))
    axes.grid(alpha=0.3)
    show(figure)


def show_overlaps(
    gt_class_ids: Array,
    class_ids: Array,
    scores: Array,
    overlaps: Array,
    *,
    class_names: ClassNames,
    threshold: float,
) -> None:
    """A table of IoUs, coloured by their size, that says which are matches.

    Args:
        gt_class_ids: [M]; zeros are padding
        class_ids: [N]; zeros are padding
        scores: [N]
        overlaps: [N, M] IoU
        class_names: by class id
        threshold: IoU from which on a detection of the right class is a match
    """
    gt_class_ids, class_ids = np.asarray(gt_class_ids), np.asarray(class_ids)
    scores = np.asarray(scores)
    if len(scores) == len(class_ids):
        scores = scores[class_ids != 0]
    gt_class_ids, class_ids = gt_class_ids[gt_class_ids != 0], class_ids[class_ids != 0]
    count, gt_count = len(class_ids), len(gt_class_ids)
    overlaps = np.atleast_2d(np.asarray(overlaps, "float64"))[:count, :gt_count]
    if count and gt_count and overlaps.shape != (count, gt_count):
        raise ValueError(
            f"Overlaps of {overlaps.shape[0]} detections with {overlaps.shape[1]} "
            f"instances, expected {count} with {gt_count}: a row for each detection "
            "and a column for each ground-truth instance."
        )
    figure = new_figure((3.5 + 0.75 * max(gt_count, 4), 2.5 + 0.5 * max(count, 4)))
    axes = figure.add_subplot()
    if overlaps.size:
        axes.imshow(overlaps, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    names = [
        plain(f"{class_text(int(class_id), class_names)} ({score:.2f})")
        for class_id, score in zip(class_ids, scores, strict=False)
    ]
    gt_names = [plain(class_text(int(i), class_names)) for i in gt_class_ids]
    axes.set_yticks(np.arange(count), names)
    axes.set_xticks(np.arange(gt_count), gt_names, rotation=90)
    axes.set(xlabel="ground truth", ylabel="detections")
    for row, column in np.ndindex(overlaps.shape):
        iou = overlaps[row, column]
        word = _word(iou >= threshold, class_ids[row] == gt_class_ids[column])
        color = "white" if iou > 0.5 else "black" if iou >= 0.005 else "0.7"
        text = f"{iou:.2f}\n{word}".strip()
        axes.text(column, row, text, ha="center", va="center", fontsize=9, color=color)
    show(figure)


def _word(is_enough: bool, is_same_class: bool) -> str:
    if not is_enough:
        return ""
    return "match" if is_same_class else "wrong"
