"""One step, with numbers for graph paper: a loss of half the square of a sum."""

import gc

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from mrcnn.training.averaging import WeightAverage
from mrcnn.training.forward import Forward
from mrcnn.training.optimizer import prepare_optimizer
from mrcnn.training.step import TrainingStep


def line_network():
    """y = 3 x0 + 4 x1 + 0; the loss is y, so gradients are the inputs and 1."""
    image = keras.Input((2,), name="input_image")
    dense = keras.layers.Dense(1, name="line")
    loss = ops.mean(dense(image))
    network = keras.Model([image], {"line_loss": loss})
    dense.set_weights([np.array([[3.0], [4.0]]), np.array([0.0])])
    return network


def step_of(network, *, optimizer=None, precision="float32", decay=None, **options):
    strategy = tf.distribute.get_strategy()
    optimizer = optimizer or keras.optimizers.SGD(0.1)
    prepare_optimizer(optimizer, network.trainable_variables)
    forward = Forward(network, options.pop("loss_weights", {}), precision)
    average = None
    if decay is not None:
        average = WeightAverage(network.trainable_variables, strategy, decay)
    return TrainingStep(forward, optimizer, strategy, average=average, **options)


def batch_of(*rows):
    return {"input_image": np.array(rows, "float32")}


def assert_weights(network, kernel, bias):
    found = network.get_weights()
    np.testing.assert_allclose(found[0].ravel(), kernel, rtol=1e-6)
    np.testing.assert_allclose(found[1], [bias], rtol=1e-6)


def test_a_step_goes_down_the_gradient():
    network = line_network()
    result = step_of(network)([batch_of([1, 2], [3, 4])], seed=0)
    # y is 11 and 25; the mean of inputs is (2, 3).
    assert result.losses == {"loss": 18, "line_loss": 18}
    assert result.is_taken
    assert not result.is_lost
    assert_weights(network, [3 - 0.1 * 2, 4 - 0.1 * 3], -0.1)


def test_losses_are_weighted():
    network = line_network()
    step = step_of(network, loss_weights={"line_loss": 2.0})
    assert step([batch_of([1, 2])], seed=0).losses["line_loss"] == 22
    assert_weights(network, [3 - 0.2 * 1, 4 - 0.2 * 2], -0.2)


def test_the_gradient_over_all_weights_is_cut_to_its_length():
    network = line_network()
    # The gradient (2, 2, 1) has the length 3.
    step_of(network, clip_norm=1.5)([batch_of([2, 2])], seed=0)
    assert_weights(network, [3 - 0.1, 4 - 0.1], -0.05)


def test_micro_batches_are_cut_as_one():
    network = line_network()
    step = step_of(network, clip_norm=1.5, num_micro_batches=2)
    result = step([batch_of([4, 0]), batch_of([0, 4])], seed=0)
    assert result.losses["loss"] == (12 + 16) / 2
    assert_weights(network, [3 - 0.1, 4 - 0.1], -0.05)
    # Nothing is left of them for the next step.
    step([batch_of([2, 2])], seed=0)
    assert_weights(network, [3 - 0.2, 4 - 0.2], -0.1)


def test_weight_decay_adds_the_weight_after_the_cut_and_before_momentum():
    network = line_network()
    sgd = keras.optimizers.SGD(0.1, momentum=0.5)
    step = step_of(network, optimizer=sgd, clip_norm=1.5, weight_decay=0.1)
    step([batch_of([2, 2])], seed=0)
    pulls = [1 + 0.1 * 3, 1 + 0.1 * 4, 0.5]
    first = [3 - 0.1 * pulls[0], 4 - 0.1 * pulls[1], 0 - 0.1 * pulls[2]]
    assert_weights(network, first[:2], first[2])
    step([batch_of([2, 2])], seed=0)
    again = [1 + 0.1 * first[0], 1 + 0.1 * first[1], 0.5]
    second = [
        weight - 0.1 * (0.5 * pull + now)
        for weight, pull, now in zip(first, pulls, again, strict=True)
    ]
    assert_weights(network, second[:2], second[2])


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_step_that_is_not_finite_changes_nothing(accumulate):
    network = line_network()
    sgd = keras.optimizers.SGD(0.1, momentum=0.9)
    step = step_of(
        network, optimizer=sgd, decay=0.5, weight_decay=0.1, num_micro_batches=2
    )
    step([batch_of([1, 1])] * accumulate, seed=0)
    before = [variable.numpy() for variable in [*network.weights, *step.state]]
    bad = [batch_of([np.inf, 0]), batch_of([1, 1])][:accumulate]
    result = step(bad, seed=0)
    after = [variable.numpy() for variable in [*network.weights, *step.state]]
    assert result.is_lost
    assert not result.is_taken
    assert not np.isfinite(result.losses["line_loss"])
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


