"""Time that the RPN's targets take inside the training graph."""

from typing import Any

import numpy as np

from benchmarks.timing import Row, Timing, print_table, time_call
from mrcnn.config import Config

SIDE, OBJECTS, AIM_MS = 1024, 20, 45


class BenchmarkConfig(Config):
    """The anchors and the draw of the default config."""

    NAME = "benchmark"


def run() -> None:
    """Prints one line for each batch size and way of running."""
    rows = []
    for batch_size in (1, 2):
        for name, compiled in (("graph", False), ("XLA", True)):
            timing = _time(batch_size, compiled)
            aim = None if compiled else AIM_MS
            rows.append(Row(f"{name}, batch {batch_size}", timing, aim))
    title = f"RPN targets, ms an image, {SIDE} x {SIDE}, {OBJECTS} objects"
    print_table(title, rows)


def _time(batch_size: int, compiled: bool) -> Timing:
    """Seconds an image."""
    import tensorflow as tf

    layer, inputs = make_layer(), [tf.constant(a) for a in make_inputs(batch_size)]
    compute = tf.function(
        lambda *arrays: layer(arrays, training=True), jit_compile=compiled
    )
    timing = time_call(lambda: [np.asarray(one) for one in compute(*inputs)])
    return Timing(*(seconds / batch_size for seconds in timing))


def make_layer() -> Any:
    """The layer as the training network has it."""
    from mrcnn.layers.rpn_targets import RpnTargetLayer

    config = BenchmarkConfig()
    return RpnTargetLayer(
        config.RPN_TRAIN_ANCHORS_PER_IMAGE,
        positive_share=config.RPN_POSITIVE_RATIO,
        positive_iou=config.RPN_POSITIVE_IOU,
        negative_iou=config.RPN_NEGATIVE_IOU,
        crowd_iou=config.CROWD_IOU,
        delta_std=config.RPN_BBOX_STD_DEV,
    )


def make_inputs(batch_size: int) -> tuple[np.ndarray, ...]:
    """Anchors [1, A, 4], class ids [B, G] and boxes [B, G, 4] of random objects."""
    from mrcnn.network_anchors import anchors_for_image

    config, rng = BenchmarkConfig(), np.random.default_rng(0)
    slots = config.MAX_GT_INSTANCES
    class_ids = np.zeros((batch_size, slots), "int32")
    boxes = np.zeros((batch_size, slots, 4), "float32")
    corner = rng.uniform(0, 0.7, (batch_size, OBJECTS, 2))
    sides = rng.uniform(0.03, 0.3, (batch_size, OBJECTS, 2))
    class_ids[:, :OBJECTS] = 1
    boxes[:, :OBJECTS] = np.concatenate([corner, corner + sides], axis=-1)
    anchors = anchors_for_image(config, (SIDE, SIDE), "aligned")
    return anchors[None], class_ids, boxes
