"""The whole network: matterport's numbers, names and order, any image shape."""

import json

import keras
import numpy as np
import pytest

from mrcnn.geometry.boxes import denormalize_boxes, pairwise_iou
from mrcnn.geometry.conventions import CONVENTIONS
from mrcnn.image_meta import compose_image_meta
from mrcnn.network import (
    assemble_network,
    build_network,
    detector_of,
    given_proposals,
)
from mrcnn.network_anchors import anchors_for_image
from tests.conftest import FIXTURES
from tests.recipe import fill_by_recipe
from tests.small_configs import GoldenConfig, TinyConfig

OUTPUTS = [
    "detections",
    "mrcnn_class",
    "mrcnn_bbox",
    "mrcnn_mask",
    "rpn_rois",
    "rpn_class",
    "rpn_bbox",
]


@pytest.fixture(scope="module")
def golden_inputs(golden_matterport):
    anchors = anchors_for_image(GoldenConfig(), (256, 256), "matterport")
    meta = golden_matterport["image_meta"].astype("float32")
    return [golden_matterport["molded"], meta, anchors[None]]


@pytest.fixture(scope="module", params=["predict", "eager", "portable predict"])
def golden_outputs(request, golden_inputs):
    portable = "portable" in request.param
    model = build_network(GoldenConfig(), "matterport", portable=portable)
    fill_by_recipe(model)
    if "predict" in request.param:
        values = model.predict(golden_inputs, verbose=0)
    else:
        values = [np.asarray(value) for value in model(golden_inputs)]
    return dict(zip(OUTPUTS, values, strict=True))


def assert_close_to_golden(value, golden):
    scale = np.abs(golden).max()
    np.testing.assert_allclose(value, golden, rtol=1e-3, atol=1e-4 * scale)


def assert_rois_close_to_golden(values, golden, *, tolerance):
    """For what depends on pooled features, in 99 of 100 rois.

    matterport's sampling puts the outermost samples of a roi at the image's edge upon
    the edge of the map, where the last digit decides whether they count as zero.
    """
    axes = tuple(range(1, golden.ndim))
    error = np.abs(values - golden).max(axis=axes) / np.abs(golden).max()
    assert np.median(error) < tolerance / 10
    assert (error < tolerance).mean() >= 0.99


def test_the_rpn_gives_matterports_numbers(golden_outputs, golden_matterport):
    for name in ("rpn_class", "rpn_bbox"):
        assert_close_to_golden(golden_outputs[name][0], golden_matterport[name])


def test_the_proposals_are_matterports_as_a_set(golden_outputs, golden_matterport):
    golden = golden_matterport["rpn_rois"]
    iou = pairwise_iou(golden, golden_outputs["rpn_rois"][0])
    real = np.any(golden != 0, axis=-1)
    # A pair at the very threshold of suppression may flip between machines.
    assert (iou.max(axis=1)[real] > 0.99).mean() > 0.998


def test_the_box_head_gives_matterports_numbers(golden_outputs, golden_matterport):
    ours, golden_rois = golden_outputs["rpn_rois"][0], golden_matterport["rpn_rois"]
    # Compare where both have the same roi in the same row and the roi's level does
    # not hang on the last digit.
    same = np.abs(ours - golden_rois).max(axis=-1) < 1e-4
    sides = np.maximum(golden_rois[:, 2:] - golden_rois[:, :2], 1e-9)
    level = 4 + np.log2(np.sqrt(sides.prod(axis=-1)) * 256 / 224)
    same &= np.abs(level % 1 - 0.5) > 1e-4
    assert same.mean() > 0.98
    for name, stored in (
        ("mrcnn_class", "mrcnn_class"),
        ("mrcnn_bbox", "mrcnn_bbox_first20"),
    ):
        golden = golden_matterport[stored]
        rows = same[: len(golden)]
        value = golden_outputs[name][0][: len(golden)]
        assert_rois_close_to_golden(value[rows], golden[rows], tolerance=1e-3)


