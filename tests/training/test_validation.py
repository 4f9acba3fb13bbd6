"""Losses over a validation set."""

import numpy as np
import pytest
import tensorflow as tf

from mrcnn.training.forward import Forward
from mrcnn.training.validation import Validation
from tests.training.toys import LOSSES, ToyBatches, toy_detector, toy_training


def validation(noise=0.0):
    return Validation(
        Forward(toy_training(toy_detector(), noise)), tf.distribute.get_strategy()
    )


def test_the_mean_goes_over_images_and_not_over_batches():
    batches = list(ToyBatches(sizes=[4, 1]).epoch(0))
    whole = {
        name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]
    }
    validate = validation()
    parts, at_once = validate(batches), validate([whole])
    assert parts.keys() == {"loss", *LOSSES}
    for name, value in at_once.items():
        assert parts[name] == pytest.approx(value, rel=1e-5)


def test_a_second_pass_gives_the_same_losses_to_the_last_bit():
    validate = validation(noise=1.0)
    batches = ToyBatches()
    assert validate(batches.epoch(0)) == validate(batches.epoch(0))


def test_an_empty_set_is_an_error():
    with pytest.raises(ValueError, match="no images"):
        validation()([])
