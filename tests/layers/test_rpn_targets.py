"""RPN targets: drawn scenes, a loop over anchors, chance and its repetition."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mrcnn.geometry.boxes import decode_boxes, pairwise_iou
from mrcnn.geometry.matching import NEGATIVE, NEUTRAL, POSITIVE
from mrcnn.layers.rpn_targets import RpnTargetLayer
from tests.layer_contract import check_layer
from tests.scenes import rectangle_scene

STD = (0.1, 0.1, 0.2, 0.2)
SIDE = 64


def layer_of(count=32, **options):
    rules = {
        "positive_share": 0.5,
        "positive_iou": 0.7,
        "negative_iou": 0.3,
        "crowd_iou": 0.001,
        "delta_std": STD,
        **options,
    }
    return RpnTargetLayer(count, **rules)


def grid_anchors(side=16):
    """Squares of one side on a grid of half of it, normalized. -> [A, 4]"""
    starts = np.arange(0, SIDE - side + 1, side // 2)
    corner = np.stack(np.meshgrid(starts, starts, indexing="ij"), -1).reshape(-1, 2)
    return (np.concatenate([corner, corner + side], -1) / SIDE).astype("float32")


def ground_truth(*scenes, slots=5):
    """Class ids [B, G] and normalized boxes [B, G, 4] of scenes."""
    class_ids = np.zeros((len(scenes), slots), "int32")
    boxes = np.zeros((len(scenes), slots, 4), "float32")
    for i, scene in enumerate(scenes):
        class_ids[i, : len(scene.class_ids)] = scene.class_ids
        boxes[i, : len(scene.boxes)] = scene.boxes / SIDE
    return class_ids, boxes


def scene(boxes, class_ids):
    return rectangle_scene((SIDE, SIDE), boxes, class_ids)


def random_inputs(rng, images=2, anchors=80, slots=6):
    def boxes(*shape):
        corner = rng.uniform(0, 0.7, (*shape, 2))
        return np.concatenate([corner, corner + rng.uniform(0.1, 0.3, (*shape, 2))], -1)

    class_ids = rng.integers(-1, 4, (images, slots)).astype("int32")
    gt_boxes = np.where(class_ids[..., None] != 0, boxes(images, slots), 0)
    return [
        boxes(1, anchors).astype("float32"),
        class_ids,
        gt_boxes.astype("float32"),
    ]


def numbers(outputs):
    return [np.asarray(one) for one in outputs]


def targets_of(inputs, **options):
    return numbers(layer_of(**options)(inputs))


def test_an_anchor_upon_an_object_is_positive_and_need_not_move():
    anchors = grid_anchors()
    truth = ground_truth(scene([anchors[9] * SIDE], [2]))

    indices, match, deltas = targets_of([anchors[None], *truth], count=100)

    assert list(indices[0][match[0] == POSITIVE]) == [9]
    assert not deltas.any()
    # Half a side away, anchors share a third with it and are neither; further away
    # they are background.
    negatives = indices[0][match[0] == NEGATIVE]
    iou = pairwise_iou(anchors, anchors[9:10])[:, 0]
    assert set(negatives) == set(np.flatnonzero(iou < 0.3))


def test_a_delta_is_the_way_to_the_object_in_units_of_its_deviation():
    anchors = np.array([[0, 0, 16, 16]], "float32") / SIDE
    truth = ground_truth(scene([[4, 0, 20, 32]], [1]))

    _, match, deltas = targets_of([anchors[None], *truth], count=4)

    assert match[0, 0] == POSITIVE  # However little it overlaps, nothing is nearer.
    expected = [4 / 16 / 0.1, 8 / 16 / 0.1, 0, np.log(32 / 16) / 0.2]
    np.testing.assert_allclose(deltas[0, 0], expected, rtol=1e-5)


def test_what_the_proposal_layer_makes_of_the_targets_are_the_objects():
    anchors = grid_anchors()
    drawn = scene([[3, 5, 20, 22], [30, 28, 50, 41]], [1, 2])
    indices, match, deltas = targets_of([anchors[None], *ground_truth(drawn)])
    rows = match[0] == POSITIVE
    boxes = decode_boxes(deltas[0][rows] * STD, anchors[indices[0][rows]])
    found = {tuple(np.round(box * SIDE).astype(int)) for box in boxes}
    assert found == {tuple(box) for box in drawn.boxes}


def test_anchors_in_a_crowd_are_not_drawn():
    anchors = grid_anchors()
    truth = ground_truth(scene([[0, 0, 64, 40], [40, 46, 56, 62]], [-1, 1]))

    indices, match, _ = targets_of([anchors[None], *truth], count=100)

    drawn = anchors[indices[0][match[0] == NEGATIVE]]
    assert len(drawn)
    assert (drawn[:, 1] >= 40 / SIDE).all()
    assert (match[0] == POSITIVE).any()


def test_anchors_over_the_edge_of_an_images_window_are_not_used():
    anchors = grid_anchors()
    truth = ground_truth(*[scene([anchors[9] * SIDE], [2])] * 2)
    windows = np.array([[0, 0, 1, 1], [0, 0, 0.5, 0.75]], "float32")

    outputs = targets_of([anchors[None], *truth, windows], count=100)

    indices, match, _ = outputs
    inside = (anchors[:, 2] <= 0.5) & (anchors[:, 3] <= 0.75)
    for row, allowed in enumerate([np.ones(len(anchors), bool), inside]):
        kinds = plain_kinds(anchors, truth[0][row], truth[1][row])[0]
        expected = np.flatnonzero((np.array(kinds) != NEUTRAL) & allowed)
        assert set(indices[row][match[row] != NEUTRAL]) == set(expected)


def test_an_objects_best_anchor_may_be_none_or_learn_another_object():
    anchors = np.array([[0, 0, 10, 10], [0, 0, 10, 9]], "float32")[None] / SIDE
    truth = ground_truth(scene([[0, 0, 10, 8], [0, 9, 10, 10]], [1, 2]))

    def first(**options):
        indices, match, deltas = targets_of([anchors, *truth], count=8, **options)
        (row,) = np.flatnonzero((indices[0] == 0) & (match[0] == POSITIVE))
        return deltas[0][row]

    # From the middle of the anchor, at 5, to the middle of the dog, or of the cat.
    assert first()[1] == pytest.approx((9.5 - 5) / 10 / 0.1, rel=1e-4)
    own = first(forced_keep_own=True)
    assert own[1] == pytest.approx((4 - 5) / 10 / 0.1, rel=1e-4)
    np.testing.assert_array_equal(first(forced_iou=0.2), own)


@pytest.mark.parametrize("slots", [0, 3])
def test_an_image_without_objects_gives_background(slots):
    anchors = grid_anchors()
    truth = np.zeros((1, slots), "int32"), np.zeros((1, slots, 4), "float32")
    indices, match, deltas = targets_of([anchors[None], *truth], count=20)
    assert (match == NEGATIVE).all()
    assert len(set(indices[0])) == 20
    assert not deltas.any()


def test_places_beyond_the_anchors_are_unused(rng):
    inputs = random_inputs(rng, anchors=7)
    indices, match, deltas = targets_of(inputs, count=20)
    assert (match[:, 7:] == NEUTRAL).all()
    assert not indices[:, 7:].any()
    assert not deltas[match != POSITIVE].any()


@pytest.mark.parametrize("training", [False, True])
def test_the_drawn_are_what_a_loop_over_anchors_allows(rng, training):
    inputs = random_inputs(rng, images=3)
    outputs = numbers(layer_of(24)(inputs, training=training))
    for image, (indices, match, deltas) in enumerate(zip(*outputs, strict=True)):
        kinds, nearest = plain_kinds(inputs[0][0], inputs[1][image], inputs[2][image])
        num_positives = min(kinds.count(POSITIVE), 12)
        num_negatives = min(kinds.count(NEGATIVE), 24 - num_positives)
        expected = [POSITIVE] * num_positives + [NEGATIVE] * num_negatives
        assert list(match) == expected + [NEUTRAL] * (24 - len(expected))
        used = indices[: len(expected)]
        assert len(set(used)) == len(used)
        assert [kinds[index] for index in used] == expected
        for index, delta in zip(used[:num_positives], deltas, strict=False):
            box = decode_boxes(delta[None] * STD, inputs[0][0, index][None])[0]
            gt_box = inputs[2][image, nearest[index]]
            np.testing.assert_allclose(box, gt_box, atol=1e-5)


def plain_kinds(anchors, class_ids, boxes):
    """The kind of every anchor, one after the other, and its object's slot."""
    iou = pairwise_iou(anchors, boxes)
    objects = np.flatnonzero(class_ids > 0)
    crowds = np.flatnonzero(class_ids < 0)
    takers = {}
    for slot in objects:
        for index in np.flatnonzero(iou[:, slot] == iou[:, slot].max()):
            rivals = [*takers.get(index, []), slot]
            takers[int(index)] = rivals if iou[index, slot] > 0 else rivals[:-1]
    kinds, nearest = [], []
    for index, row in enumerate(iou):
        slots = takers.get(index) or list(objects)
        best = max((row[slot] for slot in objects), default=0)
        nearest.append(max(slots, key=lambda slot, row=row: row[slot], default=0))
        if best >= 0.7 or takers.get(index):
            kinds.append(POSITIVE)
        elif best < 0.3 and all(row[slot] <= 0.001 for slot in crowds):
            kinds.append(NEGATIVE)
        else:
            kinds.append(NEUTRAL)
    return kinds, nearest


