"""COCO's numbers of a dataset and of each class, and their tables.

Numbers are NaN where there is no instance to find. COCO's areas: small below 32 × 32
pixels of mask, large from 96 × 96 on.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Numbers = dict[str, float]
"""AP, AP50, AP75, AP_small, AP_medium, AP_large; AR and the like where it says so."""


@dataclass(frozen=True)
class ClassScores:
    """One class.

    Attributes:
        class_id: from 1
        class_name: of the class
        num_gt: instances that are no crowds
        num_detections: of this class
        boxes: AP, AP50, AP75, AP_small, AP_medium, AP_large, AR, AR_small, AR_medium,
            AR_large
        masks: the same, or None for detections without masks
        box_precisions: [101] at IoU 0.5 and recalls 0, 0.01, … 1
        mask_precisions: the same, or None
    """

    class_id: int
    class_name: str
    num_gt: int
    num_detections: int
    boxes: Numbers
    masks: Numbers | None
    box_precisions: np.ndarray
    mask_precisions: np.ndarray | None

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, ready for JSON; None for NaN. Without the curves."""
        numbers = {
            "class_id": self.class_id,
            "class_name": self.class_name,
            "num_gt": self.num_gt,
            "num_detections": self.num_detections,
            "boxes": self.boxes,
            "masks": self.masks,
        }
        return plain(numbers)


@dataclass(frozen=True)
class CocoScores:
    """A dataset; `print` shows it as a table.

    Attributes:
        num_images: how many were evaluated
        boxes: COCO's twelve numbers: AP, AP50, AP75, AP_small, AP_medium, AP_large,
            AR1, AR10, AR100 (by the most detections of a class in an image), AR_small,
            AR_medium, AR_large
        masks: the same, or None for detections without masks
        per_class: in the order of class ids, without background
    """

    num_images: int
    boxes: Numbers
    masks: Numbers | None
    per_class: list[ClassScores]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, ready for JSON; None for NaN."""
        return {
            "num_images": self.num_images,
            "boxes": plain(self.boxes),
            "masks": plain(self.masks),
            "per_class": [scores.to_dict() for scores in self.per_class],
        }

    def __str__(self) -> str:
        return f"{self._totals()}\n\n{self._classes()}"

    def _totals(self) -> str:
        columns = {"boxes": self.boxes, "masks": self.masks}
        shown = {name: numbers for name, numbers in columns.items() if numbers}
        rows = [
            [name, *(number(numbers[name]) for numbers in shown.values())]
            for name in self.boxes
        ]
        return format_table([f"{self.num_images} images", *shown], rows)

    def _classes(self) -> str:
        names = ("AP", "AP50", "AR")
        kinds = ("box", "mask") if self.masks else ("box",)
        header = ["class", "instances", "detections"]
        header += [f"{kind} {name}" for kind in kinds for name in names]
        rows = []
        for scores in self.per_class:
            shown = [scores.boxes, scores.masks or {}][: len(kinds)]
            cells = [number(numbers[name]) for numbers in shown for name in names]
            counts = [str(scores.num_gt), str(scores.num_detections)]
            rows.append([scores.class_name, *counts, *cells])
        return format_table(header, rows)


def plain(value: Any) -> Any:
    """Nested dicts, lists and arrays as JSON takes them, which has no NaN."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(part) for part in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and math.isnan(value) else value


def number(value: float) -> str:
    """A share with three decimals, or a dash for NaN."""
    return "–" if math.isnan(value) else f"{value:.3f}"


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns, the first to the left and the others to the right."""
    columns = list(zip(header, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    lines = []
    for row in (header, *rows):
        first, *others = zip(row, widths, strict=True)
        cells = [first[0].ljust(first[1]), *(c.rjust(w) for c, w in others)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
