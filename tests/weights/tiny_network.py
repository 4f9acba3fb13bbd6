"""A network of a few numbers with the layer names and nesting of the real one."""

from pathlib import Path

import h5py
import keras
import numpy as np
from keras import layers

from mrcnn.weights.saving import LegacySavingModel

CLASS_HEADS = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask"]


def build_network(
    *, classes: int = 3, channels: int = 3, freeze_rpn: bool = False
) -> LegacySavingModel:
    """Backbone, pyramid, nested region proposal network, wrapped heads."""
    image = keras.Input((8, 8, channels), name="input_image")
    x = layers.Conv2D(4, 3, padding="same", name="conv1")(image)
    x = layers.BatchNormalization(name="bn_conv1")(x)
    x = layers.Activation("relu", name="res2a_out")(x)
    x = layers.Conv2D(4, 1, name="fpn_p2")(x)
    rpn_model = build_rpn(freeze=freeze_rpn)
    rpn = rpn_model(x)
    rois = layers.Reshape((8, 32), name="rois")(x)
    fc = layers.Dense(4)
    shared = layers.TimeDistributed(fc, name="mrcnn_class_conv1")(rois)
    shared = layers.TimeDistributed(
        layers.BatchNormalization(), name="mrcnn_class_bn1"
    )(shared)
    logits = layers.TimeDistributed(layers.Dense(classes), name="mrcnn_class_logits")
    deltas = layers.TimeDistributed(layers.Dense(4 * classes), name="mrcnn_bbox_fc")
    mask = layers.TimeDistributed(layers.Dense(classes), name="mrcnn_mask")
    outputs = [*rpn, logits(shared), deltas(shared), mask(shared)]
    outputs[3] = layers.Reshape((8, classes, 4), name="mrcnn_bbox")(outputs[3])
    return LegacySavingModel(image, outputs, name="mask_rcnn")


def build_rpn(*, freeze: bool = False) -> keras.Model:
    feature_map = keras.Input((8, 8, 4), name="input_rpn_feature_map")
    shared = layers.Conv2D(4, 3, padding="same", name="rpn_conv_shared")(feature_map)
    deltas = layers.Conv2D(8, 1, name="rpn_bbox_pred")(shared)
    scores = layers.Conv2D(4, 1, name="rpn_class_raw")(shared)
    model = keras.Model(feature_map, [scores, deltas], name="rpn_model")
    if freeze:
        model.get_layer("rpn_conv_shared").trainable = False
    return model


def randomize(model: keras.Model, rng: np.random.Generator) -> keras.Model:
    """Gives every weight values of its own, so that no two can be mistaken."""
    for variable in model.weights:
        variable.assign(rng.uniform(0.1, 1.0, variable.shape).astype("float32"))
    return model


def snapshot(model: keras.Model) -> list[np.ndarray]:
    return [np.copy(values) for values in model.get_weights()]


def are_equal(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    pairs = zip(first, second, strict=True)
    return all(np.array_equal(one, other) for one, other in pairs)


def write_groups(
    path: Path, groups: dict[str, dict[str, np.ndarray]], root: str = ""
) -> Path:
    """A file in matterport's layout, written as plainly as h5py allows."""
    with h5py.File(path, "w") as file:
        top = file.create_group(root) if root else file
        top.attrs["layer_names"] = np.array([name.encode() for name in groups], "S")
        for name, weights in groups.items():
            group = top.create_group(name)
            group.attrs["weight_names"] = np.array([n.encode() for n in weights], "S60")
            for weight, values in weights.items():
                group.create_dataset(weight, data=values)
    return path
