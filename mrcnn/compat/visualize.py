"""matterport's drawing functions under their old names and argument orders.

Each draws on the axes given, or makes a figure and shows it. Without a screen the
figure stays the current one of `plt`, for `plt.savefig`.

Shapes: N instances or boxes, M ground-truth instances, H W the image, S T sides of a
mask patch.
"""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from mrcnn.compat.metrics import compute_matches
from mrcnn.drawing import colors as drawing_colors
from mrcnn.drawing.box_figures import moves_of_boxes, moves_of_rois, show_moves
from mrcnn.drawing.class_masks import show_class_masks
from mrcnn.drawing.colors import Color, ColorChoice
from mrcnn.drawing.figures import Axes, axes_or_figure, show_images
from mrcnn.drawing.instance_figures import show_instances
from mrcnn.drawing.instance_parts import ClassNames, parts_of_arrays
from mrcnn.drawing.match_figures import show_overlaps, show_precision_recall
from mrcnn.drawing.tables import show_table
from mrcnn.drawing.weight_stats import weight_table
from mrcnn.geometry.arrays import Array
from mrcnn.geometry.boxes import is_padding

ROOT_DIR = os.path.abspath("../")

_GREEN, _RED = (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)


def random_colors(N: int, bright: bool = True) -> list[Color]:
    """N colours evenly spread over the hues, in random order."""
    return drawing_colors.random_colors(N, bright)


def display_images(
    images: Sequence[Any],
    titles: Sequence[str] | None = None,
    cols: int = 4,
    cmap: Any = None,
    norm: Any = None,
    interpolation: str | None = None,
) -> None:
    """Shows images in a grid.

    Args:
        images: N times [H, W] or [H, W, C]
        titles: [N] or fewer
        cols: columns of the grid
        cmap: matplotlib's colour map for images [H, W], by default grey
        norm: matplotlib's `Normalize` for images [H, W]
        interpolation: as in matplotlib's `imshow`
    """
    show_images(
        images, titles, columns=cols, cmap=cmap, norm=norm, interpolation=interpolation
    )


def display_instances(
    image: Array,
    boxes: Array,
    masks: Array | None,
    class_ids: Array,
    class_names: ClassNames,
    scores: Array | None = None,
    title: str = "",
    figsize: tuple[float, float] = (16, 16),
    ax: Axes | None = None,
    show_mask: bool = True,
    show_bbox: bool = True,
    colors: ColorChoice = None,
    captions: Sequence[str | None] | None = None,
) -> None:
    """Draws instances over their image; `draw_instances` gives an array instead.

    | name        | shape     | meaning                                             |
    |-------------|-----------|-----------------------------------------------------|
    | image       | [H, W, C] | or [H, W]                                           |
    | boxes       | [N, 4]    | pixels; rows of zeros are padding                   |
    | masks       | [H, W, N] | any number but 0 is set; or None                    |
    | class_ids   | [N]       |                                                     |
    | class_names |           | by class id, the background first                   |
    | scores      | [N]       | or None                                             |
    | colors      | [N]       | (r, g, b) or names; or "class"; None: each its own  |
    | captions    | [N]       | in place of class name and score; or None           |

    Args:
        image: see the table, as are those without words here
        boxes: pixels
        masks: of the image as loaded
        class_ids: of the instances
        class_names: of the classes
        scores: of detections
        title: over the image
        figsize: inches of the figure that is shown where `ax` is None
        ax: axes to draw on instead
        show_mask: tint the masks and draw their outlines
        show_bbox: draw the boxes
        colors: of mask, box and caption
        captions: texts
    """
    parts = parts_of_arrays(
        boxes, masks, class_ids, scores, image_shape=np.shape(image)[:2]
    )
    if not len(parts.boxes):
        print("\n*** No instances to display ***\n")
    with axes_or_figure(ax, figsize) as axes:
        show_instances(
            axes,
            image,
            parts,
            title=title,
            class_names=class_names,
            captions=captions,
            colors=colors,
            show_masks=show_mask,
            show_boxes=show_bbox,
        )


def display_differences(
    image: Array,
    gt_box: Array,
    gt_class_id: Array,
    gt_mask: Array,
    pred_box: Array,
    pred_class_id: Array,
    pred_score: Array,
    pred_mask: Array,
    class_names: ClassNames,
    title: str = "",
    ax: Axes | None = None,
    show_mask: bool = True,
    show_box: bool = True,
    iou_threshold: float = 0.5,
    score_threshold: float = 0.5,
) -> None:
    """Draws ground truth in green and predictions in red, with score / IoU.

    The IoU is that with the instance found, or the largest with any instance where a
    prediction found none.

    Args:
        image: [H, W, C]
        gt_box: [M, 4] pixels; rows of zeros are padding, here and in `pred_box`
        gt_class_id: [M]
        gt_mask: [H, W, M]
        pred_box: [N, 4] pixels
        pred_class_id: [N]
        pred_score: [N]
        pred_mask: [H, W, N]
        class_names: by class id
        title: over the image, in place of a legend
        ax: axes to draw on
        show_mask: tint the masks
        show_box: draw the boxes
        iou_threshold: lowest IoU for a prediction to have found an instance
        score_threshold: another lowest IoU, see `compute_matches`
    """
    gt_box, gt_class_id, gt_mask = _without_padding(gt_box, gt_class_id, gt_mask)
    boxes, class_ids, scores, masks = _best_first(
        pred_score, pred_box, pred_class_id, pred_score, pred_mask
    )
    _, pred_match, overlaps = compute_matches(
        gt_box,
        gt_class_id,
        gt_mask,
        boxes,
        class_ids,
        scores,
        masks,
        iou_threshold,
        score_threshold,
    )
    ious = [
        row[int(match)] if match >= 0 else row.max(initial=0)
        for row, match in zip(overlaps, pred_match, strict=True)
    ]
    captions = [
        f"{score:.2f} / {iou:.2f}" for score, iou in zip(scores, ious, strict=True)
    ]
    count = len(gt_box)
    display_instances(
        image,
        np.concatenate([gt_box, boxes]),
        np.concatenate([gt_mask, masks], axis=-1),
        np.concatenate([gt_class_id, class_ids]),
        class_names,
        title=title or "Ground truth green, predictions red, captions: score / IoU",
        ax=ax,
        show_mask=show_mask,
        show_bbox=show_box,
        colors=[_GREEN] * count + [_RED] * len(boxes),
        captions=[""] * count + captions,
    )


