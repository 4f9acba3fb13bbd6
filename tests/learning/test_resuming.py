"""The object goes on after a crash as if nothing had happened."""

import random
import time

import pytest

from tests.training.toys import run_python, start_python

SCRIPT = """
import sys
import keras
import numpy as np
import tensorflow as tf

keras.utils.set_random_seed(5)
tf.config.experimental.enable_op_determinism()
from mrcnn.data.transforms import HorizontalFlip
from mrcnn.mask_rcnn import MaskRCNN
from tests.test_training_session import LearningConfig, shapes

class Steps(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        print("step", flush=True)

class ResumingConfig(LearningConfig):
    NAME = "resuming"
    STEPS_PER_EPOCH = 6
    TRAIN_BN = None
    WARMUP_STEPS = 3
    LEARNING_RATE_SCHEDULE = "cosine"
    EMA_DECAY = 0.9

def train(folder, resumes=False):
    model = MaskRCNN("training", ResumingConfig(), folder)
    if resumes:
        model.load_weights(model.find_last())
        print("EPOCH", model.epoch)
    model.train(
        shapes(5, 1), shapes(2, 2), epochs=3, layers="all", custom_callbacks=[Steps()],
        augmentation=HorizontalFlip(), verbose=0, must_resume=resumes,
    )
    return model.keras_model.get_weights()

kind, folder = sys.argv[1:]
weights = train(folder + "/a", resumes=kind == "go on")
if kind == "go on":
    keras.utils.set_random_seed(5)
    whole = train(folder + "/b")
    print("EQUAL", all(map(np.array_equal, weights, whole)))
"""


@pytest.mark.slow
def test_a_network_whose_training_is_killed_goes_on_to_the_same_weights(tmp_path):
    process = start_python(SCRIPT, "start", str(tmp_path))
    # After the first of three epochs of six steps, before the end.
    steps_left = random.Random(time.time()).randint(8, 16)
    for line in process.stdout:
        steps_left -= line.startswith("step")
        if not steps_left:
            break
    assert not steps_left, "The run ended by itself."
    process.kill()
    process.communicate()
    output = run_python(SCRIPT, "go on", str(tmp_path), timeout=600)
    assert "EPOCH 1" in output or "EPOCH 2" in output, output
    assert "EQUAL True" in output, output
