"""A network that follows its config."""

import threading

import numpy as np
import pytest

from mrcnn.network_cache import MAX_ANCHORED_SHAPES, NetworkCache, settings_of
from tests.small_configs import TinyConfig


def test_the_network_is_built_once_while_nothing_changes():
    cache, config = NetworkCache(), TinyConfig()
    model = cache.model(config, "aligned")
    config.LEARNING_RATE = 1.0  # of no concern to the graph
    assert cache.model(config, "aligned") is model


def test_a_change_that_keeps_the_weights_is_followed():
    cache, config = NetworkCache(), TinyConfig()
    old = cache.model(config, "aligned")
    config.DETECTION_MAX_INSTANCES = 4
    new = cache.model(config, "matterport")
    assert new is not old
    assert new.outputs[0].shape == (None, 4, 6)
    assert not new.get_layer("roi_align_mask").sample_bins
    for before, after in zip(old.get_weights(), new.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_change_that_needs_other_weights_is_an_error_that_names_it():
    cache, config = NetworkCache(), TinyConfig()
    model = cache.model(config, "aligned")
    config.NUM_CLASSES = 7
    with pytest.raises(ValueError, match="NUM_CLASSES from 3 to 7"):
        cache.model(config, "aligned")
    config.NUM_CLASSES = 3
    assert cache.model(config, "aligned") is model


def test_detection_follows_thresholds_without_a_new_network():
    cache, config = NetworkCache(), TinyConfig()
    detector = cache.detector(config, "aligned", masks=False)
    assert cache.detector(config, "aligned", masks=False) is detector
    config.DETECTION_MAX_INSTANCES = 4
    other = cache.detector(config, "aligned", masks=False)
    assert other.output_shape == (None, 4, 6)
    assert {id(w) for w in other.weights} == {id(w) for w in detector.weights}
    config.NUM_CLASSES = 7
    with pytest.raises(ValueError, match="NUM_CLASSES from 3 to 7"):
        cache.detector(config, "aligned")


def test_a_knob_that_was_set_wrong_later_is_named():
    cache, config = NetworkCache(), TinyConfig()
    cache.model(config, "aligned")
    config.DETECTION_PRECISION = "bfloat16"
    with pytest.raises(ValueError, match=r"DETECTION_PRECISION = 'bfloat16'.*mixed_b"):
        cache.detector(config, "aligned")


def test_detection_has_a_precision_of_its_own_on_the_same_weights():
    cache, config = NetworkCache(), TinyConfig()
    full = cache.detector(config, "aligned")
    config.DETECTION_PRECISION = "mixed_bfloat16"
    half = cache.detector(config, "aligned")
    assert (full.precision, half.precision) == ("float32", "mixed_bfloat16")
    assert {id(w) for w in half.weights} == {id(w) for w in full.weights}
    assert cache.detector(config, "aligned") is half


def test_training_shares_the_layers_and_holds_the_network_still():
    cache, config = NetworkCache(), TinyConfig()
    model, training = cache.training_pair(
        config, "aligned", None, with_own_layers=False
    )
    assert model is cache.model(config, "aligned")
    ours = {id(weight) for weight in model.trainable_weights}
    assert ours == {id(weight) for weight in training.trainable_weights}
    with cache.training():
        config.DETECTION_MAX_INSTANCES = 4
        assert cache.model(config, "aligned") is model
    assert cache.model(config, "aligned") is not model

    apart, training = cache.training_pair(config, "aligned", None, with_own_layers=True)
    assert apart is not cache.model(config, "aligned")
    ours = {id(weight) for weight in apart.trainable_weights}
    assert ours == {id(weight) for weight in training.trainable_weights}


def test_anchors_follow_shape_geometry_and_knobs():
    cache, config = NetworkCache(), TinyConfig()
    square = cache.anchors(config, (64, 64, 3), "aligned")
    assert cache.anchors(config, np.array([64, 64]), "aligned") is square
    assert not np.array_equal(cache.anchors(config, (64, 64), "matterport"), square)
    assert len(cache.anchors(config, (64, 128), "aligned")) == 2 * len(square)
    config.RPN_ANCHOR_RATIOS = [1]
    assert 3 * len(cache.anchors(config, (64, 64), "aligned")) == len(square)


def test_anchors_of_the_shapes_used_last_are_kept_and_no_others():
    cache, config = NetworkCache(), TinyConfig()
    square = cache.anchors(config, (64, 64), "aligned")
    for number in range(2, 2 + MAX_ANCHORED_SHAPES - 1):
        cache.anchors(config, (64, 64 * number), "aligned")
    assert cache.anchors(config, (64, 64), "aligned") is square
    wide = cache.anchors(config, (64, 192), "aligned")
    cache.anchors(config, (640, 64), "aligned")
    assert cache.anchors(config, (64, 64), "aligned") is square
    assert cache.anchors(config, (64, 192), "aligned") is wide
    for number in range(1, 1 + MAX_ANCHORED_SHAPES):
        cache.anchors(config, (128, 64 * number), "aligned")
    assert cache.anchors(config, (64, 64), "aligned") is not square


def test_batches_of_all_shapes_share_one_graph():
    cache, config = NetworkCache(), TinyConfig()
    detector = cache.detector(config, "aligned", masks=False)
    for count, height, width in [(1, 64, 64), (1, 64, 128), (2, 64, 64), (3, 128, 64)]:
        metas = np.zeros((count, config.IMAGE_META_SIZE), "float64")
        metas[:, 4:12] = [height, width, 3, 0, 0, height, width, 1]
        images = np.zeros((count, height, width, 3), "float32")
        anchors = cache.boxes_to_look_at(config, images, "aligned")
        detections = detector.predict_on_batch([images, metas, anchors])
        assert detections.shape == (count, 10, 6)
    assert detector.predict_function.experimental_get_tracing_count() == 1


def test_settings_compare_by_value():
    config = TinyConfig()
    before = settings_of(config, "aligned", None)
    config.RPN_ANCHOR_SCALES = list(config.RPN_ANCHOR_SCALES)
    config.BBOX_STD_DEV = np.array(config.BBOX_STD_DEV)
    assert settings_of(config, "aligned", None) == before


def test_threads_share_one_network():
    cache, config = NetworkCache(), TinyConfig()
    models = []
    threads = [
        threading.Thread(target=lambda: models.append(cache.model(config, "aligned")))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(models) == 4
    assert len(set(map(id, models))) == 1


def test_detection_follows_what_layers_with_weights_do():
    cache, config = NetworkCache(), TinyConfig()
    old = cache.detector(config, "aligned", masks=False)
    config.SYMMETRIC_PADDING, config.NORM_EPSILON = True, 0.5
    new = cache.detector(config, "aligned", masks=False)
    norms = [model.get_layer("conv1").norm for model in (old, new)]
    assert norms[0].epsilon != norms[1].epsilon == 0.5
    for before, after in zip(old.get_weights(), new.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_detection_follows_suppression_by_levels():
    cache, config = NetworkCache(), TinyConfig()
    joint = cache.detector(config, "aligned", masks=False)
    config.RPN_PER_LEVEL = True
    by_level = cache.detector(config, "aligned", masks=False)
    assert not joint.get_layer("ROI").per_level
    assert by_level.get_layer("ROI").per_level
    assert {id(w) for w in by_level.weights} == {id(w) for w in joint.weights}
