import pytest

from mrcnn.weights.weight_names import possible_names


@pytest.mark.parametrize(
    ("group", "name", "expected"),
    [
        ("conv1", "conv1/kernel:0", "conv1/kernel"),
        ("conv1", "conv1/kernel", "conv1/kernel"),
        ("conv1", "kernel:0", "conv1/kernel"),
        ("conv1", "conv1_1/kernel:0", "conv1/kernel"),
        ("conv1", "conv1_W:0", "conv1/kernel"),
        ("conv1", "conv1_b:0", "conv1/bias"),
        ("bn_conv1", "bn_conv1_gamma:0", "bn_conv1/gamma"),
        ("bn_conv1", "bn_conv1_running_mean:0", "bn_conv1/moving_mean"),
        ("bn_conv1", "bn_conv1_running_std:0", "bn_conv1/moving_variance"),
        ("rpn_model", "rpn_conv_shared/bias:0", "rpn_conv_shared/bias"),
        ("rpn_model", "rpn_model/rpn_conv_shared/bias", "rpn_conv_shared/bias"),
        ("rpn_model", "rpn_model_1/rpn_conv_shared_2/bias:0", "rpn_conv_shared/bias"),
        ("mrcnn_mask", "mrcnn_mask/kernel:0", "mrcnn_mask/kernel"),
        ("mrcnn_mask", "mrcnn_mask/conv2d_3/kernel", "mrcnn_mask/kernel"),
        ("mrcnn_class_bn1", "time_distributed_2/gamma:0", "mrcnn_class_bn1/gamma"),
    ],
)
def test_every_spelling_of_a_name_is_understood(group, name, expected):
    assert expected in possible_names(group, name)


def test_the_literal_name_comes_first():
    assert possible_names("conv1_1", "conv1_1/kernel:0") == (
        "conv1_1/kernel",
        "conv1/kernel",
    )
