import json

import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.data.checks.anchor_report import anchor_grid, report_anchors
from mrcnn.data.checks.checking import default_config
from mrcnn.data.open_dataset import open_dataset
from mrcnn.data.shapes import ShapesDataset
from mrcnn.geometry.boxes import pairwise_iou
from mrcnn.geometry.masks import mask_bounds
from mrcnn.geometry.resizing import plan_resize, resize_masks
from mrcnn.network_anchors import pixel_anchors_for_image


class SmallConfig(Config):
    NUM_CLASSES = 2
    IMAGE_MIN_DIM = 256
    IMAGE_MAX_DIM = 256
    RPN_ANCHOR_SCALES = (16, 32, 64, 128, 256)


def all_anchors(config, image_shape):
    """As the network has them. -> [A, 4]"""
    return pixel_anchors_for_image(config, image_shape, config.GEOMETRY or "aligned")


def brute_force(boxes, anchors):
    """The best of each box with any anchor. -> [N]"""
    parts = [pairwise_iou(boxes[i : i + 8], anchors) for i in range(0, len(boxes), 8)]
    return np.concatenate([part.max(axis=1) for part in parts])


@pytest.mark.parametrize("geometry", ["aligned", "matterport"])
def test_on_generated_shapes_recall_is_the_brute_force_count(geometry):
    dataset = ShapesDataset()
    dataset.load_shapes(20, 160, 200)
    dataset.prepare()
    config = SmallConfig()
    config.NUM_CLASSES, config.GEOMETRY = 4, geometry
    report = dataset.check(config)
    anchors = all_anchors(config, (256, 256))
    best = brute_force(report.boxes, anchors)
    for threshold in (0.5, 0.7):
        expected = (best >= threshold).mean()
        assert report.anchors.recall(threshold) == pytest.approx(expected)
    assert 0.1 < (best >= 0.7).mean() < 0.9
    np.testing.assert_allclose(report.anchors.best_ious, best, atol=1e-12)


def test_strides_that_follow_rounded_maps_are_looked_at(rng):
    config = SmallConfig()
    config.ANCHOR_STRIDES_FROM_MAPS = True
    corner = rng.uniform(0, 50, (40, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(8, 50, (40, 2))], axis=-1)
    # 8 does not divide 100: the second map has 13 cells, 7 pixels apart.
    report = report_anchors(boxes, [[100, 100]] * 40, config)
    expected = brute_force(boxes, all_anchors(config, (100, 100)))
    np.testing.assert_allclose(report.best_ious, expected, atol=1e-12)
    config.ANCHOR_STRIDES_FROM_MAPS = False
    others = brute_force(boxes, all_anchors(config, (100, 100)))
    assert abs(others - expected).max() > 0.01


@pytest.mark.parametrize(
    "knobs",
    [
        {"ROUND_ANCHORS": True, "ANCHOR_OFFSET": 0.5},
        {"ROUND_ANCHORS": False, "ANCHOR_OFFSET": 0.5, "RPN_ANCHOR_STRIDE": 2},
        {"ROUND_ANCHORS": False, "ANCHOR_OFFSET": 0.25, "ANCHOR_STRIDES_FROM_MAPS": 1},
        {"FEATURES": "C4", "BACKBONE_STRIDES": [16], "RPN_ANCHOR_SCALES": (16, 40)},
    ],
)
def test_anchors_are_looked_at_where_the_network_has_them(rng, knobs):
    config = SmallConfig()
    for knob, value in knobs.items():
        setattr(config, knob, value)
    corner = rng.uniform(0, 60, (40, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(8, 36, (40, 2))], axis=-1)
    report = report_anchors(boxes, [[100, 100]] * 40, config)
    expected = brute_force(boxes, all_anchors(config, (100, 100)))
    np.testing.assert_allclose(report.best_ious, expected, atol=1e-12)
    assert len(report.strides) == len(config.RPN_ANCHOR_SCALES)
    assert str(report)


