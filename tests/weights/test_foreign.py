"""Files of other systems, from their bytes to a file of ours."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.weights.foreign import (
    geometry_of_foreign,
    is_foreign,
    preset_config,
    read_foreign,
)
from mrcnn.weights.safe_h5 import WeightsFileError
from mrcnn.weights.safe_pickle import UnsafePickleError
from tests.weights.evil_pickles import evil_pickles
from tests.weights.systems import (
    test_detectron,
    test_detectron2,
    test_maskrcnn_benchmark,
    test_mmdetection,
)
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
    without_masks,
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


# System -> what its file of a network over stage 4 holds, and the preset of that.
OVER_STAGE_4 = {
    "Detectron": (test_detectron.blobs_over_stage_4, "DetectronC4"),
    "Detectron.pytorch": (test_detectron.port_over_stage_4, "DetectronC4"),
    "maskrcnn-benchmark": (
        test_maskrcnn_benchmark.exported_over_stage_4,
        "MaskRCNNBenchmarkC4",
    ),
    "detectron2": (test_detectron2.exported_over_stage_4, "Detectron2C4"),
}


@pytest.mark.parametrize("system", OVER_STAGE_4)
def test_networks_over_stage_4_have_presets_of_their_own(tmp_path, weights, system):
    export_state, preset = OVER_STAGE_4[system]
    state = export_state(weights)
    found = read_foreign(write_pickle(tmp_path / "c4.pkl", {"model": state}))
    assert (found.system, found.preset) == (system, preset)
    assert found.unknown == ()
    config = preset_config(found)
    config.validate()
    assert (config.FEATURES, config.BOX_HEAD) == ("C4", "res5")
    assert (config.MASK_HEAD, config.MASK_BRANCH) == ("deconv", True)

    boxes_alone = {name: v for name, v in state.items() if not is_of_masks(name)}
    found = read_foreign(write_pickle(tmp_path / "c4.pkl", {"model": boxes_alone}))
    assert found.preset == preset
    assert preset_config(found).MASK_BRANCH is False


def is_of_masks(name):
    return any(word in name for word in ("conv5_mask", "mask_fcn", "mask_head", "Mask"))


# System -> what its file of a Faster R-CNN holds, and the preset of that.
FASTER_RCNNS = {
    "torchvision": (lambda w: export(w, torchvision.modules()), "Torchvision"),
    "Detectron": (test_detectron.blobs, "DetectronFasterRCNN"),
    "Detectron.pytorch": (
        lambda w: export(test_detectron.learnt(w), test_detectron.modules()),
        "DetectronFasterRCNN",
    ),
    "maskrcnn-benchmark": (
        lambda w: export(w, test_maskrcnn_benchmark.modules()),
        "MaskRCNNBenchmark",
    ),
    "detectron2": (
        lambda w: test_detectron2.exported(w, test_detectron2.modules()),
        "Detectron2",
    ),
    "MMDetection": (
        lambda w: export(w, test_mmdetection.modules(), background_last=True),
        "MMDetectionFasterRCNN",
    ),
}


@pytest.mark.parametrize("system", FASTER_RCNNS)
def test_files_without_masks_are_of_a_faster_rcnn(tmp_path, weights, system):
    export_state, preset = FASTER_RCNNS[system]
    state = export_state(without_masks(weights))
    found = read_foreign(write_pickle(tmp_path / "faster.pkl", state))
    assert (found.system, found.preset) == (system, preset)
    assert preset_config(found).MASK_BRANCH is False


def test_a_file_without_an_rpn_is_of_a_fast_rcnn(tmp_path, weights):
    heads = {n: v for n, v in weights.items() if not n.startswith("rpn_")}
    path = write_pickle(tmp_path / "fast.pkl", test_detectron.blobs(heads))
    found = read_foreign(path)
    assert found.preset == "DetectronFastRCNN"
    config = preset_config(found)
    assert (config.RPN_BRANCH, config.MASK_BRANCH) == (False, True)
    assert geometry_of_foreign(path) == "aligned"
    np.testing.assert_array_equal(
        found.named["mrcnn_class_conv1/kernel"], weights["mrcnn_class_conv1/kernel"]
    )


def test_a_note_says_the_preset_and_what_is_otherwise_than_in_it(tmp_path, weights):
    state = export(without_masks(weights), torchvision.modules())
    note, *_ = read_foreign(write_torch(tmp_path / "a.pth", state)).notes
    assert note.startswith("These are weights of torchvision; the config that they fit")
    assert "mrcnn.presets.Torchvision with " in note
    for knob in (f"NUM_CLASSES = {CLASSES}", "MASK_BRANCH = False"):
        assert knob in note
    assert "BACKBONE" not in note


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
