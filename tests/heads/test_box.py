import keras
import numpy as np
import pytest

from mrcnn.heads.box import BoxHead
from mrcnn.layers.batch_norm import BatchNorm


def model_of(num_rois=5, **options):
    features = keras.Input((num_rois, 7, 7, 4))
    return keras.Model(
        features, BoxHead(features.shape[2], 3, fc_layers_size=8, **options)(features)
    )


@pytest.fixture
def features(rng):
    return rng.normal(size=(2, 5, 7, 7, 4)).astype("float32")


@pytest.mark.parametrize("num_rois", [5, None])
def test_every_roi_gets_scores_and_a_box_for_every_class(num_rois, features):
    model = model_of(num_rois)
    assert [output.shape for output in model.outputs] == [
        (None, num_rois, 3),
        (None, num_rois, 3),
        (None, num_rois, 3, 4),
    ]
    assert [output.shape for output in model(features)] == [
        (2, 5, 3),
        (2, 5, 3),
        (2, 5, 3, 4),
    ]


def test_probs_are_the_softmax_of_the_logits(features):
    logits, probs, _ = model_of()(features)
    exponentials = np.exp(logits)
    expected = exponentials / exponentials.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(probs, expected, rtol=1e-5)


def test_a_roi_does_not_see_its_neighbours(features):
    model = model_of(None)
    together = model(features)
    alone = model(features[1:, 3:4])
    for output, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(output[1, 3], other[0, 0], rtol=1e-4, atol=1e-5)


def test_deltas_run_class_by_class():
    model = model_of()
    layer = model.get_layer("mrcnn_bbox_fc")
    layer.set_weights([np.zeros(layer.kernel.shape), np.arange(12, dtype="float32")])
    _, _, deltas = model(np.ones((1, 5, 7, 7, 4), "float32"))
    rows = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    np.testing.assert_array_equal(deltas[0, 4], rows)


def test_names_and_shapes_are_those_of_checkpoints():
    model = model_of()
    weights = {
        layer.name: [tuple(weight.shape) for weight in layer.weights]
        for layer in model.layers
        if layer.weights
    }
    assert weights == {
        "mrcnn_class_conv1": [(7, 7, 4, 8), (8,)],
        "mrcnn_class_bn1": [(8,)] * 4,
        "mrcnn_class_conv2": [(1, 1, 8, 8), (8,)],
        "mrcnn_class_bn2": [(8,)] * 4,
        "mrcnn_class_logits": [(8, 3), (3,)],
        "mrcnn_bbox_fc": [(8, 12), (12,)],
    }
    names = [layer.name for layer in model.layers]
    assert {"pool_squeeze", "mrcnn_class", "mrcnn_bbox"} < set(names)


