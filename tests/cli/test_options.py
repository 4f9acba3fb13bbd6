from argparse import ArgumentTypeError

import pytest

from mrcnn.cli.options import names, positive, several, share, whole_number


def test_lists_may_have_spaces():
    assert names(" dog, cat,,") == ["dog", "cat"]
    assert several(positive)("0.75, 1,1.5") == [0.75, 1, 1.5]


def test_numbers_are_read():
    assert whole_number("12") == 12
    assert positive("1e-3") == 0.001
    assert share("0") == 0
    assert share("1") == 1


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (whole_number, "0"),
        (whole_number, "1.5"),
        (whole_number, "many"),
        (positive, "0"),
        (positive, "inf"),
        (positive, "nan"),
        (share, "1.1"),
        (share, "nan"),
        (share, "high"),
        (several(share), ","),
        (several(share), "0.5,2"),
    ],
)
def test_what_is_no_such_number_is_refused(kind, text):
    with pytest.raises(ArgumentTypeError):
        kind(text)
