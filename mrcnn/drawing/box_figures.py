"""Boxes on their way through the network: where they began and what became of them.

Shapes: N boxes, H W the image, S T sides of a mask patch.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from mrcnn.drawing.colors import Color, indexed_color
from mrcnn.drawing.figures import Axes
from mrcnn.drawing.instance_figures import (
    Tag,
    add_box,
    add_outline,
    add_tags,
    show_picture,
)
from mrcnn.drawing.instance_parts import ClassNames, class_text
from mrcnn.drawing.overlays import apply_mask
from mrcnn.drawing.pictures import as_picture
from mrcnn.geometry.arrays import Array
from mrcnn.geometry.masks import as_bool_masks, paste_patch

GREY: Color = (0.5, 0.5, 0.5)

# By visibility: 0 stays in the background, 1 is plain, 2 stands out.
_ALPHAS = (0.7, 0.8, 1.0)
_LINE_WIDTHS = (1.2, 1.5, 2.5)


class Move(NamedTuple):
    """A box, where it moved to, and what belongs to it."""

    box: np.ndarray | None  # [4] pixels, anywhere
    refined: np.ndarray | None  # [4] pixels, anywhere
    color: Color
    visibility: int = 1  # 0 grey and faint, 1, 2 strong
    caption: str = ""
    mask: np.ndarray | None = None  # bool [H, W]


def show_moves(
    axes: Axes, image: Any, moves: Sequence[Move], *, title: str = ""
) -> None:
    """Boxes dashed, those they became solid, and lines between the two.

    A box that became nothing is solid too. Boxes without any extent are padding.
    """
    picture = as_picture(image)
    moves = [move for move in moves if any(box.any() for box in _boxes_of(move))]
    for move in moves:
        _add_move(axes, move)
        if move.mask is not None:
            apply_mask(picture, move.mask, move.color)
            add_outline(axes, move.mask, move.color)
    every_box = [box for move in moves for box in _boxes_of(move)]
    show_picture(axes, picture, title, margin=_margin(every_box, picture.shape))
    add_tags(
        axes, [Tag(_boxes_of(move)[-1], move.caption, move.color) for move in moves]
    )


def moves_of_boxes(
    boxes: Array | None,
    refined_boxes: Array | None,
    masks: Array | None,
    captions: Sequence[str | None] | None,
    visibilities: Sequence[int] | None,
) -> list[Move]:
    """One move for each box.

    Args:
        boxes: [N, 4] pixels or None
        refined_boxes: [N, 4] pixels or None, one of the two is given
        masks: [H, W, N] or None
        captions: [N] or None
        visibilities: [N] of 0, 1 or 2, see `Move`; by default all 1
    """
    columns = {
        "boxes": None if boxes is None else _as_boxes(boxes),
        "refined_boxes": None if refined_boxes is None else _as_boxes(refined_boxes),
        "masks": None if masks is None else np.moveaxis(as_bool_masks(masks), -1, 0),
        "captions": captions,
        "visibilities": visibilities,
    }
    lengths = {name: len(given) for name, given in columns.items() if given is not None}
    if not {"boxes", "refined_boxes"} & set(lengths):
        raise ValueError("There is nothing to draw: give boxes, refined_boxes or both.")
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"Each box needs its entry in every array, but there are {lengths}. Masks "
            "are [height, width, boxes]."
        )
    count = max(lengths.values())
    rows = zip(
        *([None] * count if given is None else given for given in columns.values()),
        strict=True,
    )
    return [
        Move(
            box,
            refined,
            GREY if visibility == 0 else indexed_color(index),
            1 if visibility is None else int(visibility),
            "" if caption is None else str(caption),
            mask,
        )
        for index, (box, refined, mask, caption, visibility) in enumerate(rows)
    ]


def moves_of_rois(
    rois: Array,
    refined_rois: Array,
    patches: Array,
    class_ids: Array,
    class_names: ClassNames,
    image_shape: Array,
) -> list[Move]:
    """One move for each roi; those of the background are grey and stay.

    Args:
        rois: [N, 4] pixels
        refined_rois: [N, 4] pixels
        patches: [N, S, T] mask patches, seen through the rois
        class_ids: [N]
        class_names: by class id
        image_shape: (H, W) or more
    """
    rows = zip(
        _as_boxes(rois), _as_boxes(refined_rois), patches, class_ids, strict=True
    )
    return [
        Move(
            roi,
            refined,
            indexed_color(index),
            1,
            class_text(int(class_id), class_names),
            _paste(patch, roi, image_shape),
        )
        if class_id
        else Move(roi, None, GREY, 0)
        for index, (roi, refined, patch, class_id) in enumerate(rows)
    ]


def _as_boxes(boxes: Array) -> np.ndarray:
    return np.asarray(boxes, "float64").reshape(-1, 4)


def _paste(patch: Array, roi: np.ndarray, image_shape: Array) -> np.ndarray:
    """The full mask of a mask patch. [S, T], [4] -> bool [H, W]"""
    mask = np.zeros(image_shape[:2], bool)
    part, (y, x) = paste_patch(
        np.asarray(patch, "float32"),
        roi,
        image_shape,
        threshold=0.5,
        whole_pixel_paste=True,
    )
    mask[y : y + part.shape[0], x : x + part.shape[1]] = part
    return mask


def _boxes_of(move: Move) -> list[np.ndarray]:
    return [box for box in (move.box, move.refined) if box is not None]


def _add_move(axes: Axes, move: Move) -> None:
    from matplotlib.lines import Line2D

    alpha, linewidth = _ALPHAS[move.visibility], _LINE_WIDTHS[move.visibility]
    style: dict[str, Any] = {"alpha": alpha, "linewidth": linewidth}
    *before, after = _boxes_of(move)
    for box in before:
        add_box(axes, box, move.color, linestyle="--", **style)
        ends = np.array([box[:2], after[:2]]) - 0.5
        axes.add_line(Line2D(ends[:, 1], ends[:, 0], color=move.color, **style))
    add_box(axes, after, move.color, **style)


def _margin(boxes: Iterable[np.ndarray], picture_shape: Array) -> float:
    """How far boxes reach beyond the picture, as a share of its longer side."""
    height, width = picture_shape[:2]
    beyond = [[-y1, -x1, y2 - height, x2 - width] for y1, x1, y2, x2 in boxes]
    farthest = np.max(beyond, initial=0) / max(height, width)
    return float(np.clip(farthest, 0, 0.25)) + 0.005