def test_one_head_on_two_sets_of_rois_shares_its_weights(features):
    head = BoxHead(7, 3, fc_layers_size=8)
    few, many = keras.Input((2, 7, 7, 4)), keras.Input((5, 7, 7, 4))
    model = keras.Model([few, many], [head(few), head(many)])
    alone = keras.Model(many, head(many))
    assert len(model.weights) == len(alone.weights)
    (logits, _, _), (logits_again, _, _) = model([features[:, :2], features])
    np.testing.assert_allclose(logits, logits_again[:, :2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("train_bn", "frozen"), [(None, False), (False, True)])
def test_only_false_freezes_the_normalizations(train_bn, frozen):
    model = model_of(train_bn=train_bn)
    norms = [layer for layer in model.layers if isinstance(layer, BatchNorm)]
    assert [norm.frozen for norm in norms] == [frozen, frozen]


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_outputs_are_float32_under_mixed_precision(policy, features):
    keras.config.set_dtype_policy(policy)
    try:
        model = model_of()
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer("mrcnn_class_conv1").compute_dtype != "float32"
    for symbol, output in zip(model.outputs, model(features), strict=True):
        assert symbol.dtype == "float32"
        assert keras.backend.standardize_dtype(output.dtype) == "float32"
        assert np.isfinite(output).all()


def test_a_saved_head_comes_back_with_its_weights(features, tmp_path):
    model = model_of()
    model.save(tmp_path / "head.keras")
    twin = keras.saving.load_model(tmp_path / "head.keras")
    for one, other in zip(model(features), twin(features), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_class_agnostic_head_has_one_box_for_a_roi(features):
    model = model_of(class_agnostic=True)
    logits, _, deltas = model(features)
    assert logits.shape == (2, 5, 3)
    assert deltas.shape == (2, 5, 1, 4)
    assert model.get_layer("mrcnn_bbox_fc").kernel.shape == (8, 4)


def weight_shapes(model):
    layers = [layer for layer in model.layers if layer.name.startswith("mrcnn_class_")]
    return {
        layer.name.removeprefix("mrcnn_class_"): [tuple(w.shape) for w in layer.weights]
        for layer in layers
        if layer.weights and layer.name != "mrcnn_class_logits"
    }


def test_two_fully_connected_layers_may_go_without_normalization(features):
    model = model_of(kind="2fc")
    assert weight_shapes(model) == {
        "conv1": [(7, 7, 4, 8), (8,)],
        "conv2": [(1, 1, 8, 8), (8,)],
    }
    # As matrices, the way they are meant.
    weights = {layer.name: layer.get_weights() for layer in model.layers}
    hidden = features.reshape(10, -1)
    for name in ("mrcnn_class_conv1", "mrcnn_class_conv2"):
        kernel, bias = weights[name]
        hidden = np.maximum(hidden @ kernel.reshape(-1, 8) + bias, 0)
    kernel, bias = weights["mrcnn_class_logits"]
    expected = (hidden @ kernel + bias).reshape(2, 5, 3)
    np.testing.assert_allclose(model(features)[0], expected, rtol=1e-4, atol=1e-5)


def test_four_convolutions_may_come_before_one_fully_connected_layer(features):
    model = model_of(kind="4conv1fc", conv_channels=6, bias_before_norm=False)
    assert weight_shapes(model) == {
        "conv1": [(3, 3, 4, 6)],
        **{f"conv{i}": [(3, 3, 6, 6)] for i in (2, 3, 4)},
        **{f"bn{i}": [(6,)] * 4 for i in (1, 2, 3, 4)},
        "fc1": [(7, 7, 6, 8), (8,)],
    }
    assert [output.shape for output in model(features)] == [
        (2, 5, 3),
        (2, 5, 3),
        (2, 5, 3, 4),
    ]


def test_the_normalizations_epsilon_is_theirs():
    model = model_of(norm_epsilon=0.5)
    norms = [layer for layer in model.layers if isinstance(layer, BatchNorm)]
    assert [norm.epsilon for norm in norms] == [0.5, 0.5]


def test_of_a_backbones_stage_the_head_takes_the_mean(features):
    model = model_of(kind="res5")
    assert weight_shapes(model) == {}
    kernel, bias = model.get_layer("mrcnn_class_logits").get_weights()
    expected = features.mean(axis=(2, 3)) @ kernel + bias
    np.testing.assert_allclose(model(features)[0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("kind", "num_layers"), [("2fc", 2), ("4conv1fc", 1)])
def test_fully_connected_layers_drop_a_share_of_their_output_in_training(
    kind, num_layers, features
):
    model = model_of(kind=kind, dropout=0.5)
    dropouts = [x for x in model.layers if isinstance(x, keras.layers.Dropout)]
    assert len(dropouts) == num_layers
    plain = model_of(kind=kind)
    plain.set_weights(model.get_weights())
    for value, other in zip(model(features), plain(features), strict=True):
        np.testing.assert_array_equal(value, other)
    learning = model(features, training=True)[0]
    assert np.abs(learning - plain(features, training=True)[0]).max() > 1e-3
