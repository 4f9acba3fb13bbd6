import logging

import keras
import numpy as np
import pytest

from mrcnn.parallel_model import ParallelModel


@pytest.fixture
def inner():
    inputs = keras.Input((3,))
    return keras.Model(inputs, keras.layers.Dense(2, name="dense")(inputs))


def test_it_computes_what_its_model_does(inner, rng):
    model = ParallelModel(inner, gpu_count=2)
    assert model.inner_model is inner
    assert model.gpu_count == 2
    values = rng.normal(size=(4, 3)).astype("float32")
    np.testing.assert_array_equal(model(values), inner(values))
    (merged,) = model.make_parallel()
    assert merged is inner.outputs[0]


def test_it_says_where_to_ask_for_gpus(inner, caplog):
    with caplog.at_level(logging.WARNING, "mrcnn"):
        ParallelModel(inner, 2)
    assert "set GPU_COUNT = 2 in the Config" in caplog.text


def test_loading_and_saving_go_to_the_inner_model(inner, tmp_path):
    model = ParallelModel(inner, 2)
    assert model.load_weights == inner.load_weights
    model.save_weights(tmp_path / "x.weights.h5")
    saved = inner.get_weights()
    inner.set_weights([0 * weight for weight in saved])
    model.load_weights(tmp_path / "x.weights.h5")
    np.testing.assert_array_equal(inner.get_weights()[0], saved[0])


def test_the_summary_is_the_inner_models(inner, capsys):
    ParallelModel(inner, 2).summary()
    assert "dense" in capsys.readouterr().out
