"""Handing a network to the functions that detect."""

import numpy as np

from mrcnn.detection_options import detection_options, finder
from mrcnn.inference.merging import merge_views
from mrcnn.network_cache import NetworkCache
from tests.small_configs import TinyConfig


def options(masks):
    config = TinyConfig()
    return config, detection_options(
        NetworkCache(), config, "aligned", ["BG", "a", "b"], masks=masks
    )


def test_predicting_gives_detections_and_the_patches_of_their_classes(rng):
    config, arguments = options(masks=True)
    image = rng.normal(0, 0.1, (2, 64, 64, 3)).astype("float32")
    metas = np.zeros((2, config.IMAGE_META_SIZE), "float32")
    metas[:, 1:12] = [64, 64, 3, 64, 64, 3, 0, 0, 64, 64, 1]
    detections, patches = arguments["predict"](image, metas)
    assert detections.shape == (2, 10, 6)
    assert patches.shape[2:] == (28, 28)
    assert arguments["class_names"] == ["BG", "a", "b"]
    assert arguments["convention"].sample_bins


def test_without_masks_there_are_no_patches(rng):
    config, arguments = options(masks=False)
    metas = np.zeros((1, config.IMAGE_META_SIZE), "float32")
    image = np.zeros((1, 64, 64, 3), "float32")
    detections, patches = arguments["predict"](image, metas)
    assert detections.shape == (1, 10, 6)
    assert patches is None


def test_views_are_merged_and_one_view_is_not(rng):
    config = TinyConfig()
    cache = NetworkCache()
    image = rng.integers(0, 256, (60, 80, 3), "uint8")
    network = (cache, config, "aligned", ["BG", "a", "b"])
    plain = finder(*network)([image])[0]
    assert finder(*network, scales=(1,))([image])[0] == plain
    mirrored = finder(*network)([image[:, ::-1]])[0].mirrored()
    merged = finder(*network, flip=True)([image])[0]
    expected = merge_views(
        [plain, mirrored],
        nms_threshold=config.DETECTION_NMS_THRESHOLD,
        max_instances=config.DETECTION_MAX_INSTANCES,
    )
    assert len(merged) > 0
    np.testing.assert_allclose(merged.boxes, expected.boxes)
    np.testing.assert_array_equal(merged.masks, expected.masks)


def test_without_a_mask_branch_instances_have_no_masks(rng):
    config = TinyConfig()
    config.MASK_BRANCH = False
    image = rng.integers(0, 256, (60, 80, 3), "uint8")
    network = (NetworkCache(), config, "aligned", ["BG", "a", "b"])
    (found,) = finder(*network)([image])
    assert len(found) > 0
    assert not found.has_masks
    (merged,) = finder(*network, flip=True)([image])
    assert not merged.has_masks
