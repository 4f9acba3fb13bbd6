"""What is wrong with the annotations that an image's masks are drawn from.

Masks alone cannot tell: an outline beside the image or without area leaves no mask at
all. Annotations are COCO's, as `AnnotationDataset` keeps them.

Shapes: P corners.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from mrcnn.geometry.boxes import pairwise_iou
from mrcnn.geometry.mask_coding import rle_area

# Pixels by which tools let outlines reach over the edge when one draws along it.
EDGE_TOLERANCE = 1.0

# IoU of a stated box and the outline's own below which they mean different things.
_SAME_BOX_IOU = 0.5

Problem = tuple[str, str]
"""Kind and message of a finding."""


def outline_problems(info: dict[str, Any]) -> Iterator[Problem]:
    """What is wrong with the annotations of an `image_info` entry, if it has any."""
    annotations = info.get("annotations")
    if not isinstance(annotations, list) or not {"height", "width"} <= info.keys():
        return
    image_shape = int(info["height"]), int(info["width"])
    for index, annotation in enumerate(annotations):
        # Users' own datasets may keep anything under this name.
        if not isinstance(annotation, dict) or "segmentation" not in annotation:
            continue
        for kind, message in _problems(annotation, image_shape):
            yield kind, f"Instance {_name_of(annotation, index)} {message}."


def _problems(
    annotation: dict[str, Any], image_shape: tuple[int, int]
) -> list[Problem]:
    is_rle = isinstance(annotation["segmentation"], dict)
    find_problems = _rle_problems if is_rle else _polygon_problems
    try:
        return list(find_problems(annotation, image_shape))
    # Whatever cannot be understood here, `load_mask` refuses, and that is reported.
    except (IndexError, KeyError, TypeError, ValueError):
        return []


def _name_of(annotation: dict[str, Any], index: int) -> str:
    return f"{index} (id {annotation['id']})" if "id" in annotation else str(index)


def _rle_problems(
    annotation: dict[str, Any], image_shape: tuple[int, int]
) -> Iterator[Problem]:
    rle = annotation["segmentation"]
    if list(rle["size"]) != list(image_shape) and not annotation.get("iscrowd"):
        text = f"is for {rle['size']}, the image has {list(image_shape)} (height, width"
        yield "annotated at another size", f"{text})"
    elif rle_area(rle) == 0:
        yield "empty mask", "has run lengths that set no pixel"


def _polygon_problems(
    annotation: dict[str, Any], image_shape: tuple[int, int]
) -> Iterator[Problem]:
    polygons = _polygons(annotation["segmentation"])
    if any(not np.isfinite(polygon).all() for polygon in polygons):
        yield "NaN in outline", "has a corner that is no finite number"
        return
    drawn = [polygon for polygon in polygons if len(polygon) >= 3]
    if not drawn:
        count = max((len(polygon) for polygon in polygons), default=0)
        yield "degenerate outline", f"has {count} corners, which enclose no area"
        return
    corners = np.concatenate(drawn)
    yield from _place_problems(corners, image_shape)
    if sum(_area(polygon) for polygon in drawn) == 0:
        # A rectangle stands in for an instance that has nothing but a box.
        yield "degenerate outline", "has corners on a line, which enclose no area"
    yield from _box_problems(annotation.get("bbox"), corners)


def _polygons(segmentation: Any) -> list[np.ndarray]:
    """[P, 2] (x, y) for each; corners cut in half are left to `load_mask`."""
    is_flat = bool(segmentation) and not isinstance(segmentation[0], list)
    parts = [segmentation] if is_flat else segmentation
    flat = [np.asarray(part, "float64").ravel() for part in parts]
    return [part[: len(part) // 2 * 2].reshape(-1, 2) for part in flat]


def _place_problems(
    corners: np.ndarray, image_shape: tuple[int, int]
) -> Iterator[Problem]:
    (x1, y1), (x2, y2) = corners.min(axis=0), corners.max(axis=0)
    height, width = image_shape
    where = f"at x {x1:g}..{x2:g}, y {y1:g}..{y2:g} in {width} x {height} pixels"
    over = max(-x1, -y1, x2 - width, y2 - height)
    if x1 >= width or y1 >= height or x2 <= 0 or y2 <= 0:
        yield "outside the image", f"lies {where}"
    elif over > EDGE_TOLERANCE:
        yield "partly outside the image", f"lies {where}"
    elif 0 < max(x2, y2) <= 1 < min(height, width):
        yield "degenerate outline", f"lies {where}: shares of the sides, not pixels?"


def _area(polygon: np.ndarray) -> float:
    """Area inside a polygon, by the shoelace formula. [P, 2] -> pixels"""
    x, y = (polygon - polygon[0]).T
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2


def _box_problems(box: Any, corners: np.ndarray) -> Iterator[Problem]:
    if not box:
        return
    numbers = np.asarray(box, "float64").ravel()
    if len(numbers) != 4 or not np.isfinite(numbers).all() or (numbers[2:] <= 0).any():
        yield "degenerate box", f"has the box {box}"
        return
    x, y, width, height = numbers.tolist()
    (x1, y1), (x2, y2) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    # A pixel around both: tools round boxes, and a line has no area.
    stated = [[y - 1, x - 1, y + height + 1, x + width + 1]]
    drawn = [[y1 - 1, x1 - 1, y2 + 1, x2 + 1]]
    if pairwise_iou(stated, drawn)[0, 0] < _SAME_BOX_IOU:
        outline = f"x {x1:g}..{x2:g}, y {y1:g}..{y2:g}"
        yield "box and outline disagree", f"has the box {box}, but outlines {outline}"