def test_the_detections_are_matterports_one_to_one(golden_outputs, golden_matterport):
    detections, golden = (
        golden_outputs["detections"][0],
        golden_matterport["detections"],
    )
    num_real = (golden[:, 4] > 0).sum()
    assert (detections[:, 4] > 0).sum() == num_real
    golden = golden[:num_real]
    # In pixels a box that was clipped to nothing still has the height of one pixel.
    pixels, golden_pixels = (
        denormalize_boxes(boxes[:num_real, :4], (256, 256), edge_shift=1)
        for boxes in (detections, golden)
    )
    iou = pairwise_iou(golden_pixels, pixels)
    iou[golden[:, None, 4] != detections[None, :num_real, 4]] = 0
    partners = iou.argmax(axis=1)
    assert len(set(partners)) == num_real
    assert iou.max(axis=1).min() > 0.99
    scores = detections[partners, 5]
    np.testing.assert_allclose(scores, golden[:, 5], atol=1e-3)

    class_ids = golden[:, 4].astype(int)
    patches = golden_outputs["mrcnn_mask"][0][partners, :, :, class_ids]
    golden_patches = golden_matterport["mask_of_class"]
    wrong = np.abs(patches - golden_patches) > 2e-3
    assert wrong.mean() < 0.01  # samples at the very edge, see above


def test_layers_stand_in_the_order_of_matterports_files():
    layout = json.loads((FIXTURES / "h5_layout.json").read_text())["models"]
    expected = layout["resnet50_81"]
    model = build_network(GoldenConfig(), "matterport")
    with_weights = [layer.name for layer in model.layers if layer.weights]
    assert with_weights == [
        name for name, _ in expected["weight_layers_in_model_order"]
    ]
    names = [layer.name for layer in model.layers]
    auto_named = ("activation", "add", "zero_padding2d", "max_pooling2d", "lambda")
    for name in expected["layer_names_attr_of_built_inference_model"]:
        assert name in names or name.startswith(auto_named)
    count = sum(int(np.prod(weight.shape)) for weight in model.weights)
    assert count == expected["n_params"]


@pytest.fixture(scope="module")
def tiny():
    keras.utils.set_random_seed(3)
    return build_network(TinyConfig(), "aligned")


def tiny_inputs(rng, height, width, count=1):
    config = TinyConfig()
    anchors = anchors_for_image(config, (height, width), "aligned")
    meta = np.zeros((count, config.IMAGE_META_SIZE), "float32")
    meta[:, 1:12] = [height, width, 3, height, width, 3, 0, 0, height, width, 1]
    images = rng.normal(0, 0.1, (count, height, width, 3)).astype("float32")
    return [images, meta, np.broadcast_to(anchors, (count, *anchors.shape))]


