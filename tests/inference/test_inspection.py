"""Looking inside a network."""

import keras
import numpy as np
import pytest

from mrcnn.inference.inspection import (
    evaluate_tensors,
    find_ancestor,
    layers_with_weights,
    unwrap,
)
from mrcnn.layers.per_roi import PerRoi


@pytest.fixture(scope="module")
def model():
    numbers = keras.Input((3,), name="numbers")
    doubled = keras.layers.Rescaling(2.0, name="doubled")(numbers)
    shifted = keras.layers.Rescaling(1.0, offset=1.0, name="shifted")(doubled)
    rows = keras.layers.Reshape((1, 3), name="rows")(shifted)
    dense = keras.layers.Dense(2, name="mrcnn_class_logits")
    logits = PerRoi(dense, name="mrcnn_class_logits")(rows)
    return keras.Model(numbers, logits)


def test_inner_tensors_are_computed_by_tensor_and_by_name(model):
    wanted = [("twice", model.get_layer("doubled").output), ("plus one", "shifted")]
    values = evaluate_tensors(model, wanted, [np.array([[1.0, 2.0, 3.0]])])
    assert list(values) == ["twice", "plus one"]
    np.testing.assert_array_equal(values["twice"], [[2, 4, 6]])
    np.testing.assert_array_equal(values["plus one"], [[3, 5, 7]])


def test_a_single_tensor_is_computed_whatever_its_number_of_rows(model):
    numbers = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    values = evaluate_tensors(model, [("twice", "doubled")], [numbers])
    np.testing.assert_array_equal(values["twice"], 2 * numbers)
    values = evaluate_tensors(model, [("twice", "doubled")], [numbers[:1]])
    np.testing.assert_array_equal(values["twice"], 2 * numbers[:1])


def test_an_ancestor_is_found_by_name_or_pattern(model):
    doubled = model.get_layer("doubled").output
    for name in ("doubled", "doubled:0", "doub.*"):
        assert find_ancestor(model.output, name) is doubled
    assert find_ancestor(doubled, "shifted") is None
    shifted = model.get_layer("shifted").output
    assert find_ancestor(model.output, "doubled", [shifted]) is None


def test_what_is_no_tensor_is_refused_with_the_spelling_to_use(model):
    with pytest.raises(ValueError, match=r"get_layer\(\"NAME\"\)\.output"):
        evaluate_tensors(model, [("nms", None)], [np.zeros((1, 3))])


def test_layers_with_weights_are_unwrapped(model):
    inner = model.get_layer("mrcnn_class_logits").layer
    assert layers_with_weights(model) == [inner]
    assert unwrap(inner) is inner
