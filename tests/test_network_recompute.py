"""A network that recomputes features trains as one that keeps them."""

from collections import Counter

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from mrcnn import network_layers
from mrcnn.layers import winograd
from mrcnn.layers.recomputed import Recomputed
from mrcnn.network_recompute import recompute_backbone
from mrcnn.training.forward import Forward
from mrcnn.training.optimizer import prepare_optimizer
from mrcnn.training.step import TrainingStep
from mrcnn.training_network import build_training_network
from tests.recipe import fill_by_recipe
from tests.training_parts import SCENES, TrainingConfig, batch_of, parts_of


def config_of(**knobs):
    config = TrainingConfig()
    for name, value in knobs.items():
        setattr(config, name, value)
    return config


def training_network(config):
    parts = parts_of(config, "aligned")
    model = build_training_network(config, "aligned", parts, seed=0)
    fill_by_recipe(model)
    return model


def step_of(model, precision="float32"):
    optimizer = keras.optimizers.SGD(0.001)
    prepare_optimizer(optimizer, model.trainable_variables)
    forward = Forward(model, precision=precision)
    return TrainingStep(forward, optimizer, tf.distribute.get_strategy())


def recomputed_in(model):
    return [layer for layer in model.layers if isinstance(layer, Recomputed)]


def weights_of(model):
    return {weight.path: weight.numpy() for weight in model.weights}


@pytest.mark.parametrize(
    "train_bn", [pytest.param(False, marks=pytest.mark.slow), True]
)
def test_a_step_changes_the_same_weights_by_the_same_amount(train_bn):
    after, losses = [], []
    for recompute in (False, True):
        config = config_of(RECOMPUTE_FEATURES=recompute, TRAIN_BN=train_bn)
        model = training_network(config)
        before = weights_of(model)
        batch = batch_of(config, "aligned", SCENES)
        losses.append(step_of(model)([batch], seed=0).losses)
        change = {name: new - before[name] for name, new in weights_of(model).items()}
        after.append(change)
        assert bool(recomputed_in(model)) == recompute
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    assert after[0].keys() == after[1].keys()
    moved = [name for name, change in after[0].items() if np.abs(change).max() > 0]
    assert any("conv1/" in name for name in moved)
    assert any("moving_mean" in name for name in moved) == train_bn
    for name, change in after[0].items():
        scale = np.abs(change).max()
        # Single features that rounding moves across zero change gradients a little.
        np.testing.assert_allclose(after[1][name], change, atol=0.01 * scale + 1e-9)


def num_convolutions(model, precision):
    """In the graph of a step, by what they compute in; forwards only."""
    batch = batch_of(TrainingConfig(), "aligned", SCENES)
    step = step_of(model, precision)

    @tf.function
    def run():
        part = {name: tf.constant(array) for name, array in batch.items()}
        return step._gradients(part, tf.constant(0, "int64"), tf.constant(1.0))[0]

    operations = run.get_concrete_function().graph.get_operations()
    return Counter(one.outputs[0].dtype for one in operations if one.type == "Conv2D")


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [
        ("float32", tf.float32),
        pytest.param("mixed_bfloat16", tf.bfloat16, marks=pytest.mark.slow),
    ],
)
def test_the_gradient_runs_the_convolutions_of_blocks_once_more(
    precision, dtype, monkeypatch
):
    # All convolutions are of one kind then, and can be counted.
    monkeypatch.setattr(winograd, "runs_on_cpu", lambda: False)
    counts = [
        num_convolutions(training_network(config_of(RECOMPUTE_FEATURES=on)), precision)
        for on in (False, True)
    ]
    # ResNet-18 has one in its stem, 16 in its blocks and 3 in shortcuts.
    assert counts[1] - counts[0] == {dtype: 1 + 16 + 3}


def blocks_of(model):
    return [layer.name.removeprefix("recomputed_") for layer in recomputed_in(model)]


def test_blocks_are_those_of_the_resnet():
    model = training_network(config_of(RECOMPUTE_FEATURES=True))
    names = [f"res{stage}{block}_out" for stage in (2, 3, 4, 5) for block in "ab"]
    assert blocks_of(model)[-8:] == names


@pytest.mark.parametrize("name", ["VGG16", "MobileNetV3Small", "DenseNet121"])
def test_other_backbones_have_blocks_too(name):
    image = keras.Input((64, 64, 3))
    config = config_of(BACKBONE=name)
    stages = network_layers.stages(config, image)
    model = keras.Model(image, stages)
    again = recompute_backbone(model, image, stages)
    assert len(recomputed_in(again)) >= 4
    picture = np.random.default_rng(0).normal(size=(1, 64, 64, 3)).astype("float32")
    for one, other in zip(model(picture), again(picture), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def small_backbone(tap_inside):
    """Two convolutions beside a shortcut, then two more; what is seen of it."""
    image = keras.Input((8, 8, 3))
    first = layers.Conv2D(3, 3, padding="same", name="first")(image)
    second = layers.Conv2D(3, 3, padding="same", name="second")(first)
    total = layers.Add(name="total")([image, second])
    third = layers.Conv2D(3, 3, padding="same", name="third")(total)
    last = layers.Conv2D(3, 3, padding="same", name="last")(third)
    return image, [first if tap_inside else total, last]


@pytest.mark.parametrize(
    ("tap_inside", "blocks"), [(False, ["total", "last"]), (True, ["last"])]
)
def test_a_block_that_is_looked_into_is_kept(tap_inside, blocks):
    image, stages = small_backbone(tap_inside)
    model = keras.Model(image, stages)
    again = recompute_backbone(model, image, stages)
    assert blocks_of(again) == blocks
    picture = np.ones((1, 8, 8, 3), "float32")
    for one, other in zip(model(picture), again(picture), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_backbone_without_blocks_is_refused():
    image = keras.Input((8, 8, 3))
    stage = layers.Conv2D(3, 3, name="only")(image)
    with pytest.raises(ValueError, match="RECOMPUTE_FEATURES would change nothing"):
        recompute_backbone(keras.Model(image, stage), image, [stage])
