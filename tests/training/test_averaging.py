"""Averages that change places with weights."""

import keras
import numpy as np
import tensorflow as tf

from mrcnn.training.averaging import WeightAverage


def averaged(value, decay=0.5):
    variable = keras.Variable(np.array([value], "float32"))
    return variable, WeightAverage([variable], tf.distribute.get_strategy(), decay)


def test_late_steps_leave_the_share_that_was_asked_for():
    variable, average = averaged(0.0)
    variable.assign([1.0])
    average.update(tf.constant(100))
    average.put_in_place()
    np.testing.assert_allclose(variable.numpy(), 0.5)


def test_the_first_step_leaves_little():
    variable, average = averaged(0.0)
    variable.assign([1.0])
    average.update(tf.constant(0))
    average.put_in_place()
    np.testing.assert_allclose(variable.numpy(), 0.9)


def test_places_are_changed_once_however_often_it_is_asked_for():
    variable, average = averaged(1.0)
    variable.assign([3.0])
    for _ in range(2):
        average.put_in_place()
        assert variable.numpy() == 1
        assert average.stored[0].numpy() == 3
    for _ in range(2):
        average.take_out()
        assert variable.numpy() == 3