def test_in_training_every_step_draws_anew_and_a_seed_repeats_it(rng):
    inputs = random_inputs(rng, anchors=200)
    layer, twin = layer_of(16, seed=4), layer_of(16, seed=4)

    first, second = (numbers(layer(inputs, training=True))[0] for _ in range(2))
    repeated = [numbers(twin(inputs, training=True))[0] for _ in range(2)]
    # What a checkpoint restores.
    twin.seed_generator.state.assign(layer.seed_generator.state)
    third = numbers(layer(inputs, training=True))[0]
    restored = numbers(twin(inputs, training=True))[0]

    assert (first != second).any()
    np.testing.assert_array_equal(first, repeated[0])
    np.testing.assert_array_equal(second, repeated[1])
    np.testing.assert_array_equal(third, restored)


def test_outside_training_the_same_images_have_the_same_targets(rng):
    inputs = random_inputs(rng, anchors=200)
    layer = layer_of(16, seed=4)
    first, second = (numbers(layer(inputs))[0] for _ in range(2))
    other_seed = targets_of(inputs, count=16, seed=5)[0]
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, other_seed)


@pytest.mark.parametrize("training", [False, True])
def test_a_batch_of_two_equals_two_of_one(rng, training):
    anchors, class_ids, boxes = random_inputs(rng, anchors=200)
    both = numbers(layer_of(seed=1)([anchors, class_ids, boxes], training=training))
    for image in range(2):
        part = slice(image, image + 1)
        one = layer_of(seed=1)(
            [anchors, class_ids[part], boxes[part]], training=training
        )
        for output, expected in zip(numbers(one), both, strict=True):
            np.testing.assert_array_equal(output, expected[part])


