"""A toy network with five losses, batches for it, and runs in processes of their own.

Shapes: B images of two numbers each.
"""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
from keras import ops

from mrcnn.config import Config
from mrcnn.training.run_dir import RunDir
from mrcnn.training.train import train
from mrcnn.weights.saving import LegacySavingModel

ROOT = Path(__file__).parent.parent.parent
LOSSES = (
    "rpn_class_loss",
    "rpn_bbox_loss",
    "mrcnn_class_loss",
    "mrcnn_bbox_loss",
    "mrcnn_mask_loss",
)


class ToyConfig(Config):
    NAME = "toy"
    NUM_CLASSES = 2
    IMAGES_PER_GPU = 4
    LEARNING_RATE = 0.05


def toy_config(**knobs) -> Config:
    config = ToyConfig()
    for name, value in knobs.items():
        setattr(config, name, value)
    config.validate()
    return config


def toy_detector() -> keras.Model:
    """[B, 2] -> [B, 5]; a hidden layer, a head, and names as in the real network."""
    keras.utils.set_random_seed(3)
    image = keras.Input((2,), name="input_image")
    hidden = keras.layers.Dense(4, name="res2_branch", activation="tanh")(image)
    return keras.Model(image, keras.layers.Dense(5, name="mrcnn_head")(hidden))


def toy_training(detector: keras.Model, noise: float = 0.0) -> keras.Model:
    """Five losses: squares of how far each output is from the target."""
    image = keras.Input((2,), name="input_image")
    meta = keras.Input((2,), name="input_image_meta")
    outputs = detector(image)
    if noise:
        outputs = keras.layers.GaussianNoise(noise, seed=1)(outputs)
    errors = ops.square(outputs - ops.sum(image, axis=-1, keepdims=True))  # [B, 5]
    means = ops.mean(errors, axis=0)
    losses = {name: means[index] for index, name in enumerate(LOSSES)}
    losses["num_positive_rois"] = ops.mean(meta)
    return keras.Model([image, meta], losses)


def toy_batch(rng, size=4, first_id=0) -> dict[str, np.ndarray]:
    meta = np.zeros((size, 2), "float32")
    meta[:, 0] = np.arange(first_id, first_id + size)
    image = rng.normal(size=(size, 2)).astype("float32")
    return {"input_image": image, "input_image_meta": meta}


class ToyBatches:
    """Whole epochs of batches that follow from the epoch and the step."""

    def __init__(self, steps=3, size=4, shard=(0, 1), sizes=None, poison=None):
        self.sizes = sizes or [size] * steps
        self.shard = shard
        self.poison = poison
        self.closed = 0

    def __len__(self) -> int:
        return len(self.sizes)

    def epoch(self, epoch, start_step=0):
        try:
            for step in range(start_step, len(self)):
                yield self.batch(epoch, step)
        finally:
            self.closed += 1

    def batch(self, epoch, step):
        """This machine's share of what all machines see in a step."""
        index, count = self.shard
        size = self.sizes[step]
        rng = np.random.default_rng([epoch, step])
        whole = toy_batch(rng, size * count, first_id=100 * step)
        batch = {name: array[index::count] for name, array in whole.items()}
        if (epoch, step) == self.poison:
            batch["input_image"][0] = np.nan
        return batch


def toy_builder(detector, noise=0.0):
    """The `build_networks` of a toy."""

    def build(with_own_layers):
        mine = toy_detector() if with_own_layers else detector
        return mine, toy_training(mine, noise)

    return build


def toy_run(folder, epoch=0) -> RunDir:
    folder = Path(folder) / "toy20260101T0000"
    return RunDir(str(folder), str(folder / "mask_rcnn_toy_*epoch*.h5"), epoch)


def saving_detector():
    plain = toy_detector()
    return LegacySavingModel(plain.inputs, plain.output)


def train_toy(model, folder, *, epoch=0, noise=0.0, config=None, **options):
    options = {
        "batches": lambda shard: ToyBatches(shard=shard),
        "layers": "all",
        "epochs": 2,
        "verbose": 0,
        "tensorboard": False,
        **options,
    }
    return train(
        model,
        toy_builder(model, noise),
        config=config or toy_config(),
        run=toy_run(folder, epoch),
        **options,
    )


def weights_of(model) -> np.ndarray:
    return np.concatenate([weight.ravel() for weight in model.get_weights()])


def start_python(script: str, *arguments: str, **variables: str) -> subprocess.Popen:
    """Runs a script in a process of its own."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **variables}
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run_python(script: str, *arguments: str, timeout=600, **variables: str) -> str:
    """Output of a script that is expected to end well."""
    process = start_python(script, *arguments, **variables)
    output, _ = process.communicate(timeout=timeout)
    assert process.returncode == 0, output[-3000:]
    return output
