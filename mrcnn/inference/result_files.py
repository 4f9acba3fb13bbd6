"""Instances as plain values: our own JSON files, and COCO's list of results.

Shapes: N instances.
"""

import json
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mrcnn.inference.results import Instances

_FORMAT = "mrcnn instances"
_FIELDS = ("image_shape", "boxes", "class_ids", "scores", "class_names", "masks")


def write_result(path: str | Path, instances: "Instances") -> None:
    """Write one image's instances as JSON.

    The file appears whole or not at all, also where another process reads it.
    """
    path = Path(path)
    fields = {
        "format": _FORMAT,
        "image_shape": instances.image_shape,
        "boxes": instances.boxes.tolist(),
        "class_ids": instances.class_ids.tolist(),
        "scores": instances.scores.tolist(),
        "class_names": instances.class_names,
        "masks": instances.rle() if instances.has_masks else None,
    }
    text = json.dumps(fields, ensure_ascii=False)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_result(path: str | Path) -> dict[str, Any]:
    """The fields of one image's instances from a file of `write_result`."""
    try:
        fields = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not a JSON file: {error}.") from error
    if not isinstance(fields, dict) or fields.pop("format", None) != _FORMAT:
        raise ValueError(
            f"{path} does not hold instances. Load files that Instances.save() wrote."
        )
    if set(fields) != set(_FIELDS):
        raise ValueError(
            f"{path} should have the fields {sorted(_FIELDS)}, but has "
            f"{sorted(fields)}. Save the instances again."
        )
    _check_shapes(fields, path)
    return fields


def coco_results(
    instances: "Instances",
    image_id: int | str,
    category_ids: Mapping[int, int] | Sequence[int] | None,
) -> list[dict[str, Any]]:
    """See `Instances.to_coco`. [N]"""
    results = []
    for instance in instances:
        class_id = int(instance.class_ids[0])
        y1, x1, y2, x2 = instance.boxes[0].tolist()
        result: dict[str, Any] = {
            "image_id": image_id,
            "category_id": class_id
            if category_ids is None
            else int(category_ids[class_id]),
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "score": float(instance.scores[0]),
        }
        if instance.has_masks:
            result["segmentation"] = instance.rle()[0]
        results.append(result)
    return results


def _check_shapes(fields: dict[str, Any], path: str | Path) -> None:
    """Decoding trusts a mask's shape with memory, so it must be the image's."""
    image_shape = fields["image_shape"]
    shapes = [rle.get("size") for rle in fields["masks"] or () if isinstance(rle, dict)]
    is_pair = isinstance(image_shape, list) and len(image_shape) == 2
    if not is_pair or not all(isinstance(side, int) for side in image_shape):
        raise ValueError(
            f"{path} should give the image's shape as [height, width], but gives "
            f"{image_shape!r}. Save the instances again."
        )
    if len(shapes) != len(fields["masks"] or ()) or any(
        s != image_shape for s in shapes
    ):
        raise ValueError(
            f"{path} holds a mask that is not of the image's shape {image_shape}. "
            "Save the instances again."
        )
