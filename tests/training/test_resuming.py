"""Runs that are killed or interrupted, in processes of their own."""

import random
import signal
import time

import pytest

from tests.training.toys import run_python, start_python, toy_run

SCRIPT = """
import sys, time
import numpy as np
import keras
import tensorflow as tf

tf.config.experimental.enable_op_determinism()
from mrcnn.training.run_dir import continued_run, find_last_checkpoint
from tests.training.toys import (
    ToyBatches, saving_detector, toy_config, train_toy, weights_of
)

kind, folder = sys.argv[1:]
config = toy_config(
    EMA_DECAY=0.9, LEARNING_RATE_SCHEDULE="cosine", WARMUP_STEPS=4, SEED=2
)
options = dict(
    config=config, epochs=3, noise=0.1, batches=lambda shard: ToyBatches(steps=20)
)

class Slow(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        print("step", flush=True)
        time.sleep(0.02)

if kind == "start":
    train_toy(saving_detector(), folder + "/a", callbacks=[Slow()], **options)
else:
    model = saving_detector()
    path = find_last_checkpoint(folder + "/a", "toy")
    model.load_weights(path)
    epoch = continued_run(folder, "toy", path).epoch
    print("RESUMED", path)
    train_toy(
        model, folder + "/a", epoch=epoch, resume_from=path, must_resume=True, **options
    )
    whole = saving_detector()
    train_toy(whole, folder + "/b", **options)
    print("EQUAL", np.array_equal(weights_of(model), weights_of(whole)))
"""


def start_and_wait(folder, num_steps):
    process = start_python(SCRIPT, "start", str(folder))
    for line in process.stdout:
        num_steps -= line.startswith("step")
        if num_steps <= 0:
            return process
    raise AssertionError("The run ended by itself.")


def test_a_run_that_was_killed_goes_on_to_the_same_weights(tmp_path):
    # After the first of three epochs of twenty steps, before the end.
    num_steps = random.Random(time.time()).randint(22, 55)
    process = start_and_wait(tmp_path, num_steps)
    process.kill()
    process.communicate()
    output = run_python(SCRIPT, "go on", str(tmp_path))
    assert "EQUAL True" in output, output


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, None),
        pytest.param(signal.SIGTERM, 128 + signal.SIGTERM, marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_the_step_and_saves_and_the_run_goes_on(tmp_path, number, code):
    process = start_and_wait(tmp_path, num_steps=30)
    process.send_signal(number)
    output, _ = process.communicate(timeout=600)
    assert process.returncode == code if code else process.returncode != 0
    assert ("KeyboardInterrupt" in output) == (number == signal.SIGINT)
    path = toy_run(tmp_path / "a").interrupted(1)
    assert f"Load {path}" in output, output

    output = run_python(SCRIPT, "go on", str(tmp_path))
    assert f"RESUMED {path}" in output
    assert "EQUAL True" in output, output
    names = [one.name for one in (tmp_path / "a").rglob("*interrupted*")]
    assert names == []
