import keras
import numpy as np
import pytest

from mrcnn.heads.rpn import build_rpn_head, join_levels

OUTPUT_NAMES = ("rpn_class_logits", "rpn_class", "rpn_bbox")


@pytest.fixture
def head():
    return build_rpn_head(4, 3, rpn_channels=8)


def test_there_is_a_row_for_every_anchor_of_any_map(head, rng):
    assert [output.shape for output in head.outputs] == [
        (None, None, 2),
        (None, None, 2),
        (None, None, 4),
    ]
    for height, width in [(4, 4), (2, 6)]:
        features = rng.normal(size=(2, height, width, 4)).astype("float32")
        logits, probs, deltas = head(features)
        assert logits.shape == probs.shape == (2, height * width * 3, 2)
        assert deltas.shape == (2, height * width * 3, 4)


@pytest.mark.parametrize(("height", "width"), [(4, 6), (5, 3)])
def test_an_anchor_stride_skips_cells(height, width, rng):
    head = build_rpn_head(4, 3, 2, rpn_channels=8)
    logits, _, _ = head(rng.normal(size=(1, height, width, 4)).astype("float32"))
    # As many as `range(0, height, 2)` and `range(0, width, 2)`, where anchors stand.
    assert logits.shape == (1, -(-height // 2) * -(-width // 2) * 3, 2)


def test_probs_are_the_softmax_of_the_logits(head, rng):
    logits, probs, _ = head(rng.normal(size=(2, 4, 4, 4)).astype("float32"))
    exponentials = np.exp(logits)
    expected = exponentials / exponentials.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(probs, expected, rtol=1e-5)


def test_rows_run_cell_by_cell_and_then_by_ratio(head):
    """With no kernels, row r of a cell is what the biases of its ratio say."""
    for name, length in [("rpn_class_raw", 2), ("rpn_bbox_pred", 4)]:
        layer = head.get_layer(name)
        biases = np.arange(3 * length, dtype="float32")
        layer.set_weights([np.zeros(layer.kernel.shape), biases])
    logits, _, deltas = head(np.ones((1, 2, 2, 4), "float32"))
    np.testing.assert_array_equal(logits[0], [[0, 1], [2, 3], [4, 5]] * 4)
    rows = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    np.testing.assert_array_equal(deltas[0], rows * 4)


def test_rows_run_along_the_width_first(head):
    for name, weights in [("rpn_conv_shared", 1.0), ("rpn_class_raw", 1.0)]:
        layer = head.get_layer(name)
        kernel = np.zeros(layer.kernel.shape)
        middle = kernel.shape[0] // 2
        kernel[middle, middle, 0, :] = weights
        layer.set_weights([kernel, np.zeros(layer.bias.shape)])
    features = np.zeros((1, 2, 3, 4), "float32")
    features[0, :, :, 0] = [[1, 2, 3], [4, 5, 6]]
    logits, _, _ = head(features)
    np.testing.assert_array_equal(logits[0, ::3, 0], [1, 2, 3, 4, 5, 6])


def test_levels_are_joined_in_their_order(head, rng):
    sides = [8, 4, 2]
    features = [rng.normal(size=(1, side, side, 4)).astype("float32") for side in sides]
    levels = [keras.Input((side, side, 4)) for side in sides]
    outputs = join_levels([head(level) for level in levels])
    assert [output.shape for output in outputs] == [
        (None, 3 * (64 + 16 + 4), 2),
        (None, 3 * (64 + 16 + 4), 2),
        (None, 3 * (64 + 16 + 4), 4),
    ]
    joined = keras.Model(levels, outputs)(features)
    one_by_one = [head(level) for level in features]
    for output, parts in zip(joined, zip(*one_by_one, strict=True), strict=True):
        np.testing.assert_allclose(output, np.concatenate(parts, axis=1), atol=1e-5)


def test_names_are_those_of_checkpoints(head):
    levels = [keras.Input((side, side, 4)) for side in (4, 2)]
    outputs = join_levels([head(level) for level in levels])
    names = [output._keras_history.operation.name for output in outputs]
    assert names == list(OUTPUT_NAMES)
    assert head.name == "rpn_model"
    assert head.inputs[0].name == "input_rpn_feature_map"
    layers = [layer.name for layer in head.layers if layer.weights]
    assert layers == ["rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred"]


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_outputs_are_float32_under_mixed_precision(policy, rng):
    keras.config.set_dtype_policy(policy)
    try:
        head = build_rpn_head(4, 3, rpn_channels=8)
        levels = [keras.Input((side, side, 4)) for side in (4, 2)]
        model = keras.Model(levels, join_levels([head(level) for level in levels]))
    finally:
        keras.config.set_dtype_policy("float32")
    assert head.get_layer("rpn_conv_shared").compute_dtype != "float32"
    features = [rng.normal(size=(1, side, side, 4)) for side in (4, 2)]
    for symbol, output in zip(model.outputs, model(features), strict=True):
        assert symbol.dtype == "float32"
        assert keras.backend.standardize_dtype(output.dtype) == "float32"
        assert np.isfinite(output).all()


def test_a_saved_head_comes_back_with_its_weights(head, rng, tmp_path):
    head.save(tmp_path / "head.keras")
    twin = keras.saving.load_model(tmp_path / "head.keras")
    features = rng.normal(size=(1, 4, 4, 4)).astype("float32")
    for one, other in zip(head(features), twin(features), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_sigmoid_is_a_softmax_over_one_number_and_a_background_of_zero(rng):
    head = build_rpn_head(4, 3, rpn_channels=8, objectness="sigmoid")
    assert head.get_layer("rpn_class_raw").kernel.shape == (1, 1, 8, 3)
    logits, probs, _ = head(rng.normal(size=(2, 4, 4, 4)).astype("float32"))
    logits, probs = np.asarray(logits), np.asarray(probs)
    assert logits.shape == probs.shape == (2, 48, 2)
    assert not logits[..., 0].any()
    sigmoid = 1 / (1 + np.exp(-logits[..., 1]))
    np.testing.assert_allclose(probs, np.stack([1 - sigmoid, sigmoid], -1), atol=1e-6)


def test_the_head_may_be_deeper(rng):
    head = build_rpn_head(4, 3, 2, rpn_channels=8, num_convs=3)
    kernels = [
        head.get_layer(name).kernel.shape
        for name in ("rpn_conv_shared", "rpn_conv_shared2", "rpn_conv_shared3")
    ]
    assert kernels == [(3, 3, 4, 8), (3, 3, 8, 8), (3, 3, 8, 8)]
    # An anchor stride skips cells once.
    logits, _, _ = head(rng.normal(size=(1, 8, 4, 4)).astype("float32"))
    assert logits.shape == (1, 4 * 2 * 3, 2)
