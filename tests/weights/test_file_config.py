import numpy as np
import pytest

from mrcnn.weights.file_config import read_file_config
from mrcnn.weights.legacy_h5 import write_layers
from mrcnn.weights.safe_h5 import WeightsFileError
from tests.small_configs import TinyConfig
from tests.weights.systems.canonical import CLASSES, export, make_detector
from tests.weights.systems.test_torchvision import modules
from tests.weights.torch_writer import write_torch


def write(path, weights, **attributes):
    """A file with weights of these names and shapes."""
    layers = [
        (name.split("/")[0], [(name, np.zeros(shape, "float32"))])
        for name, shape in weights.items()
    ]
    write_layers(path, layers, attributes)
    return path


def detector(num_classes, *more):
    weights = {
        "conv1/kernel": (2, 2),
        "mrcnn_class_logits/bias": (num_classes,),
        "mrcnn_bbox_fc/bias": (4 * num_classes,),
    }
    return weights | dict.fromkeys(more, (2, 2))


def test_a_file_of_ours_says_its_config_and_its_class_names(tmp_path):
    names = ["BG", "cat", "dog"]
    path = write(
        tmp_path / "ours.h5",
        detector(3),
        config=TinyConfig().to_dict(),
        class_names=names,
    )
    found = read_file_config(path)
    assert found.class_names == names
    assert found.config.to_dict() == TinyConfig().to_dict()


@pytest.mark.parametrize(
    ("weights", "backbone"),
    [
        (["res4f_branch2c/kernel"], "resnet50"),
        (["res4f_branch2c/kernel", "res4w_branch2a/kernel"], "resnet101"),
    ],
)
def test_the_tensors_tell_classes_and_backbone(tmp_path, weights, backbone):
    found = read_file_config(write(tmp_path / "theirs.h5", detector(81, *weights)))
    assert (81, backbone) == (found.config.NUM_CLASSES, found.config.BACKBONE)
    assert found.class_names is None


def test_a_backbone_alone_asks_for_no_config(tmp_path):
    path = write(tmp_path / "imagenet.h5", {"conv1/kernel": (2, 2)})
    assert read_file_config(path) is None


def test_a_config_that_cannot_be_restored_is_an_error_of_the_file(tmp_path):
    config = {"BACKBONE": "callable:my.backbone"}
    path = write(tmp_path / "odd.h5", detector(3), config=config)
    with pytest.raises(WeightsFileError, match=r"odd\.h5.*my\.backbone"):
        read_file_config(path)


def test_a_file_of_another_system_asks_for_its_preset(tmp_path, rng):
    path = write_torch(tmp_path / "a.pth", export(make_detector(rng), modules()))
    config, class_names = read_file_config(path)
    assert (config.NAME, config.NUM_CLASSES) == ("torchvision", CLASSES)
    assert class_names is None


def test_a_backbone_of_another_system_asks_for_nothing(tmp_path):
    names = ["conv1.weight", "layer1.0.conv1.weight", "layer4.0.conv1.weight"]
    state = {name: np.zeros((2, 2, 1, 1), "float32") for name in names}
    assert read_file_config(write_torch(tmp_path / "resnet50.pth", state)) is None
