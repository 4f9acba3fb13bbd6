"""The portable network: compiled by XLA, and under another backend of Keras.

Keras' backend is chosen once for a process, so JAX gets a process of its own:
`pip install jax`, without which these tests are skipped.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from mrcnn.inference.inputs import mold_inputs
from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.network import build_network
from mrcnn.network_anchors import anchors_for_image
from tests.recipe import fill_by_recipe
from tests.small_configs import TinyConfig

ROOT = Path(__file__).parent.parent

IN_JAX = """
import sys
import numpy as np
from mrcnn.data.shapes import ShapesDataset
from mrcnn.mask_rcnn import MaskRCNN
from tests.small_configs import TinyConfig

KEYS = ("rois", "class_ids", "scores", "masks")
weights, images, results = sys.argv[1:]
config = TinyConfig()
model = MaskRCNN(config=config, model_dir=results)
report = model.load_weights(weights)
assert not report.missing, report.missing

def detect(name):
    found = model.detect(list(np.load(images).values()))
    for index, one in enumerate(found):
        np.savez(f"{results}/{name}{index}.npz", **{key: one[key] for key in KEYS})

detect("full")
config.DETECTION_PRECISION = "mixed_bfloat16"
detect("half")
assert "tensorflow" not in sys.modules
shapes = ShapesDataset()
shapes.load_shapes(1, 64, 64)
shapes.prepare()
try:
    model.train(shapes)
except ValueError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def images(golden_matterport) -> list[np.ndarray]:
    """One in three shapes."""
    image = golden_matterport["image"]
    return [image, image[::2, :, ::-1], image[:100, 20:80]]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> MaskRCNN:
    model = MaskRCNN(config=TinyConfig(), model_dir=tmp_path_factory.mktemp("logs"))
    fill_by_recipe(model.keras_model)
    return model


@pytest.fixture(scope="module")
def in_jax(model, images, tmp_path_factory) -> tuple[Path, str]:
    """The folder of what another process found with JAX, and what it printed."""
    if importlib.util.find_spec("jax") is None:
        pytest.skip("pip install jax")
    folder = tmp_path_factory.mktemp("jax")
    model.keras_model.save_weights(folder / "weights.h5")
    np.savez(folder / "images.npz", *images)
    paths = [str(path) for path in (folder / "weights.h5", folder / "images.npz")]
    done = subprocess.run(
        [sys.executable, "-c", IN_JAX, *paths, str(folder)],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_compiled_by_xla_the_portable_network_gives_the_same_numbers(model, images):
    config = model.config
    portable = build_network(config, "aligned", portable=True)
    portable.set_weights(model.keras_model.get_weights())
    compiled = tf.function(
        lambda *inputs: portable(inputs, training=False), jit_compile=True
    )
    molded, metas, _ = mold_inputs(images[:1], config, pad_after_mean=True)
    anchors = anchors_for_image(config, molded.shape[1:3], "aligned")[None]
    inputs = [tf.constant(one, "float32") for one in (molded, metas, anchors)]
    expected = model.keras_model.predict_on_batch(inputs)
    outputs = [one.numpy() for one in compiled(*inputs)]
    num_real = int((expected[0][0, :, 4] > 0).sum())
    assert num_real > 0
    # Its mask head sees unused slots, too.
    outputs[3], expected[3] = outputs[3][:, :num_real], expected[3][:, :num_real]
    for output, value in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(output, value, rtol=1e-3, atol=1e-4)


def test_jax_detects_what_tensorflow_detects(model, images, in_jax):
    expected = model.detect(images)
    assert sum(len(one) for one in expected) > 0
    for index, one in enumerate(expected):
        found = np.load(in_jax[0] / f"full{index}.npz")
        np.testing.assert_array_equal(found["class_ids"], one["class_ids"])
        np.testing.assert_allclose(found["scores"], one["scores"], atol=1e-3)
        np.testing.assert_allclose(found["rois"], one["rois"], atol=1)
        assert (found["masks"] != one["masks"]).mean() < 1e-3


def test_jax_detects_in_half_precision(in_jax):
    full, half = (np.load(in_jax[0] / f"{name}0.npz") for name in ("full", "half"))
    assert not np.array_equal(half["scores"], full["scores"])
    np.testing.assert_allclose(half["scores"][0], full["scores"][0], atol=0.05)


def test_training_with_jax_is_refused_with_the_remedy(in_jax):
    assert "Training needs TensorFlow, but Keras computes with 'jax'" in in_jax[1]
    assert "KERAS_BACKEND=tensorflow" in in_jax[1]
