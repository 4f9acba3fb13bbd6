import json

import numpy as np
import pytest

from mrcnn.inference.results import Instances
from mrcnn.report.numbers import detection_numbers, evaluation_numbers
from tests.data.scene_dataset import SceneDataset
from tests.evaluation.drawn import rectangles
from tests.report.pages import GT_BOXES, SHAPE, evaluation_of, mixed_scenes


def test_the_numbers_are_the_evaluation_s():
    evaluation = evaluation_of(*mixed_scenes(), min_confidence=0.05)
    numbers = evaluation_numbers(evaluation)
    json.dumps(numbers, allow_nan=False)
    expected = evaluation.to_dict()
    for name in ("class_names", "hits", "confusion", "calibration", "errors"):
        assert numbers[name] == expected[name]
    assert numbers["coco"]["masks"] == expected["coco"]["masks"]
    assert (numbers["num_images"], numbers["num_gt"]) == (4, 8)
    assert (numbers["num_detections"], numbers["min_confidence"]) == (8, 0.05)


def test_every_class_has_its_hits_and_curves():
    evaluation = evaluation_of(*mixed_scenes())
    red, green = evaluation_numbers(evaluation)["coco"]["per_class"]
    # At 0.5: two red instances right of four, of four red detections.
    assert red["hits"] == {
        "precision": 2 / 4,
        "recall": 2 / 4,
        "f1": pytest.approx(4 / 8),
    }
    assert len(green["curves"]["masks"]) == 101
    assert red["curves"]["boxes"][0] == 1


def test_scores_are_counted_as_right_and_wrong():
    histogram = evaluation_numbers(evaluation_of(*mixed_scenes()))["score_histogram"]
    assert len(histogram["edges"]) == 21
    assert sum(histogram["right"]) == 4
    assert sum(histogram["wrong"]) == 4
    assert histogram["right"][18] == 2  # 0.9, twice
    assert histogram["wrong"][19] == 1  # 0.95


def test_sizes_are_areas_of_masks():
    # 40 x 40, 30 x 60, 20 x 40 twice; 40 x 40, 30 x 60.
    sizes = evaluation_numbers(evaluation_of(*mixed_scenes()))["sizes"]
    assert sizes == {"small": 2, "medium": 6, "large": 0}


def test_no_images_have_no_numbers():
    numbers = evaluation_numbers(evaluation_of(SceneDataset([]), []))
    json.dumps(numbers, allow_nan=False)
    assert numbers["num_images"] == 0
    assert numbers["coco"]["boxes"]["AP"] is None
    assert sum(numbers["score_histogram"]["wrong"]) == 0


def test_detections_are_counted_by_class():
    results = [
        rectangles([(GT_BOXES[0], 1, 0.5), (GT_BOXES[1], 1, 1.0)], SHAPE),
        rectangles([(GT_BOXES[0], 1, 0.9)], SHAPE),
        rectangles([], SHAPE),
    ]
    numbers = detection_numbers(results, ["BG", "cat", "dog"])
    cat, dog = numbers["per_class"]
    assert (cat["num_detections"], cat["num_images"]) == (3, 2)
    assert cat["mean_score"] == pytest.approx(0.8)
    assert (dog["num_detections"], dog["mean_score"]) == (0, None)
    assert sum(numbers["score_histogram"]["found"]) == 3
    assert numbers["num_detections"] == 3


def test_classes_without_a_name_and_scores_that_are_none_do_not_break_the_page():
    found = Instances([[0, 0, 9, 9]], [3], [np.nan], SHAPE)
    numbers = detection_numbers([found], ["BG", "cat"])
    assert numbers["class_names"] == ["BG", "cat", "class 2", "class 3"]
    json.dumps(numbers, allow_nan=False)
    assert detection_numbers([], ["BG"])["per_class"] == []
    assert detection_numbers([found], None)["class_names"][3] == "class 3"
