"""Views of storages: right ones are read, all others are refused unread."""

import numpy as np
import pytest

from mrcnn.weights.safe_h5 import WeightsFileError
from mrcnn.weights.safe_pickle import Name, UnsafePickleError
from mrcnn.weights.torch_tensors import (
    STORAGES,
    TORCH_MAKERS,
    Storage,
    TorchTensor,
    find_storage,
)


class Held:
    """Numbers in memory."""

    order = "<"

    def __init__(self, content):
        self.content = content

    def length(self, key):
        return len(self.content)

    def read(self, key):
        return self.content


def row(count=12, **options):
    """0, 1, 2, ... as float32."""
    numbers = Held(np.arange(count, dtype="<f4").tobytes())
    return Storage(numbers, "torch FloatStorage", "0", count, **options)


def read(storage, offset, shape, strides):
    tensor = TorchTensor(storage, offset, shape, strides).stored("w")
    values = tensor.read()
    assert values.shape == tensor.shape
    assert values.dtype == tensor.dtype
    return values.tolist()


def test_a_view_has_an_offset_a_shape_and_strides():
    assert read(row(), 0, (2, 3), (3, 1)) == [[0, 1, 2], [3, 4, 5]]
    assert read(row(), 1, (3, 2), (1, 3)) == [[1, 4], [2, 5], [3, 6]]
    assert read(row(), 2, (2, 2), (6, 2)) == [[2, 4], [8, 10]]
    assert read(row(), 7, (), ()) == 7
    assert read(row(), 12, (0, 5), (5, 1)) == []
    assert read(row(), 0, (12,), (1,)) == list(range(12))


def test_a_part_of_a_storage_is_a_storage():
    assert read(row()._replace(start=4, length=3), 1, (2,), (1,)) == [5, 6]


@pytest.mark.parametrize("kind", STORAGES)
def test_numbers_of_every_kind_are_read(kind):
    bits = {"torch BFloat16Storage": np.array([0, 0x3F80, 0xC040], "<u2")}
    values = bits.get(kind, np.array([0, 1, 3]).astype(STORAGES[kind]))
    storage = Storage(Held(values.tobytes()), kind, "0", 3)
    expected = [0, 1, -3] if kind in bits else values.tolist()
    assert read(storage, 0, (3,), (1,)) == expected


def test_numbers_of_a_big_endian_machine_are_turned_round():
    numbers = Held(np.array([1.5, -2], ">f4").tobytes())
    numbers.order = ">"
    storage = Storage(numbers, "torch FloatStorage", "0", 2)
    assert read(storage, 0, (2,), (1,)) == [1.5, -2]


OUTSIDE = {
    "one too far": (1, (12,), (1,)),
    "an offset behind the end": (13, (1,), (1,)),
    "an offset before the start": (-1, (2,), (1,)),
    "an offset before the start of nothing": (-1, (0,), (1,)),
    "a stride too long": (0, (2, 3), (11, 1)),
    "a stride backwards": (5, (3,), (-1,)),
    "a side below zero": (0, (-2, -3), (3, 1)),
    "every number twice": (0, (2, 12), (0, 1)),
    "one number for ever": (0, (2**30, 2**30), (0, 0)),
    "an absurd stride": (0, (2,), (2**62,)),
    "an absurd empty side": (0, (0, 2**62), (1, 1)),
    "fewer strides than sides": (0, (2, 3), (1,)),
    "too many dimensions": (0, (1,) * 40, (1,) * 40),
}


@pytest.mark.parametrize("view", OUTSIDE.values(), ids=OUTSIDE)
def test_a_view_that_leaves_its_storage_is_refused(view):
    with pytest.raises(WeightsFileError, match="does not lie inside"):
        TorchTensor(row(), *view).stored("w")


@pytest.mark.parametrize(
    "change", [{"length": 13}, {"length": 2**40}, {"start": 1}, {"start": -1}]
)
def test_a_storage_larger_than_its_bytes_is_refused(change):
    storage = row()._replace(**change)
    with pytest.raises(WeightsFileError, match="48 bytes"):
        TorchTensor(storage, 0, (2,), (1,)).stored("w")


def test_a_reference_names_a_storage():
    kind = Name("torch HalfStorage")
    found = find_storage(Held(b""), ("storage", kind, "7", "cuda:0", 5))
    assert found[1:] == ("torch HalfStorage", "7", 5, 0)
    found = find_storage(Held(b""), ("storage", kind, "7", "cpu", 5, ("8", 2, 3)))
    assert found[1:] == ("torch HalfStorage", "7", 3, 2)
    found = find_storage(Held(b""), ("storage", kind, "7", "cpu", 5, None))
    assert found[1:] == ("torch HalfStorage", "7", 5, 0)


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        (("module", Name("torch FloatStorage"), "0", "cpu", 1), "a whole model"),
        (("storage", "torch FloatStorage", "0", "cpu", 1), "an unknown class"),
        (("storage", Name("numpy ndarray"), "0", "cpu", 1), "an unknown class"),
    ],
)
def test_a_reference_to_anything_else_is_refused(reference, words):
    with pytest.raises(UnsafePickleError, match=words):
        find_storage(Held(b""), reference)


def test_a_parameter_is_its_tensor():
    tensor = TORCH_MAKERS["torch._utils _rebuild_tensor_v2"](
        row(), 0, (2,), (1,), False, {}
    )
    assert tensor == TorchTensor(row(), 0, (2,), (1,))._replace(storage=tensor.storage)
    assert TORCH_MAKERS["torch._utils _rebuild_parameter"](tensor, True, {}) is tensor


def test_a_tensor_is_made_of_a_storage_alone():
    with pytest.raises(UnsafePickleError):
        TORCH_MAKERS["torch._utils _rebuild_tensor_v2"]("name", 0, (2,), (1,))