def normalized_network():
    image = keras.Input((2,), name="input_image")
    norm = keras.layers.BatchNormalization(momentum=0.5, name="norm")
    return keras.Model([image], {"a_loss": ops.mean(ops.square(norm(image)))})


def test_statistics_move_in_steps_that_are_taken():
    network = normalized_network()
    step = step_of(network)
    step([batch_of([2, 4], [4, 8])], seed=0)
    moving_mean = network.get_layer("norm").moving_mean
    np.testing.assert_allclose(moving_mean.numpy(), [1.5, 3])
    step([batch_of([np.nan, 4], [4, 8])], seed=0)
    np.testing.assert_allclose(moving_mean.numpy(), [1.5, 3])


def test_statistics_of_resting_layers_rest():
    network = normalized_network()
    network.get_layer("norm").trainable = False
    image = network.input[0]
    loss = ops.mean(keras.layers.Dense(1)(network.get_layer("norm").output))
    step_of(keras.Model([image], {"a_loss": loss}))([batch_of([2, 4])], seed=0)
    np.testing.assert_array_equal(network.get_layer("norm").moving_mean.numpy(), 0)


def test_averages_follow_the_weights():
    network = line_network()
    step = step_of(network, decay=0.9)
    step([batch_of([1, 1])], seed=0)
    # In the first step, 2 / 11 of the average is left.
    step.average.put_in_place()
    left = (1 + 1) / (10 + 1)
    assert_weights(network, [3 - 0.1 * (1 - left), 4 - 0.1 * (1 - left)], -0.9 / 11)
    step.average.take_out()
    assert_weights(network, [3 - 0.1, 4 - 0.1], -0.1)


def test_an_overflow_of_float16_halves_the_scale_and_is_no_loss():
    network = line_network()
    step = step_of(network, precision="mixed_float16")
    scale = step.loss_scale.scale
    scale.assign(2.0**127)
    result = step([batch_of([64, 64])], seed=0)
    assert not result.is_taken
    assert not result.is_lost
    assert scale.numpy() == 2.0**126
    assert_weights(network, [3, 4], 0)
    scale.assign(4.0)
    assert step([batch_of([1, 2])], seed=0).is_taken
    assert_weights(network, [3 - 0.1, 4 - 0.2], -0.1)


def test_a_wish_to_stop_is_heard():
    step = step_of(line_network())
    assert not step([batch_of([1, 1])], seed=0).wants_stop
    assert step([batch_of([1, 1])], seed=0, wants_stop=True).wants_stop


def test_images_of_other_shapes_train_as_well():
    image = keras.Input((None, 1), name="input_image")
    loss = ops.mean(keras.layers.Dense(1)(image))
    step = step_of(keras.Model([image], {"a_loss": loss}))
    for length in (3, 5, 7, 4):
        batch = {"input_image": np.ones((2, length, 1), "float32")}
        assert step([batch], seed=0).is_taken
    assert step._update.experimental_get_tracing_count() <= 2


def num_graphs(name):
    gc.collect()
    kept = [one for one in gc.get_objects() if type(one).__name__ == "FuncGraph"]
    return sum(one.name == name for one in kept)


def test_graphs_of_a_step_are_let_go():
    before = num_graphs("_update_all")
    step = step_of(line_network(), optimizer=keras.optimizers.Adam(0.1))
    step([batch_of([1, 2])], seed=0)
    assert num_graphs("_update_all") == before + 1
    del step
    assert num_graphs("_update_all") == before


def test_an_optimizer_sums_over_devices_again_after_a_step():
    optimizer = keras.optimizers.SGD(0.1)
    before = optimizer._all_reduce_sum_gradients
    step_of(line_network(), optimizer=optimizer)([batch_of([1, 2])], seed=0)
    assert optimizer._all_reduce_sum_gradients == before
