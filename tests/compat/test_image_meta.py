"""matterport's meta functions: dictionaries, its dtypes."""

import numpy as np

from mrcnn.compat.image_meta import (
    compose_image_meta,
    parse_image_meta,
    parse_image_meta_graph,
)

NAMES = [
    "image_id",
    "original_image_shape",
    "image_shape",
    "window",
    "scale",
    "active_class_ids",
]


def metas():
    shapes = ((480, 640, 3), (1024, 1024, 3))
    one = compose_image_meta(5, *shapes, (128, 0, 896, 1024), 1.6, [1, 0, 1])
    return np.stack([one, one])


def test_a_parsed_meta_is_a_dictionary_of_integers_and_a_scale():
    parts = parse_image_meta(metas())
    assert list(parts) == NAMES
    assert parts["scale"].dtype == np.float32
    assert {parts[n].dtype for n in NAMES if n != "scale"} == {np.dtype("int32")}
    np.testing.assert_array_equal(parts["image_id"], [5, 5])
    np.testing.assert_array_equal(parts["window"], [[128, 0, 896, 1024]] * 2)
    np.testing.assert_array_equal(parts["active_class_ids"], [[1, 0, 1]] * 2)
    np.testing.assert_allclose(parts["scale"], [1.6, 1.6])


def test_a_parsed_tensor_keeps_its_dtype():
    from keras import ops

    parts = parse_image_meta_graph(ops.convert_to_tensor(metas(), "float32"))
    assert list(parts) == NAMES
    assert all(ops.is_tensor(part) for part in parts.values())
    np.testing.assert_array_equal(parts["image_shape"], [[1024, 1024, 3]] * 2)


def test_a_symbolic_meta_is_parsed():
    from keras import KerasTensor

    parts = parse_image_meta_graph(KerasTensor((None, 12 + 7)))
    assert parts["window"].shape == (None, 4)
    assert parts["active_class_ids"].shape == (None, 7)
