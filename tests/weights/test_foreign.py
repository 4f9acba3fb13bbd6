"""Files of other systems, from their bytes to a file of ours."""

import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.weights.foreign import (
    convert,
    geometry_of_foreign,
    is_foreign,
    preset_config,
    read_foreign,
)
from mrcnn.weights.legacy_h5 import read_attributes, read_tensors
from mrcnn.weights.safe_h5 import WeightsFileError, open_h5
from mrcnn.weights.safe_pickle import UnsafePickleError
from tests.weights.evil_pickles import evil_pickles
from tests.weights.systems import test_detectron, test_detectron2, test_mmdetection
from tests.weights.systems import test_torchvision as torchvision
from tests.weights.systems.canonical import (
    CLASSES,
    SIDE,
    assert_same,
    export,
    make_detector,
    resnet_modules,
    with_conv_head,
    without_background,
)
from tests.weights.torch_writer import write_torch

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture
def weights(rng):
    return without_background(make_detector(rng))


def write_pickle(path, value):
    path.write_bytes(pickle.dumps(value, 2))
    return path


def test_a_pkl_of_detectron2_is_read(tmp_path, weights):
    state = test_detectron2.exported(weights, test_detectron2.modules())
    checkpoint = {
        "model": state,
        "__author__": "hand-made",
        "matching_heuristics": True,
    }
    found = read_foreign(write_pickle(tmp_path / "model_final.pkl", checkpoint))
    assert (found.system, found.preset) == ("detectron2", "Detectron2")
    assert found.unknown == ()
    assert_same(found.named, weights)
    assert any("BGR" in note for note in found.notes)


def test_a_pkl_of_detectron_is_read(tmp_path, weights):
    blobs = test_detectron.blobs(weights)
    path = write_pickle(tmp_path / "model.pkl", {"blobs": blobs, "cfg": "MODEL:\n"})
    found = read_foreign(path)
    assert (found.system, found.preset) == ("Detectron", "Detectron")
    assert sorted(found.named) == sorted(weights)


def test_a_pth_of_mmdetection_is_read(tmp_path, weights):
    state = export(weights, test_mmdetection.modules(), background_last=True)
    found = read_foreign(write_torch(tmp_path / "epoch_12.pth", state))
    assert (found.system, found.preset) == ("MMDetection", "MMDetection")
    assert_same(found.named, weights)
    assert found.num_classes == CLASSES


def test_the_second_version_of_torchvision_has_a_preset_of_its_own(tmp_path, rng):
    weights = with_conv_head(make_detector(rng), rng)
    names = {"mrcnn_class_fc1": "roi_heads.box_head.5"}
    for index in range(4):
        names[f"mrcnn_class_conv{index + 1}"] = f"roi_heads.box_head.{index}.0"
        names[f"mrcnn_class_bn{index + 1}"] = f"roi_heads.box_head.{index}.1"
    state = export(weights, torchvision.modules(**names))
    found = read_foreign(write_torch(tmp_path / "v2.pth", state))
    assert found.preset == "TorchvisionV2"
    assert_same(found.named, weights)


def test_old_weights_of_torchvision_want_no_epsilon(tmp_path, weights):
    new, old = (
        torchvision.modules(),
        torchvision.modules(rpn_conv_shared="rpn.head.conv"),
    )
    found = read_foreign(write_torch(tmp_path / "new.pth", export(weights, new)))
    assert "NORM_EPSILON" not in found.knobs
    assert any("NORM_EPSILON" in note for note in found.notes)
    found = read_foreign(write_torch(tmp_path / "old.pth", export(weights, old)))
    assert found.knobs["NORM_EPSILON"] == 0


@pytest.mark.parametrize(
    "name", ["torch_zip.pth", "torch_legacy.pth", "torch.safetensors"]
)
def test_the_content_counts_and_not_the_name(tmp_path, name):
    path = tmp_path / "weights.h5"
    path.write_bytes((FIXTURES / name).read_bytes())
    assert is_foreign(path)
    found = read_foreign(path)
    assert found.system == "torchvision"
    assert found.named["conv1/kernel"].shape == (7, 7, 3, 4)
    with np.load(FIXTURES / "torch_expected.npz") as expected:
        scores = expected["roi_heads.box_predictor.cls_score.weight"]
        lateral = expected["backbone.fpn.inner_blocks.0.0.weight"]
    np.testing.assert_array_equal(found.named["mrcnn_class_logits/kernel"], scores.T)
    np.testing.assert_array_equal(
        found.named["fpn_c2p2/kernel"], lateral.transpose(2, 3, 1, 0)
    )


