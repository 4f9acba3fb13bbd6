import math

import numpy as np
import pytest

from mrcnn.config_rules import (
    name_of,
    nearest,
    none_or,
    number,
    number_or_numbers,
    numbers,
    quoted,
    truth,
    whole_number,
)


def test_a_whole_number_lies_between_both_ends_included():
    check = whole_number(2, 5, " of cats")
    assert [check(value) for value in (2, 5, np.int64(3))] == [None] * 3
    for wrong in (1, 6, 2.0, True, "3", None):
        assert check(wrong) == "give a whole number from 2 to 5 of cats"
    assert whole_number(2)(1) == "give a whole number from 2 up"


def test_a_number_is_finite_and_may_have_an_open_end():
    assert number(0, 1)(np.float32(0.5)) is None
    assert number(0, 1)(0) is None
    assert number(0, 1)(1.5) == "give a number of 0 or more and up to 1"
    assert number(0, above=True)(0) == "give a number above 0"
    for wrong in (math.nan, math.inf, True, 1j):
        assert number(0)(wrong) is not None


def test_numbers_are_a_row_whose_items_pass():
    check = numbers(whole_number(1), 2)
    for good in ([1, 2], (1, 2), np.array([1, 2])):
        assert check(good) is None
    for wrong in ([1], 7, "12", None, np.ones((2, 2))):
        assert check(wrong) == "give a list of 2 numbers"
    assert check([1, 0]) == "for each item, give a whole number from 1 up"


@pytest.mark.parametrize("wrong", [0, 1, None, np.bool_(True)])
def test_truth_is_pythons_own(wrong):
    assert truth(wrong) == "give True or False"
    assert truth(True) is truth(False) is None


def test_a_name_is_one_of_a_list_and_a_slip_is_corrected():
    check = name_of(["crop", "pad64"], ", or a function")
    assert check("crop") is None
    assert check("Crops") == (
        "did you mean 'crop'? give one of 'crop', 'pad64', or a function"
    )
    assert nearest("zebra", ["crop"]) == ""
    assert quoted(["a", "b"]) == "'a', 'b'"


def test_none_may_stand_for_no_value():
    check = none_or(truth)
    assert check(None) is check(True) is None
    assert check(3) == "give True or False, or None"


def test_one_number_may_stand_for_many():
    check = number_or_numbers(number(0, above=True))
    for right in (2.5, [1, 2.5], (3,), np.ones(3)):
        assert check(right) is None
    assert check(0) == "give a number above 0, or a list of such numbers"
    assert check([1, 0]) == "for each item, give a number above 0"
    assert check(None) is not None
