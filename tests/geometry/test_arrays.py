"""One spelling for both worlds: namespaces, dtypes, and what only we spell alike."""

import subprocess
import sys

import numpy as np
import pytest

from mrcnn.geometry.arrays import (
    array_namespace,
    as_float,
    as_floats,
    cast,
    if_any,
    take_rows,
    take_values,
    top_k,
)


@pytest.mark.parametrize("array", [np.zeros(2), np.float32(1), [1, 2], (1,), 1, 2.0])
def test_numbers_and_numpy_arrays_live_in_numpy(array):
    assert array_namespace(array) is np


def test_one_tensor_is_enough_to_need_tensor_functions():
    from keras import KerasTensor, ops

    assert array_namespace(np.zeros(2), ops.zeros(2)) is ops
    assert array_namespace(np.zeros(2), KerasTensor((2,))) is ops


def test_numpy_work_does_not_load_keras():
    code = (
        "import sys, numpy as np\n"
        "from mrcnn.geometry import boxes, anchors, matching\n"
        "boxes.pairwise_iou(np.zeros((1, 4)), np.zeros((1, 4)))\n"
        "assert not {'keras', 'tensorflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_floats_keep_their_precision():
    from keras import ops

    assert as_float(np.zeros(2, "float32")).dtype == np.float32
    assert as_float(np.zeros(2)).dtype == np.float64
    assert str(as_float(ops.zeros(2, "bfloat16")).dtype).endswith("bfloat16'>")


@pytest.mark.parametrize("integers", [[1, 2], np.array([1, 2]), np.array([1, 2], "u1")])
def test_integers_become_double_precision_in_numpy(integers):
    result = as_float(integers)
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result, [1, 2])


def test_integer_tensors_become_single_precision():
    from keras import backend, ops

    result = as_float(ops.convert_to_tensor([1, 2], "int32"))
    assert backend.standardize_dtype(result.dtype) == "float32"


def test_the_widest_float_decides_and_integers_follow():
    single, integers = np.zeros(2, "float32"), np.zeros(2, "int64")
    assert [a.dtype for a in as_floats(single, integers)] == [np.float32] * 2
    assert [a.dtype for a in as_floats(single, np.zeros(2))] == [np.float64] * 2
    assert [a.dtype for a in as_floats(single, [0.5, 1])] == [np.float32] * 2
    assert [a.dtype for a in as_floats(integers, [1, 2])] == [np.float64] * 2


def test_numpy_arrays_take_the_dtype_of_a_tensor_beside_them():
    from keras import backend, ops

    mixed = as_floats(np.zeros(2), ops.zeros(2, "float32"), ops.zeros(2, "bfloat16"))
    assert [backend.standardize_dtype(a.dtype) for a in mixed] == ["float32"] * 3


def test_numpy_arrays_beside_a_symbolic_tensor_become_tensors():
    from keras import KerasTensor, ops

    array, symbol = as_floats(np.zeros(2), KerasTensor((None, 2)))
    assert ops.is_tensor(array)
    assert symbol.shape == (None, 2)


def test_cast_changes_the_dtype(as_array):
    result = cast(as_array([0.0, 1.9]), "int32")
    assert np.asarray(result).dtype == np.int32
    np.testing.assert_array_equal(result, [0, 1])


def test_top_k_takes_the_largest_first(as_array):
    values, indices = top_k(as_array([[1.0, 5.0, 3.0], [2.0, 0.0, 9.0]]), 2)
    np.testing.assert_array_equal(values, [[5, 3], [9, 2]])
    np.testing.assert_array_equal(indices, [[1, 2], [2, 0]])
    assert np.asarray(indices).dtype == np.int32


def test_top_k_of_equals_takes_the_first_rows(as_array):
    _, indices = top_k(as_array([1, 0, 1, 0, 1, 0, 1]), 6)
    np.testing.assert_array_equal(indices, [0, 2, 4, 6, 1, 3])


def test_top_k_of_nothing_is_empty(as_array):
    values, indices = top_k(as_array([[1.0, 2.0]]), 0)
    assert tuple(values.shape) == tuple(indices.shape) == (1, 0)


def test_taking_steps_through_leading_axes_together(as_array):
    rows = as_array(np.arange(12.0).reshape(2, 3, 2))
    indices = as_array(np.array([[2, 0], [1, 1]], "int32"))
    expected = [[[4, 5], [0, 1]], [[8, 9], [8, 9]]]
    np.testing.assert_array_equal(take_rows(rows, indices), expected)
    np.testing.assert_array_equal(take_values(rows[..., 1], indices), [[5, 1], [9, 9]])


def test_taking_keeps_an_open_batch_axis():
    from keras import KerasTensor

    indices = KerasTensor((None, 5), "int32")
    assert take_rows(KerasTensor((None, 9, 4)), indices).shape == (None, 5, 4)
    assert take_values(KerasTensor((None, 9)), indices).shape == (None, 5)


@pytest.mark.parametrize(
    ("flags", "expected"), [([False, True], [1, 2]), ([False, False], [0, 0])]
)
def test_any_flag_decides_which_of_two_is_given(as_array, flags, expected):
    flags, values = as_array(np.array(flags)), as_array(np.array([1.0, 2.0]))
    result = if_any(flags, lambda: values, lambda: values * 0)
    np.testing.assert_array_equal(result, expected)


def test_the_other_of_two_is_not_computed():
    def fail():
        raise AssertionError

    assert if_any(np.array([True]), lambda: 1, fail) == 1
    assert if_any(np.zeros((0, 3), bool), fail, lambda: 2) == 2


def test_a_choice_of_two_can_be_part_of_a_network():
    import keras

    flags, values = keras.Input((2,), dtype="bool"), keras.Input((2,))
    output = if_any(flags, lambda: values, lambda: values * 0)
    network = keras.Model([flags, values], output)
    for flag in (True, False):
        result = network([np.array([[flag, False]]), np.array([[1.0, 2.0]], "float32")])
        np.testing.assert_array_equal(result, [[1 * flag, 2 * flag]])
