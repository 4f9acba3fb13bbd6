import json
import math

import numpy as np
import pytest

from mrcnn.data.shapes import ShapesDataset
from mrcnn.evaluation.coco import CocoEvaluator
from mrcnn.evaluation.error_kinds import ERROR_KINDS, Mistake, find_errors
from tests.evaluation.drawn import damaged_dataset, evaluated

A, B = [0, 0, 10, 10], [20, 20, 30, 30]
NEAR_B = [20, 25, 30, 35]  # IoU 50 / 150 with B
HALF = 51 / 101  # AP50 where one of two instances is found without a false detection


def errors_of(gt, found):
    report = find_errors([evaluated(gt, found)], 4)
    return report, [kind for kind, count in report.counts.items() if count]


def test_no_mistakes_cost_nothing():
    report, kinds = errors_of([(A, 1), (B, 2)], [(A, 1, 0.9), (B, 2, 0.8)])
    assert report.ap50 == 1
    assert kinds == []
    assert set(report.costs.values()) == {0}
    assert list(report.costs) == list(ERROR_KINDS)


def test_a_detection_half_beside_its_instance_is_misplaced():
    report, kinds = errors_of([(A, 1), (B, 1)], [(A, 1, 0.9), (NEAR_B, 1, 0.8)])
    assert report.mistakes == [Mistake("misplaced", 0, 1, 1)]
    assert report.ap50 == pytest.approx(HALF)
    assert report.costs["misplaced"] == pytest.approx(1 - HALF)
    assert report.costs["missed"] == 0
    assert kinds == ["misplaced"]


def test_a_detection_of_another_class_is_misclassified():
    report, kinds = errors_of([(A, 1), (B, 2)], [(A, 1, 0.9), (B, 1, 0.95)])
    assert report.mistakes == [Mistake("misclassified", 0, 1, 1)]
    # Class 1 has precision 1/2, class 2 is not found; mended, both are perfect.
    assert report.ap50 == pytest.approx((1 / 2 + 0) / 2)
    assert report.costs["misclassified"] == pytest.approx(1 - 1 / 4)
    assert kinds == ["misclassified"]


def test_another_class_half_beside_the_instance_is_both():
    report, kinds = errors_of([(A, 1), (B, 2)], [(A, 1, 0.9), (NEAR_B, 1, 0.95)])
    assert report.mistakes == [Mistake("both", 0, 1, 1), Mistake("missed", 0, None, 1)]
    assert report.costs["both"] == pytest.approx((1 - 1 / 2) / 2)
    assert kinds == ["both", "missed"]


def test_a_second_detection_of_an_instance_is_a_duplicate():
    shifted = [0, 1, 10, 11]
    report, kinds = errors_of(
        [(A, 1), (B, 1)], [(A, 1, 0.9), (shifted, 1, 0.8), (B, 1, 0.7)]
    )
    assert report.mistakes == [Mistake("duplicate", 0, 1, 0)]
    ap = (51 + 50 * 2 / 3) / 101
    assert report.ap50 == pytest.approx(ap)
    assert report.costs["duplicate"] == pytest.approx(1 - ap)
    assert kinds == ["duplicate"]


def test_a_detection_of_nothing_is_background():
    report, kinds = errors_of([(A, 1)], [(B, 1, 0.9), (A, 1, 0.8)])
    assert report.mistakes == [Mistake("background", 0, 0, None)]
    assert report.ap50 == pytest.approx(1 / 2)
    assert report.costs["background"] == pytest.approx(1 / 2)
    assert report.false_detection_cost == pytest.approx(1 / 2)
    assert kinds == ["background"]


def test_an_instance_without_detection_is_missed():
    report, kinds = errors_of([(A, 1), (B, 1)], [(A, 1, 0.9)])
    assert report.mistakes == [Mistake("missed", 0, None, 1)]
    assert report.costs["missed"] == pytest.approx(1 - HALF)
    assert report.missed_instance_cost == pytest.approx(1 - HALF)
    assert kinds == ["missed"]


