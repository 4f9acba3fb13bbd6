"""One device, several devices and several machines train alike."""

import json
import socket
import time

import keras
import numpy as np
import pytest

from mrcnn import network
from mrcnn.training.run_dir import new_run
from mrcnn.training.train import train
from mrcnn.training_network import build_training_network
from mrcnn.weights.saving import LegacySavingModel
from tests.training.toys import (
    ToyBatches,
    run_python,
    saving_detector,
    start_python,
    toy_config,
    train_toy,
    weights_of,
)
from tests.training_parts import SCENES, TrainingConfig, batch_of

# Trains a toy on one half of this CPU, or one of two machines, and prints what came.
SCRIPT = """
import sys, json
import tensorflow as tf

kind, folder = sys.argv[1:]
if kind == "devices":
    cpu = tf.config.list_physical_devices("CPU")[0]
    halves = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, halves)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
else:
    strategy = tf.distribute.MultiWorkerMirroredStrategy()

from tests.training.test_distribution import train_shared

if kind == "devices" and folder.endswith("real"):
    from tests.training.test_distribution import train_real

    print("RESULT" + json.dumps(train_real(folder, strategy)))
    sys.exit()

accumulate = [1, 2] if kind == "devices" else [1]
results = [train_shared(f"{folder}/{one}", strategy, one) for one in accumulate]
print("RESULT" + json.dumps(results))
"""


class SharedBatches(ToyBatches):
    """Micro-batches that make up the same four images a step, however shared."""

    def __init__(self, accumulate, shard):
        size = 4 // shard[1] // accumulate
        super().__init__(sizes=[size] * 3 * accumulate, shard=shard)
        self.accumulate = accumulate

    def batch(self, epoch, step):
        step, micro = divmod(step, self.accumulate)
        whole = ToyBatches(sizes=[4] * 3).batch(epoch, step)
        index, count = self.shard
        size = self.sizes[0]
        part = slice(index + count * micro * size, index + count * (micro + 1) * size)
        return {
            name: array[part.start : part.stop : count] for name, array in whole.items()
        }


def train_shared(folder, strategy=None, accumulate=1):
    """Three steps, twice. -> weights and history"""
    model = saving_detector()
    history = train_toy(
        model,
        folder,
        strategy=strategy,
        batches=lambda shard: SharedBatches(accumulate, shard),
        validation_batches=lambda shard: ToyBatches(sizes=[2, 1], shard=shard),
        config=toy_config(
            ACCUMULATE_STEPS=accumulate,
            GRADIENT_CLIP_NORM=1.0,
            EMA_DECAY=0.5,
            WEIGHT_DECAY=0.01,
        ),
    )
    return weights_of(model).tolist(), history.history


def results_of(output: str) -> list:
    (line,) = [one for one in output.splitlines() if one.startswith("RESULT")]
    return json.loads(line.removeprefix("RESULT"))


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return train_shared(tmp_path_factory.mktemp("alone"))


def assert_alike(result, alone):
    np.testing.assert_allclose(result[0], alone[0], atol=1e-5)
    assert result[1].keys() == alone[1].keys()
    for name, values in alone[1].items():
        np.testing.assert_allclose(result[1][name], values, rtol=1e-4)


def test_micro_batches_train_as_a_whole_batch_does(tmp_path, alone):
    assert_alike(train_shared(tmp_path, accumulate=2), alone)


def test_two_devices_train_as_one_does_with_and_without_micro_batches(tmp_path, alone):
    output = run_python(SCRIPT, "devices", str(tmp_path))
    results = results_of(output)
    assert len(results) == 2
    for result in results:
        assert_alike(result, alone)


@pytest.mark.slow
def test_two_machines_train_as_one_does(tmp_path, alone):
    outputs = run_workers(SCRIPT, "machines", str(tmp_path))
    for output in outputs:
        ((weights, history),) = results_of(output)
        np.testing.assert_allclose(weights, alone[0], atol=1e-5)
        np.testing.assert_allclose(history["loss"], alone[1]["loss"], rtol=1e-4)
    # Validation joins both shares, and one of the machines writes.
    histories = [results_of(output)[0][1] for output in outputs]
    assert histories[0]["val_loss"] == histories[1]["val_loss"]
    assert len(list(tmp_path.glob("*/*/*.h5"))) == 2


def train_real(folder, strategy=None, accumulate=1):
    """A step of the real network on two images that have as many positives."""
    config = TrainingConfig()
    config.LEARNING_RATE = 0.0005
    config.ACCUMULATE_STEPS = accumulate
    keras.utils.set_random_seed(0)

    def networks_of(own):
        model, parts = (
            network.assemble_network(config, "aligned", model_class=LegacySavingModel)
            if own
            else pair
        )
        return model, build_training_network(config, "aligned", parts)

    class Twins(ToyBatches):
        def batch(self, epoch, step):
            return batch_of(config, "aligned", SCENES[:1] * self.sizes[step])

    pair = network.assemble_network(config, "aligned", model_class=LegacySavingModel)
    history = train(
        pair[0],
        networks_of,
        config=config,
        run=new_run(folder, "real"),
        batches=lambda shard: Twins(sizes=[2 // accumulate] * accumulate),
        layers="all",
        epochs=1,
        strategy=strategy,
        verbose=0,
    )
    return weights_of(pair[0])[::100].tolist(), history.history


@pytest.mark.slow
def test_the_real_network_trains_alike_however_its_batch_is_split(tmp_path):
    alone = train_real(tmp_path)
    assert_alike(train_real(tmp_path, accumulate=2), alone)
    (tmp_path / "real").mkdir()
    output = run_python(SCRIPT, "devices", str(tmp_path / "real"))
    assert_alike(results_of(output), alone)


def run_workers(script, *arguments):
    sockets = [socket.socket() for _ in range(2)]
    for one in sockets:
        one.bind(("localhost", 0))
    addresses = [f"localhost:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    cluster = {"worker": addresses}
    workers = [
        start_python(
            script,
            *arguments,
            TF_CONFIG=json.dumps(
                {"cluster": cluster, "task": {"type": "worker", "index": index}}
            ),
        )
        for index in range(2)
    ]
    until = time.monotonic() + 600
    try:
        outputs = [
            one.communicate(timeout=max(1, until - time.monotonic()))[0]
            for one in workers
        ]
    finally:
        for one in workers:
            one.kill()
    assert [one.returncode for one in workers] == [0, 0], outputs[0][-3000:]
    return outputs
