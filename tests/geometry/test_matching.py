"""Matches on drawn scenes, against a plain loop, and the draw of the sample."""

import numpy as np
import pytest

from mrcnn.geometry.arrays import take_values
from mrcnn.geometry.boxes import pairwise_iou
from mrcnn.geometry.matching import (
    NEGATIVE,
    NEUTRAL,
    POSITIVE,
    draw_anchors,
    match_anchors,
    match_rois,
    sample_matches,
    without_crowded,
    without_straddling,
)

ANCHOR_RULES = {"positive_iou": 0.7, "negative_iou": 0.3, "crowd_iou": 0.001}
ROI_RULES = {
    "positive_iou": 0.5,
    "negative_iou_low": 0.0,
    "negative_iou_high": 0.5,
    "crowd_iou": 0.001,
}
QUOTA = {"count": 10, "positive_share": 0.5}
CAT, DOG, CROWD = 1, 2, -1


@pytest.fixture
def anchors_matched(as_array):
    return caller(match_anchors, as_array, ANCHOR_RULES)


@pytest.fixture
def rois_matched(as_array):
    return caller(match_rois, as_array, ROI_RULES)


def caller(matcher, as_array, rules):
    """A matcher of lists, for the rules but for the changes."""

    def call(boxes, gt_boxes, gt_class_ids, **changes):
        results = matcher(
            as_array(np.array(boxes, "float32")),
            as_array(np.array(gt_boxes, "float32")),
            as_array(np.array(gt_class_ids, "int32")),
            **{**rules, **changes},
        )
        return [np.asarray(result).tolist() for result in results]

    return call


@pytest.fixture
def sampled(as_array):
    def call(match, priorities, **quota):
        match = as_array(np.array(match, "int32"))
        results = sample_matches(
            match, as_array(np.array(priorities, "float32")), **quota
        )
        return [np.asarray(result).tolist() for result in results]

    return call


def random_scene(rng, *batch, anchors=60, slots=8):
    """Boxes on a 30 x 30 grid, a third of the gt crowds, the last slots padding."""
    corners = np.sort(rng.integers(0, 30, (*batch, anchors + slots, 2, 2)), axis=-2)
    boxes = corners.reshape(*batch, anchors + slots, 4).astype("float32")
    gt_class_ids = rng.choice([CAT, DOG, CROWD], (*batch, slots)).astype("int32")
    gt_boxes = boxes[..., anchors:, :]
    gt_boxes[..., -2:, :] = 0
    gt_class_ids[..., -2:] = 0
    return boxes[..., :anchors, :], gt_boxes, gt_class_ids


# --- anchors


def test_anchors_are_sorted_by_their_best_iou(anchors_matched):
    gt = [0, 0, 10, 10]
    anchors = [[0, 0, 10, 10], [0, 0, 10, 7], [0, 0, 10, 5], [0, 0, 10, 2]]
    match, gt_indices = anchors_matched(anchors, [gt], [CAT])  # IoU 1, .7, .5, .2
    assert match == [POSITIVE, POSITIVE, NEUTRAL, NEGATIVE]
    assert gt_indices == [0] * 4


def test_an_anchor_belongs_to_the_gt_box_it_overlaps_most(anchors_matched):
    gt_boxes = [[0, 0, 10, 8], [0, 0, 10, 10]]
    match, gt_indices = anchors_matched([[0, 0, 10, 10]], gt_boxes, [CAT, DOG])
    assert match == [POSITIVE]
    assert gt_indices == [1]


def test_each_gt_box_takes_the_anchors_that_overlap_it_most(anchors_matched):
    anchors = [[0, 0, 10, 10], [0, 10, 10, 20], [0, 20, 10, 30]]
    gt = [4, 8, 6, 12]  # 4 / 104 with the first two
    match, gt_indices = anchors_matched(anchors, [gt], [CAT])
    assert match == [POSITIVE, POSITIVE, NEGATIVE]
    assert gt_indices[:2] == [0, 0]


