import keras
import numpy as np
import pytest

from mrcnn.backbones.resnet import (
    ARCHITECTURES,
    ResnetStyle,
    build_block,
    build_resnet,
    build_stem,
)
from mrcnn.layers.batch_norm import BatchNorm

STRIDES = (4, 4, 8, 16, 32)
WIDTHS = {"basic": [64, 64, 128, 256, 512], "bottleneck": [64, 256, 512, 1024, 2048]}


def stages_of(architecture, image_shape=(None, None, 3), **options):
    image = keras.Input(image_shape)
    return image, build_resnet(image, architecture, **options)


def names_with_weights(model):
    return [layer.name for layer in model.layers if layer.weights]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(("height", "width"), [(128, 128), (64, 192), (None, None)])
def test_each_stage_has_its_stride_and_width(architecture, height, width):
    _, stages = stages_of(architecture, (height, width, 3))
    kind = "bottleneck" if ARCHITECTURES[architecture].is_bottleneck else "basic"
    expected = [
        (None, height and height // stride, width and width // stride, channels)
        for stride, channels in zip(STRIDES, WIDTHS[kind], strict=True)
    ]
    assert [stage.shape for stage in stages] == expected


def test_computed_shapes_are_the_symbolic_ones():
    image, stages = stages_of("resnet18")
    outputs = keras.Model(image, stages)(np.zeros((1, 64, 192, 3), "float32"))
    assert [output.shape for output in outputs] == [
        (1, 16, 48, 64),
        (1, 16, 48, 64),
        (1, 8, 24, 128),
        (1, 4, 12, 256),
        (1, 2, 6, 512),
    ]


@pytest.mark.parametrize(
    ("architecture", "num_convolutions"),
    # All layers the name counts, but for the classifier, and the projections.
    [("resnet18", 17 + 3), ("resnet34", 33 + 3), ("resnet50", 49 + 4)],
)
def test_the_depth_is_the_one_in_the_name(architecture, num_convolutions):
    image, stages = stages_of(architecture)
    convolutions = [
        layer
        for layer in keras.Model(image, stages).layers
        if isinstance(layer, keras.layers.Conv2D)
    ]
    assert len(convolutions) == num_convolutions
    assert all(layer.use_bias for layer in convolutions)


def test_a_basic_block_names_its_layers_as_a_bottleneck_does():
    image, stages = stages_of("resnet18")
    names = names_with_weights(keras.Model(image, stages[2]))
    assert names[2:6] == [
        "res2a_branch2a",
        "bn2a_branch2a",
        "res2a_branch2b",
        "bn2a_branch2b",
    ]
    assert {"res3a_branch1", "bn3a_branch1"} < set(names)
    assert "res2a_branch1" not in names


@pytest.mark.parametrize("architecture", ["resnet18", "resnet50"])
def test_strides_are_in_the_first_convolution_and_the_shortcut(architecture):
    image, stages = stages_of(architecture)
    strided = [
        layer.name
        for layer in keras.Model(image, stages).layers
        if isinstance(layer, keras.layers.Conv2D) and layer.strides == (2, 2)
    ]
    blocks = ["res3a_branch", "res4a_branch", "res5a_branch"]
    expected = [
        "conv1",
        *(f"{block}{part}" for block in blocks for part in ("2a", "1")),
    ]
    assert sorted(strided) == sorted(expected)


def test_the_fifth_stage_may_be_left_out():
    image, stages = stages_of("resnet18", stage5=False)
    assert stages[4] is None
    names = names_with_weights(keras.Model(image, stages[3]))
    assert not [name for name in names if name.startswith("res5")]


def test_an_unknown_architecture_is_refused_by_name():
    with pytest.raises(ValueError, match=r"'resnet51'; choose one of .*resnet50"):
        build_resnet(keras.Input((64, 64, 3)), "resnet51")


@pytest.mark.parametrize(
    ("train_bn", "frozen"), [(None, False), (True, False), (False, True)]
)
def test_only_false_freezes_the_normalizations(train_bn, frozen):
    image, stages = stages_of("resnet18", train_bn=train_bn)
    model = keras.Model(image, stages)
    norms = [layer for layer in model.layers if isinstance(layer, BatchNorm)]
    assert len(norms) == 17 + 3
    assert {norm.frozen for norm in norms} == {frozen}
    trainable = {weight.name for weight in model.trainable_variables}
    assert trainable == {"kernel", "bias"} | (set() if frozen else {"gamma", "beta"})


@pytest.mark.parametrize("train_bn", [None, True])
def test_inference_never_uses_the_statistics_of_the_batch(train_bn, rng):
    image, stages = stages_of("resnet18", train_bn=train_bn)
    model = keras.Model(image, stages[1])
    images = rng.normal(size=(2, 64, 64, 3)).astype("float32")
    images[1] *= 10
    together = np.array(model(images))
    np.testing.assert_allclose(together[:1], model(images[:1]), rtol=1e-4, atol=1e-4)
    trained = np.array(model(images, training=True))
    assert np.abs(trained - together).max() > 0.1


def test_a_block_without_weights_passes_its_input_on():
    features = keras.Input((4, 4, 8))
    outputs = build_block(
        features, [2, 2, 8], 2, "b", style=ResnetStyle(bias_before_norm=False)
    )
    model = keras.Model(features, outputs)
    model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
    values = np.linspace(-1, 1, 4 * 4 * 8, dtype="float32").reshape(1, 4, 4, 8)
    np.testing.assert_array_equal(model(values), np.maximum(values, 0))
    assert outputs._keras_history.operation.name == "res2b_out"
    assert not [weight for weight in model.weights if weight.name == "bias"]


def test_a_projecting_block_takes_every_stride_th_cell():
    features = keras.Input((4, 6, 1))
    outputs = build_block(features, [1, 1, 1], 3, "a", strides=2, project=True)
    model = keras.Model(features, outputs)
    for layer in model.layers:
        is_shortcut = layer.name == "res3a_branch1"
        if isinstance(layer, keras.layers.Conv2D):
            weights = [np.zeros(weight.shape) for weight in layer.weights]
            layer.set_weights([weights[0] + is_shortcut, weights[1]])
    values = np.arange(24, dtype="float32").reshape(1, 4, 6, 1)
    expected = values[:, ::2, ::2] / np.sqrt(1.001)
    np.testing.assert_allclose(model(values), expected, rtol=1e-5)


def test_half_precision_features_stay_finite(rng):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        image, stages = stages_of("resnet18")
        model = keras.Model(image, stages)
    finally:
        keras.config.set_dtype_policy("float32")
    outputs = model(rng.uniform(-128, 128, (1, 64, 64, 3)).astype("float32"))
    for output in outputs:
        assert keras.backend.standardize_dtype(output.dtype) == "bfloat16"
        assert np.isfinite(keras.ops.convert_to_numpy(output).astype("float32")).all()


def with_kernels(model, kernel_of):
    """Convolutions without bias whose kernels have this middle channel by channel."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel = np.zeros(layer.kernel.shape, "float32")
            kernel[:, :, 0, 0] = kernel_of(layer.kernel.shape[0])
            layer.set_weights([kernel])
    return model


def middle_of(side):
    kernel = np.zeros((side, side))
    kernel[side // 2, side // 2] = 1
    return kernel


@pytest.mark.parametrize(("symmetric", "first"), [(True, 0), (False, 1)])
def test_padding_decides_which_cells_a_halved_map_stands_on(symmetric, first):
    style = ResnetStyle(
        bias_before_norm=False, symmetric_padding=symmetric, norm_epsilon=0.0
    )
    features = keras.Input((4, 6, 1))
    outputs = build_block(
        features, [1, 1], 3, "a", strides=2, style=style, project=True
    )
    model = with_kernels(keras.Model(features, outputs), middle_of)
    model.get_layer("res3a_branch1").set_weights([np.zeros((1, 1, 1, 1))])
    values = np.arange(24, dtype="float32").reshape(1, 4, 6, 1)
    expected = values[:, first::2, first::2]
    np.testing.assert_allclose(model(values), expected, rtol=1e-5)


@pytest.mark.parametrize(("symmetric", "highest"), [(True, [1, 3]), (False, [2, 3])])
def test_the_stem_pools_about_the_cells_that_padding_says(symmetric, highest):
    style = ResnetStyle(
        bias_before_norm=False, symmetric_padding=symmetric, norm_epsilon=0.0
    )
    image = keras.Input((8, 8, 1))
    model = keras.Model(image, build_stem(image, style=style))
    with_kernels(model, middle_of)
    rows = np.repeat(np.arange(4), 2)  # what is left after the first halving: 0 to 3
    values = np.tile(rows[:, None, None], (1, 8, 1)).astype("float32")[None]
    np.testing.assert_allclose(model(values)[0, :, 0, 0], highest, rtol=1e-5)


@pytest.mark.parametrize(("stride_in_1x1", "seen"), [(True, 0 + 2), (False, 0 + 1)])
def test_a_bottleneck_shrinks_before_or_while_it_looks_around(stride_in_1x1, seen):
    style = ResnetStyle(
        stride_in_1x1=stride_in_1x1,
        bias_before_norm=False,
        symmetric_padding=True,
        norm_epsilon=0.0,
    )
    features = keras.Input((4, 4, 1))
    outputs = build_block(
        features, [1, 1, 1], 3, "a", strides=2, project=True, style=style
    )
    model = with_kernels(keras.Model(features, outputs), np.ones)
    model.get_layer("res3a_branch1").set_weights([np.zeros((1, 1, 1, 1))])
    model.get_layer("res3a_branch2b").set_weights(
        [np.array([0, 1, 0])[None, :, None, None] * np.ones((3, 1, 1, 1))]
    )
    rows = np.tile(np.arange(4.0)[:, None, None], (1, 4, 1)).astype("float32")[None]
    # The upper left cell sums what it sees of a column whose rows count up.
    np.testing.assert_allclose(model(rows)[0, 0, 0, 0], seen, rtol=1e-5)


@pytest.mark.parametrize("stem_stride", [1, 2, 4])
def test_a_finer_stem_makes_all_maps_finer_with_the_same_weights(stem_stride):
    style = ResnetStyle(stem_stride=stem_stride)
    image, stages = stages_of("resnet18", (64, 64, 3), style=style)
    cells = [stage.shape[1] for stage in stages]
    assert cells == [64 * 4 // stem_stride // stride for stride in STRIDES]
    plain = keras.Model(*stages_of("resnet18", (64, 64, 3)))
    names = names_with_weights(keras.Model(image, stages))
    assert names == names_with_weights(plain)


def test_a_dilated_stage_keeps_its_size_and_looks_as_far_around():
    style = ResnetStyle(dilated_stage5=True)
    image, stages = stages_of("resnet50", (64, 64, 3), style=style)
    assert [stage.shape[1] for stage in stages] == [16, 16, 8, 4, 4]
    model = keras.Model(image, stages)
    for block in "abc":
        assert model.get_layer(f"res5{block}_branch2b").dilation_rate == (2, 2)
    assert model.get_layer("res4a_branch2b").dilation_rate == (1, 1)


def test_a_dilated_block_sees_cells_apart():
    style = ResnetStyle(bias_before_norm=False, norm_epsilon=0.0)
    features = keras.Input((5, 5, 1))
    outputs = build_block(features, [1, 1], 5, "a", dilation=2, style=style)
    model = with_kernels(keras.Model(features, outputs), middle_of)
    model.get_layer("res5a_branch2a").set_weights([np.ones((3, 3, 1, 1))])
    values = np.zeros((1, 5, 5, 1), "float32")
    values[0, 2, 2] = 1
    expected = np.zeros((5, 5))
    expected[::2, ::2] = 1
    expected[2, 2] = 2  # with the shortcut
    np.testing.assert_allclose(model(values)[0, :, :, 0], expected, rtol=1e-5)
