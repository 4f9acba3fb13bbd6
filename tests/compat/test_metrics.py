import inspect
import json

import numpy as np
import pytest

from mrcnn.compat import metrics as old
from tests.conftest import FIXTURES
from tests.scenes import rectangle_scene

NAMES = ["compute_matches", "compute_ap", "compute_ap_range", "compute_recall"]
A, B, C = [0, 0, 10, 10], [0, 20, 10, 30], [20, 0, 30, 10]
SHIFTED_A = [0, 1, 10, 11]  # IoU 90 / 110 with A


def gt_of(*instances):
    """gt_boxes, gt_class_ids, gt_masks of (box, class id)."""
    boxes, class_ids = [b for b, _ in instances], [i for _, i in instances]
    scene = rectangle_scene((40, 40), boxes, class_ids)
    return scene.boxes, scene.class_ids, scene.masks


def pred_of(*instances):
    """Boxes, class ids, scores and masks of (box, class id, score)."""
    boxes, class_ids, masks = gt_of(*((b, i) for b, i, _ in instances))
    return boxes, class_ids, np.array([s for _, _, s in instances]), masks


def plain_iou(mask, other):
    shared, union = 0, 0
    for a, b in zip(mask.ravel(), other.ravel(), strict=True):
        shared += bool(a and b)
        union += bool(a or b)
    return shared / union if union else 0.0


def plain_matches(gt, pred, iou_threshold):
    """One prediction after the other takes the best free instance of its class."""
    _, gt_class_ids, gt_masks = gt
    _, class_ids, scores, masks = pred
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    gt_match, pred_match = [-1] * len(gt_class_ids), [-1] * len(order)
    for position, i in enumerate(order):
        best = -1.0
        for j in range(len(gt_class_ids)):
            iou = plain_iou(masks[..., i], gt_masks[..., j])
            is_open = gt_match[j] < 0 and gt_class_ids[j] == class_ids[i]
            if is_open and iou >= iou_threshold and iou > best:
                best, pred_match[position] = iou, j
        if pred_match[position] >= 0:
            gt_match[pred_match[position]] = position
    return gt_match, pred_match


def plain_ap(pred_match, num_gt):
    area = 0.0
    for i, match in enumerate(pred_match):
        if match >= 0:
            ends = range(i, len(pred_match))
            precisions = [
                sum(m >= 0 for m in pred_match[: e + 1]) / (e + 1) for e in ends
            ]
            area += max(precisions) / num_gt
    return area


@pytest.mark.parametrize("name", NAMES)
def test_parameters_and_defaults_are_matterports(name):
    api = json.loads((FIXTURES / "api.json").read_text())
    expected = api["modules"]["mrcnn.utils"]["functions"][name]["params"]
    parameters = inspect.signature(getattr(old, name)).parameters
    assert list(parameters) == [parameter["name"] for parameter in expected]
    for parameter in expected:
        default = parameters[parameter["name"]].default
        shown = parameter.get("default")
        assert (default is inspect.Parameter.empty) == (shown is None)
        assert shown is None or repr(default) == shown


def test_an_instance_found_by_the_best_prediction_is_not_found_again():
    gt, pred = gt_of((A, 1)), pred_of((A, 1, 0.9), (SHIFTED_A, 1, 0.8))
    gt_match, pred_match, overlaps = old.compute_matches(*gt, *pred)
    assert gt_match.tolist() == [0]
    assert pred_match.tolist() == [0, -1]
    assert overlaps == pytest.approx(np.array([[1], [90 / 110]]))
    assert gt_match.dtype == pred_match.dtype == np.float64


def test_predictions_are_ordered_by_score_and_equal_scores_stay_in_order():
    gt = gt_of((A, 1), (B, 2), (C, 1))
    pred = pred_of((B, 2, 0.5), (C, 1, 0.5), (A, 1, 0.9), (A, 2, 0.5))
    gt_match, pred_match, overlaps = old.compute_matches(*gt, *pred)
    assert pred_match.tolist() == [0, 1, 2, -1]
    assert gt_match.tolist() == [0, 1, 2]
    assert overlaps.argmax(axis=1).tolist() == [0, 1, 2, 0]


def test_both_thresholds_are_lowest_overlaps():
    gt, pred = gt_of((A, 1)), pred_of((SHIFTED_A, 1, 0.1))
    for thresholds, found in (((0.8, 0.0), 1), ((0.9, 0.0), 0), ((0.5, 0.9), 0)):
        _, pred_match, _ = old.compute_matches(*gt, *pred, *thresholds)
        assert (pred_match > -1).sum() == found


def test_padding_is_cut_off_wherever_it_stands():
    nothing = [0, 0, 0, 0]
    gt = gt_of((nothing, 0), (A, 1), (nothing, 0), (B, 2), (nothing, 0))
    pred = pred_of((B, 2, 0.5), (nothing, 0, 0), (A, 1, 0.9))
    gt_match, pred_match, overlaps = old.compute_matches(*gt, *pred)
    assert gt_match.tolist() == [0, 1]
    assert pred_match.tolist() == [0, 1]
    assert overlaps.tolist() == [[1, 0], [0, 1]]


def test_boxes_alone_may_be_padded():
    boxes, class_ids, masks = gt_of((A, 1), (B, 2))
    boxes = np.concatenate([boxes, np.zeros((3, 4))])
    ap, *_ = old.compute_ap(boxes, class_ids, masks, *pred_of((A, 1, 0.9)))
    assert ap == 1 / 2