def test_a_forced_anchor_belongs_to_the_gt_box_that_took_it(anchors_matched):
    # The small dog's best anchor is the first, which overlaps the cat more; so does
    # the cat's best anchor, the second.
    anchors = [[0, 0, 10, 10], [0, 0, 10, 9]]
    cat, dog = [0, 0, 10, 8], [0, 9, 10, 10]
    match, gt_indices = anchors_matched(anchors, [cat, dog], [CAT, DOG])
    assert match == [POSITIVE, POSITIVE]
    assert gt_indices == [1, 0]


def test_of_two_takers_the_one_with_more_overlap_wins(anchors_matched):
    anchor = [0, 0, 10, 10]
    little, more = [0, 0, 2, 2], [5, 5, 10, 10]
    _, gt_indices = anchors_matched([anchor], [little, more], [CAT, DOG])
    assert gt_indices == [1]


def test_of_two_takers_with_equal_overlap_the_first_wins(anchors_matched):
    anchor = [0, 0, 10, 10]
    left, right = [0, 0, 10, 4], [0, 6, 10, 10]
    _, gt_indices = anchors_matched([anchor], [left, right], [CAT, DOG])
    assert gt_indices == [0]


def test_a_forced_anchor_may_keep_the_gt_box_it_overlaps_most(anchors_matched):
    # As above: the dog takes the first anchor, and that learns the cat all the same.
    anchors = [[0, 0, 10, 10], [0, 0, 10, 9]]
    cat, dog = [0, 0, 10, 8], [0, 9, 10, 10]
    match, gt_indices = anchors_matched(
        anchors, [cat, dog], [CAT, DOG], positive_iou=0.95, forced_keep_own=True
    )
    assert match == [POSITIVE, POSITIVE]
    assert gt_indices == [0, 0]


def test_a_gt_box_takes_no_anchor_below_the_forced_iou(anchors_matched):
    anchors = [[0, 0, 10, 10], [0, 30, 10, 40]]
    gt_boxes = [[0, 0, 10, 5], [0, 30, 10, 34]]  # IoU .5 and .4
    match, _ = anchors_matched(anchors, gt_boxes, [CAT, DOG], forced_iou=0.45)
    assert match == [POSITIVE, NEUTRAL]
    match, _ = anchors_matched(anchors, gt_boxes, [CAT, DOG], forced_iou=0.3)
    assert match == [POSITIVE, POSITIVE]


def test_padding_anchors_are_neutral(anchors_matched):
    anchors = [[0, 0, 10, 10], [0, 0, 0, 0]]
    match, _ = anchors_matched(anchors, [[20, 20, 30, 30]], [CAT])
    assert match == [NEGATIVE, NEUTRAL]


def test_anchors_that_tie_are_taken_together_in_whatever_unit(anchors_matched):
    # A gt box in the middle of four anchors, at any place of an image of 800 x 1344.
    sides = np.array([800, 1344] * 2, "float32")
    anchors = np.array([[0, 0, 16, 16], [0, 4, 16, 20], [4, 0, 20, 16], [4, 4, 20, 20]])
    for place in (0, 37, 301, 652):
        scene = (anchors + place) / sides
        gt = (np.array([5, 5, 15, 15]) + place) / sides
        match, _ = anchors_matched(scene, [gt], [CAT])
        assert match == [POSITIVE] * 4


def test_a_pixel_of_a_large_box_breaks_a_tie(anchors_matched):
    gt, anchors = [0, 0, 96, 96], [[0, 0, 512, 512], [0, 0, 512, 513]]
    match, _ = anchors_matched(anchors, [gt], [CAT])
    assert match == [POSITIVE, NEGATIVE]


