import keras
import numpy as np
import pytest

from mrcnn.heads.mask import MaskHead
from mrcnn.layers.batch_norm import BatchNorm


def model_of(num_rois=3, **options):
    features = keras.Input((num_rois, 6, 6, 4))
    return keras.Model(features, MaskHead(5, channels=8, **options)(features))


@pytest.fixture
def features(rng):
    return rng.normal(size=(2, 3, 6, 6, 4)).astype("float32")


@pytest.mark.parametrize("num_rois", [3, None])
def test_every_roi_gets_a_patch_of_twice_the_side_for_every_class(num_rois, features):
    model = model_of(num_rois)
    assert model.output_shape == (None, num_rois, 12, 12, 5)
    patches = np.array(model(features))
    assert patches.shape == (2, 3, 12, 12, 5)
    assert patches.min() >= 0
    assert patches.max() <= 1


@pytest.mark.parametrize("count", [0, 1, 2])
def test_only_as_many_rois_are_computed_as_there_are(count, features):
    model = model_of(None)
    model.compile(jit_compile=False)
    patches = model.predict_on_batch(features[:, :count])
    assert patches.shape == (2, count, 12, 12, 5)
    all_patches = np.array(model(features))
    np.testing.assert_allclose(patches, all_patches[:, :count], atol=1e-5)


def test_names_and_shapes_are_those_of_checkpoints():
    weights = {
        layer.name: [tuple(weight.shape) for weight in layer.weights]
        for layer in model_of().layers
        if layer.weights
    }
    assert weights == {
        "mrcnn_mask_conv1": [(3, 3, 4, 8), (8,)],
        "mrcnn_mask_bn1": [(8,)] * 4,
        "mrcnn_mask_conv2": [(3, 3, 8, 8), (8,)],
        "mrcnn_mask_bn2": [(8,)] * 4,
        "mrcnn_mask_conv3": [(3, 3, 8, 8), (8,)],
        "mrcnn_mask_bn3": [(8,)] * 4,
        "mrcnn_mask_conv4": [(3, 3, 8, 8), (8,)],
        "mrcnn_mask_bn4": [(8,)] * 4,
        "mrcnn_mask_deconv": [(2, 2, 8, 8), (8,)],
        "mrcnn_mask": [(1, 1, 8, 5), (5,)],
    }


def test_a_patch_without_kernels_is_the_sigmoid_of_the_bias():
    model = model_of()
    layer = model.get_layer("mrcnn_mask")
    biases = np.array([-1.0, 0.0, 1.0, 2.0, 3.0])
    layer.set_weights([np.zeros(layer.layer.kernel.shape), biases])
    patches = model(np.ones((1, 3, 6, 6, 4), "float32"))
    np.testing.assert_allclose(
        patches[0, 2, 5, 7], 1 / (1 + np.exp(-biases)), rtol=1e-5
    )


def test_one_head_on_two_sets_of_rois_shares_its_weights(features):
    head = MaskHead(5, channels=8)
    few, many = keras.Input((2, 6, 6, 4)), keras.Input((3, 6, 6, 4))
    model = keras.Model([few, many], [head(few), head(many)])
    assert len(model.weights) == len(model_of().weights)
    some, all_patches = model([features[:, :2], features])
    np.testing.assert_allclose(some, all_patches[:, :2], atol=1e-5)


@pytest.mark.parametrize(("train_bn", "frozen"), [(None, False), (False, True)])
def test_only_false_freezes_the_normalizations(train_bn, frozen):
    model = model_of(train_bn=train_bn)
    norms = [layer for layer in model.layers if isinstance(layer, BatchNorm)]
    assert [norm.frozen for norm in norms] == [frozen] * 4


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_patches_are_float32_under_mixed_precision(policy, features):
    keras.config.set_dtype_policy(policy)
    try:
        model = model_of()
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer("mrcnn_mask_conv1").compute_dtype != "float32"
    patches = model(features)
    assert model.outputs[0].dtype == "float32"
    assert keras.backend.standardize_dtype(patches.dtype) == "float32"
    assert np.isfinite(patches).all()


def test_a_saved_head_comes_back_with_its_weights(features, tmp_path):
    model = model_of()
    model.save(tmp_path / "head.keras")
    twin = keras.saving.load_model(tmp_path / "head.keras")
    np.testing.assert_array_equal(model(features), twin(features))


def test_a_class_agnostic_head_has_one_patch_for_a_roi(features):
    model = model_of(class_agnostic=True)
    assert model(features).shape[-1] == 1
    assert model.get_layer("mrcnn_mask").layer.kernel.shape[-1] == 1


def test_the_head_may_go_without_normalizations(features):
    model = model_of(norm=False, bias_before_norm=False)
    assert not [layer for layer in model.layers if isinstance(layer, BatchNorm)]
    # A layer without a normalization needs its bias.
    assert len(model.get_layer("mrcnn_mask_conv1").weights) == 2
    model = model_of(bias_before_norm=False, norm_epsilon=0.5)
    assert len(model.get_layer("mrcnn_mask_conv1").weights) == 1
    assert model.get_layer("mrcnn_mask_bn4").epsilon == 0.5
    assert model(features).shape == (2, 3, 12, 12, 5)


def test_a_head_for_features_seen_already_only_doubles_their_sides(features):
    model = model_of(kind="deconv")
    names = [layer.name for layer in model.layers if layer.weights]
    assert names == ["mrcnn_mask_deconv", "mrcnn_mask"]
    assert model(features).shape == (2, 3, 12, 12, 5)


def test_a_fully_connected_head_sees_all_of_a_roi_in_each_pixel(features):
    model = model_of(kind="fc", fc_layers_size=8, patch_shape=(3, 4))
    weights = {layer.name: layer.get_weights() for layer in model.layers}
    hidden = features.reshape(6, -1)
    for name in ("mrcnn_mask_fc1", "mrcnn_mask_fc2"):
        kernel, bias = weights[name]
        hidden = np.maximum(hidden @ kernel + bias, 0)
    kernel, bias = weights["mrcnn_mask"]
    expected = 1 / (1 + np.exp(-(hidden @ kernel + bias)))
    np.testing.assert_allclose(
        model(features), expected.reshape(2, 3, 3, 4, 5), rtol=1e-4, atol=1e-5
    )
    agnostic = model_of(kind="fc", patch_shape=(3, 4), class_agnostic=True)
    assert agnostic(features).shape == (2, 3, 3, 4, 1)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"kind": "deconv"},
        {"kind": "fc", "patch_shape": (3, 4)},
        {"class_agnostic": True},
        {"kind": "fc", "patch_shape": (3, 4), "class_agnostic": True},
    ],
)
def test_the_patch_of_the_own_class_is_one_of_those_for_all(options, features):
    head = MaskHead(5, channels=8, **options)
    inputs = [keras.Input((None, 6, 6, 4)), keras.Input((None,), dtype="int32")]
    if options.get("kind") == "fc":
        inputs[0] = keras.Input((3, 6, 6, 4))
    model = keras.Model(inputs, [head(inputs[0]), head.of_own_class(*inputs)])
    class_ids = np.array([[1, 4, 0], [2, 2, 3]], "int32")
    of_all, own = model([features, class_ids])
    assert own.shape == of_all.shape[:4]
    channels = np.minimum(class_ids, of_all.shape[-1] - 1)[..., None, None, None]
    expected = np.take_along_axis(np.asarray(of_all), channels, axis=-1)[..., 0]
    np.testing.assert_allclose(own, expected, atol=1e-6)