def test_average_precision_by_hand():
    gt = gt_of((A, 1), (B, 1))
    pred = pred_of((A, 1, 0.9), (C, 1, 0.8), (B, 1, 0.7))
    ap, precisions, recalls, overlaps = old.compute_ap(*gt, *pred)
    assert ap == pytest.approx(1 / 2 * 1 + 1 / 2 * 2 / 3)
    assert precisions.tolist() == [1, 1, 2 / 3, 2 / 3, 0]
    assert recalls.tolist() == [0, 1 / 2, 1 / 2, 1, 1]
    assert overlaps.shape == (3, 2)


def test_everything_equals_the_plain_loops(rng):
    for _ in range(25):
        gt_boxes, gt_class_ids, _, gt_masks = random_instances(rng)
        gt, pred = (gt_boxes, gt_class_ids, gt_masks), random_instances(rng)
        threshold = rng.choice([0.1, 0.3, 0.5])
        gt_match, pred_match, overlaps = old.compute_matches(*gt, *pred, threshold)
        expected = plain_matches(gt, pred, threshold)
        assert gt_match.tolist() == expected[0]
        assert pred_match.tolist() == expected[1]
        order = np.argsort(-pred[2], kind="stable")
        for row, i in enumerate(order):
            for j in range(len(gt[1])):
                iou = plain_iou(pred[3][..., i], gt[2][..., j])
                assert overlaps[row, j] == pytest.approx(iou)
        ap, *_ = old.compute_ap(*gt, *pred, threshold)
        assert ap == pytest.approx(plain_ap(expected[1], max(len(gt[1]), 1)))


def random_instances(rng):
    """Boxes, class ids, coarse scores and masks in 12 x 12 pixels."""
    count = rng.integers(0, 6)
    corners = rng.integers(0, 7, (count, 2))
    boxes = np.concatenate([corners, corners + rng.integers(2, 6, (count, 2))], axis=1)
    scene = rectangle_scene((12, 12), boxes, rng.integers(1, 3, count))
    scores = rng.integers(1, 4, count) / 4
    return scene.boxes, scene.class_ids, scores, scene.masks


def test_crowds_need_not_be_found_and_excuse_what_lies_in_them():
    crowd = [20, 0, 40, 40]
    gt = gt_of((A, 1), (crowd, -1))
    inside = pred_of(([22, 0, 32, 10], 1, 0.95), (A, 1, 0.9))
    ap, precisions, *_ = old.compute_ap(*gt, *inside)
    assert ap == 1
    assert len(precisions) == 1 + 2
    gt_match, pred_match, _ = old.compute_matches(*gt, *inside)
    assert (gt_match.tolist(), pred_match.tolist()) == ([1, -1], [-1, 0])
    other = pred_of(([22, 0, 32, 10], 2, 0.95), (A, 1, 0.9))
    assert old.compute_ap(*gt, *other)[0] == 1 / 2


def test_images_without_anything_have_no_precision_and_no_nan():
    none, one = pred_of(), pred_of((A, 1, 0.9))
    for gt, pred in ((gt_of(), none), (gt_of(), one), (gt_of((A, 1)), none)):
        ap, precisions, recalls, overlaps = old.compute_ap(*gt, *pred)
        assert ap == 0
        assert len(precisions) == len(recalls) == len(pred[0]) + 2
        assert overlaps.shape == (len(pred[0]), len(gt[0]))


def test_no_masks_of_another_shape_are_no_masks():
    empty = (np.zeros((0, 4)), [], [], np.zeros((28, 28, 0)))
    assert old.compute_ap(*gt_of((A, 1)), *empty)[0] == 0


def test_the_range_is_the_mean_over_thresholds(capsys):
    gt, pred = gt_of((A, 1)), pred_of((SHIFTED_A, 1, 0.9))
    # IoU 0.818 meets 0.5, 0.55, … 0.8, seven of the ten.
    assert old.compute_ap_range(*gt, *pred, verbose=0) == pytest.approx(7 / 10)
    assert capsys.readouterr().out == ""
    thresholds = np.array([0.5, 0.9])
    assert old.compute_ap_range(*gt, *pred, thresholds) == 1 / 2
    assert capsys.readouterr().out == (
        "AP @0.50:\t 1.000\nAP @0.90:\t 0.000\nAP @0.50-0.90:\t 0.500\n"
    )
    with pytest.raises(ValueError, match="iou_thresholds is empty"):
        old.compute_ap_range(*gt, *pred, [])


def test_recall_counts_the_boxes_that_are_found():
    gt_boxes = np.array([A, B, C])
    pred_boxes = np.array([[30, 30, 40, 40], SHIFTED_A, A, C])
    recall, positive_ids = old.compute_recall(pred_boxes, gt_boxes, 0.8)
    assert recall == pytest.approx(2 / 3)
    assert positive_ids.tolist() == [1, 2, 3]
    assert old.compute_recall(pred_boxes, gt_boxes, 0.9)[1].tolist() == [2, 3]


def test_recall_of_nothing_is_zero():
    none, some = np.zeros((0, 4)), np.array([A])
    for pred_boxes, gt_boxes in ((none, some), (some, none), ([], [])):
        recall, positive_ids = old.compute_recall(pred_boxes, gt_boxes, 0.5)
        assert recall == 0
        assert positive_ids.tolist() == []
