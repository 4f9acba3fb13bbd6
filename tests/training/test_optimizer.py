"""Optimizers of a config and of the user."""

import keras
import numpy as np
import pytest

from mrcnn.training.optimizer import (
    build_optimizer,
    check_optimizer,
    is_decayed,
    prepare_optimizer,
)

NAMES = ("sgd", "adamw")


def variables():
    return [
        keras.Variable(np.ones((2, 2)), name="kernel"),
        keras.Variable(np.ones(2), name="gamma"),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_what_a_config_names_passes_the_check(name):
    optimizer = build_optimizer(name, 0.1, momentum=1, weight_decay=0.01)
    check_optimizer(optimizer)
    assert float(optimizer.learning_rate) == pytest.approx(0.1)


def test_sgd_has_momentum_and_leaves_decay_to_the_loop():
    optimizer = build_optimizer("sgd", 0.1, momentum=0.8, weight_decay=0.01)
    assert optimizer.momentum == 0.8
    assert not optimizer.weight_decay


def test_adamw_pulls_at_kernels_apart_from_the_gradient():
    optimizer = build_optimizer("adamw", 0.1, momentum=0.8, weight_decay=0.5)
    kernel, gamma = variables()
    prepare_optimizer(optimizer, [kernel, gamma])
    optimizer.apply([np.zeros((2, 2)), np.zeros(2)], [kernel, gamma])
    np.testing.assert_allclose(kernel.numpy(), 1 - 0.1 * 0.5)
    np.testing.assert_allclose(gamma.numpy(), 1)


def test_kernels_decay_and_vectors_do_not():
    assert [is_decayed(variable) for variable in variables()] == [True, False]


@pytest.mark.parametrize(
    ("setting", "knob"),
    [
        ({"clipnorm": 1.0}, "GRADIENT_CLIP_NORM"),
        ({"global_clipnorm": 1.0}, "GRADIENT_CLIP_NORM"),
        ({"clipvalue": 1.0}, "GRADIENT_CLIP_NORM"),
        ({"gradient_accumulation_steps": 2}, "ACCUMULATE_STEPS"),
        ({"use_ema": True}, "EMA_DECAY"),
        ({"loss_scale_factor": 2.0}, "PRECISION"),
    ],
)
def test_what_the_loop_does_is_refused_with_the_knob_for_it(setting, knob):
    with pytest.raises(ValueError, match=knob):
        check_optimizer(keras.optimizers.SGD(**setting))


def test_a_loss_scale_of_its_own_and_other_things_are_refused():
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD())
    with pytest.raises(ValueError, match="inner optimizer"):
        check_optimizer(scaled)
    with pytest.raises(TypeError, match="sgd"):
        check_optimizer("sgd")
