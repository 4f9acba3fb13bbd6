"""What is wrong with the masks and class ids of an image.

Shapes: H W the image, N instances.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from mrcnn.config import Config
from mrcnn.data.checks.damage import Finding, numbered
from mrcnn.data.checks.images import first_sentence
from mrcnn.data.checks.outlines import Problem, outline_problems
from mrcnn.data.dataset import Dataset
from mrcnn.data.mask_checks import checked_masks
from mrcnn.geometry.boxes import pairwise_intersection
from mrcnn.geometry.masks import mask_bounds, pairwise_mask_iou

# IoU of two masks of one class from which they are the same object, annotated twice.
SAME_INSTANCE_IOU = 0.95

# Share of the image from which an object leaves no background to learn from.
_WHOLE_IMAGE = 0.995

_LEAVES_NO_MASK = ("degenerate outline", "outside the image", "empty mask")


def load_checked_instances(
    dataset: Dataset, image_id: int, image_shape: tuple[int, ...], config: Config
) -> tuple[np.ndarray | None, np.ndarray, list[Finding]]:
    """An image's instances as training would take them.

    Returns:
        masks bool [H, W, N], none of them empty, or None where training cannot use
        them; class ids int32 [N], negative for crowds; what was found
    """
    reference = dataset.describe_image(image_id)
    info = dataset.image_info[image_id]
    problems = [*_stated_shape_problems(info, image_shape), *outline_problems(info)]
    masks: np.ndarray | None = None
    class_ids: np.ndarray = np.zeros(0, "int32")
    try:
        raw_masks, raw_ids = dataset.load_mask(image_id)
    # Users' load_mask raises errors of every type.
    except Exception as error:
        problems.append(("masks cannot be loaded", first_sentence(error)))
    else:
        try:
            masks, class_ids = checked_masks(
                raw_masks, raw_ids, image_shape, dataset.num_classes, reference
            )
        except ValueError as error:
            kind = _refusal_kind(raw_masks, raw_ids, image_shape)
            problems.append((kind, first_sentence(error)))
    if masks is not None:
        problems += _missing_masks(info, masks.shape[2], problems)
        problems += _mask_problems(masks, class_ids, config)
        is_set = masks.any(axis=(0, 1))
        masks, class_ids = masks[..., is_set], class_ids[is_set]
    problems = _without_echoes(problems)
    findings = [Finding(*problem, image_id, reference) for problem in problems]
    return masks, class_ids, findings


def _stated_shape_problems(
    info: dict[str, Any], image_shape: tuple[int, ...]
) -> Iterator[Problem]:
    """Whether the annotations were made on an image of this shape."""
    stated = info.get("height"), info.get("width")
    actual = tuple(image_shape[:2])
    if "annotations" not in info or stated == actual or None in stated:
        return
    is_turned = stated == actual[::-1]
    kind = "image turned on its side" if is_turned else "annotated at another size"
    text = f"annotations say {stated[1]} x {stated[0]}, the image has"
    yield kind, f"The {text} {actual[1]} x {actual[0]} pixels."


def _refusal_kind(masks: Any, class_ids: Any, image_shape: tuple[int, ...]) -> str:
    """Why `checked_masks` refused these."""
    is_list = isinstance(masks, list | tuple)
    shape = (*np.shape(masks[0]), len(masks)) if is_list and masks else np.shape(masks)
    height, width = image_shape[:2]
    if len(shape) < 2:
        return "wrong mask shape"
    if shape[:2] != (height, width):
        is_turned = shape[:2] == (width, height) and len(shape) == 3
        return "image turned on its side" if is_turned else "wrong mask shape"
    count = shape[2] if len(shape) > 2 else 1
    if count != np.size(class_ids):
        return "not one class id per mask"
    if np.asarray(masks).dtype.kind not in "biuf" or np.isnan(masks).any():
        return "wrong mask values"
    return "class id out of range"


def _missing_masks(
    info: dict[str, Any], count: int, problems: list[Problem]
) -> Iterator[Problem]:
    """Instances that left no mask, beyond those whose outline tells why."""
    annotated = info.get("annotations", info.get("masks"))
    if not isinstance(annotated, list):
        return
    explained = sum(kind in _LEAVES_NO_MASK for kind, _ in problems)
    missing = len(annotated) - count - explained
    if missing > 0:
        text = f"{missing} of {len(annotated)} instances cover no pixel of the image."
        yield "empty mask", text


def _mask_problems(
    masks: np.ndarray, class_ids: np.ndarray, config: Config
) -> Iterator[Problem]:
    areas = masks.sum(axis=(0, 1))
    for index in np.flatnonzero(areas == 0):
        yield "empty mask", f"Instance {index} of {len(areas)} has no pixel."
    num_pixels = masks.shape[0] * masks.shape[1]
    for index in np.flatnonzero((areas >= _WHOLE_IMAGE * num_pixels) & (class_ids > 0)):
        share = areas[index] / num_pixels
        yield "mask covers the image", f"Instance {index} covers {share:.1%} of it."
    for first, second, iou in same_instances(masks, class_ids):
        text = f"Instances {first} and {second} have masks of IoU {iou:.3f}."
        yield "same instance twice", text
    yield from _count_problems(class_ids[areas > 0], config)


def _count_problems(class_ids: np.ndarray, config: Config) -> Iterator[Problem]:
    num_crowds = int((class_ids < 0).sum())
    num_objects = len(class_ids) - num_crowds
    if len(class_ids) == 0:
        yield "no objects", "It has no instance."
    if num_crowds:
        yield "crowd", f"{numbered(num_crowds, 'crowd')} of {len(class_ids)} instances."
    if len(class_ids) > config.MAX_GT_INSTANCES:
        text = f"{len(class_ids)} instances, of {config.MAX_GT_INSTANCES} at most."
        yield "more than MAX_GT_INSTANCES", text
    if num_objects > config.DETECTION_MAX_INSTANCES:
        text = f"{num_objects} objects, of {config.DETECTION_MAX_INSTANCES} at most."
        yield "more than DETECTION_MAX_INSTANCES", text


def same_instances(
    masks: np.ndarray, class_ids: np.ndarray
) -> Iterator[tuple[int, int, float]]:
    """Pairs of instances of one class whose masks are nearly equal, with their IoU.

    Args:
        masks: bool [H, W, N]
        class_ids: [N]
    """
    boxes, areas = mask_bounds(masks), masks.sum(axis=(0, 1))
    smaller = np.minimum(areas[:, None], areas)
    larger = np.maximum(areas[:, None], areas)
    # Masks overlap no more than their areas and boxes allow, and those are quick.
    possible = (smaller > SAME_INSTANCE_IOU * larger) & (
        pairwise_intersection(boxes, boxes) > SAME_INSTANCE_IOU * larger
    )
    possible &= class_ids[:, None] == class_ids
    for first, second in np.argwhere(np.triu(possible, 1)):
        y1, x1 = np.minimum(boxes[first, :2], boxes[second, :2])
        y2, x2 = np.maximum(boxes[first, 2:], boxes[second, 2:])
        pair = masks[y1:y2, x1:x2, [first, second]]
        iou = float(pairwise_mask_iou(pair[..., :1], pair[..., 1:])[0, 0])
        if iou > SAME_INSTANCE_IOU:
            yield int(first), int(second), iou


def _without_echoes(problems: list[Problem]) -> list[Problem]:
    """Problems without those that only repeat that the image's shape is another."""
    kinds = [kind for kind, _ in problems]
    turned, resized = "image turned on its side", "annotated at another size"
    first_turned = kinds.index(turned) if turned in kinds else None
    return [
        problem
        for index, problem in enumerate(problems)
        if not (problem[0] == turned and index != first_turned)
        and not (problem[0] == "wrong mask shape" and resized in kinds)
    ]
