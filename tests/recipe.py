"""Networks filled with the weights of tests/fixtures/weights_recipe.py."""

import keras

from mrcnn.weights.named_variables import named_variables
from tests.fixtures.weights_recipe import keras_weight


def fill_by_recipe(model: keras.Model) -> None:
    """Gives every weight of a network the value that its name stands for."""
    for name, item in named_variables(model).items():
        owner, leaf = name.split("/")
        item.variable.assign(keras_weight(owner, leaf, tuple(item.variable.shape)))
