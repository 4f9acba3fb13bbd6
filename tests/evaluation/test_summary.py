import json

import pytest

from mrcnn.evaluation.coco import CocoEvaluator
from mrcnn.evaluation.summary import Evaluation
from tests.evaluation.drawn import rectangles
from tests.scenes import rectangle_scene

A, B = [0, 0, 10, 10], [20, 20, 30, 30]


def evaluation(masks=True, **thresholds):
    scene = rectangle_scene((40, 40), [A, B], [1, 1])
    evaluator = CocoEvaluator(["BG", "square"])
    evaluator.add_ground_truth(0, scene.masks, scene.class_ids, (40, 40))
    found = [(A, 1, 0.9), ([0, 20, 10, 30], 1, 0.6), (B, 1, 0.3)]
    evaluator.add_detections(0, rectangles(found, masks=masks))
    return Evaluation(evaluator, **thresholds)


@pytest.mark.parametrize("masks", [True, False])
def test_all_parts_agree(masks):
    found = evaluation(masks)
    assert found.use_masks == masks
    numbers = found.coco.masks if masks else found.coco.boxes
    assert numbers["AP50"] == pytest.approx(found.errors.ap50)
    assert found.hits.num_right.tolist() == [0, 1]
    assert found.confusion.tolist() == [[0, 1], [1, 1]]
    assert found.calibration.counts.sum() == 3
    assert len(found.images) == 1


def test_thresholds_reach_what_they_are_for():
    found = evaluation(score_threshold=0.2, iou_threshold=1.0)
    assert found.confusion.tolist() == [[0, 1], [0, 2]]
    assert found.hits.score_threshold == 0.2
    assert evaluation(iou_threshold=1.01).hits.num_right.sum() == 0
    assert evaluation(iou_threshold=1.01).calibration.num_right.sum() == 0


def test_the_dict_is_ready_for_json_and_complete():
    content = json.loads(json.dumps(evaluation().to_dict(), allow_nan=False))
    assert content["class_names"] == ["BG", "square"]
    assert content["hits"]["precision"] == 1 / 2
    assert content["confusion"] == [[0, 1], [1, 1]]
    assert content["errors"]["counts"]["background"] == 1
    assert content["coco"]["num_images"] == 1
    assert len(content["calibration"]["counts"]) == 10


def test_the_lowest_confidence_is_stated_where_it_is_known():
    assert "confidence" not in str(evaluation())
    assert "from a confidence of 0.05 up" in str(evaluation(min_confidence=0.05))


def test_the_text_shows_every_number_that_counts():
    text = str(evaluation())
    assert "precision 0.500, recall 0.500, F1 0.500" in text
    assert "At score 0.5 and IoU 0.5" in text
    assert any(line.split()[:2] == ["background", "1"] for line in text.splitlines())
    assert any(line.split()[:2] == ["square", "2"] for line in text.splitlines())
