"""Devices and shares. Several machines are tested in test_distribution."""

import json
import logging

import numpy as np
import pytest
import tensorflow as tf

from mrcnn.training.strategy import (
    choose_strategy,
    count_tasks,
    is_chief,
    is_default,
    num_local_replicas,
    repeat_batch,
    split_batch,
    sum_over_workers,
    worker_shard,
)

DEFAULT = tf.distribute.get_strategy()


def test_one_device_needs_no_strategy():
    strategy = choose_strategy(1)
    assert is_default(strategy)
    assert worker_shard(strategy) == (0, 1)
    assert is_chief(strategy)
    assert num_local_replicas(strategy) == 1


def test_a_given_strategy_is_taken():
    given = tf.distribute.OneDeviceStrategy("CPU:0")
    assert choose_strategy(8, given) is given
    assert not is_default(given)


@pytest.mark.skipif(
    len(tf.config.list_physical_devices("GPU")) > 1, reason="has the GPUs"
)
def test_more_gpus_than_there_are_is_a_warning_that_says_what_is_used(caplog):
    with caplog.at_level(logging.WARNING, logger="mrcnn"):
        strategy = choose_strategy(64)
    assert is_default(strategy)
    assert "GPU_COUNT = 64" in caplog.text
    assert "training on" in caplog.text


def test_tasks_are_counted_from_the_cluster():
    cluster = {"worker": ["a:1", "b:1"], "chief": ["c:1"], "ps": ["d:1"]}
    assert count_tasks(json.dumps({"cluster": cluster})) == 3
    assert count_tasks("") == 0
    assert count_tasks("{}") == 0
    with pytest.raises(ValueError, match="TF_CONFIG is 'no json'"):
        count_tasks("no json")


def test_a_batch_for_one_device_is_the_batch():
    batch = {"a": np.arange(3), "b": np.ones((3, 2))}
    for made in (split_batch(DEFAULT, batch), repeat_batch(DEFAULT, batch)):
        (part,) = DEFAULT.experimental_local_results(made)
        np.testing.assert_array_equal(part["a"], [0, 1, 2])
        assert part["b"].shape == (3, 2)


def test_a_batch_that_devices_cannot_share_is_refused(monkeypatch):
    monkeypatch.setattr(
        "mrcnn.training.strategy.num_local_replicas", lambda strategy: 2
    )
    with pytest.raises(ValueError, match=r"3 images .* multiple of 2"):
        split_batch(DEFAULT, {"a": np.arange(3)})


def test_sums_of_one_machine_are_its_own():
    (total,) = sum_over_workers(DEFAULT, [np.array([1, 2])])
    np.testing.assert_array_equal(total, [1, 2])