def test_a_class_missed_altogether_costs_its_share():
    report, _ = errors_of([(A, 1), (B, 2)], [(A, 1, 0.9)])
    assert report.costs["missed"] == pytest.approx(1 / 2)
    alone, _ = errors_of([(A, 1)], [])
    assert (alone.ap50, alone.costs["missed"]) == (0, 1)


def test_only_the_best_of_several_misplaced_detections_is_mended():
    other_side = [20, 15, 30, 25]
    report, _ = errors_of(
        [(A, 1), (B, 1)], [(NEAR_B, 1, 0.9), (other_side, 1, 0.8), (A, 1, 0.7)]
    )
    assert report.counts["misplaced"] == 2
    # Unmended, one right detection comes third of three; mended, one vanishes.
    assert report.ap50 == pytest.approx(51 / 101 / 3)
    assert report.costs["misplaced"] == pytest.approx(1 - 51 / 101 / 3)


def test_a_mistake_beside_a_found_instance_vanishes_when_mended():
    report, kinds = errors_of([(B, 1)], [(B, 1, 0.8), (NEAR_B, 1, 0.9), (B, 2, 0.9)])
    assert kinds == ["misclassified", "misplaced"]
    assert report.costs["misplaced"] == pytest.approx(1 / 2)
    # Class 2 has no instance and no AP, so its detections cost nothing.
    assert report.costs["misclassified"] == 0


def test_detections_in_crowds_are_no_mistakes():
    report, kinds = errors_of(
        [([0, 0, 40, 40], -1), (B, 1)], [(B, 1, 0.9), (A, 1, 0.95)]
    )
    assert kinds == []
    assert report.ap50 == 1


def test_thresholds_belong_to_the_worse_kind_only_from_above():
    tenth = [20, 20, 30, 21]  # a tenth of B
    assert errors_of([(B, 1)], [(tenth, 1, 0.9)])[1] == ["misplaced"]
    assert errors_of([(B, 1)], [(tenth, 2, 0.9)])[1] == ["background", "missed"]


def test_mistakes_name_their_image_and_rows():
    images = [
        evaluated([(A, 1)], [(B, 1, 0.1), (B, 1, 0.8)], image_id="first"),
        evaluated(
            [([20, 0, 40, 20], -1), (B, 2)], [(NEAR_B, 2, 0.9)], image_id="second"
        ),
    ]
    assert find_errors(images, 4).mistakes == [
        Mistake("background", "first", 1, None),
        Mistake("background", "first", 0, None),
        Mistake("missed", "first", None, 0),
        Mistake("misplaced", "second", 0, 1),
    ]


def test_nothing_to_find_has_no_ap():
    report = find_errors([evaluated([], [(A, 1, 0.9)])], 4)
    assert math.isnan(report.ap50)
    assert report.counts["background"] == 1
    assert report.to_dict()["ap50"] is None
    assert json.dumps(report.to_dict(), allow_nan=False)


def test_the_ap_is_cocos_and_every_detection_and_instance_has_its_place(rng):
    dataset = ShapesDataset()
    dataset.load_shapes(10, 120, 160)
    dataset.prepare()
    evaluator = CocoEvaluator(dataset.class_names)
    for image_id, instances in damaged_dataset(rng, dataset).items():
        evaluator.add_ground_truth(image_id, *dataset.load_mask(image_id), (120, 160))
        evaluator.add_detections(image_id, instances)
    scores = evaluator.summarize()
    for use_masks, numbers in ((True, scores.masks), (False, scores.boxes)):
        report = find_errors(evaluator.images, 4, use_masks=use_masks)
        assert report.ap50 == pytest.approx(numbers["AP50"], abs=1e-9)
        num_false = sum(m.detection is not None for m in report.mistakes)
        num_found = sum(len(image.detections) for image in evaluator.images)
        num_gt = sum(len(image.gt) for image in evaluator.images)
        # What is neither a mistake nor right would be lost.
        assert 0 < num_found - num_false < num_gt
        assert sum(report.counts.values()) == len(report.mistakes)
        assert all(np.isfinite(cost) and cost >= 0 for cost in report.costs.values())