@pytest.mark.parametrize(
    "name", ["balloon_native/val", "nucleus/instances_val_small.json"]
)
def test_on_real_data_recall_is_the_brute_force_count(data_folder, name):
    dataset = open_dataset(data_folder / name)
    config = default_config(dataset)
    anchors = all_anchors(config, (1024, 1024))
    expected, image_ids = [], dataset.image_ids[:6]
    for image_id in image_ids:
        image, (masks, _) = dataset.load_image(image_id), dataset.load_mask(image_id)
        plan = plan_resize(
            image.shape, min_dim=config.IMAGE_MIN_DIM, max_dim=config.IMAGE_MAX_DIM
        )
        # Half pixels may be rounded one way or the other.
        boxes = mask_bounds(resize_masks(masks, plan))
        expected.append(boxes)
    report = dataset.check(config, image_ids=image_ids)
    assert np.abs(report.boxes - np.concatenate(expected)).max() <= 4
    best = brute_force(report.boxes, anchors)
    for threshold in (0.5, 0.7):
        assert report.anchors.recall(threshold) == (best >= threshold).mean()
    assert len(best) > 10


@pytest.fixture
def report():
    # 32 x 32 on an anchor's place, and a bar of 8 x 128 that none fits.
    boxes = [[16, 16, 48, 48], [100, 50, 108, 178]]
    return report_anchors(boxes, [[256, 256]] * 2, SmallConfig())


def test_objects_are_counted_by_scale_and_ratio(report):
    assert report.recall(0.5) == report.recall(0.7) == 1 / 2
    matched = report.num_matched(0.7)
    assert matched.shape == (5, 3)
    assert matched[1, 1] == matched.sum() == 1
    sides = [(s.low, s.high, s.num_objects, s.recalls) for s in report.by_side()]
    assert sides == [(32, 64, 2, (0.5, 0.5))]


def test_the_proposal_is_ready_to_paste(report):
    assert not report.is_kept
    assert report.proposed_recall(0.5) == 1
    pasted = type("Pasted", (SmallConfig,), {})
    exec("\n".join(report.config_lines()), namespace := {})
    for name in ("RPN_ANCHOR_SCALES", "RPN_ANCHOR_RATIOS"):
        assert f"    {name} = " in str(report)
        setattr(pasted, name, namespace[name])
    pasted().validate()
    boxes, shapes = [[16, 16, 48, 48], [100, 50, 108, 178]], [[256, 256]] * 2
    again = report_anchors(boxes, shapes, pasted())
    assert again.recall(0.7) == report.proposed_recall(0.7)


def test_json_can_hold_it(report):
    content = json.loads(json.dumps(report.to_dict()))
    assert content["recall"] == {"0.5": 0.5, "0.7": 0.5}
    assert content["matched"]["0.7"][1] == [0, 1, 0]


def test_anchors_that_fit_are_kept():
    report = report_anchors([[16, 16, 48, 48]], [[256, 256]], SmallConfig())
    assert report.is_kept
    assert "keep these" in str(report)


def test_no_objects_at_all():
    report = report_anchors([], [], SmallConfig())
    assert report.recall(0.5) == report.proposed_recall(0.5) == 0
    assert report.by_side() == []
    assert str(report) == "Anchors: no objects to match."
    assert report.to_dict()["by_side"] == []


def test_a_backbone_of_the_users_own_says_where_anchors_stand():
    class Own(SmallConfig):
        BACKBONE = staticmethod(lambda image, stage5, train_bn: [])
        COMPUTE_BACKBONE_SHAPE = staticmethod(lambda shape: np.full((5, 2), 3))

    grid = anchor_grid(Own(), np.array([[256, 256], [128, 128]]))
    assert (grid.feature_shapes == 3).all()
    grid = anchor_grid(SmallConfig(), np.array([[256, 256], [128, 192]]))
    assert grid.feature_shapes[:, 0].tolist() == [[64, 64], [32, 48]]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["balloon_native/train", "nucleus/instances_val.json"])
def test_on_all_of_a_real_set_recall_is_the_brute_force_count(data_folder, name):
    dataset = open_dataset(data_folder / name)
    report = dataset.check()
    anchors = all_anchors(default_config(dataset), (1024, 1024))
    best = brute_force(report.boxes, anchors)
    for threshold in (0.5, 0.7):
        assert report.anchors.recall(threshold) == (best >= threshold).mean()
    assert len(best) > 180
