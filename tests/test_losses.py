"""Losses: numbers on paper, plain loops, and what must never count."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from mrcnn import losses
from mrcnn.geometry.matching import NEGATIVE, NEUTRAL, POSITIVE

SCENES = 2  # images of a batch
ROWS = 6
CLASSES = 4
SIDE = 5

NAN = math.nan


def rpn_arguments(rng, last=2):
    match = rng.choice([NEGATIVE, NEUTRAL, POSITIVE], (SCENES, ROWS)).astype("int32")
    return [rng.normal(size=(SCENES, ROWS, last)).astype("float32"), match]


def box_arguments(rng, num_boxes=None):
    shape = (SCENES, ROWS) if num_boxes is None else (SCENES, ROWS, num_boxes)
    match = rng.choice([NEGATIVE, NEUTRAL, POSITIVE], (SCENES, ROWS)).astype("int32")
    deltas = rng.normal(size=(*shape, 4)).astype("float32")
    targets = rng.normal(size=(SCENES, ROWS, 4)).astype("float32")
    if num_boxes is None:
        return [deltas, targets, match]
    return [deltas, class_ids_of(rng, match), targets, match]


def class_ids_of(rng, match):
    class_ids = rng.integers(1, CLASSES, match.shape)
    return np.where(match == POSITIVE, class_ids, 0).astype("int32")


def class_arguments(rng):
    logits, match = rpn_arguments(rng, CLASSES)
    active = np.ones((SCENES, CLASSES), "float32")
    return [logits, class_ids_of(rng, match), match, active]


def mask_arguments(rng, num_masks=CLASSES):
    match = rng.choice([NEGATIVE, NEUTRAL, POSITIVE], (SCENES, ROWS)).astype("int32")
    patches = rng.uniform(0.01, 0.99, (SCENES, ROWS, SIDE, SIDE, num_masks))
    targets = rng.integers(0, 2, (SCENES, ROWS, SIDE, SIDE)).astype("float32")
    return [patches.astype("float32"), class_ids_of(rng, match), targets, match]


# Every loss, the arguments it takes, and the positions of predictions among them.
ALL = {
    "rpn_class": (losses.rpn_class_loss, rpn_arguments),
    "rpn_bbox": (losses.rpn_bbox_loss, box_arguments),
    "class": (losses.mrcnn_class_loss, class_arguments),
    "bbox": (losses.mrcnn_bbox_loss, lambda rng: box_arguments(rng, CLASSES)),
    "mask": (losses.mrcnn_mask_loss, mask_arguments),
}
each_loss = pytest.mark.parametrize(("loss", "make"), ALL.values(), ids=ALL)


def value_and_gradient(loss, arguments, **options):
    predictions = tf.convert_to_tensor(arguments[0])
    with tf.GradientTape() as tape:
        tape.watch(predictions)
        value = loss(predictions, *arguments[1:], **options)
    return float(value), np.asarray(tape.gradient(value, predictions))


def match_position(arguments):
    return next(
        position
        for position, one in enumerate(arguments)
        if one.dtype == "int32" and (one < 0).any()
    )


def softmax_entropy(logits, class_id):
    exponentials = np.exp(logits - logits.max())
    return -math.log(exponentials[class_id] / exponentials.sum())


def binary_entropy(prob, target):
    return -target * math.log(prob) - (1 - target) * math.log(1 - prob)


def smooth_l1(error, beta):
    error = abs(error)
    return 0.5 * error**2 / beta if error < beta else error - 0.5 * beta


# --- Numbers on paper ---------------------------------------------------------------


def test_an_rpn_that_knows_nothing_has_the_entropy_of_a_coin():
    match = np.array([[POSITIVE, NEGATIVE, NEUTRAL]])
    for last in (1, 2):
        loss = losses.rpn_class_loss(np.zeros((1, 3, last), "float32"), match)
        assert float(loss) == pytest.approx(math.log(2))


def test_a_single_logit_is_a_pair_whose_background_is_zero(rng):
    logits, match = rpn_arguments(rng, 1)
    pair = np.concatenate([np.zeros_like(logits), logits], axis=-1)
    single = losses.rpn_class_loss(logits, match)
    assert float(single) == pytest.approx(float(losses.rpn_class_loss(pair, match)))


def test_a_single_logit_has_binary_cross_entropy():
    logits = np.array([[[2.0], [-1.0], [0.5], [9.0]]], "float32")
    match = np.array([[POSITIVE, NEGATIVE, POSITIVE, NEUTRAL]])
    yes, no, other = (1 / (1 + math.exp(-x)) for x in (2.0, -1.0, 0.5))
    expected = -(math.log(yes) + math.log(1 - no) + math.log(other)) / 3
    assert float(losses.rpn_class_loss(logits, match)) == pytest.approx(expected)


def test_smooth_l1_is_a_parabola_up_to_beta_and_a_line_beyond():
    deltas = np.array([[[0.5, -2.0, 0.0, 0.0]]], "float32")
    zeros, match = np.zeros((1, 1, 4), "float32"), np.array([[POSITIVE]])

    def loss(beta):
        return float(losses.rpn_bbox_loss(deltas, zeros, match, beta=beta))

    assert loss(1.0) == pytest.approx((0.5 * 0.5**2 + 2 - 0.5) / 4)
    assert loss(0.1) == pytest.approx((0.5 - 0.05 + 2 - 0.05) / 4)
    assert loss(0.0) == pytest.approx((0.5 + 2) / 4)


def test_box_losses_are_divided_by_coordinates_of_positives_or_by_all_drawn():
    deltas, zeros = np.ones((1, 4, 4), "float32"), np.zeros((1, 4, 4), "float32")
    match = np.array([[POSITIVE, NEGATIVE, NEGATIVE, NEUTRAL]])

    def loss(norm):
        return float(losses.rpn_bbox_loss(deltas, zeros, match, norm=norm))

    assert loss("positives") == pytest.approx(4 * 0.5 / 4)
    assert loss("sampled") == pytest.approx(4 * 0.5 / 3)


def test_classes_that_know_nothing_have_the_entropy_of_the_active_ones():
    logits, class_ids = np.zeros((1, 1, 5), "float32"), np.array([[2]])
    match, active = np.array([[POSITIVE]]), np.array([[0, 0, 1, 1, 0]])
    loss = losses.mrcnn_class_loss(logits, class_ids, match, active)
    assert float(loss) == pytest.approx(math.log(3))  # Background is always active.


def test_focal_loss_weighs_a_row_by_its_error():
    logits, class_ids = np.zeros((1, 1, 4), "float32"), np.array([[0]])
    match, active = np.array([[NEGATIVE]]), np.ones((1, 4))
    loss = losses.mrcnn_class_loss(logits, class_ids, match, active, focal_gamma=2)
    assert float(loss) == pytest.approx(0.75**2 * math.log(4))


def test_class_weights_make_a_weighted_mean():
    logits = np.array([[[0, 0], [0, math.log(3)]]], "float32")
    class_ids, match = np.array([[0, 1]]), np.array([[NEGATIVE, POSITIVE]])
    entropies = math.log(2), math.log(4 / 3)

    def loss(weights):
        arguments = logits, class_ids, match, np.ones((1, 2))
        return float(losses.mrcnn_class_loss(*arguments, class_weights=weights))

    assert loss([1, 3]) == pytest.approx((entropies[0] + 3 * entropies[1]) / 4)
    assert loss([2, 6]) == pytest.approx(loss([1, 3]))
    assert loss([0, 1]) == pytest.approx(entropies[1])
    assert loss([0, 0]) == 0


def test_a_mask_of_one_half_has_the_entropy_of_a_coin():
    arguments = mask_arguments(np.random.default_rng(0))
    arguments[0] = np.full_like(arguments[0], 0.5)
    assert float(losses.mrcnn_mask_loss(*arguments)) == pytest.approx(math.log(2))


# --- The plain way ------------------------------------------------------------------


def rows_of(match, kinds):
    return [tuple(index) for index in np.argwhere(np.isin(match, kinds))]


def test_the_rpn_class_loss_is_what_a_loop_gives(rng):
    logits, match = rpn_arguments(rng)
    expected = np.mean(
        [
            softmax_entropy(logits[row], int(match[row] == POSITIVE))
            for row in rows_of(match, [NEGATIVE, POSITIVE])
        ]
    )
    assert float(losses.rpn_class_loss(logits, match)) == pytest.approx(expected)


@pytest.mark.parametrize("norm", ["positives", "sampled"])
@pytest.mark.parametrize("beta", [1.0, 1 / 9])
@pytest.mark.parametrize("num_boxes", [None, 1, CLASSES])
def test_box_losses_are_what_a_loop_gives(rng, norm, beta, num_boxes):
    arguments = box_arguments(rng, num_boxes)
    deltas, *class_ids, targets, match = arguments
    total = 0.0
    for row in rows_of(match, [POSITIVE]):
        class_id = class_ids[0][row] if num_boxes == CLASSES else 0
        delta = deltas[row] if num_boxes is None else deltas[row][class_id]
        total += sum(smooth_l1(error, beta) for error in delta - targets[row])
    num_positives = len(rows_of(match, [POSITIVE]))
    drawn = len(rows_of(match, [NEGATIVE, POSITIVE]))
    expected = total / (4 * num_positives if norm == "positives" else drawn)

    loss = losses.rpn_bbox_loss if num_boxes is None else losses.mrcnn_bbox_loss
    value = loss(*arguments, beta=beta, norm=norm)

    assert float(value) == pytest.approx(expected)


@pytest.mark.parametrize("weights", [None, (0.5, 1.0, 3.0, 2.0)])
@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_the_class_loss_is_what_a_loop_gives(rng, weights, gamma):
    logits, class_ids, match, _ = class_arguments(rng)
    active = np.array([[1, 1, 1, 0], [0, 0, 1, 1]])
    class_ids = np.where(match == POSITIVE, 2, 0)
    total = share = 0.0
    for row in rows_of(match, [NEGATIVE, POSITIVE]):
        known = [0] + [i for i in range(1, CLASSES) if active[row[0], i]]
        entropy = softmax_entropy(logits[row][known], known.index(class_ids[row]))
        weight = weights[class_ids[row]] if weights else 1
        total += weight * entropy * (1 - math.exp(-entropy)) ** gamma
        share += weight

    value = losses.mrcnn_class_loss(
        logits, class_ids, match, active, class_weights=weights, focal_gamma=gamma
    )

    assert float(value) == pytest.approx(total / share, rel=1e-5)


@pytest.mark.parametrize("num_masks", [1, CLASSES])
def test_the_mask_loss_is_what_a_loop_gives(rng, num_masks):
    patches, class_ids, targets, match = arguments = mask_arguments(rng, num_masks)
    expected = np.mean(
        [
            binary_entropy(patches[row][y, x, class_ids[row] % num_masks], target)
            for row in rows_of(match, [POSITIVE])
            for (y, x), target in np.ndenumerate(targets[row])
        ]
    )
    assert float(losses.mrcnn_mask_loss(*arguments)) == pytest.approx(expected, 1e-5)


def test_masks_from_logits_are_masks_from_their_probabilities(rng):
    arguments = mask_arguments(rng)
    expected = losses.mrcnn_mask_loss(*arguments)
    arguments[0] = np.log(arguments[0] / (1 - arguments[0]))
    value = losses.mrcnn_mask_loss(*arguments, from_logits=True)
    assert float(value) == pytest.approx(float(expected), rel=1e-5)


# --- What must never count ----------------------------------------------------------


@each_loss
def test_rows_in_unused_places_count_nowhere_even_if_they_are_nan(rng, loss, make):
    arguments = make(rng)
    position = match_position(arguments)
    is_unused = arguments[position] == NEUTRAL
    expected, _ = value_and_gradient(loss, arguments)

    arguments[0] = arguments[0].copy()
    arguments[0][is_unused] = NAN
    value, gradient = value_and_gradient(loss, arguments)

    assert value == pytest.approx(expected)
    assert np.isfinite(gradient).all()
    assert not gradient[is_unused].any()
    assert gradient.any()


@each_loss
@pytest.mark.parametrize("kind", [NEUTRAL, NEGATIVE])
def test_without_positives_every_loss_is_finite(rng, loss, make, kind):
    arguments = make(rng)
    position = match_position(arguments)
    arguments[position] = np.full_like(arguments[position], kind)
    value, gradient = value_and_gradient(loss, arguments)
    learns = kind == NEGATIVE and loss in (
        losses.rpn_class_loss,
        losses.mrcnn_class_loss,
    )
    assert np.isfinite(gradient).all()
    assert (value > 0) == learns
    assert gradient.any() == learns


@each_loss
def test_without_rows_every_loss_is_zero(rng, loss, make):
    arguments = [one[:, :0] if one.ndim > 1 else one for one in make(rng)]
    if loss is losses.mrcnn_class_loss:
        arguments[-1] = np.ones((SCENES, CLASSES))
    assert float(loss(*arguments)) == 0


@each_loss
def test_padding_and_order_of_rows_change_nothing(rng, loss, make):
    arguments = make(rng)
    expected = float(loss(*arguments))
    order = rng.permutation(ROWS)

    def shuffled_and_padded(one):
        if one.shape[1] != ROWS:
            return one
        padding = [(0, 0), (0, 3)] + [(0, 0)] * (one.ndim - 2)
        return np.pad(one[:, order], padding)

    value = loss(*[shuffled_and_padded(one) for one in arguments])
    assert float(value) == pytest.approx(expected)


@each_loss
def test_it_is_the_same_number_eager_compiled_and_in_a_network(rng, loss, make):
    arguments = make(rng)
    expected = float(loss(*arguments))
    compiled = tf.function(loss)(*map(tf.convert_to_tensor, arguments))
    inputs = [keras.Input(one.shape[1:], dtype=str(one.dtype)) for one in arguments]
    symbol = loss(*inputs)
    in_network = keras.Model(inputs, symbol)(arguments)

    assert symbol.shape == ()
    assert symbol.dtype == "float32"
    assert float(compiled) == pytest.approx(expected)
    assert float(in_network) == pytest.approx(expected)


@each_loss
def test_half_precision_predictions_make_a_float32_loss(rng, loss, make):
    arguments = make(rng)
    expected = float(loss(*arguments))
    arguments[0] = tf.cast(arguments[0], "bfloat16")
    value = loss(*arguments)
    assert value.dtype == "float32"
    assert float(value) == pytest.approx(expected, rel=0.05)


def test_what_an_image_does_not_know_neither_counts_nor_learns(rng):
    logits, class_ids, match, active = class_arguments(rng)
    class_ids = np.where(match == POSITIVE, 1, 0)
    active[1] = [1, 1, 0, 0]
    expected, _ = value_and_gradient(
        losses.mrcnn_class_loss, [logits, class_ids, match, active]
    )

    logits[1, :, 2:] = 50.0  # Sure of classes that the second image's dataset lacks.
    value, gradient = value_and_gradient(
        losses.mrcnn_class_loss, [logits, class_ids, match, active]
    )

    assert value == pytest.approx(expected)
    assert not gradient[1, :, 2:].any()
    assert gradient[0, :, 2:].any()


@pytest.mark.parametrize("background", [0.0, 1.0])
def test_an_image_without_classes_does_not_count(rng, background):
    arguments = class_arguments(rng)
    first = [one[:1] for one in arguments]
    arguments[3] = arguments[3].copy()
    arguments[3][1] = [background, 0, 0, 0]

    value, gradient = value_and_gradient(losses.mrcnn_class_loss, arguments)

    assert value == pytest.approx(float(losses.mrcnn_class_loss(*first)))
    assert not gradient[1].any()
    both = [first[0], first[1], first[2], np.zeros((1, CLASSES))]
    assert float(losses.mrcnn_class_loss(*both)) == 0


def test_a_row_whose_class_is_not_active_does_not_count():
    logits = np.zeros((1, 2, 3), "float32")
    class_ids, match = np.array([[2, 1]]), np.array([[POSITIVE, POSITIVE]])
    loss = losses.mrcnn_class_loss(logits, class_ids, match, np.array([[1, 1, 0]]))
    assert float(loss) == pytest.approx(math.log(2))


def test_extreme_predictions_give_finite_losses_and_gradients(rng):
    for loss, make in ALL.values():
        arguments = make(rng)
        is_mask = loss is losses.mrcnn_mask_loss
        for extreme in (0.0, 1.0) if is_mask else (-1e4, 1e4):
            arguments[0] = np.full_like(arguments[0], extreme)
            value, gradient = value_and_gradient(loss, arguments)
            assert math.isfinite(value)
            assert np.isfinite(gradient).all()


def test_a_perfect_row_has_no_focal_slope():
    logits = np.array([[[200.0, 0.0]]], "float32")
    arguments = [logits, np.array([[0]]), np.array([[NEGATIVE]]), np.ones((1, 2))]
    for gamma in (0.5, 2.0):
        value, gradient = value_and_gradient(
            losses.mrcnn_class_loss, arguments, focal_gamma=gamma
        )
        assert value == pytest.approx(0, abs=1e-6)
        np.testing.assert_allclose(gradient, 0, atol=1e-6)
