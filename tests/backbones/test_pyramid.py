import keras
import numpy as np
import pytest

from mrcnn.backbones.pyramid import build_pyramid

STRIDES = (4, 8, 16, 32)


def pyramid_of(height, width, channels=6, stage_channels=(2, 3, 4, 5)):
    stages = [
        keras.Input((height and height // stride, width and width // stride, depth))
        for stride, depth in zip(STRIDES, stage_channels, strict=True)
    ]
    return stages, build_pyramid(stages, channels=channels)


@pytest.mark.parametrize(("height", "width"), [(128, 128), (64, 192), (None, None)])
def test_levels_have_the_stages_sides_and_one_width(height, width):
    _, levels = pyramid_of(height, width)
    expected = [
        (None, height and height // stride, width and width // stride, 6)
        for stride in (4, 8, 16, 32, 64)
    ]
    assert [level.shape for level in levels] == expected


@pytest.mark.parametrize(("height", "width"), [(128, 128), (64, 192), (192, 64)])
def test_one_pyramid_takes_images_of_any_multiple_of_64(height, width):
    stages, levels = pyramid_of(None, None)
    features = [
        np.ones((1, height // stride, width // stride, stage.shape[-1]), "float32")
        for stride, stage in zip(STRIDES, stages, strict=True)
    ]
    outputs = keras.Model(stages, levels)(features)
    assert [output.shape[1:3] for output in outputs] == [
        (height // stride, width // stride) for stride in (4, 8, 16, 32, 64)
    ]


def with_identity_weights(model):
    """Every kernel passes its middle cell on and nothing else."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel = np.zeros(layer.kernel.shape)
            middle = kernel.shape[0] // 2
            kernel[middle, middle, 0, 0] = 1
            layer.set_weights([kernel, np.zeros(layer.bias.shape)])
    return model


def test_a_level_is_the_sum_of_its_stage_and_those_above_enlarged():
    stages, levels = pyramid_of(64, 64, channels=1, stage_channels=(1, 1, 1, 1))
    model = with_identity_weights(keras.Model(stages, levels))
    c2 = np.zeros((1, 16, 16, 1), "float32")
    c3 = np.zeros((1, 8, 8, 1), "float32")
    c4 = np.zeros((1, 4, 4, 1), "float32")
    c5 = np.zeros((1, 2, 2, 1), "float32")
    c2[0, 15, 0] = 1000
    c3[0, 7, 0] = 100
    c4[0, 3, 0] = 10
    c5[0, 1, 0] = 1

    p2, p3, p4, p5, p6 = [
        np.array(level)[0, :, :, 0] for level in model([c2, c3, c4, c5])
    ]

    np.testing.assert_array_equal(p5, [[0, 0], [1, 0]])
    np.testing.assert_array_equal(p4[2:, :2], [[1, 1], [11, 1]])
    np.testing.assert_array_equal(p3[4:, :2], [[1, 1], [1, 1], [11, 11], [111, 11]])
    assert p2[15, 0] == 1111
    assert p2[15, 1] == 111
    assert p2[8, 7] == 1
    assert p2[7].sum() == 0
    np.testing.assert_array_equal(p6, [[0]])


def test_p6_is_every_second_cell_of_p5(rng):
    stages, levels = pyramid_of(128, 192)
    features = [
        rng.normal(size=(1, *stage.shape[1:])).astype("float32") for stage in stages
    ]
    *_, p5, p6 = keras.Model(stages, levels)(features)
    np.testing.assert_array_equal(p6, np.array(p5)[:, ::2, ::2])


def test_a_wrong_number_of_stages_is_refused():
    stages, _ = pyramid_of(64, 64)
    with pytest.raises(ValueError, match=r"four stages C2 to C5, but got 3"):
        build_pyramid(stages[1:])


def test_a_normalization_may_follow_each_convolution(rng):
    stages, _ = pyramid_of(64, 64)
    levels = build_pyramid(
        stages,
        channels=6,
        norm=True,
        norm_epsilon=0.5,
        bias_before_norm=False,
        train_bn=False,
    )
    model = keras.Model(stages, levels)
    convs = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len(convs) == 8
    for conv in convs:
        assert not conv.use_bias
        norm = model.get_layer(f"{conv.name}_bn")
        assert (norm.frozen, norm.epsilon) == (True, 0.5)
        # Halves what the convolution gives.
        norm.set_weights([np.ones(6), np.zeros(6), np.zeros(6), np.full(6, 3.5)])
    plain = keras.Model(stages, build_pyramid(stages, channels=6))
    for conv in convs:
        plain.get_layer(conv.name).set_weights([*conv.get_weights(), np.zeros(6)])
    features = [rng.normal(size=(1, *s.shape[1:])).astype("float32") for s in stages]
    for level, whole in zip(model(features), plain(features), strict=True):
        np.testing.assert_allclose(4 * level, whole, rtol=1e-4, atol=1e-4)


def test_it_may_end_with_p5_or_go_on_by_pooling(rng):
    stages, _ = pyramid_of(192, 128)
    features = [rng.normal(size=(1, *s.shape[1:])).astype("float32") for s in stages]
    assert len(build_pyramid(stages, channels=6, num_levels=4)) == 4
    levels = build_pyramid(stages, channels=6, num_levels=6)
    *_, p6, p7 = keras.Model(stages, levels)(features)
    assert p6.shape == (1, 3, 2, 6)
    np.testing.assert_array_equal(p7, np.array(p6)[:, ::2, ::2])


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("kind", ["conv_p5", "conv_c5"])
def test_it_may_go_on_by_convolutions(rng, kind, symmetric):
    stages, _ = pyramid_of(192, 128)
    levels = build_pyramid(
        stages,
        channels=6,
        num_levels=6,
        extra_levels=kind,
        symmetric_padding=symmetric,
    )
    features = [rng.normal(size=(1, *s.shape[1:])).astype("float32") for s in stages]
    model = keras.Model(stages, levels)
    *_, p5, p6, p7 = [np.array(level) for level in model(features)]
    source = p5 if kind == "conv_p5" else features[-1]
    expected = strided(source, *model.get_layer("fpn_p6").get_weights(), symmetric)
    np.testing.assert_allclose(p6, expected, atol=1e-4)
    positive = np.maximum(p6, 0)
    expected = strided(positive, *model.get_layer("fpn_p7").get_weights(), symmetric)
    np.testing.assert_allclose(p7, expected, atol=1e-4)


def strided(features, kernel, bias, symmetric):
    """A 3x3 convolution of every second cell. [1, h, w, F] -> [1, h/2, w/2, F']"""
    _, height, width, _ = features.shape
    padded = np.pad(features, [(0, 0), (1, 2), (1, 2), (0, 0)])
    rows, columns = [
        # On even sides TensorFlow pads at the end alone.
        range(0 if symmetric or side % 2 else 1, side + 1, 2)[: -(-side // 2)]
        for side in (height, width)
    ]
    cells = [
        [
            np.einsum("bijf,ijfg->bg", padded[:, y : y + 3, x : x + 3], kernel)
            for x in columns
        ]
        for y in rows
    ]
    return np.moveaxis(np.array(cells), 2, 0) + bias


def test_laterals_at_zero_leave_what_the_deepest_stage_knows(rng):
    stages, _ = pyramid_of(64, 64)
    levels = build_pyramid(stages, channels=6, zero_laterals=True)
    model = keras.Model(stages, levels)
    features = [rng.normal(size=(1, *s.shape[1:])).astype("float32") for s in stages]
    others = [np.zeros_like(one) for one in features[:-1]]
    for level, same in zip(
        model(features), model([*others, features[-1]]), strict=True
    ):
        np.testing.assert_array_equal(level, same)
        assert np.any(level)
