import pytest

from mrcnn.inference.class_names import ids_of, name_of

NAMES = ("BG", "person", "dog", "dog")


def test_a_class_without_a_name_is_called_by_its_id():
    assert name_of(1, NAMES) == "person"
    assert name_of(4, NAMES) == "class 4"
    assert name_of(-1, NAMES) == "class -1"
    assert name_of(1, None) == "class 1"


def test_all_ids_with_a_name_are_found():
    assert ids_of("dog", NAMES) == [2, 3]
    assert ids_of(["dog", "person"], NAMES) == [1, 2, 3]
    assert ids_of([], NAMES) == []


def test_an_unknown_name_is_an_error_with_the_nearest():
    with pytest.raises(ValueError, match=r"'persn'\. Nearest: person"):
        ids_of("persn", NAMES)
    with pytest.raises(ValueError, match=r"Known: .*BG"):
        ids_of(["zebra"], NAMES)
    with pytest.raises(ValueError, match="class_ids"):
        ids_of("dog", None)
