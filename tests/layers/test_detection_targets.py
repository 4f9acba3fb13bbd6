"""Detection targets: drawn scenes, a loop over proposals, quotas and what fills up."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mrcnn.geometry.boxes import decode_boxes, pairwise_iou
from mrcnn.geometry.matching import NEGATIVE, NEUTRAL, POSITIVE
from mrcnn.layers.detection_targets import (
    DetectionTargetLayer,
    PositiveRows,
    PositivesOfBatch,
)
from tests.layer_contract import check_layer
from tests.layers.test_rpn_targets import SIDE, STD, ground_truth, numbers, scene


def layer_of(count=16, **options):
    rules = {
        "positive_share": 0.5,
        "positive_iou": 0.5,
        "negative_iou_low": 0.0,
        "negative_iou_high": 0.5,
        "crowd_iou": 0.001,
        "delta_std": STD,
        "add_gt": False,
        **options,
    }
    return DetectionTargetLayer(count, **rules)


def targets_of(inputs, **options):
    return numbers(layer_of(**options)(inputs))


def proposals_of(*boxes, slots=8):
    proposals = np.zeros((1, slots, 4), "float32")
    proposals[0, : len(boxes)] = np.reshape(boxes, (-1, 4)) / SIDE
    return proposals


def random_inputs(rng, images=2, proposals=60, slots=6):
    """Proposals around the objects, some of them padding; crowds among the gt."""
    corner = rng.uniform(0, 0.6, (images, slots, 2))
    boxes = np.concatenate(
        [corner, corner + rng.uniform(0.1, 0.4, corner.shape)], axis=-1
    )
    class_ids = rng.integers(-1, 4, (images, slots)).astype("int32")
    boxes[class_ids == 0] = 0
    chosen = rng.integers(0, slots, (images, proposals))
    near = np.take_along_axis(boxes, chosen[..., None], axis=1)
    near = np.clip(near + rng.normal(0, 0.05, near.shape), 0, 1)
    near[..., 2:] = np.maximum(near[..., 2:], near[..., :2])
    near[:, -5:] = 0
    return [near.astype("float32"), class_ids, boxes.astype("float32")]


def test_a_roi_learns_the_class_and_the_box_of_the_object_it_lies_on():
    drawn = scene([[0, 0, 20, 20], [30, 30, 60, 50]], [3, 5])
    proposals = proposals_of([0, 4, 20, 24], [32, 30, 60, 50], [0, 40, 10, 60])

    rois, match, gt_indices, class_ids, deltas = targets_of(
        [proposals, *ground_truth(drawn)], count=4
    )

    kinds = {(*roi,): row for row, roi in enumerate((rois[0] * SIDE).astype(int))}
    on_first, on_second = kinds[0, 4, 20, 24], kinds[32, 30, 60, 50]
    beside, unused = kinds[0, 40, 10, 60], kinds[0, 0, 0, 0]
    rows = [on_first, on_second, beside, unused]
    assert sorted(rows[:2]) == [0, 1]
    assert rows[2:] == [2, 3]
    assert list(match[0, rows]) == [POSITIVE, POSITIVE, NEGATIVE, NEUTRAL]
    assert list(gt_indices[0, rows]) == [0, 1, 0, 0]
    assert list(class_ids[0, rows]) == [3, 5, 0, 0]
    expected = [0, -4 / 20 / 0.1, 0, 0]
    np.testing.assert_allclose(deltas[0, on_first], expected, atol=1e-5)
    expected = [-1 / 28 / 0.1, 0, np.log(30 / 28) / 0.2, 0]
    np.testing.assert_allclose(deltas[0, on_second], expected, atol=1e-5)
    assert not deltas[0, rows[2:]].any()


def test_gt_boxes_are_proposals_too_except_crowds_and_padding():
    drawn = scene([[0, 0, 20, 20], [30, 30, 60, 50]], [3, -1])
    inputs = [proposals_of(), *ground_truth(drawn)]

    rois, match, _, class_ids, deltas = targets_of(inputs, add_gt=True)
    _, without, *_ = targets_of(inputs, add_gt=False)

    np.testing.assert_allclose(rois[0, 0] * SIDE, [0, 0, 20, 20], rtol=1e-5)
    assert class_ids[0, 0] == 3
    assert list(match[0]) == [POSITIVE] + [NEUTRAL] * 15
    assert not rois[0, 1:].any()
    assert not deltas.any()
    assert (without == NEUTRAL).all()


def test_rois_in_a_crowd_are_not_drawn_as_background():
    drawn = scene([[0, 0, 64, 32]], [-1])
    proposals = proposals_of([4, 4, 30, 30], [10, 40, 50, 60])
    rois, match, *_ = targets_of([proposals, *ground_truth(drawn)])
    assert list(match[0, :2]) == [NEGATIVE, NEUTRAL]
    np.testing.assert_allclose(rois[0, 0] * SIDE, [10, 40, 50, 60], rtol=1e-5)


def test_proposals_that_a_crowd_covers_are_not_used_but_gt_boxes_are():
    drawn = scene([[0, 0, 64, 32], [4, 4, 24, 24]], [-1, 3])
    on_object, elsewhere = [4, 4, 24, 23], [10, 40, 50, 60]
    inputs = [proposals_of(on_object, elsewhere), *ground_truth(drawn)]
    _, match, *_ = targets_of(inputs, crowd_iou=1.0)
    assert list(match[0, :2]) == [POSITIVE, NEGATIVE]
    _, match, *_ = targets_of(inputs, crowd_iou=1.0, crowd_cover=0.7)
    assert list(match[0, :2]) == [NEGATIVE, NEUTRAL]
    rois, match, *_ = targets_of(inputs, crowd_iou=1.0, crowd_cover=0.7, add_gt=True)
    assert list(match[0, :2]) == [POSITIVE, NEGATIVE]
    np.testing.assert_allclose(rois[0, 0] * SIDE, [4, 4, 24, 24], rtol=1e-5)


def test_only_rois_in_the_range_of_overlap_are_background():
    drawn = scene([[0, 0, 20, 20]], [1])
    far, touching = [40, 40, 60, 60], [0, 10, 20, 30]  # IoU 0 and 200 / 600
    inputs = [proposals_of(far, touching), *ground_truth(drawn)]
    rois, match, *_ = targets_of(inputs, negative_iou_low=0.1)
    assert (match[0] == NEGATIVE).sum() == 1
    np.testing.assert_allclose(rois[0, 0] * SIDE, touching, rtol=1e-5)
    _, match, *_ = targets_of(inputs, negative_iou_high=0.3)
    assert (match[0] == NEGATIVE).sum() == 1


@pytest.mark.parametrize("slots", [0, 3])
@pytest.mark.parametrize("add_gt", [False, True])
def test_an_image_without_objects_gives_background(rng, slots, add_gt):
    proposals, *_ = random_inputs(rng, images=1)
    truth = np.zeros((1, slots), "int32"), np.zeros((1, slots, 4), "float32")
    _, match, gt_indices, class_ids, deltas = targets_of(
        [proposals, *truth], add_gt=add_gt
    )
    assert (match == NEGATIVE).all()
    assert not gt_indices.any()
    assert not class_ids.any()
    assert not deltas.any()


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("count", [10, 200])
@pytest.mark.parametrize("add_gt", [False, True])
def test_the_drawn_are_what_a_loop_over_proposals_allows(rng, training, count, add_gt):
    proposals, gt_class_ids, gt_boxes = inputs = random_inputs(rng, images=3)
    layer = layer_of(count, positive_share=0.3, add_gt=add_gt)
    outputs = numbers(layer(inputs, training=training))

    for image, output in enumerate(zip(*outputs, strict=True)):
        rois, match, gt_indices, class_ids, deltas = output
        candidates = [box for box in proposals[image] if box.any()]
        if add_gt:
            candidates += list(gt_boxes[image][gt_class_ids[image] > 0])
        kinds = [
            plain_kind(box, gt_class_ids[image], gt_boxes[image]) for box in candidates
        ]
        num_positives = min(kinds.count(POSITIVE), int(0.3 * count))
        num_negatives = min(kinds.count(NEGATIVE), count - num_positives)
        expected = [POSITIVE] * num_positives + [NEGATIVE] * num_negatives
        assert list(match) == expected + [NEUTRAL] * (count - len(expected))

        known = {tuple(box): kind for box, kind in zip(candidates, kinds, strict=True)}
        assert len({tuple(roi) for roi in rois[: len(expected)]}) == len(expected)
        assert [known[tuple(roi)] for roi in rois[: len(expected)]] == expected
        for row in range(num_positives):
            slot = gt_indices[row]
            assert class_ids[row] == gt_class_ids[image, slot] > 0
            iou = pairwise_iou(rois[row][None], gt_boxes[image])[0]
            assert iou[slot] == iou[gt_class_ids[image] > 0].max()
            box = decode_boxes(deltas[row] * STD, rois[row])
            np.testing.assert_allclose(box, gt_boxes[image, slot], atol=1e-5)
        for one in (gt_indices, class_ids, deltas):
            assert not one[num_positives:].any()
        assert not rois[len(expected) :].any()


def plain_kind(box, gt_class_ids, gt_boxes):
    iou = pairwise_iou(box[None], gt_boxes)[0]
    best = max(iou[gt_class_ids > 0], default=0)
    if best >= 0.5:
        return POSITIVE
    return NEUTRAL if (iou[gt_class_ids < 0] > 0.001).any() else NEGATIVE


def test_in_training_every_step_draws_anew_and_a_seed_repeats_it(rng):
    inputs = random_inputs(rng)
    layer, twin = layer_of(8, seed=4), layer_of(8, seed=4)
    first, second = (numbers(layer(inputs, training=True))[0] for _ in range(2))
    twin.seed_generator.state.assign([4, 1])
    repeated = numbers(twin(inputs, training=True))[0]
    assert (first != second).any()
    np.testing.assert_array_equal(second, repeated)


def test_outside_training_the_same_images_have_the_same_targets(rng):
    inputs = random_inputs(rng)
    layer = layer_of(8)
    first, second = (numbers(layer(inputs)) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])


@pytest.mark.parametrize("add_gt", [False, True])
def test_empty_slots_after_the_gt_change_nothing(rng, add_gt):
    proposals, class_ids, boxes = random_inputs(rng)
    expected = targets_of([proposals, class_ids, boxes], add_gt=add_gt)
    class_ids = np.pad(class_ids, [(0, 0), (0, 4)])
    boxes = np.pad(boxes, [(0, 0), (0, 4), (0, 0)])
    outputs = targets_of([proposals, class_ids, boxes], add_gt=add_gt)
    for output, one in zip(outputs, expected, strict=True):
        np.testing.assert_array_equal(output, one)


@pytest.mark.parametrize("add_gt", [False, True])
def test_it_does_the_duties_of_a_layer(rng, add_gt):
    check_layer(
        layer_of(20, add_gt=add_gt, seed=3),
        random_inputs(rng),
        [(2, 20, 4), (2, 20), (2, 20), (2, 20), (2, 20, 4)],
        no_gradients_to=[0, 2],
        keeps_float32=True,
    )


# --- Positive rows ------------------------------------------------------------------


def drawn_rows(*nums_positive, count=6):
    match = np.full((len(nums_positive), count), NEGATIVE, "int32")
    for image, number in enumerate(nums_positive):
        match[image, :number] = POSITIVE
    rows = np.arange(match.size * 4, dtype="float32").reshape(*match.shape, 4)
    return match, rows


@pytest.mark.parametrize(
    ("nums_positive", "used"), [((1, 3), 3), ((0, 0), 1), ((4, 4), 4)]
)
def test_the_image_with_most_positives_says_how_many_rows_stay(nums_positive, used):
    inputs = drawn_rows(*nums_positive)
    outputs = PositiveRows(4)(inputs)
    for output, one in zip(outputs, inputs, strict=True):
        np.testing.assert_array_equal(output, one[:, :used])


def test_without_places_for_positives_a_row_stays():
    match, _ = PositiveRows(0)(drawn_rows(0, 0))
    assert match.shape == (2, 1)


def test_rows_of_positives_do_the_duties_of_a_layer():
    check_layer(
        PositiveRows(4),
        list(drawn_rows(2, 3)),
        [(2, None), (2, None, 4)],
        gradients_to=[1],
        images_independent=False,
    )


def test_positive_rows_keep_the_other_axes_in_a_network():
    symbols = [keras.Input((6,), dtype="int32"), keras.Input((6, 4))]
    match, rows = PositiveRows(4)(symbols)
    assert match.shape == (None, None)
    assert rows.shape == (None, None, 4)


@pytest.mark.parametrize("nums_positive", [(1, 3), (0, 2), (6, 6)])
def test_the_positives_of_all_images_are_packed_in_their_order(nums_positive):
    match, rows = drawn_rows(*nums_positive)
    packed_match, packed = numbers(PositivesOfBatch()([match, rows]))
    np.testing.assert_array_equal(packed_match, [[POSITIVE]] * sum(nums_positive))
    np.testing.assert_array_equal(packed[:, 0], rows[match == POSITIVE])


def test_without_positives_one_row_is_packed():
    match, rows = numbers(PositivesOfBatch()(drawn_rows(0, 0)))
    assert match.tolist() == [[NEGATIVE]]
    assert rows.shape == (1, 1, 4)


def test_packing_fits_any_network_and_compiles():
    inputs = [keras.Input((None,), dtype="int32"), keras.Input((None, 4))]
    model = keras.Model(
        inputs, PositivesOfBatch.from_config({"name": "packed"})(inputs)
    )
    assert [tensor.shape for tensor in model.outputs] == [(None, 1), (None, 1, 4)]
    match, rows = drawn_rows(2, 3)
    packed_match, packed = model.predict_on_batch([match, rows])
    assert packed_match.shape == (5, 1)
    np.testing.assert_array_equal(packed[:, 0], rows[match == POSITIVE])


def test_gradients_reach_the_rows_that_are_packed():
    match, rows = drawn_rows(1, 2)
    rows = tf.constant(rows)
    with tf.GradientTape() as tape:
        tape.watch(rows)
        total = tf.reduce_sum(PositivesOfBatch()([match, rows])[1])
    gradient = tf.convert_to_tensor(tape.gradient(total, rows)).numpy()
    np.testing.assert_array_equal(gradient.any(axis=-1), match == POSITIVE)
