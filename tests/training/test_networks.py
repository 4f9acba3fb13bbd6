"""Where the trained network lives."""

import numpy as np
import tensorflow as tf

from mrcnn.training.networks import make_networks
from tests.training.toys import toy_builder, toy_detector, weights_of


def test_one_device_shares_the_layers():
    model = toy_detector()
    networks = make_networks(model, toy_builder(model), tf.distribute.get_strategy())
    networks.training.trainable_variables[0].assign_add(np.ones((2, 4)))
    before = weights_of(model)
    networks.publish()
    np.testing.assert_array_equal(weights_of(model), before)
    assert networks.training.weights[0] is model.weights[0]


def test_a_strategy_has_a_network_of_its_own_that_is_brought_back():
    strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    model = toy_detector()
    model.set_weights([weight + 0.5 for weight in model.get_weights()])
    networks = make_networks(model, toy_builder(model), strategy)
    np.testing.assert_array_equal(weights_of(networks.training), weights_of(model))
    for variable in networks.training.trainable_variables:
        variable.assign(variable + 1.0)
    expected = weights_of(model) + 1.0
    networks.publish()
    np.testing.assert_allclose(weights_of(model), expected)