def test_empty_slots_change_nothing(rng):
    anchors, class_ids, boxes = random_inputs(rng)
    expected = targets_of([anchors, class_ids, boxes])
    class_ids = np.insert(class_ids, [0, 3, 6, 6], 0, axis=1)
    boxes = np.insert(boxes, [0, 3, 6, 6], 0, axis=1)
    outputs = targets_of([anchors, class_ids, boxes])
    for output, one in zip(outputs, expected, strict=True):
        np.testing.assert_array_equal(output, one)


def test_it_runs_on_anchors_of_any_number_in_a_network(rng):
    inputs = random_inputs(rng)
    inputs[0] = np.repeat(inputs[0], 2, axis=0)
    symbols = [
        keras.Input((None, 4)),
        keras.Input((None,), dtype="int32"),
        keras.Input((None, 4)),
    ]
    outputs = layer_of()(symbols)
    assert [one.shape for one in outputs] == [(None, 32), (None, 32), (None, 32, 4)]
    predicted = tf.function(keras.Model(symbols, outputs))(inputs)
    for output, expected in zip(predicted, targets_of(inputs), strict=True):
        np.testing.assert_allclose(output, expected, atol=1e-5)


def test_it_does_the_duties_of_a_layer(rng):
    anchors, class_ids, boxes = random_inputs(rng)
    inputs = [np.repeat(anchors, 2, axis=0), class_ids, boxes]
    check_layer(
        layer_of(seed=3, forced_iou=0.1, forced_keep_own=True),
        inputs,
        [(2, 32), (2, 32), (2, 32, 4)],
        no_gradients_to=[0, 2],
        keeps_float32=True,
    )