def test_a_network_without_a_pyramid_is_noted(tmp_path, weights):
    kept = {name: v for name, v in weights.items() if not name.startswith("fpn_")}
    modules = test_detectron2.modules(body="backbone.", stage5="roi_heads.")
    state = test_detectron2.exported(kept, modules)
    found = read_foreign(write_pickle(tmp_path / "c4.pkl", {"model": state}))
    assert any("(C4)" in note for note in found.notes)


def test_names_that_stand_for_nothing_are_kept(tmp_path, weights):
    state = export(weights, torchvision.modules())
    state["roi_heads.keypoint_head.0.weight"] = np.zeros(2, "float32")
    found = read_foreign(write_torch(tmp_path / "a.pth", state))
    assert found.unknown == ("roi_heads.keypoint_head.0.weight",)


def test_a_backbone_alone_has_no_preset(tmp_path, weights):
    modules = resnet_modules("")
    backbone = {n: v for n, v in weights.items() if n.rpartition("/")[0] in modules}
    path = write_torch(tmp_path / "resnet50.pth", export(backbone, modules))
    found = read_foreign(path)
    assert (found.preset, found.num_classes) == (None, None)
    assert geometry_of_foreign(path) is None
    with pytest.raises(ValueError, match="a backbone alone"):
        preset_config(found)


def test_a_detector_is_aligned(tmp_path, weights):
    path = write_torch(tmp_path / "a.pth", export(weights, torchvision.modules()))
    assert geometry_of_foreign(path) == "aligned"


def test_the_config_is_the_preset_with_what_the_weights_say(tmp_path, weights):
    path = write_torch(tmp_path / "a.pth", export(weights, torchvision.modules()))
    config = preset_config(read_foreign(path))
    assert isinstance(config, Config)
    assert config.NUM_CLASSES == CLASSES
    assert config.POOL_SIZE == SIDE
    assert config.RPN_OBJECTNESS == "sigmoid"


def test_a_harmful_file_is_refused_with_its_path(tmp_path):
    target = tmp_path / "target"
    for content, _ in evil_pickles(target).values():
        path = tmp_path / "evil.pkl"
        path.write_bytes(content)
        with pytest.raises(UnsafePickleError, match=r"evil\.pkl"):
            read_foreign(path)
    assert not target.exists()


def test_a_file_of_no_kind_is_described(tmp_path):
    (tmp_path / "a.pth").write_text("<html>Sign in</html>")
    assert not is_foreign(tmp_path / "a.pth")
    with pytest.raises(WeightsFileError, match="HTML page"):
        read_foreign(tmp_path / "a.pth")


def test_errors_of_conversion_are_errors_of_the_file(tmp_path, weights):
    state = export(weights, torchvision.modules())
    state["backbone.body.conv1.weight"] = np.zeros((2, 3), "float32")
    with pytest.raises(WeightsFileError, match=r"a\.pth: 'backbone.body.conv1.weight'"):
        read_foreign(write_torch(tmp_path / "a.pth", state))


def test_a_missing_file_is_missing(tmp_path):
    assert not is_foreign(tmp_path / "a.pth")
    with pytest.raises(FileNotFoundError):
        read_foreign(tmp_path / "a.pth")


def test_a_converted_file_is_one_of_ours(tmp_path, weights):
    state = export(weights, torchvision.modules())
    state["unknown"] = np.zeros(1, "float32")
    path = write_torch(tmp_path / "a.pth", state)
    report = convert(path, tmp_path / "ours.h5")

    assert sorted(report.loaded) == sorted(weights)
    assert report.unexpected == ("unknown",)
    with open_h5(tmp_path / "ours.h5") as file:
        tensors = {tensor.names[0]: tensor.stored for tensor in read_tensors(file)}
        assert_same({n: stored.read() for n, stored in tensors.items()}, weights)
        attributes = read_attributes(file)
    assert attributes["geometry"] == "aligned"
    restored = Config.from_dict(attributes["config"])
    assert restored.NUM_CLASSES == CLASSES
    assert restored.to_dict() == preset_config(read_foreign(path)).to_dict()


def test_a_layers_weights_lie_together_in_a_converted_file(tmp_path, weights):
    state = dict(sorted(export(weights, torchvision.modules()).items(), reverse=True))
    convert(write_torch(tmp_path / "a.pth", state), tmp_path / "ours.h5")
    with h5py.File(tmp_path / "ours.h5") as file:
        assert len(set(file.attrs["layer_names"])) == len(file.attrs["layer_names"])
        assert len(file["bn_conv1"]["bn_conv1"]) == 4
