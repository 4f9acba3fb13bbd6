"""The machinery of the tables, on a table of three rules."""

import numpy as np
import pytest

from mrcnn.weights.systems.rules import (
    Rule,
    System,
    Variant,
    convert_state,
    find_weight,
    find_widths,
)

TOY = System(
    name="toy",
    preset=None,
    markers=["stem."],
    rules=[
        Rule("stem", "conv1"),
        Rule("stem.norm", "bn_conv1"),
        Rule("layer{layer}.{block}.conv{conv}", "res{layer}{block}_branch2{conv}"),
        Rule("score", "mrcnn_class_logits"),
        Rule("old_score", "mrcnn_class_logits"),
    ],
    logits=r"(old_)?score\.weight",
    roi_channels=[(r"deep\.weight", 0), (r"stem\.weight", 1)],
)


def floats(*shape):
    return np.ones(shape, "float32")


def norm():
    leaves = ("weight", "bias", "running_mean", "running_var")
    return {f"stem.norm.{leaf}": floats(2) for leaf in leaves}


def test_the_places_in_a_name_are_rewritten():
    weight, _ = find_weight("layer3.22.conv2.weight", TOY)
    assert weight == "res4w_branch2b/kernel"


@pytest.mark.parametrize(
    "name",
    [
        "layer5.0.conv1.weight",  # there is no such stage
        "layer3.26.conv1.weight",  # the alphabet ends
        "layer3.0.conv1.scale",  # a convolution has none
        "stem-norm.weight",  # a dot is a dot
        "my.stem.weight",
        "weight",
    ],
)
def test_a_name_that_no_rule_meets_is_unknown(name):
    assert find_weight(name, TOY) is None
    assert convert_state({name: floats(1)}, TOY) == ({}, (name,))


def test_unknown_tensors_are_not_read():
    class Unread(dict):
        def __getitem__(self, name):
            assert name == "stem.weight"
            return floats(2, 3, 1, 1)

    state = Unread.fromkeys(["stem.weight", "optimizer.state"])
    assert list(convert_state(state, TOY).named) == ["conv1/kernel"]


def test_widths_come_from_the_first_pattern_that_meets():
    state = {"stem.weight": floats(2, 3, 1, 1), "score.weight": floats(5, 4)}
    assert find_widths(state, TOY) == (3, 5)
    assert find_widths(state | {"deep.weight": floats(7, 3)}, TOY) == (7, 5)
    assert find_widths({}, TOY) == (0, 0)


def test_half_and_double_precision_become_single():
    state = {"stem.weight": floats(2, 3, 1, 1).astype("float16")}
    assert convert_state(state, TOY).named["conv1/kernel"].dtype == np.float32


def test_bgr_images_turn_the_first_convolution_round():
    state = {"stem.weight": np.arange(3, dtype="float32").reshape(1, 3, 1, 1)}
    kernel = convert_state(state, TOY._replace(is_bgr=True)).named["conv1/kernel"]
    np.testing.assert_array_equal(kernel.ravel(), [2, 1, 0])


def test_the_first_of_two_rules_for_a_name_counts():
    rules = [Rule("stem", "rpn_conv_shared"), *TOY.rules]
    weight, _ = find_weight("stem.weight", TOY._replace(rules=rules))
    assert weight == "rpn_conv_shared/kernel"


def test_a_variant_is_of_files_with_a_tensor_or_without_it():
    assert Variant("a").has(["a", "b"])
    assert not Variant("a").has(["b"])
    assert Variant("a", is_lacking=True).has(["b"])
    assert not Variant("a", is_lacking=True).has(["a"])


def test_two_tensors_for_one_weight_are_an_error():
    state = {"score.weight": floats(2, 2), "old_score.weight": floats(2, 2)}
    with pytest.raises(ValueError, match=r"'old_score.weight' is the second"):
        convert_state(state, TOY)


def test_a_shape_that_no_such_weight_has_is_an_error():
    with pytest.raises(ValueError, match=r"'stem.weight' has the shape \(2, 3\)"):
        convert_state({"stem.weight": floats(2, 3)}, TOY)


def test_whole_numbers_are_no_weights():
    with pytest.raises(ValueError, match=r"'stem.weight' is stored as int64"):
        convert_state({"stem.weight": np.ones((2, 3, 1, 1), "int64")}, TOY)


def test_a_normalization_of_groups_is_an_error():
    state = {name: v for name, v in norm().items() if "running" not in name}
    with pytest.raises(ValueError, match="'bn_conv1' has no running statistics"):
        convert_state(state, TOY)


def test_where_normalizations_only_scale_statistics_that_change_nothing_are_added():
    state = {name: v for name, v in norm().items() if "running" not in name}
    named = convert_state(state, TOY._replace(only_scales=True)).named
    np.testing.assert_array_equal(named["bn_conv1/moving_mean"], [0, 0])
    np.testing.assert_array_equal(named["bn_conv1/moving_variance"], [1, 1])


def test_statistics_of_its_own_are_kept():
    named = convert_state(norm(), TOY._replace(only_scales=True)).named
    np.testing.assert_array_equal(named["bn_conv1/moving_mean"], [1, 1])
