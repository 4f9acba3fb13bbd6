"""A network that follows its config, and looks inside it."""

import numpy as np
import pytest

from mrcnn.network_owner import NetworkOwner
from tests.small_configs import GoldenConfig, TinyConfig


@pytest.fixture(scope="module")
def golden_model():
    """Its network is never built: what is asked of it is in no weight."""
    config = GoldenConfig()
    config.GEOMETRY = "matterport"
    return NetworkOwner("inference", config)


def test_the_network_is_built_when_it_is_first_used():
    owner = NetworkOwner("training", TinyConfig())
    model = owner.keras_model
    assert owner.keras_model is model
    assert owner.build("inference", owner.config) is not model
    assert owner.geometry == "aligned"


def test_wrong_arguments_say_what_to_pass():
    with pytest.raises(TypeError, match="config=MyConfig"):
        NetworkOwner("inference", TinyConfig)
    with pytest.raises(ValueError, match="'test'"):
        NetworkOwner("test", TinyConfig())
    with pytest.raises(ValueError, match="'test'"):
        NetworkOwner("inference", TinyConfig()).build("test", TinyConfig())


def test_molded_inputs_are_matterports(golden_model, golden_matterport):
    molded, metas, windows = golden_model.mold_inputs([golden_matterport["image"]])
    np.testing.assert_array_equal(molded, golden_matterport["molded"])
    np.testing.assert_array_equal(metas, golden_matterport["image_meta"])
    np.testing.assert_array_equal(windows, golden_matterport["window"])
    anchors = golden_model.get_anchors(molded.shape[1:])
    np.testing.assert_array_equal(anchors, golden_matterport["anchors"])
    assert golden_model.anchors.shape == anchors.shape
    assert np.abs(golden_model.anchors).max() > 100


def test_unmolded_detections_are_matterports(golden_model, golden_matterport):
    detections = golden_matterport["detections"]
    num_real = len(golden_matterport["detect_rois"])
    class_ids = detections[:num_real, 4].astype(int)
    patches = np.zeros((100, 28, 28, 81), "float32")
    rows = np.arange(num_real)
    patches[rows, :, :, class_ids] = golden_matterport["mask_of_class"]
    rois, ids, scores, masks = golden_model.unmold_detections(
        detections, patches, (200, 256, 3), (256, 256, 3), [28, 0, 228, 256]
    )
    np.testing.assert_array_equal(rois, golden_matterport["detect_rois"])
    np.testing.assert_array_equal(ids, golden_matterport["detect_class_ids"])
    np.testing.assert_array_equal(scores, golden_matterport["detect_scores"])
    packed = np.packbits(masks)
    np.testing.assert_array_equal(packed, golden_matterport["detect_masks_packed"])


def test_molded_images_are_detected_as_they_are(tiny, photos):
    molded, metas, _ = tiny.mold_inputs(photos)
    results = tiny.detect_molded(molded, metas)
    for one, other in zip(results, tiny.detect(photos), strict=True):
        np.testing.assert_array_equal(one["rois"], other["rois"])


def test_run_graph_gives_inner_values(tiny, photos):
    outputs = [
        ("proposals", tiny.keras_model.get_layer("ROI").output),
        ("masks", tiny.keras_model.get_layer("mrcnn_mask").output),
        ("probs", "mrcnn_class"),
    ]
    values = tiny.run_graph(photos[:1], outputs)
    assert list(values) == ["proposals", "masks", "probs"]
    assert values["proposals"].shape == (1, 20, 4)
    assert values["probs"].shape == (1, 20, 3)
    assert values["masks"].shape[-3:] == (28, 28, 3)
    molded, metas, _ = tiny.mold_inputs(photos[:1])
    again = tiny.run_graph(molded, outputs, image_metas=metas)
    np.testing.assert_allclose(again["probs"], values["probs"], rtol=1e-4)


def test_run_graph_understands_the_old_names_inside_the_proposal_layer(tiny, photos):
    pillar = tiny.keras_model.get_layer("ROI").output
    nms = "ROI/rpn_non_max_suppression/NonMaxSuppressionV3:0"
    titles = ["pre_nms_anchors", "refined_anchors", "refined_anchors_clipped"]
    outputs = [(title, tiny.ancestor(pillar, f"ROI/{title}:0")) for title in titles]
    outputs += [("chosen", tiny.ancestor(pillar, nms)), ("proposals", pillar)]
    values = tiny.run_graph(photos[:1], outputs)
    num_anchors = values["pre_nms_anchors"].shape[1]
    assert values["refined_anchors"].shape == (1, num_anchors, 4)
    clipped = np.clip(values["refined_anchors"], 0, 1)
    np.testing.assert_allclose(values["refined_anchors_clipped"], clipped)
    np.testing.assert_allclose(
        values["refined_anchors_clipped"][0, values["chosen"]], values["proposals"][0]
    )
    assert tiny.ancestor(pillar, "ROI/no_such_tensor:0") is None


def test_layers_are_found(tiny):
    model = tiny.keras_model
    wrapped = model.get_layer("mrcnn_mask")
    assert tiny.find_trainable_layer(wrapped) is wrapped.layer
    layers = tiny.get_trainable_layers()
    assert wrapped.layer in layers
    assert all(layer.weights for layer in layers)
    assert tiny.ancestor(model.outputs[0], "ROI") is model.get_layer("ROI").output
    assert tiny.ancestor(model.get_layer("ROI").output, "mrcnn_class") is None
