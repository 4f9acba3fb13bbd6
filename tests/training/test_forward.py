"""From a batch to losses without effects."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from mrcnn.training.forward import Forward

SEED = tf.constant(7, "int64")


def noisy_network():
    image = keras.Input((3,), name="input_image")
    noise = keras.layers.GaussianNoise(1.0, seed=1)(image)
    dropped = keras.layers.Dropout(0.5, seed=2)(image)
    losses = {
        "noise_loss": ops.mean(noise),
        "drop_loss": ops.mean(dropped),
        "count": ops.sum(image),
    }
    return keras.Model({"input_image": image}, losses)


def batch():
    ones = np.ones((4, 3), "float32")
    return {"input_image": tf.constant(ones), "not_an_input": tf.constant(1.0)}


def test_losses_are_the_outputs_that_say_so_in_order():
    forward = Forward(noisy_network(), {"drop_loss": 0.5})
    losses, moved = forward(batch(), SEED, training=False)
    assert forward.loss_names == ["noise_loss", "drop_loss"]
    np.testing.assert_allclose(losses, [1.0, 0.5])
    assert moved == {}


def test_chance_follows_from_the_seed_and_nothing_is_left_behind():
    forward = Forward(noisy_network())
    before = [variable.numpy() for variable in forward.network.variables]
    first = forward(batch(), SEED, training=True)[0].numpy()
    second = forward(batch(), SEED, training=True)[0].numpy()
    other = forward(batch(), SEED + 1, training=True)[0].numpy()
    np.testing.assert_array_equal(first, second)
    assert (first != other).all()
    after = [variable.numpy() for variable in forward.network.variables]
    np.testing.assert_array_equal(before, after)


def test_two_generators_of_one_network_draw_apart():
    image = keras.Input((3,), name="input_image")
    noises = [keras.layers.GaussianNoise(1.0, seed=1)(image) for _ in range(2)]
    losses = {f"{index}_loss": ops.mean(one) for index, one in enumerate(noises)}
    forward = Forward(keras.Model([image], losses))
    first, second = forward(batch(), SEED, training=True)[0].numpy()
    assert first != second


def test_new_statistics_are_handed_back():
    image = keras.Input((3,), name="input_image")
    norm = keras.layers.BatchNormalization(momentum=0.5)
    network = keras.Model([image], {"a_loss": ops.mean(norm(image))})
    forward = Forward(network)
    _, moved = forward(batch(), SEED, training=True)
    names = {forward.resting[int(key)].name: value for key, value in moved.items()}
    np.testing.assert_allclose(names["moving_mean"], [0.5] * 3)
    np.testing.assert_array_equal(norm.moving_mean.numpy(), [0] * 3)
    assert forward(batch(), SEED, training=False)[1] == {}
