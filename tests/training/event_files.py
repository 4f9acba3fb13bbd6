"""What TensorBoard would read in a run's folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf


def numbers_in(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """{tag: [(step, value), ...]} of the numbers in all event files."""
    found: dict[str, list[tuple[int, float]]] = {}
    for step, tag, dashboard, tensor in _values_in(folder):
        if dashboard == "scalars":
            found.setdefault(tag, []).append((step, float(tensor)))
    return found


def pictures_in(folder: Path) -> dict[str, list[tuple[int, np.ndarray]]]:
    """{tag: [(step, uint8 [H, W, 3]), ...]} of the pictures in all event files."""
    found: dict[str, list[tuple[int, np.ndarray]]] = {}
    for step, tag, dashboard, tensor in _values_in(folder):
        if dashboard == "images":
            width, height, encoded = tensor
            picture = tf.io.decode_image(encoded).numpy()
            assert picture.shape == (int(height), int(width), 3)
            found.setdefault(tag, []).append((step, picture))
    return found


def _values_in(folder: Path) -> Iterator[tuple[int, str, str, Any]]:
    for path in sorted(folder.glob("events*")):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                dashboard = value.metadata.plugin_data.plugin_name
                yield event.step, value.tag, dashboard, tf.make_ndarray(value.tensor)