@pytest.mark.parametrize("threshold", [0, 3])
def test_anchors_that_straddle_the_window_are_zero(as_array, threshold):
    inside, over_by_3, over_by_4 = [0, 0, 9, 9], [-3, 2, 5, 9], [2, 5, 8, 14]
    window = np.array([0, 0, 10, 10]) + threshold * np.array([-1, -1, 1, 1])
    anchors = np.array([inside, over_by_3, over_by_4], "float32")
    result = without_straddling(as_array(anchors), as_array(window.astype("float32")))
    kept = [inside, over_by_3 if threshold else [0] * 4, [0] * 4]
    assert np.asarray(result).tolist() == kept


def test_a_gt_box_that_touches_no_anchor_takes_none(anchors_matched):
    anchors = [[0, 0, 10, 10], [0, 10, 10, 20]]
    match, _ = anchors_matched(anchors, [[50, 50, 60, 60]], [CAT])
    assert match == [NEGATIVE, NEGATIVE]


def test_a_gt_box_without_area_takes_no_anchor(anchors_matched):
    match, _ = anchors_matched([[0, 0, 10, 10]], [[5, 5, 5, 9]], [CAT])
    assert match == [NEGATIVE]


@pytest.mark.parametrize("slots", [0, 3])
def test_without_gt_all_anchors_are_negative(anchors_matched, slots):
    anchors = [[0, 0, 10, 10], [0, 10, 10, 20]]
    match, gt_indices = anchors_matched(anchors, np.zeros((slots, 4)), [0] * slots)
    assert match == [NEGATIVE, NEGATIVE]
    assert gt_indices == [0, 0]


def test_an_anchor_in_a_crowd_is_neither_object_nor_background(anchors_matched):
    anchors = [[0, 0, 10, 10], [0, 50, 10, 60]]
    match, _ = anchors_matched(anchors, [[0, 0, 10, 10]], [CROWD])
    assert match == [NEUTRAL, NEGATIVE]


def test_touching_a_crowd_within_the_limit_leaves_an_anchor_negative(anchors_matched):
    anchor, crowd = [0, 0, 10, 10], [9, 9, 19, 19]  # 1 / 199
    match, _ = anchors_matched([anchor], [crowd], [CROWD], crowd_iou=0.01)
    assert match == [NEGATIVE]
    match, _ = anchors_matched([anchor], [crowd], [CROWD])
    assert match == [NEUTRAL]


def test_a_crowd_does_not_take_an_object_away(anchors_matched):
    box = [0, 0, 10, 10]
    match, gt_indices = anchors_matched([box], [box, box], [CROWD, CAT])
    assert match == [POSITIVE]
    assert gt_indices == [1]


def test_no_boxes_match_nothing(anchors_matched, rois_matched):
    for matched in (anchors_matched, rois_matched):
        match, gt_indices = matched(np.zeros((0, 4)), [[0, 0, 1, 1]], [CAT])
        assert match == gt_indices == []


def test_anchors_agree_with_the_plain_way(anchors_matched, rng):
    for _ in range(5):
        scene = random_scene(rng)
        match, gt_indices = anchors_matched(*scene)
        expected, expected_indices = plain_match(*scene)
        assert match == expected
        assert gt_indices == expected_indices


def plain_match(anchors, gt_boxes, gt_class_ids):
    """One anchor and one gt box at a time."""
    iou = pairwise_iou(anchors, gt_boxes)
    real, crowds = np.flatnonzero(gt_class_ids > 0), np.flatnonzero(gt_class_ids < 0)
    match, gt_indices = [], []
    for row in iou:
        best = max(real, key=lambda j, row=row: row[j], default=0)
        highest = max((row[j] for j in real), default=0)
        crowd = max((row[j] for j in crowds), default=0)
        is_negative = highest < 0.3 and crowd <= 0.001
        label = NEGATIVE if is_negative else NEUTRAL
        match.append(POSITIVE if highest >= 0.7 else label)
        gt_indices.append(int(best) if highest > 0 else 0)
    taken_iou = np.zeros(len(anchors))
    for j in real:
        for i in range(len(anchors)):
            if iou[i, j] == iou[:, j].max() and iou[i, j] > taken_iou[i]:
                match[i], gt_indices[i], taken_iou[i] = POSITIVE, int(j), iou[i, j]
    return match, gt_indices


