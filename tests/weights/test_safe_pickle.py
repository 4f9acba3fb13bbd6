"""The pickle reader: plain data comes through, nothing else does."""

import collections
import io
import pickle

import pytest

from mrcnn.weights import safe_pickle
from mrcnn.weights.safe_h5 import WeightsFileError
from mrcnn.weights.safe_pickle import Inert, UnsafePickleError, load_pickle
from tests.weights.evil_pickles import NAMES, Call, evil_pickles

PLAIN = {
    "containers": {
        "a": [1, -2, 2**40, -(2**70)],
        "b": (1.5, (), (1, 2, 3, 4)),
        7: None,
    },
    "text": ["", "a", "é" * 300, "x" * 70000],
    "truth": [True, False, None],
    "nested": [[[[{}]]]],
}


def load(content, **options):
    return load_pickle(io.BytesIO(content), {}, **options)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("value", PLAIN.values(), ids=PLAIN)
def test_plain_data_comes_through(value, protocol):
    assert load(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_bytes_come_through(protocol):
    value = [b"", b"\x00\xff", b"x" * 300]
    assert load(pickle.dumps(value, protocol)) == value


def test_byte_strings_of_python_2_are_text_of_one_character_a_byte():
    assert load(b"\x80\x02U\x03a\xff\x00.") == "a\xff\x00"
    assert load(b"\x80\x02T\x02\x00\x00\x00a\xff.") == "a\xff"


@pytest.mark.parametrize("protocol", [2, 4])
def test_an_ordered_dict_is_a_dict(protocol):
    value = collections.OrderedDict(a=1, b=[2])
    value.note = "attributes are dropped"
    assert load(pickle.dumps(value, protocol)) == {"a": 1, "b": [2]}


def test_an_ordered_dict_of_python_2_is_given_its_pairs():
    pairs = pickle.dumps(Call(collections.OrderedDict, [["a", 1]]), 2)
    assert load(pairs) == {"a": 1}


def test_one_value_in_two_places_stays_one():
    shared = [1]
    first, second = load(pickle.dumps([shared, shared]))
    assert first is second


def test_settings_are_not_looked_into():
    import argparse

    value = {"args": argparse.Namespace(lr=0.1), "steps": collections.Counter([3])}
    loaded = load(pickle.dumps(value, 2))
    assert [type(item) for item in loaded.values()] == [Inert, Inert]


def test_pickles_in_a_row_are_read_one_by_one():
    file = io.BytesIO(pickle.dumps("first") + pickle.dumps("second") + b"rest")
    assert load_pickle(file, {}) == "first"
    assert load_pickle(file, {}) == "second"
    assert file.read() == b"rest"


def test_a_name_means_what_its_maker_makes_of_the_arguments():
    content = b"\x80\x02cmy\nsum\nK\x02K\x03\x86R."
    assert load_pickle(io.BytesIO(content), {"my sum": lambda a, b: a + b}) == 5


def test_a_reference_is_what_the_caller_makes_of_it():
    assert load(b"\x80\x02K\x05Q.", persistent=lambda number: [number]) == [5]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_harmful_is_run(tmp_path, name):
    target = tmp_path / "target"
    content, refused = evil_pickles(target)[name]
    with pytest.raises(UnsafePickleError) as error:
        load(content)
    assert refused in str(error.value)
    assert not target.exists()


DAMAGED = {
    "empty": b"",
    "cut off": pickle.dumps({"a": [1, 2, 3]})[:-4],
    "no stop": b"\x80\x02K\x01",
    "stack runs empty": b"\x80\x02a.",
    "no mark": b"\x80\x02e.",
    "unknown memory": b"\x80\x02h\x07.",
    "odd pairs": b"\x80\x02}(K\x01u.",
    "append to a number": b"\x80\x02K\x01K\x02a.",
    "long text without end": b"\x80\x02X\xff\xff\xff\x7fabc.",
    "longer bytes without end": b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x00abc.",
    "list as key": b"\x80\x02}]K\x01s.",
    "tuple as key": b"\x80\x02})K\x01s.",
    "text that is none": b"\x80\x02X\x01\x00\x00\x00\xff.",
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_damage_is_one_kind_of_error(content):
    with pytest.raises(WeightsFileError, match="The pickle"):
        load(content)


def test_a_program_without_end_is_cut_off(monkeypatch):
    monkeypatch.setattr(safe_pickle, "MAX_STEPS", 100)
    assert load(pickle.dumps([1] * 50))
    with pytest.raises(WeightsFileError, match="more than 100 steps"):
        load(pickle.dumps([1] * 200))


def test_depth_does_not_exhaust_the_stack_of_calls():
    content = b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"."
    assert len(load(content)) == 1
