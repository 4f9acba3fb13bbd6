import tensorflow as tf

from mrcnn.training.loss_scale import STEPS_TO_GROW, LossScale


def test_a_scale_halves_on_overflow_and_doubles_after_many_good_steps():
    scale = LossScale()
    first = scale.scale.numpy()
    scale.update(tf.constant(False))
    assert scale.scale.numpy() == first / 2
    scale.steps.assign(STEPS_TO_GROW - 2)
    scale.update(tf.constant(True))
    assert scale.scale.numpy() == first / 2
    scale.update(tf.constant(True))
    assert (scale.scale.numpy(), scale.steps.numpy()) == (first, 0)
