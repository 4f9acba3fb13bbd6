import math

import pytest

from mrcnn import model, parallel_model, utils, visualize
from mrcnn.compat.lazy_names import names_on_demand


def test_a_name_is_a_module_or_an_attribute_of_one():
    find = names_on_demand("door", {"m": "math", "root": "math:sqrt"})
    assert find("m") is math
    assert find("root") is math.sqrt


def test_other_names_are_missing_as_in_any_module():
    find = names_on_demand("door", {})
    with pytest.raises(
        AttributeError, match="module 'door' has no attribute 'misspelt'"
    ):
        find("misspelt")
    assert not hasattr(utils, "misspelt")


def test_a_package_that_is_not_installed_is_a_missing_name():
    find = names_on_demand("door", {"gone": "no_such_package"})
    with pytest.raises(AttributeError, match="No module named 'no_such_package'"):
        find("gone")


def test_what_old_scripts_take_from_the_doors_works(plt):
    assert visualize.plt is plt
    assert visualize.Polygon([[0, 0], [1, 0], [0, 1]]).get_closed()
    assert utils.skimage.color.gray2rgb([[0.5]]).shape == (1, 1, 3)
    assert model.K.epsilon() > 0
    assert issubclass(model.KL.Dense, model.KE.Layer)
    assert model.tf is parallel_model.tf is utils.tf
