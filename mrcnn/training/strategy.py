"""Which devices and machines train, and who gets which part of the work.

One device needs no strategy; several GPUs of a machine are mirrored; several machines
that find each other through the variable TF_CONFIG are mirrored as workers. Every
worker reads its own share of the data, and its batches are split among its devices.

Shapes: b images of a worker's batch.
"""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

logger = logging.getLogger("mrcnn")

Batch = Mapping[str, np.ndarray]


def choose_strategy(
    gpu_count: int = 1, given: tf.distribute.Strategy | None = None
) -> tf.distribute.Strategy:
    """The strategy to train with.

    Args:
        gpu_count: GPUs of this machine to train on; fewer are used where it has fewer
        given: taken as it is

    Returns:
        `given`; else one worker among several where TF_CONFIG names more than one;
        else one that mirrors the GPUs; else TensorFlow's default of one device.

    TensorFlow sets up workers before anything else: with TF_CONFIG, make the strategy
    at the start of the program, before a network is built, and hand it in.
    """
    if given is not None:
        return given
    if count_tasks(os.environ.get("TF_CONFIG", "")) > 1:
        return tf.distribute.MultiWorkerMirroredStrategy()
    gpus = tf.config.list_logical_devices("GPU")[:gpu_count]
    names = [gpu.name for gpu in gpus] or ["the CPU"]
    if len(gpus) < gpu_count and gpu_count > 1:
        logger.warning(
            "GPU_COUNT = %d, but TensorFlow finds %d GPUs: training on %s. Lower "
            "GPU_COUNT to go with the memory there is.",
            gpu_count,
            len(gpus),
            ", ".join(names),
        )
    else:
        logger.info("Training on %s", ", ".join(names))
    if len(gpus) > 1:
        return tf.distribute.MirroredStrategy(names)
    return tf.distribute.get_strategy()


def count_tasks(tf_config: str) -> int:
    """Machines that the text of TF_CONFIG names as workers; 0 without one."""
    try:
        cluster = json.loads(tf_config or "{}").get("cluster", {})
    except (ValueError, AttributeError) as error:
        raise ValueError(
            f"TF_CONFIG is {tf_config!r:.80}, which is no JSON object: {error}. "
            "Unset it to train on this machine alone."
        ) from error
    return sum(len(cluster.get(kind, ())) for kind in ("chief", "worker"))


def is_default(strategy: tf.distribute.Strategy) -> bool:
    """Whether it leaves variables as they are without any strategy."""
    with strategy.scope():
        return not tf.distribute.has_strategy()


def worker_shard(strategy: tf.distribute.Strategy) -> tuple[int, int]:
    """(index, count): which share of the data this machine reads."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return 0, 1
    resolver = strategy.cluster_resolver
    cluster = resolver.cluster_spec().as_dict()
    num_chiefs = len(cluster.get("chief", ()))
    count = num_chiefs + len(cluster.get("worker", ()))
    if count < 2:
        return 0, 1
    is_worker = resolver.task_type == "worker"
    return resolver.task_id + (num_chiefs if is_worker else 0), count


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this machine is the one that writes files."""
    return worker_shard(strategy)[0] == 0


def num_local_replicas(strategy: tf.distribute.Strategy) -> int:
    """Devices of this machine among which its batches are split."""
    return strategy.num_replicas_in_sync // worker_shard(strategy)[1]


def split_batch(strategy: tf.distribute.Strategy, batch: Batch) -> Any:
    """A batch as one part for each device of this machine.

    Args:
        strategy: that trains
        batch: arrays [b, ...] by name

    Raises:
        ValueError: where the devices cannot share the images evenly.
    """
    num_parts = num_local_replicas(strategy)
    num_images = num_images_of(batch)
    if num_images % num_parts:
        raise ValueError(
            f"A batch of {num_images} images cannot be shared evenly among "
            f"{num_parts} devices. Make BATCH_SIZE a multiple of {num_parts}."
        )
    share = num_images // num_parts

    def part_of(context: Any) -> dict[str, tf.Tensor]:
        first = context.replica_id_in_sync_group % num_parts * share
        return {
            name: tf.convert_to_tensor(array[first : first + share])
            for name, array in batch.items()
        }

    return strategy.experimental_distribute_values_from_function(part_of)


def repeat_batch(strategy: tf.distribute.Strategy, batch: Batch) -> Any:
    """A batch as a whole for each device of this machine."""
    tensors = {name: tf.convert_to_tensor(array) for name, array in batch.items()}
    return strategy.experimental_distribute_values_from_function(lambda _: tensors)


def num_images_of(batch: Batch) -> int:
    """Images of a batch."""
    return len(next(iter(batch.values())))


def sum_over_workers(
    strategy: tf.distribute.Strategy, arrays: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Sums of float arrays that every machine brings; all machines have to call it."""
    if worker_shard(strategy)[1] == 1:
        return [np.asarray(array) for array in arrays]
    share = 1.0 / num_local_replicas(strategy)
    parts = [tf.convert_to_tensor(np.asarray(a, "float32") * share) for a in arrays]

    @tf.function
    def reduced() -> Any:
        def all_reduce() -> Any:
            context = tf.distribute.get_replica_context()
            return context.all_reduce(tf.distribute.ReduceOp.SUM, parts)

        return strategy.run(all_reduce)

    results = [strategy.experimental_local_results(one)[0] for one in reduced()]
    return [result.numpy() for result in results]