@pytest.mark.parametrize(("height", "width"), [(64, 64), (128, 64), (64, 192)])
def test_one_network_takes_images_of_any_multiple_of_64(tiny, rng, height, width):
    inputs = tiny_inputs(rng, height, width)
    outputs = dict(zip(OUTPUTS, tiny.predict(inputs, verbose=0), strict=True))
    num_anchors = 3 * sum(height * width // stride**2 for stride in (4, 8, 16, 32, 64))
    assert inputs[2].shape == (1, num_anchors, 4)
    assert outputs["rpn_class"].shape == (1, num_anchors, 2)
    assert outputs["detections"].shape == (1, 10, 6)
    assert outputs["mrcnn_mask"].shape == (1, 10, 28, 28, 3)
    assert all(np.isfinite(value).all() for value in outputs.values())


def test_a_batch_of_two_equals_two_batches_of_one(tiny, rng):
    inputs = tiny_inputs(rng, 64, 64, count=2)
    together = tiny.predict(inputs, verbose=0)
    for index in range(2):
        alone = tiny.predict([part[index : index + 1] for part in inputs], verbose=0)
        for both, single in zip(together, alone, strict=True):
            np.testing.assert_allclose(both[index], single[0], rtol=1e-3, atol=1e-4)


def test_the_detector_gives_each_detections_own_patch(rng):
    config = TinyConfig()
    model, parts = assemble_network(config, "aligned")
    inputs = tiny_inputs(rng, 64, 64)
    whole = dict(zip(OUTPUTS, model.predict_on_batch(inputs), strict=True))
    detector = detector_of(config, "aligned", parts)
    detections, patches = detector.predict_on_batch(inputs)
    np.testing.assert_allclose(detections, whole["detections"], atol=1e-5)
    num_real = (detections[0, :, 4] > 0).sum()
    assert patches.shape == (1, num_real, 28, 28)
    for row in range(num_real):
        class_id = int(detections[0, row, 4])
        expected = whole["mrcnn_mask"][0, row, :, :, class_id]
        np.testing.assert_allclose(patches[0, row], expected, atol=1e-5)
    alone = detector_of(config, "aligned", parts, masks=False).predict_on_batch(inputs)
    np.testing.assert_allclose(alone, detections, atol=1e-5)


def test_a_detector_has_thresholds_of_its_own_and_shares_the_weights(rng):
    config = TinyConfig()
    model, parts = assemble_network(config, "aligned")
    config.DETECTION_MAX_INSTANCES = 3
    detector = detector_of(config, "aligned", parts, masks=False)
    assert detector.output_shape == (None, 3, 6)
    assert {id(w) for w in detector.weights} <= {id(w) for w in model.weights}
    # What users look into is still the network's own graph.
    assert model.get_layer("mrcnn_class").output is model.outputs[1]


def test_masks_for_all_classes_alike_are_found_in_their_only_channel(rng):
    config = TinyConfig()
    config.CLASS_AGNOSTIC_BOXES = config.CLASS_AGNOSTIC_MASKS = True
    _, parts = assemble_network(config, "aligned")
    detector = detector_of(config, "aligned", parts)
    detections, patches = detector.predict_on_batch(tiny_inputs(rng, 64, 64))
    assert patches.shape == (1, (detections[0, :, 4] > 0).sum(), 28, 28)


def test_the_portable_network_gives_the_same_numbers(tiny, rng):
    portable = build_network(TinyConfig(), "aligned", portable=True)
    portable.set_weights(tiny.get_weights())
    inputs = tiny_inputs(rng, 64, 128)
    pairs = zip(tiny(inputs), portable(inputs), strict=True)
    for name, (value, twin) in zip(OUTPUTS, pairs, strict=True):
        value, twin = np.asarray(value), np.asarray(twin)
        if name == "mrcnn_mask":
            num_real = (np.asarray(portable(inputs)[0])[0, :, 4] > 0).sum()
            value, twin = value[:, :num_real], twin[:, :num_real]
        np.testing.assert_allclose(value, twin, rtol=1e-3, atol=1e-4, err_msg=name)


def test_a_callable_backbone_and_its_shapes(rng):
    def backbone(image, stage5, train_bn):
        assert stage5
        stages = []
        for stride in (2, 4, 8, 16, 32):
            image = keras.layers.AveragePooling2D(2, padding="same")(image)
            stages.append(keras.layers.Conv2D(4, 1, name=f"taps{stride}")(image))
        return stages

    class CallableConfig(TinyConfig):
        BACKBONE = backbone
        COMPUTE_BACKBONE_SHAPE = staticmethod(
            lambda shape: [[shape[0] // s, shape[1] // s] for s in (4, 8, 16, 32, 64)]
        )

    config = CallableConfig()
    config.validate()
    model = build_network(config, "aligned")
    detections = model(tiny_inputs(rng, 64, 64))[0]
    assert detections.shape == (1, 10, 6)
    anchors = anchors_for_image(config, (64, 128), "aligned")
    np.testing.assert_array_equal(
        anchors, anchors_for_image(TinyConfig(), (64, 128), "aligned")
    )


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_boxes_and_scores_stay_float32_under_mixed_precision(rng, precision):
    keras.config.set_dtype_policy(precision)
    try:
        model = build_network(TinyConfig(), "aligned")
    finally:
        keras.config.set_dtype_policy("float32")
    for name, value in zip(OUTPUTS, model(tiny_inputs(rng, 64, 64)), strict=True):
        assert value.dtype == "float32", name
        assert np.isfinite(np.asarray(value)).all(), name


def test_the_network_survives_saving_as_a_keras_file(tiny, rng, tmp_path):
    tiny.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    inputs = tiny_inputs(rng, 64, 64)
    for value, again in zip(tiny(inputs), loaded(inputs), strict=True):
        np.testing.assert_array_equal(np.asarray(value), np.asarray(again))


@pytest.mark.parametrize("geometry", ["matterport", "aligned"])
def test_the_callers_boxes_are_normalized_by_their_own_image_and_padding_stays(
    geometry,
):
    shapes = [(64, 128, 3), (128, 64, 3)]
    metas = [compose_image_meta(0, s, s, (0, 0, 0, 0), 1, [1]) for s in shapes]
    rois = np.array([[[8, 16, 24, 48.5], [0, 0, 0, 0], [0, 0, 1, 2]]] * 2, "float32")
    proposals = np.asarray(given_proposals(rois, np.array(metas, "float32"), geometry))
    shift = CONVENTIONS[geometry].edge_shift
    for row, (height, width, _) in zip(proposals, shapes, strict=True):
        sides = np.array([height, width, height, width]) - shift
        expected = (rois[0] - np.array([0, 0, shift, shift])) / sides
        np.testing.assert_allclose(row[[0, 2]], expected[[0, 2]], rtol=1e-6)
        assert row[1].tolist() == [0, 0, 0, 0]
