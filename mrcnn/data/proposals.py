"""Boxes to look at that the caller gives, for networks that have no RPN of their own.

Whoever makes them, detection and training pass each image's through
`checked_proposals` once and need no other care.

Shapes: N proposals of an image, H W the image.
"""

import os
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

from mrcnn.data.annotation_files import PathLike, read_json
from mrcnn.geometry.boxes import clip_boxes

# Pixels by which a box may stick out, as boxes of other conventions do.
_TOLERANCE = 1.0


def checked_proposals(
    boxes: Any, image_shape: tuple[int, ...], reference: str
) -> np.ndarray:
    """Proposals of one image in their one form, or refused with the reason.

    Args:
        boxes: [N, 4] (y1, x1, y2, x2) in pixels of the image as loaded, numbers of any
            kind, fractions too; rows of zeros are padding; anything empty where there
            are none
        image_shape: (H, W) or more
        reference: names the image in errors

    Returns:
        float32 [N', 4] inside the image, in their order, without padding rows. Up to a
        pixel that a box sticks out by is cut off; more is refused, and so are boxes
        without area.
    """
    given = np.asarray(boxes)
    if given.size == 0:
        return np.zeros((0, 4), "float32")
    if given.ndim != 2 or given.shape[1] != 4 or given.dtype.kind not in "iuf":
        raise ValueError(
            f"The proposals of {reference} have the shape {given.shape} and the dtype "
            f"{given.dtype}, but numbers [N, 4] (y1, x1, y2, x2) are expected."
        )
    given = given.astype("float32")
    limits = np.array([0, 0, *image_shape[:2]], "float32")
    inside = clip_boxes(given, limits)
    is_wrong = ~(np.abs(given - inside).max(axis=1) <= _TOLERANCE)  # NaN is wrong too
    _refuse(is_wrong, given, "is not inside it", image_shape, reference)
    is_padding = ~given.any(axis=1)
    is_flat = (inside[:, 2:] <= inside[:, :2]).any(axis=1)
    _refuse(is_flat & ~is_padding, given, "has no area", image_shape, reference)
    return inside[~is_padding]


def proposals_by_image(
    proposals: PathLike | Mapping[Any, Any],
) -> dict[str, Any]:
    """Proposals by the image's id as a string.

    Args:
        proposals: [N, 4] (y1, x1, y2, x2) by image id; or a json file with COCO's list
            of results, {"image_id", "bbox": [x, y, width, height], "score"}, or with
            such a list under "annotations"; the best score comes first then
    """
    if isinstance(proposals, Mapping):
        return {str(image_id): boxes for image_id, boxes in proposals.items()}
    results: Any = read_json(proposals)
    if isinstance(results, dict):
        results = results.get("annotations")
    rows: dict[str, list[tuple]] = defaultdict(list)
    try:
        for result in results:
            x, y, width, height = result["bbox"]
            row = (float(result.get("score", 0)), (y, x, y + height, x + width))
            rows[str(result["image_id"])].append(row)
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{os.fspath(proposals)!r} is not a list of COCO results ({error!r}): "
            "entries with 'image_id' and 'bbox' [x, y, width, height] are expected."
        ) from error
    return {
        image_id: np.array([box for _, box in sorted(one, key=lambda row: -row[0])])
        for image_id, one in rows.items()
    }


def _refuse(
    is_wrong: np.ndarray,
    boxes: np.ndarray,
    what: str,
    image_shape: tuple[int, ...],
    reference: str,
) -> None:
    if is_wrong.any():
        row = int(is_wrong.argmax())
        height, width = image_shape[:2]
        raise ValueError(
            f"Proposal {row} of {reference}, {boxes[row].tolist()}, {what}: the image "
            f"is {height} pixels high and {width} wide, and (y1, x1, y2, x2) in its "
            "own pixels with y1 < y2 and x1 < x2 is expected."
        )
