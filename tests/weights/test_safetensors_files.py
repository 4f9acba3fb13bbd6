"""Safetensors: a file of its own package, and what must be refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from mrcnn.weights.safe_h5 import WeightsFileError
from mrcnn.weights.safetensors_files import DTYPES, open_safetensors

FIXTURES = Path(__file__).parents[1] / "fixtures"
ENTRY = {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]}


def write(path, table, content=bytes(8), length=None):
    text = table if isinstance(table, bytes) else json.dumps(table).encode()
    count = len(text) if length is None else length
    path.write_bytes(count.to_bytes(8, "little") + text + content)
    return path


def read(path):
    with open_safetensors(path) as tensors:
        return {name: tensor.read() for name, tensor in tensors.items()}


def test_what_the_package_wrote_is_read_to_the_last_bit():
    with (
        open_safetensors(FIXTURES / "torch.safetensors") as tensors,
        np.load(FIXTURES / "torch_expected.npz") as expected,
    ):
        assert sorted(tensors) == sorted(expected.files)
        for name, tensor in tensors.items():
            values = tensor.read()
            assert (values.shape, values.dtype) == (tensor.shape, tensor.dtype)
            np.testing.assert_array_equal(values, expected[name])


@pytest.mark.parametrize("dtype", DTYPES)
def test_numbers_of_every_dtype_are_read(tmp_path, dtype):
    values = np.array([1, 0]).astype(DTYPES[dtype])
    if dtype == "BF16":
        values = np.array([0x3F80, 0], "<u2")
    entry = {"dtype": dtype, "shape": [2], "data_offsets": [0, values.nbytes]}
    found = read(write(tmp_path / "a", {"w": entry}, values.tobytes()))["w"]
    np.testing.assert_array_equal(found, [1, 0])


def test_notes_and_empty_tensors_are_allowed(tmp_path):
    empty = {"dtype": "F32", "shape": [0, 3], "data_offsets": [8, 8]}
    table = {"__metadata__": {"format": "pt"}, "w": ENTRY, "empty": empty}
    found = read(write(tmp_path / "a", json.dumps(table).encode() + b"   "))
    assert {name: values.shape for name, values in found.items()} == {
        "w": (2, 1),
        "empty": (0, 3),
    }


def changed(**changes):
    return {"w": ENTRY | changes}


REFUSED = {
    "a dtype of another kind": changed(dtype="O"),
    "a dtype that is no text": changed(dtype=4),
    "a dtype that is a list": changed(dtype=[]),
    "no shape": {"w": {"dtype": "F32", "data_offsets": [0, 8]}},
    "a shape of text": changed(shape=["2", "1"]),
    "a shape of fractions": changed(shape=[2.0, 1]),
    "a shape below zero": changed(shape=[-2, -1]),
    "a shape too large": changed(shape=[2, 2]),
    "an absurd shape": changed(shape=[2**40, 2**40]),
    "a shape of many digits": changed(shape=[10**4000] * 4),
    "too many dimensions": changed(shape=[2, *[1] * 20]),
    "a place below zero": changed(data_offsets=[-8, 0]),
    "a place behind the end": changed(data_offsets=[8, 16]),
    "a place turned round": changed(data_offsets=[8, 0]),
    "three offsets": changed(data_offsets=[0, 4, 8]),
    "an entry that is a list": {"w": []},
    "two in one place": {"w": ENTRY, "v": ENTRY},
    "a gap": {"w": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}},
    "bytes left over": {"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}},
    "a list for a table": [],
    "a table that is no JSON": b"{'w': 1}",
    "a table that is no text": b"{\xff}",
    "a name twice": b'{"w": {"a": 1, "a": 2}}',
    "depth without end": b"[" * 100_000,
}


@pytest.mark.parametrize("table", REFUSED.values(), ids=REFUSED)
def test_a_table_that_cannot_be_is_refused(tmp_path, table):
    with pytest.raises(WeightsFileError):
        read(write(tmp_path / "a", table))


@pytest.mark.parametrize("length", [10**6, 2**63])
def test_a_table_longer_than_the_file_is_refused(tmp_path, length):
    with pytest.raises(WeightsFileError, match="table of contents"):
        read(write(tmp_path / "a", {"w": ENTRY}, length=length))


def test_a_file_that_is_cut_off_is_refused(tmp_path):
    content = (FIXTURES / "torch.safetensors").read_bytes()
    for length in range(0, len(content), 97):
        (tmp_path / "a").write_bytes(content[:length])
        with pytest.raises(WeightsFileError):
            read(tmp_path / "a")