def test_a_batch_of_two_equals_two_of_one(as_array, rng):
    scene = [as_array(part) for part in random_scene(rng, 2)]
    for matcher, rules in ((match_anchors, ANCHOR_RULES), (match_rois, ROI_RULES)):
        together = matcher(*scene, **rules)
        for i in range(2):
            alone = matcher(*(part[i] for part in scene), **rules)
            np.testing.assert_array_equal(together[0][i], alone[0])
            np.testing.assert_array_equal(together[1][i], alone[1])


def test_all_images_may_share_their_anchors(as_array, rng):
    anchors, gt_boxes, gt_class_ids = random_scene(rng, 2)
    gt_boxes, gt_class_ids = as_array(gt_boxes), as_array(gt_class_ids)
    shared = match_anchors(anchors[0], gt_boxes, gt_class_ids, **ANCHOR_RULES)
    repeated = as_array(np.stack([anchors[0]] * 2))
    each = match_anchors(repeated, gt_boxes, gt_class_ids, **ANCHOR_RULES)
    for one, other in zip(shared, each, strict=True):
        np.testing.assert_array_equal(one, other)


def test_permuting_anchors_permutes_their_matches(anchors_matched, rng):
    anchors, *gt = random_scene(rng)
    order = rng.permutation(len(anchors))
    expected = np.array(anchors_matched(anchors, *gt))[:, order]
    np.testing.assert_array_equal(anchors_matched(anchors[order], *gt), expected)


def test_permuting_gt_boxes_changes_no_match(anchors_matched, rng):
    anchors, gt_boxes, gt_class_ids = random_scene(rng)
    order = rng.permutation(len(gt_boxes))
    match, _ = anchors_matched(anchors, gt_boxes, gt_class_ids)
    permuted, _ = anchors_matched(anchors, gt_boxes[order], gt_class_ids[order])
    assert permuted == match


def test_padding_changes_no_match(anchors_matched, rng):
    anchors, gt_boxes, gt_class_ids = random_scene(rng)
    full = anchors_matched(anchors, gt_boxes, gt_class_ids)
    assert anchors_matched(anchors, gt_boxes[:-2], gt_class_ids[:-2]) == full


# --- rois


def test_rois_are_sorted_by_their_best_iou(rois_matched):
    rois = [[0, 0, 10, 5], [0, 0, 10, 4], [50, 50, 60, 60]]  # IoU .5, .4, 0
    match, gt_indices = rois_matched(rois, [[0, 0, 10, 10]], [CAT])
    assert match == [POSITIVE, NEGATIVE, NEGATIVE]
    assert gt_indices == [0, 0, 0]


def test_rois_outside_the_background_range_are_neutral(rois_matched):
    rois = [[0, 0, 10, 4], [0, 0, 10, 3], [0, 0, 10, 2], [0, 0, 10, 1]]
    match, _ = rois_matched(
        rois,
        [[0, 0, 10, 10]],
        [CAT],
        negative_iou_low=0.15,
        negative_iou_high=0.35,
    )
    assert match == [NEUTRAL, NEGATIVE, NEGATIVE, NEUTRAL]


def test_padding_rois_are_neutral(rois_matched):
    match, _ = rois_matched([[0, 0, 5, 5], [0, 0, 0, 0]], [[0, 0, 5, 5]], [CAT])
    assert match == [POSITIVE, NEUTRAL]


@pytest.mark.parametrize("slots", [0, 3])
def test_without_gt_all_real_rois_are_negative(rois_matched, slots):
    rois = [[0, 0, 5, 5], [1, 1, 2, 2], [0, 0, 0, 0]]
    match, gt_indices = rois_matched(rois, np.zeros((slots, 4)), [0] * slots)
    assert match == [NEGATIVE, NEGATIVE, NEUTRAL]
    assert gt_indices == [0, 0, 0]


