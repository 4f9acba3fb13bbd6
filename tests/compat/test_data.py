import inspect
import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mrcnn.compat import data, detection_targets
from mrcnn.compat.data import (
    DataGenerator,
    data_generator,
    load_image_gt,
    mold_image,
    unmold_image,
)
from mrcnn.network_anchors import pixel_anchors_for_image
from tests.conftest import FIXTURES
from tests.data.scene_dataset import SceneDataset, config, numbered_scenes
from tests.scenes import rectangle_scene

API = json.loads((FIXTURES / "api.json").read_text(encoding="utf-8"))
FUNCTIONS = API["modules"]["mrcnn.model"]["functions"]
PLACES = {
    "load_image_gt": data,
    "data_generator": data,
    "mold_image": data,
    "unmold_image": data,
    "build_detection_targets": detection_targets,
    "generate_random_rois": detection_targets,
}


@pytest.mark.parametrize(("name", "module"), PLACES.items())
def test_a_function_has_matterports_parameters(name, module):
    signature = inspect.signature(vars(module)[name])
    described = [
        {"name": p.name}
        if p.default is p.empty
        else {"name": p.name, "default": repr(p.default)}
        for p in signature.parameters.values()
    ]
    assert described == FUNCTIONS[name]["params"]


def test_load_image_gt_returns_five():
    boxes = [[4, 6, 30, 30], [10, 34, 36, 60]]
    dataset = SceneDataset([rectangle_scene((64, 64), boxes, [1, -2])])
    image, meta, class_ids, gt_boxes, masks = load_image_gt(dataset, config(), 0)
    assert image.shape == (64, 64, 3)
    assert image.dtype == np.uint8
    assert meta.shape == (15,)
    assert class_ids.tolist() == [1, -2]
    assert gt_boxes.tolist() == boxes
    assert masks.shape == (64, 64, 2)
    assert masks.dtype == bool
    mini = load_image_gt(dataset, config(), 0, use_mini_mask=True)[4]
    assert mini.shape == (14, 14, 2)


def test_load_image_gt_keeps_all_instances():
    boxes = [[8 * n, 0, 8 * n + 6, 9] for n in range(6)]
    dataset = SceneDataset([rectangle_scene((64, 64), boxes, [1] * 6)])
    assert len(load_image_gt(dataset, config(MAX_GT_INSTANCES=2), 0)[2]) == 6


def test_augment_flips_about_every_second_time(caplog):
    dataset = SceneDataset([rectangle_scene((64, 64), [[0, 0, 9, 9]], [1])])
    starts = [
        int(load_image_gt(dataset, config(), 0, augment=True)[3][0, 1])
        for _ in range(40)
    ]
    assert {*starts} == {0, 55}
    assert 8 < starts.count(55) < 32
    assert "HorizontalFlip" in caplog.text


def test_a_generator_yields_lists_for_ever_and_images_without_objects_too():
    dataset = SceneDataset(numbered_scenes(3))
    made = config(RPN_TRAIN_ANCHORS_PER_IMAGE=16)
    batches = data_generator(dataset, made, shuffle=False, batch_size=2)
    ids = []
    for inputs, outputs in itertools.islice(batches, 6):
        assert outputs == []
        images, metas, rpn_match, rpn_bbox, class_ids, boxes, masks = inputs
        assert images.shape == (2, 64, 64, 3)
        # Cells of 64 pixels at strides 4 to 64, with three ratios each.
        assert rpn_match.shape == (2, 3 * (256 + 64 + 16 + 4 + 1), 1)
        assert rpn_bbox.shape == (2, 16, 4)
        assert class_ids.dtype == boxes.dtype == np.int32
        assert boxes.shape == (2, 4, 4)
        assert masks.shape == (2, 14, 14, 4)
        for image_id, match, deltas in zip(
            metas[:, 0], rpn_match, rpn_bbox, strict=True
        ):
            assert (match != 0).sum() == 16
            positives = (match == 1).sum()
            assert (positives > 0) == (image_id > 0)
            assert not deltas[positives:].any()
        ids += metas[:, 0].astype(int).tolist()
    assert ids == [0, 1, 2] * 4


