"""Statistics of weights."""

from types import SimpleNamespace

import numpy as np
import pytest

from mrcnn.drawing.weight_stats import weight_table


def layer(name, **weights):
    paths = [SimpleNamespace(path=f"{name}/{key}") for key in weights]
    values = [np.asarray(value, "float32") for value in weights.values()]
    return SimpleNamespace(name=name, weights=paths, get_weights=lambda: values)


def test_each_weight_has_a_row_under_the_header():
    rows = weight_table([layer("conv1", kernel=[[1, 3]], bias=[0, 0])])
    assert rows == [
        ["weight name", "shape", "min", "max", "std"],
        ["conv1/kernel", "(1, 2)", "+1.0000", "+3.0000", "1.0000"],
        ["conv1/bias", "(2,)", "+0.0000", "+0.0000", "0.0000"],
    ]


@pytest.mark.parametrize(
    ("values", "warning"),
    [
        ([2, 2], "dead?"),
        ([0, 1001], "overflow?"),
        ([-1001, 0], "overflow?"),
        ([0, np.nan], "not finite"),
        ([np.inf, 0], "not finite"),
    ],
)
def test_broken_weights_have_a_warning(values, warning):
    name = weight_table([layer("conv1", kernel=values)])[1][0]
    assert name == f"conv1/kernel  *** {warning}"


def test_a_weight_without_values_has_no_statistics():
    assert weight_table([layer("conv1", kernel=[])])[1][1:] == ["(0,)", "", "", ""]


def test_a_wrapper_and_its_layer_are_named_once():
    nested = layer("mask", **{"mask/kernel": [1, 2]})
    assert weight_table([nested])[1][0] == "mask/kernel"
