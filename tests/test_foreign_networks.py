"""Networks of other systems from their files on: loaded, they detect what they did."""

import json
import pickle

import keras
import numpy as np
import pytest

from mrcnn.cli import main
from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.presets import Detectron2C4, DetectronC4, MaskRCNNBenchmarkC4
from mrcnn.weights.file_config import read_file_config
from mrcnn.weights.named_variables import named_variables
from tests.conftest import FIXTURES
from tests.fixtures.weights_recipe import torch_weight
from tests.small_configs import TinyConfig
from tests.small_presets import tiny_preset
from tests.torchvision_networks import XYXY, GoldenV1
from tests.weights.systems.canonical import without_background
from tests.weights.systems.test_detectron import blobs_over_stage_4
from tests.weights.systems.test_detectron2 import exported_over_stage_4 as detectron2
from tests.weights.systems.test_maskrcnn_benchmark import (
    exported_over_stage_4 as maskrcnn_benchmark,
)
from tests.weights.torch_writer import write_torch

NUM_SIDES, NUM_RATIOS = 5, 3


def weights_of(model):
    return {
        name: keras.ops.convert_to_numpy(item.variable)
        for name, item in named_variables(model.keras_model).items()
    }


def by_side(weights):
    """Anchors of a cell in detectron2's order: all ratios of one side, then the next.

    Here they are side by side within a ratio.
    """
    order = [
        ratio * NUM_SIDES + side
        for side in range(NUM_SIDES)
        for ratio in range(NUM_RATIOS)
    ]
    sorted_weights = dict(weights)
    for layer, numbers in (("rpn_class_raw", 1), ("rpn_bbox_pred", 4)):
        for name in (f"{layer}/kernel", f"{layer}/bias"):
            values = weights[name]
            anchors = values.reshape(*values.shape[:-1], -1, numbers)
            sorted_weights[name] = anchors[..., order, :].reshape(values.shape)
    return sorted_weights


FORMS = {
    "Detectron": (DetectronC4, blobs_over_stage_4),
    "maskrcnn-benchmark": (MaskRCNNBenchmarkC4, maskrcnn_benchmark),
    "detectron2": (Detectron2C4, lambda weights: detectron2(by_side(weights))),
}


def assert_loading_restores(model, path):
    """All weights come back from the file; the background's rows matter to nobody."""
    expected = without_background(weights_of(model))
    for item in named_variables(model.keras_model).values():
        item.variable.assign(keras.ops.full_like(item.variable, 0.5))
    assert model.load_weights(path).is_complete
    found = without_background(weights_of(model))
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


def assert_same_instances(model, other, image):
    (found,), (expected,) = model.detect([image]), other.detect([image])
    assert len(expected) > 5
    np.testing.assert_array_equal(found.class_ids, expected.class_ids)
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=0.01)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
    assert (found.masks != expected.masks).mean() < 1e-3


@pytest.fixture
def image(rng):
    return rng.integers(0, 256, (90, 120, 3), "uint8")


@pytest.mark.parametrize("system", FORMS)
def test_a_network_over_stage_4_comes_back_from_its_systems_file(system, tmp_path):
    preset, exported = FORMS[system]
    keras.utils.set_random_seed(0)
    original = MaskRCNN(config=tiny_preset(preset))
    path = tmp_path / "model_final.pkl"
    path.write_bytes(pickle.dumps(exported(weights_of(original)), 2))

    config = read_file_config(path).config
    assert isinstance(config, preset)
    for knob in ("BACKBONE", "NUM_CLASSES", "RPN_CHANNELS", "MASK_BRANCH"):
        assert getattr(config, knob) == getattr(original.config, knob)

    assert_loading_restores(original, path)


class RgbConfig(TinyConfig):
    GEOMETRY = "aligned"


class BgrConfig(RgbConfig):
    IMAGE_CHANNEL_ORDER = "BGR"


def test_a_network_that_sees_bgr_finds_the_same_with_the_same_weights(tmp_path, image):
    keras.utils.set_random_seed(0)
    rgb = MaskRCNN(config=RgbConfig())
    rgb.keras_model.save_weights(tmp_path / "rgb.h5")
    bgr = MaskRCNN(config=BgrConfig())
    bgr.load_weights(tmp_path / "rgb.h5")
    kernels = [weights_of(model)["conv1/kernel"] for model in (rgb, bgr)]
    np.testing.assert_array_equal(kernels[0], kernels[1][:, :, ::-1])
    assert_same_instances(bgr, rgb, image)

    bgr.keras_model.save_weights(tmp_path / "bgr.h5")
    again = MaskRCNN(config=RgbConfig())
    again.load_weights(tmp_path / "bgr.h5")
    np.testing.assert_array_equal(weights_of(again)["conv1/kernel"], kernels[0])