def draw_rois(
    image: Array,
    rois: Array,
    refined_rois: Array,
    mask: Array,
    class_ids: Array,
    class_names: ClassNames,
    limit: int = 10,
) -> None:
    """Draws rois and what their targets make of them, and prints the positive share.

    Args:
        image: [H, W, C]
        rois: [N, 4] pixels, dashed; those of the background grey
        refined_rois: [N, 4] pixels
        mask: [N, S, T] mask patches
        class_ids: [N]
        class_names: by class id
        limit: more rois than these are drawn by lot, with NumPy's random state
    """
    class_ids = np.asarray(class_ids)
    count = len(class_ids)
    title = f"{count} ROIs"
    chosen: np.ndarray = np.arange(count)
    if count > limit:
        chosen = np.sort(np.random.permutation(count)[:limit])
        title = f"Showing {limit} random ROIs out of {count}"
    moves = moves_of_rois(
        np.asarray(rois)[chosen],
        np.asarray(refined_rois)[chosen],
        np.asarray(mask)[chosen],
        class_ids[chosen],
        class_names,
        np.shape(image),
    )
    with axes_or_figure(None, (12, 12)) as axes:
        show_moves(axes, image, moves, title=title)
    positives = int((class_ids > 0).sum())
    print("Positive ROIs: ", positives)
    print("Negative ROIs: ", int((class_ids == 0).sum()))
    print(f"Positive Ratio: {positives / max(count, 1):.2f}")


def draw_boxes(
    image: Array,
    boxes: Array | None = None,
    refined_boxes: Array | None = None,
    masks: Array | None = None,
    captions: Sequence[str | None] | None = None,
    visibilities: Sequence[int] | None = None,
    title: str = "",
    ax: Axes | None = None,
) -> None:
    """Draws boxes, where they moved to, and what belongs to them.

    Args:
        image: [H, W, C]
        boxes: [N, 4] pixels, anywhere, dashed where there are refined ones; or None
        refined_boxes: [N, 4] pixels, or None
        masks: [H, W, N], or None
        captions: [N], or None
        visibilities: [N] of 0 (grey and faint), 1 and 2 (strong); by default 1
        title: over the image
        ax: axes to draw on
    """
    moves = moves_of_boxes(boxes, refined_boxes, masks, captions, visibilities)
    with axes_or_figure(ax, (12, 12)) as axes:
        show_moves(axes, image, moves, title=title)


def display_top_masks(
    image: Array,
    mask: Array,
    class_ids: Array,
    class_names: ClassNames,
    limit: int = 4,
) -> None:
    """Shows the image and the masks of the `limit` classes that cover most of it."""
    show_class_masks(image, mask, class_ids, class_names, limit)


def plot_precision_recall(AP: float, precisions: Array, recalls: Array) -> None:
    """Draws the curve that `compute_ap` returns."""
    show_precision_recall(AP, precisions, recalls)


def plot_overlaps(
    gt_class_ids: Array,
    pred_class_ids: Array,
    pred_scores: Array,
    overlaps: Array,
    class_names: ClassNames,
    threshold: float = 0.5,
) -> None:
    """Draws a table of the IoUs [N, M] of predictions and ground truth."""
    show_overlaps(
        gt_class_ids,
        pred_class_ids,
        pred_scores,
        overlaps,
        class_names=class_names,
        threshold=threshold,
    )


def display_table(table: Sequence[Sequence[Any]]) -> None:
    """Shows rows, the first of them the header: in a notebook, or as printed text."""
    show_table(table)


def display_weight_stats(model: Any) -> None:
    """Shows a table of all weights of a `MaskRCNN`, with warnings about broken ones."""
    show_table(weight_table(model.get_trainable_layers()))


def _best_first(scores: Array, boxes: Array, *others: Array) -> list[np.ndarray]:
    """Boxes and what belongs to them, by score and without padding."""
    order = np.argsort(-np.asarray(scores, "float64"), kind="stable")
    ordered = [np.asarray(values)[..., order] for values in others]
    return _without_padding(np.asarray(boxes).reshape(-1, 4)[order], *ordered)


def _without_padding(boxes: Array, *others: Array) -> list[np.ndarray]:
    """Boxes and what belongs to them, without rows whose box is all zero."""
    boxes = np.asarray(boxes).reshape(-1, 4)
    kept = ~is_padding(boxes)
    return [boxes[kept], *(np.asarray(values)[..., kept] for values in others)]
