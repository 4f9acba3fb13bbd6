"""What a file says before it is loaded."""

import numpy as np
import pytest

from mrcnn.weights.legacy_h5 import write_layers
from mrcnn.weights.peeking import followed_geometry, geometry_of_file
from mrcnn.weights.safe_h5 import WeightsFileError
from tests.weights.torch_writer import write_torch


def write(path, layers, **attributes):
    kernel = np.zeros((2, 2), "float32")
    tensors = [(layer, [(f"{layer}/kernel", kernel)]) for layer in layers]
    write_layers(path, tensors, attributes)
    return path


def test_a_silent_detector_is_matterports(tmp_path):
    path = write(tmp_path / "coco.h5", ["conv1", "rpn_conv_shared"])
    assert geometry_of_file(path) == "matterport"


def test_a_backbone_alone_fits_either_geometry(tmp_path):
    assert geometry_of_file(write(tmp_path / "imagenet.h5", ["conv1"])) is None


def test_a_file_that_says_so_is_believed(tmp_path):
    layers = ["conv1", "rpn_conv_shared"]
    path = write(tmp_path / "ours.h5", layers, geometry="aligned")
    assert geometry_of_file(path) == "aligned"


def test_a_detector_of_another_system_is_aligned(tmp_path):
    names = ["backbone.body.conv1", "rpn.head.conv", "rpn.head.cls_logits"]
    state = {f"{name}.weight": np.zeros((2, 2, 1, 1), "float32") for name in names}
    state["roi_heads.box_predictor.cls_score.weight"] = np.zeros((2, 2), "float32")
    path = write_torch(tmp_path / "weights.pth", state)
    assert geometry_of_file(path) == "aligned"
    assert followed_geometry(path, None, "matterport") == "aligned"


def test_an_unknown_geometry_is_an_error(tmp_path):
    path = write(tmp_path / "odd.h5", ["conv1"], geometry="spherical")
    with pytest.raises(WeightsFileError, match="'spherical'"):
        geometry_of_file(path)


def test_the_weights_decide_unless_the_config_does(tmp_path, caplog):
    path = write(tmp_path / "coco.h5", ["conv1", "rpn_conv_shared"])
    assert followed_geometry(path, None, "aligned") == "matterport"
    assert followed_geometry(path, "matterport", "aligned") == "matterport"
    assert not caplog.records
    assert followed_geometry(path, "aligned", "aligned") == "aligned"
    assert "trained with the 'matterport' geometry" in caplog.text

    backbone = write(tmp_path / "imagenet.h5", ["conv1"])
    assert followed_geometry(backbone, None, "aligned") == "aligned"
