"""Where training starts: the spread of kernels by what their layers are for."""

import math

import keras
import numpy as np
import pytest

from mrcnn import network
from mrcnn.network_initial import initialize_by_role, initializer_of
from mrcnn.presets import Detectron, TorchvisionV2
from mrcnn.weights.named_variables import named_variables
from tests.small_presets import tiny_preset


def weights_of(model):
    return {
        name: np.asarray(item.variable) for name, item in named_variables(model).items()
    }


@pytest.fixture(scope="module")
def weights():
    config = tiny_preset(Detectron, INITIALIZERS="role", ZERO_INIT_LATERALS=True)
    config.validate()
    keras.utils.set_random_seed(1)
    return weights_of(network.build_network(config, "aligned"))


# Layers, and the standard deviation that their kernels' shapes ask for.
SPREADS = [
    ("rpn_conv_shared", 0.01),
    ("rpn_class_raw", 0.01),
    ("rpn_bbox_pred", 0.01),
    ("mrcnn_class_logits", 0.01),
    ("mrcnn_bbox_fc", 0.001),
    ("fpn_c5p5", math.sqrt(1 / 512)),
    ("fpn_p2", math.sqrt(1 / (9 * 32))),
    ("mrcnn_class_conv1", math.sqrt(1 / (49 * 32))),
    ("mrcnn_class_conv2", math.sqrt(1 / 64)),
    ("mrcnn_mask_conv1", math.sqrt(2 / (9 * 256))),
    ("mrcnn_mask_deconv", math.sqrt(2 / (4 * 256))),
    ("mrcnn_mask", math.sqrt(2 / 4)),
]


@pytest.mark.parametrize(("layer", "spread"), SPREADS)
def test_kernels_spread_by_their_layers_role(weights, layer, spread):
    kernel = weights[f"{layer}/kernel"]
    # Of few numbers, the spread is known to a few parts of a hundred only.
    assert kernel.std() == pytest.approx(spread, rel=3 / math.sqrt(2 * kernel.size))
    assert abs(kernel.mean()) < 4 * spread / math.sqrt(kernel.size)
    assert not weights[f"{layer}/bias"].any()


def test_layers_alike_do_not_start_alike(weights):
    one, other = weights["fpn_p2/kernel"], weights["fpn_p3/kernel"]
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.1


def test_what_starts_at_zero_stays_there(weights):
    assert not weights["fpn_c2p2/kernel"].any()


def test_the_backbone_and_norms_stay_as_they_are():
    model = network.build_network(tiny_preset(TorchvisionV2), "aligned")
    before = weights_of(model)
    initialize_by_role(model)
    after = weights_of(model)
    changed = {name for name in before if (before[name] != after[name]).any()}
    assert changed == {
        name
        for name in before
        if name.endswith("/kernel") and name.startswith(("fpn_", "rpn_", "mrcnn_"))
    }


def test_a_seed_repeats_the_start():
    config = tiny_preset(Detectron, INITIALIZERS="role")
    kernels = []
    for _ in range(2):
        keras.utils.set_random_seed(5)
        model = network.build_network(config, "aligned")
        kernels.append(weights_of(model)["mrcnn_class_logits/kernel"])
    np.testing.assert_array_equal(*kernels)


def test_layers_of_no_known_role_have_no_initializer():
    assert initializer_of("res2a_branch2a") is None
    assert initializer_of("mrcnn_class_bn1") is None
