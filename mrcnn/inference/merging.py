"""One set of instances out of several looks at the same image.

Each view of an image, mirrored or at another scale, finds its own instances. Those
of one object lie on top of each other: the best of them is kept, and all that agree
with it have a vote on its box and its mask, weighted by their scores.

Shapes: V views, N instances of all views, M instances of one object, S side of a mask
patch.
"""

from collections.abc import Sequence

import numpy as np

from mrcnn.geometry.boxes import pairwise_iou
from mrcnn.geometry.masks import patches_in_box
from mrcnn.inference.local_masks import PatchMasks
from mrcnn.inference.results import Instances

VOTING_IOU = 0.5
"""How much a box must overlap the best one to have a vote on where it lies."""


def merge_views(
    views: Sequence[Instances], *, nms_threshold: float, max_instances: int
) -> Instances:
    """The objects that several views of one image show.

    An object's score is the best that any view gave it. Instances of different
    classes are never merged.

    Args:
        views: [V] what each found, in pixels of the same image; masks, where there
            are any, are mask patches as the network gives them
        nms_threshold: overlap above which two instances are one object
        max_instances: how many objects to return at most

    Returns:
        the objects, best first. Of a single view, all its instances as they are.
    """
    if len(views) == 1:
        return views[0]
    first = views[0]
    boxes = np.concatenate([view.boxes for view in views])
    class_ids = np.concatenate([view.class_ids for view in views])
    scores = np.concatenate([view.scores for view in views])
    groups = _objects(boxes, class_ids, scores, nms_threshold)[:max_instances]
    votes = [scores[rows] / scores[rows].sum() for rows in groups]
    merged = [vote @ boxes[rows] for vote, rows in zip(votes, groups, strict=True)]
    merged_boxes = np.array(merged, "float32").reshape(-1, 4)
    best = [rows[0] for rows in groups]
    return Instances(
        merged_boxes,
        class_ids[best],
        scores[best],
        first.image_shape,
        masks=_merged_masks(views, groups, votes, merged_boxes),
        class_names=first.class_names,
    )


def _objects(
    boxes: np.ndarray, class_ids: np.ndarray, scores: np.ndarray, nms_threshold: float
) -> list[np.ndarray]:
    """Rows of the instances that have a vote on each object, the best one first.

    [N, 4], [N], [N] -> a list of [M], the object with the best score first
    """
    is_left = np.ones(len(boxes), bool)
    groups = []
    for row in np.argsort(-scores, kind="stable"):
        if not is_left[row]:
            continue
        overlaps = pairwise_iou(boxes[row, None], boxes)[0]  # [N]
        is_same = is_left & (class_ids == class_ids[row])
        agreeing = np.flatnonzero(is_same & (overlaps >= VOTING_IOU))
        others = agreeing[agreeing != row]
        groups.append(np.array([row, *others]))
        is_left &= ~(is_same & (overlaps > nms_threshold))
        is_left[row] = False
    return groups


def _merged_masks(
    views: Sequence[Instances],
    groups: list[np.ndarray],
    votes: list[np.ndarray],
    merged_boxes: np.ndarray,
) -> PatchMasks | None:
    """The mask patches of the objects, as seen from their boxes; None without masks."""
    if not all(view.has_masks for view in views):
        return None
    masks = [_patches_of(view) for view in views]
    pool = [mask for mask in masks if len(mask)] or masks[:1]
    patches = np.concatenate([mask.patches for mask in pool])  # [N, S, S]
    boxes = np.concatenate([mask.boxes for mask in pool])
    merged = [
        np.tensordot(vote, patches_in_box(patches[rows], boxes[rows], box), axes=1)
        for vote, rows, box in zip(votes, groups, merged_boxes, strict=True)
    ]
    return PatchMasks(
        np.array(merged, "float32").reshape(-1, *patches.shape[1:]),
        merged_boxes,
        masks[0].image_shape,
        threshold=masks[0].threshold,
        whole_pixel_paste=masks[0].whole_pixel_paste,
    )


def _patches_of(view: Instances) -> PatchMasks:
    masks = view.local_masks
    if not isinstance(masks, PatchMasks):
        raise TypeError(
            f"Views need mask patches to be merged, but got {type(masks).__name__}: "
            "hand in what the network found, not what was read from a file."
        )
    return masks