def test_rois_in_a_crowd_are_neutral_unless_they_are_positive(rois_matched):
    crowd, cat = [0, 0, 30, 30], [0, 0, 10, 10]
    rois = [[0, 0, 10, 10], [15, 15, 25, 25], [40, 40, 50, 50]]
    match, gt_indices = rois_matched(rois, [crowd, cat], [CROWD, CAT])
    assert match == [POSITIVE, NEUTRAL, NEGATIVE]
    assert gt_indices[0] == 1


@pytest.mark.parametrize(
    ("crowd_cover", "is_kept"),
    [(0.7, [True, False, True, False]), (0.0, [True, False, False, False]), (1, "all")],
)
def test_boxes_of_which_a_crowd_covers_too_much_are_zero(
    as_array, crowd_cover, is_kept
):
    crowd, cat = [0, 0, 10, 20], [0, 0, 10, 25]
    # The crowd covers nothing of the first, all of the second, 10 / 15 and 10 / 12.
    boxes = [[0, 40, 10, 50], [2, 2, 8, 8], [0, 10, 10, 25], [0, 10, 10, 22]]
    boxes = np.array(boxes, "float32")
    kept = without_crowded(
        as_array(boxes),
        as_array(np.array([crowd, cat], "float32")),
        as_array(np.array([CROWD, CAT], "int32")),
        crowd_cover=crowd_cover,
    )
    expected = boxes if is_kept == "all" else boxes * np.array(is_kept)[:, None]
    np.testing.assert_array_equal(kept, expected)


def test_without_crowds_or_without_gt_no_box_is_crowded(as_array):
    boxes = np.array([[0, 0, 10, 10]], "float32")
    for gt_boxes, class_ids in ([[0, 0, 10, 10]], [CAT]), (np.zeros((0, 4)), []):
        kept = without_crowded(
            as_array(boxes),
            as_array(np.array(gt_boxes, "float32")),
            as_array(np.array(class_ids, "int32")),
            crowd_cover=0.5,
        )
        np.testing.assert_array_equal(kept, boxes)


# --- sampling


def test_positives_come_first_each_kind_by_falling_priority(sampled):
    match = [-1, 1, 0, 1, -1, -1]
    priorities = [0.1, 0.2, 0.9, 0.8, 0.3, 0.5]
    indices, drawn = sampled(match, priorities, count=4, positive_share=0.5)
    assert indices == [3, 1, 5, 4]
    assert drawn == [POSITIVE, POSITIVE, NEGATIVE, NEGATIVE]


def test_positives_over_their_share_are_left_out(sampled):
    indices, drawn = sampled(
        [1, 1, 1, -1], [0.1, 0.2, 0.3, 0.4], count=3, positive_share=0.5
    )
    assert indices == [2, 3, 0]
    assert drawn == [POSITIVE, NEGATIVE, NEUTRAL]


@pytest.mark.parametrize("positives", [0, 1])
def test_negatives_fill_up_however_few_positives_there_are(sampled, positives):
    match = [POSITIVE] * positives + [NEGATIVE] * (9 - positives)
    _, drawn = sampled(match, np.linspace(0, 0.9, 9), count=6, positive_share=0.33)
    assert drawn == [POSITIVE] * positives + [NEGATIVE] * (6 - positives)


def test_unused_places_come_last(sampled):
    indices, drawn = sampled([0, -1, 0, 1, 0], [0.5] * 5, count=4, positive_share=0.5)
    assert indices == [3, 1, 0, 0]
    assert drawn == [POSITIVE, NEGATIVE, NEUTRAL, NEUTRAL]


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_fewer_rows_than_places_are_all_drawn(sampled, rows):
    indices, drawn = sampled(
        [NEGATIVE] * rows, [0.5] * rows, count=4, positive_share=0.5
    )
    assert indices == [*range(rows), *[0] * (4 - rows)]
    assert drawn == [NEGATIVE] * rows + [NEUTRAL] * (4 - rows)


