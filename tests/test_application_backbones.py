"""A network with a backbone of keras.applications, from one end to the other."""

import numpy as np
import pytest

from mrcnn.data.shapes import ShapesDataset
from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.weights.named_variables import named_variables
from tests.small_configs import TinyConfig


class MobileConfig(TinyConfig):
    NAME = "mobile"
    BACKBONE = "MobileNetV3Small"
    IMAGES_PER_GPU = 1
    STEPS_PER_EPOCH = 1
    NUM_CLASSES = 4
    TRAIN_ROIS_PER_IMAGE = 8
    POST_NMS_ROIS_TRAINING = 20
    WEIGHT_DECAY = 0


def values_of(model):
    found = named_variables(model.keras_model)
    return {name: np.array(item.variable.numpy()) for name, item in found.items()}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model after a step of training, and its weights before."""
    model = MaskRCNN("training", MobileConfig(), tmp_path_factory.mktemp("logs"))
    before = values_of(model)
    dataset = ShapesDataset()
    dataset.load_shapes(2, 64, 64, seed=1)
    dataset.prepare()
    options = {"layers": "all", "verbose": 0, "pictures": 0}
    model.train(dataset, None, 0.01, 1, **options)
    return model, before


def test_a_step_changes_the_backbone_but_no_frozen_normalization(trained):
    model, before = trained
    after = values_of(model)
    changed = {name for name in after if np.any(after[name] != before[name])}
    assert {"conv/kernel", "expanded_conv_3_depthwise/kernel"} <= changed
    assert {
        "expanded_conv_3_expand/kernel",
        "fpn_c2p2/kernel",
        "rpn_conv_shared/kernel",
    } <= changed
    norms = {name for name in after if "_bn" in name}
    assert len(norms) > 4 * 34
    assert not norms & changed


def test_what_was_saved_detects_the_same(trained, tmp_path, rng):
    model, _ = trained
    path = tmp_path / "mobile.h5"
    model.keras_model.save_weights(path)
    other = MaskRCNN(config=MobileConfig(), model_dir=tmp_path)
    assert other.load_weights(path).is_complete
    image = rng.integers(0, 256, (50, 60, 3), dtype="uint8")
    first, second = (one.detect([image])[0] for one in (model, other))
    assert len(first["rois"]) > 0
    for key in ("rois", "class_ids", "scores", "masks"):
        np.testing.assert_array_equal(first[key], second[key])


def test_stages_of_a_resnet_are_no_choice(trained):
    with pytest.raises(ValueError, match=r"'4\+' goes by the layer names of a ResNet"):
        trained[0].set_trainable("4+")


def test_another_mean_pixel_gives_a_network_that_undoes_it(tmp_path):
    model = MaskRCNN(config=MobileConfig(), model_dir=tmp_path)
    offset = model.keras_model.get_layer("standardize").offset
    np.testing.assert_allclose(offset, MobileConfig().MEAN_PIXEL / 127.5 - 1)
    model.config.MEAN_PIXEL = np.array([255.0, 127.5, 0.0])
    offset = model.keras_model.get_layer("standardize").offset
    np.testing.assert_allclose(offset, [1, 0, -1])
