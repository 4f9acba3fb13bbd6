"""What watches a run: TensorBoard, detections of the validation set, users' savers.

Detections, average precision and pictures come from other rooms; they are handed in as
functions.

Shapes: H W a picture.
"""

import logging
import os
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

logger = logging.getLogger("mrcnn")

Metrics = Mapping[str, float]
Draw = Callable[[], Mapping[str, np.ndarray]]

# TensorBoard's numbers of what its dashboards show.
DATA_CLASSES = {"scalars": 1, "images": 3}


class TensorBoardLog(keras.callbacks.Callback):
    """Writes every number that an epoch ends with, losses on the way, and pictures.

    All goes into one file: TensorBoard follows the newest of a folder alone.

    Args:
        log_dir: folder of the run
        every: steps from one point of the losses on the way to the next
        draw: called after every epoch; uint8 [H, W, 3] pictures by name. They are an
            extra: a failure is logged and ends them, not the training
    """

    def __init__(
        self, log_dir: str | os.PathLike, every: int = 20, draw: Draw | None = None
    ) -> None:
        super().__init__()
        self.log_dir = os.fspath(log_dir)
        self.every = every
        self.draw = draw
        self._writer: Any = None
        self._steps_before = 0

    def on_train_begin(self, logs: Metrics | None = None) -> None:
        """Opens the event file."""
        self._writer = tf.summary.create_file_writer(self.log_dir)

    def on_epoch_begin(self, epoch: int, logs: Metrics | None = None) -> None:
        """Counts the steps before this epoch."""
        self._steps_before = epoch * self.params["steps"]

    def on_train_batch_end(self, batch: int, logs: Metrics | None = None) -> None:
        """Writes the means of the epoch so far, every few steps."""
        if (batch + 1) % self.every == 0:
            self._write(logs, "batch_", self._steps_before + batch + 1)

    def on_epoch_end(self, epoch: int, logs: Metrics | None = None) -> None:
        """Writes the epoch's numbers and pictures."""
        self._write(logs, "", epoch + 1)
        with self._writer.as_default():
            for name, picture in self._pictures().items():
                _write_picture(name, picture, epoch + 1)
        self._writer.flush()

    def on_train_end(self, logs: Metrics | None = None) -> None:
        """Closes the event file."""
        self._writer.close()

    def _write(self, logs: Metrics | None, prefix: str, step: int) -> None:
        with self._writer.as_default():
            for name, value in (logs or {}).items():
                _write_tensor(prefix + name, tf.constant(float(value)), step, "scalars")

    def _pictures(self) -> Mapping[str, np.ndarray]:
        if self.draw is None:
            return {}
        try:
            return self.draw()
        except Exception as error:
            logger.warning("No more pictures for TensorBoard: %r", error)
            self.draw = None
            return {}


class DetectionCallback(keras.callbacks.Callback):
    """Detects in the validation set every few epochs and logs how well.

    Its numbers join the epoch's logs, so `EarlyStopping`, the table of the run and
    Config.CHECKPOINT_MONITOR can go by them. It comes before those who read them.

    Args:
        evaluate: called without arguments; numbers by name, such as {"AP": 0.4},
            which are logged as "val_AP"
        every: epochs from one evaluation to the next; the last epoch has one too,
            and so has one in which training is stopped
    """

    def __init__(self, evaluate: Callable[[], Metrics], *, every: int = 1) -> None:
        super().__init__()
        if every < 1:
            raise ValueError(f"every is {every}: give a whole number from 1 up.")
        self.evaluate = evaluate
        self.every = every

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Evaluates where it is time to."""
        done = epoch + 1
        is_last = done == self.params["epochs"] or self.model.stop_training
        if done % self.every and not is_last:
            return
        numbers = {f"val_{name}": float(one) for name, one in self.evaluate().items()}
        if logs is not None:
            logs.update(numbers)
        logger.info(
            "Epoch %d: %s",
            done,
            ", ".join(f"{name} {value:.4f}" for name, value in numbers.items()),
        )


class WeightsCheckpoint(keras.callbacks.ModelCheckpoint):
    """Keras' ModelCheckpoint for files of weights under any name in .h5.

    Keras' own takes `save_weights_only=True` with names in .weights.h5 only.
    """

    def __init__(self, filepath: str | os.PathLike, **kwargs: Any) -> None:
        kwargs.pop("save_weights_only", None)
        super().__init__(filepath, save_weights_only=False, **kwargs)
        self.save_weights_only = True


def _write_picture(tag: str, picture: np.ndarray, step: int) -> None:
    """uint8 [H, W, 3]"""
    # A tenth of what PNG takes, as there is one of every epoch.
    encoded = tf.io.encode_jpeg(picture, quality=90, chroma_downsampling=False)
    height, width = picture.shape[:2]
    sides = [tf.constant(str(side).encode()) for side in (width, height)]
    _write_tensor(tag, tf.stack([*sides, encoded]), step, "images")


def _write_tensor(tag: str, tensor: tf.Tensor, step: int, dashboard: str) -> None:
    """What `tf.summary.scalar` and `image` write, which need TensorBoard installed."""
    metadata = tf.compat.v1.SummaryMetadata()
    metadata.plugin_data.plugin_name = dashboard
    metadata.data_class = DATA_CLASSES[dashboard]
    tf.summary.write(tag, tensor, step=step, metadata=metadata)