@pytest.mark.parametrize(
    ("count", "share", "expected"),
    [(200, 0.33, 66), (256, 0.5, 128), (100, 0.29, 29), (8, 0.0, 0), (8, 1.0, 8)],
)
def test_the_share_of_positives_is_rounded_down(sampled, count, share, expected):
    priorities = np.linspace(0, 0.9, 300)
    _, drawn = sampled([1] * 300, priorities, count=count, positive_share=share)
    assert drawn == [POSITIVE] * expected + [NEUTRAL] * (count - expected)


def test_priority_zero_is_drawn_like_any_other(sampled):
    indices, drawn = sampled([0, -1, 1], [0.0] * 3, count=2, positive_share=0.5)
    assert indices == [2, 1]
    assert drawn == [POSITIVE, NEGATIVE]


def test_the_sample_agrees_with_the_plain_way(sampled, rng):
    match = rng.integers(-1, 2, (3, 40))
    priorities = rng.permutation(120).reshape(3, 40) / 120
    indices, drawn = sampled(match, priorities, count=16, positive_share=0.25)
    for row in range(3):
        order = np.argsort(-priorities[row]).tolist()
        positives = [i for i in order if match[row, i] == POSITIVE][:4]
        negatives = [i for i in order if match[row, i] == NEGATIVE]
        expected = (positives + negatives)[:16]
        unused = 16 - len(expected)
        assert indices[row] == expected + [0] * unused
        assert drawn[row] == [int(match[row, i]) for i in expected] + [0] * unused


# --- the draw of anchors


@pytest.mark.parametrize("forced", [{}, {"forced_iou": 0.3, "forced_keep_own": True}])
@pytest.mark.parametrize("slots", [0, 8])
def test_drawn_anchors_are_a_sample_of_the_matched(as_array, rng, slots, forced):
    for _ in range(3):
        scene = random_scene(rng, 2, slots=slots)
        scene = [as_array(part) for part in scene]
        priorities = as_array(rng.random((2, 60)).astype("float32"))
        drawn = draw_anchors(*scene, priorities, **ANCHOR_RULES, **QUOTA, **forced)
        match, gt_indices = match_anchors(*scene, **ANCHOR_RULES, **forced)
        indices, kinds = sample_matches(match, priorities, **QUOTA)
        expected = [indices, kinds, take_values(gt_indices, indices)]
        for result, other in zip(drawn, expected, strict=True):
            np.testing.assert_array_equal(result, other)


# --- symbolic tensors


@pytest.mark.parametrize("slots", [8, None])
def test_a_network_matches_and_draws_as_numpy_does(rng, slots):
    import keras

    scene = random_scene(rng, 2)
    priorities = rng.random((2, 60)).astype("float32")
    inputs = [
        keras.Input((60, 4)),
        keras.Input((slots, 4)),
        keras.Input((slots,), dtype="int32"),
        keras.Input((60,)),
    ]
    *symbols, draw = inputs
    outputs = everything_of(symbols, draw)
    assert [tuple(o.shape) for o in outputs] == [(None, 60)] * 3 + [(None, 10)] * 3
    assert {o.dtype for o in outputs} == {"int32"}

    results = keras.Model(inputs, outputs)([*scene, priorities])
    expected = everything_of(scene, priorities)
    for result, other in zip(results, expected, strict=True):
        np.testing.assert_array_equal(result, other)


def everything_of(scene, priorities):
    match, gt_indices = match_anchors(*scene, **ANCHOR_RULES)
    roi_match, _ = match_rois(*scene, **ROI_RULES)
    drawn = draw_anchors(*scene, priorities, **ANCHOR_RULES, **QUOTA)
    return [match, gt_indices, roi_match, *drawn]
