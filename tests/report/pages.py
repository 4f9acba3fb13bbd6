"""Pages read back, and evaluations to write them about."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.data.shapes import ShapesDataset
from mrcnn.evaluation.evaluate import evaluate_dataset
from mrcnn.evaluation.summary import Evaluation
from mrcnn.inference.results import Instances
from tests.data.scene_dataset import SceneDataset
from tests.evaluation.drawn import rectangles
from tests.scenes import rectangle_scene

SHAPE = (100, 200)
GT_BOXES = [[10, 10, 50, 50], [60, 120, 90, 180], [5, 150, 25, 190]]


def page_data(path: Path) -> dict[str, Any]:
    """What a page shows."""
    text = path.read_text(encoding="utf-8")
    found = re.findall(
        r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL
    )
    assert len(found) == 1
    return json.loads(found[0])


def evaluation_of(
    dataset: SceneDataset, found: list[Instances], **options: Any
) -> Evaluation:
    """Detections in hand, held against a dataset's ground truth."""
    answers = iter(found)
    return evaluate_dataset(
        lambda images: [next(answers) for _ in images], dataset, **options
    )


def mixed_scenes() -> tuple[SceneDataset, list[Instances]]:
    """Four images: all right, one error of most kinds, all missed, and empty."""
    scenes = [
        rectangle_scene(SHAPE, GT_BOXES, [1, 2, 2]),
        rectangle_scene(SHAPE, GT_BOXES, [1, 2, 2]),
        rectangle_scene(SHAPE, GT_BOXES[:2], [1, 1]),
        rectangle_scene(SHAPE, [], []),
    ]
    first, second, third = GT_BOXES
    found = [
        [(first, 1, 0.9), (second, 2, 0.8), (third, 2, 0.3)],
        [
            (first, 1, 0.9),
            ([12, 10, 50, 50], 1, 0.7),  # duplicate
            (second, 1, 0.6),  # misclassified
            ([5, 170, 25, 199], 2, 0.55),  # misplaced
            ([70, 10, 95, 60], 2, 0.95),  # background
        ],
        [],
        [],
    ]
    return SceneDataset(scenes), [rectangles(one, SHAPE) for one in found]


def drawn_dataset(rng: np.random.Generator, count: int, side: int = 128) -> Any:
    """Generated shapes, and detections that are the shapes a little beside."""
    dataset = ShapesDataset()
    dataset.load_shapes(count, side, side)
    dataset.prepare()
    found = []
    for image_id in range(count):
        masks, class_ids = dataset.load_mask(image_id)
        moved = np.roll(masks, rng.integers(-5, 6, 2), axis=(0, 1))
        scores = rng.random(len(class_ids))
        found.append(Instances.from_masks(None, class_ids, scores, moved))
    return dataset, found
