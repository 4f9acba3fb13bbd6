"""Pickles of arrays, as Detectron and detectron2 write them."""

import pickle

import numpy as np
import pytest

from mrcnn.weights.pickle_files import PickledArray, read_pickle
from mrcnn.weights.safe_h5 import WeightsFileError
from mrcnn.weights.safe_pickle import UnsafePickleError
from tests.weights.evil_pickles import Call, evil_pickles

DTYPES = ["<f4", ">f4", "<f8", "<f2", "<i8", "<i4", "<u2", "|i1", "|u1", "|b1"]

# What Python 2 wrote for {"w": np.float32([[1, 2]])}, protocol 2.
PYTHON_2 = (
    b"\x80\x02}q\x01U\x01wq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\n"
    b"ndarray\nq\x04K\x00\x85U\x01b\x87Rq\x05(K\x01K\x01K\x02\x86cnumpy\ndtype\nq\x06"
    b"U\x02f4K\x00K\x01\x87Rq\x07(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
    b"K\x00tb\x89U\x08\x00\x00\x80?\x00\x00\x00@tbs."
)


def write(path, value, protocol=2):
    path.write_bytes(pickle.dumps(value, protocol))
    return path


def read(path):
    return {name: item.stored(name).read() for name, item in read_pickle(path).items()}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_come_through(tmp_path, rng, dtype, protocol):
    values = rng.integers(0, 2, (2, 3, 4)).astype(dtype)
    path = write(tmp_path / "a.pkl", {"a": values}, protocol)
    np.testing.assert_array_equal(read(path)["a"], values)


@pytest.mark.parametrize("protocol", [2, 5])
def test_orders_and_shapes_come_through(tmp_path, rng, protocol):
    arrays = {
        "columns first": np.asfortranarray(rng.uniform(size=(3, 4))),
        "every other": rng.uniform(size=(6, 4))[::2, ::-1],
        "single": np.array(5.0),
        "empty": np.zeros((0, 3)),
    }
    found = read(write(tmp_path / "a.pkl", arrays, protocol))
    for name, values in arrays.items():
        assert found[name].shape == values.shape
        np.testing.assert_array_equal(found[name], values)


def test_what_python_2_wrote_is_read(tmp_path):
    path = tmp_path / "old.pkl"
    path.write_bytes(PYTHON_2)
    np.testing.assert_array_equal(read(path)["w"], [[1, 2]])


def test_a_tensor_says_its_shape_without_being_read(tmp_path):
    item = read_pickle(write(tmp_path / "a.pkl", [np.zeros((2, 3), "f4")]))[0]
    assert isinstance(item, PickledArray)
    stored = item.stored("name")
    assert (stored.path, stored.shape, stored.dtype) == ("name", (2, 3), np.float32)


@pytest.mark.parametrize("protocol", [2, 4])
def test_numbers_of_numpy_are_numbers(tmp_path, protocol):
    value = {"epoch": np.int64(3), "loss": np.float32(0.5)}
    path = write(tmp_path / "a.pkl", value, protocol)
    assert read_pickle(path) == {"epoch": 3, "loss": 0.5}


class Bomb:
    def __reduce__(self):
        return (print, ("must not be seen",))


REFUSED = {
    "objects": (np.array([Bomb(), None], dtype=object), "'O8'"),
    "objects with a pickle": (np.array([{"a": 1}], dtype=object), "'O8'"),
    "text": (np.array(["abc"]), "'U3'"),
    "dates": (np.array(["2020-01-01"], "datetime64[D]"), "'M8'"),
    "records": (np.zeros(2, [("a", "f4"), ("b", "O")]), "'V12'"),
    "complex": (np.zeros(2, "complex64"), "'c8'"),
    "a class of its own": (np.zeros(2).view(np.recarray), "numpy"),
    "masked": (np.ma.zeros(2), "numpy.ma"),
    "matrix": (np.zeros((2, 2)).view(np.matrix), "matrix"),
}


@pytest.mark.parametrize(("value", "words"), REFUSED.values(), ids=REFUSED)
def test_arrays_of_anything_but_numbers_are_refused(tmp_path, capsys, value, words):
    path = write(tmp_path / "a.pkl", {"a": value})
    with pytest.raises(UnsafePickleError, match=words):
        read_pickle(path)
    assert capsys.readouterr().out == ""


def test_a_file_of_harmful_pickles_is_refused(tmp_path):
    target = tmp_path / "target"
    path = tmp_path / "evil.pkl"
    for content, _ in evil_pickles(target).values():
        path.write_bytes(content)
        with pytest.raises(UnsafePickleError):
            read_pickle(path)
    assert not target.exists()


def array_program(
    *, shape=b"K\x01K\x02\x86", letters=b"f4", order=b"<", content=b"U\x08"
):
    return (
        PYTHON_2.replace(b"K\x01K\x02\x86", shape, 1)
        .replace(b"U\x02f4", b"U" + bytes([len(letters)]) + letters)
        .replace(b"U\x01<", b"U\x01" + order)
        .replace(b"U\x08", content, 1)
    )


MADE_UP = {
    "larger than its bytes": array_program(shape=b"K\x01K\x03\x86"),
    "of negative sides": array_program(shape=b"J\xff\xff\xff\xffJ\xfe\xff\xff\xff\x86"),
    "of absurd size": array_program(shape=b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86"),
    "of a side of many digits": array_program(
        shape=b"\x8b\x00\x40\x00\x00" + b"\x7f" * 0x4000 + b"K\x01\x86"
    ),
    "of a strange byte order": array_program(order=b"?"),
    "of text sides": array_program(shape=b"U\x01aU\x01b\x86"),
    "of objects": array_program(letters=b"O8"),
    "of records": array_program(letters=b"f4,O"),
    "of other bytes": array_program(content=b"K\x05U\x08"),
}


@pytest.mark.parametrize("content", MADE_UP.values(), ids=MADE_UP)
def test_an_array_that_cannot_be_is_refused(tmp_path, content):
    assert content != PYTHON_2
    path = tmp_path / "a.pkl"
    path.write_bytes(content)
    with pytest.raises(WeightsFileError, match="The pickle"):
        read_pickle(path)


def test_only_latin_1_turns_text_into_bytes(tmp_path):
    import codecs

    path = write(tmp_path / "a.pkl", [b"\xff\x00"], 2)  # Python 3 writes such a call
    assert read_pickle(path) == [b"\xff\x00"]
    write(path, Call(codecs.encode, "text", "rot13"))
    with pytest.raises(UnsafePickleError, match="rot13"):
        read_pickle(path)