def test_a_network_that_sees_bgr_takes_the_kernels_of_a_bgr_file_as_they_are(tmp_path):
    config = tiny_preset(DetectronC4, IMAGE_CHANNEL_ORDER="BGR")
    state = blobs_over_stage_4(weights_of(MaskRCNN(config=config)))
    path = tmp_path / "model_final.pkl"
    path.write_bytes(pickle.dumps(state, 2))
    model = MaskRCNN(config=config)
    model.load_weights(path)
    kernel = weights_of(model)["conv1/kernel"]
    np.testing.assert_array_equal(kernel, state["conv1_w"].transpose(2, 3, 1, 0))


def test_a_foreign_file_is_converted_into_one_that_needs_nothing_else(tmp_path, capsys):
    keras.utils.set_random_seed(0)
    original = MaskRCNN(config=tiny_preset(DetectronC4))
    state = blobs_over_stage_4(weights_of(original))
    (tmp_path / "in.pkl").write_bytes(pickle.dumps({"blobs": state}, 2))

    output = tmp_path / "out.h5"
    names = ["--classes", "a,b,c"]
    assert main(["convert", str(tmp_path / "in.pkl"), str(output), *names]) == 0

    printed = capsys.readouterr().out
    assert "the config that they fit is mrcnn.presets.DetectronC4 with" in printed
    config, class_names = read_file_config(output)
    assert (config.FEATURES, config.BOX_HEAD) == ("C4", "res5")
    assert class_names == ["BG", "a", "b", "c"]
    assert_loading_restores(original, output)


@pytest.fixture(scope="module")
def golden():
    return dict(np.load(FIXTURES / "golden_torchvision_v1.npz"))


@pytest.fixture(scope="module")
def torch_file(tmp_path_factory):
    """The whole model of the golden file, as PyTorch saves it."""
    keys = json.loads((FIXTURES / "torchvision_v1_keys.json").read_text())
    state = {name: torch_weight(name, tuple(shape)) for name, shape in keys.items()}
    return write_torch(tmp_path_factory.mktemp("torch") / "model.pth", state)


def assert_golden(boxes, class_ids, scores, golden):
    """Detections are torchvision's, one to one. Boxes are (y1, x1, y2, x2)."""
    assert len(boxes) == len(golden["full_boxes"]) > 5
    expected = golden["full_boxes"][:, XYXY]
    distance = np.abs(expected[:, None] - boxes).max(axis=-1)
    distance[golden["labels"][:, None] != class_ids] = np.inf
    partners = distance.argmin(axis=1)
    assert len({*partners}) == len(partners)
    np.testing.assert_allclose(boxes[partners], expected, atol=0.06)
    np.testing.assert_allclose(scores[partners], golden["scores"], atol=1e-3)
    return partners


@pytest.mark.slow
def test_a_file_of_torchvision_detects_what_torchvision_does(torch_file, golden):
    model = MaskRCNN(config=GoldenV1())
    report = model.load_weights(torch_file)
    assert report.is_complete
    (found,) = model.detect([golden["image"]])
    partners = assert_golden(found.boxes, found.class_ids, found.scores, golden)
    shape = golden["pasted_masks_shape"]
    packed = np.unpackbits(golden["pasted_masks_packed"], count=shape.prod())
    expected = packed.astype(bool).reshape(shape)
    masks = np.moveaxis(found.masks, -1, 0)[partners]
    overlap = (masks & expected).sum(axis=(1, 2))
    assert (overlap / (masks | expected).sum(axis=(1, 2))).min() >= 0.98


@pytest.mark.slow
def test_a_converted_file_of_torchvision_detects_on_the_command_line(
    torch_file, golden, tmp_path
):
    keras.utils.save_img(tmp_path / "image.png", golden["image"], scale=False)
    converted = tmp_path / "torchvision.h5"
    assert main(["convert", str(torch_file), str(converted)]) == 0
    command = ["detect", str(tmp_path / "image.png"), "--weights", str(converted)]
    knobs = ["IMAGE_MIN_DIM=200", "IMAGE_MAX_DIM=256"]
    output = ["--output", str(tmp_path / "out"), "--min-confidence", "0.97"]
    assert main([*command, *output, "--save", "json", *knobs]) == 0
    found = json.loads((tmp_path / "out" / "detections.json").read_text())
    corners = np.array([one["bbox"] for one in found["annotations"]])
    x, y, width, height = corners.T
    boxes = np.stack([y, x, y + height, x + width], axis=1)
    class_ids = np.array([one["category_id"] for one in found["annotations"]])
    scores = np.array([one["score"] for one in found["annotations"]])
    assert_golden(boxes, class_ids, scores, golden)