def test_anchors_are_those_of_the_network():
    dataset = SceneDataset(numbered_scenes(2))
    single = {"FEATURES": "C4", "BACKBONE_STRIDES": [16], "ANCHOR_OFFSET": 0.5}
    for knobs in ({}, {"ROUND_ANCHORS": True, "ANCHOR_OFFSET": 0.5}, single):
        made = config(**knobs)
        inputs, _ = next(data_generator(dataset, made, batch_size=1))
        expected = pixel_anchors_for_image(made, (64, 64), "matterport")
        assert inputs[2].shape[1] == len(expected)
        found = DataGenerator(dataset, made)._anchors_of((64, 64, 3))
        np.testing.assert_array_equal(found, expected)


def test_rois_and_targets_come_where_they_are_asked_for():
    dataset = SceneDataset(numbered_scenes(3))
    made = config(TRAIN_ROIS_PER_IMAGE=8)
    inputs, outputs = next(data_generator(dataset, made, random_rois=20, batch_size=3))
    assert len(inputs) == 8
    assert inputs[7].shape == (3, 20, 4)
    assert outputs == []

    inputs, outputs = next(
        data_generator(
            dataset, made, random_rois=20, batch_size=3, detection_targets=True
        )
    )
    assert [array.shape for array in inputs[7:]] == [(3, 20, 4), (3, 8, 4)]
    assert [array.shape for array in outputs] == [
        (3, 8, 1),
        (3, 8, 3, 4),
        (3, 8, 28, 28, 3),
    ]
    with pytest.raises(ValueError, match="give random_rois"):
        next(data_generator(dataset, made, detection_targets=True))


def test_runs_repeat_with_numpys_seed():
    dataset = SceneDataset(numbered_scenes(5))

    def first_batches(seed):
        np.random.seed(seed)
        batches = data_generator(dataset, config(), random_rois=4, augment=True)
        return [array for inputs, _ in itertools.islice(batches, 4) for array in inputs]

    for array, again in zip(first_batches(1), first_batches(1), strict=True):
        np.testing.assert_array_equal(array, again)
    pairs = zip(first_batches(1), first_batches(2), strict=True)
    assert any((array != other).any() for array, other in pairs)


def test_a_sequence_has_batches_by_index_and_another_order_each_epoch():
    dataset = SceneDataset(numbered_scenes(7))
    batches = DataGenerator(dataset, config())
    assert len(batches) == 4
    epochs = []
    for _ in range(3):
        epochs.append([batches[i][0][1][:, 0].tolist() for i in range(4)])
        assert batches[2][0][1][:, 0].tolist() == epochs[-1][2]
        batches.on_epoch_end()
    assert epochs[0] != epochs[1]
    assert [len(list(batches))] == [4]
    for wrong in (4, -1):
        with pytest.raises(IndexError):
            batches[wrong]


def test_an_image_that_fails_is_named():
    dataset = SceneDataset(numbered_scenes(2), broken=[0, 1])
    with pytest.raises(RuntimeError, match="the disk is on fire"):
        next(data_generator(dataset, config()))


def test_molding_takes_the_mean_from_the_config(rng):
    image = rng.integers(0, 256, (4, 5, 3), "uint8")
    molded = mold_image(image, config())
    np.testing.assert_allclose(molded, image - config().MEAN_PIXEL, atol=1e-4)
    np.testing.assert_array_equal(unmold_image(molded, config()), image)


def test_the_data_pipeline_loads_no_deep_learning_framework():
    script = (
        "import sys, mrcnn.compat.data, mrcnn.data.loader, mrcnn.data.tiling; "
        "heavy = {'tensorflow', 'keras', 'matplotlib', 'imgaug'} & sys.modules.keys(); "
        "assert not heavy, heavy"
    )
    root = Path(__file__).parent.parent.parent
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
