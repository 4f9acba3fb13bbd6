"""What watches a run."""

import numpy as np
import pytest
import tensorflow as tf

from mrcnn.training.callbacks import DetectionCallback, WeightsCheckpoint
from mrcnn.training.csv_log import read_log
from tests.training.toys import (
    LOSSES,
    ToyBatches,
    saving_detector,
    toy_run,
    train_toy,
    weights_of,
)


def events_in(folder):
    """{tag: [(step, value), ...]} of all event files, pictures as their number."""
    found = {}
    for path in sorted(folder.glob("events*")):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                tensor = tf.make_ndarray(value.tensor)
                number = len(tensor) - 2 if tensor.dtype == object else float(tensor)
                found.setdefault(value.tag, []).append((event.step, number))
    return found


def test_tensorboard_gets_losses_rate_and_precision(tmp_path):
    detection = DetectionCallback(lambda: {"AP": 0.25})
    history = train_toy(
        saving_detector(),
        tmp_path,
        tensorboard=True,
        callbacks=[detection],
        batches=lambda shard: ToyBatches(steps=20),
        validation_batches=lambda shard: ToyBatches(steps=1),
    )
    events = events_in(tmp_path / "toy20260101T0000")
    names = {"loss", "val_loss", "learning_rate", "val_AP", *LOSSES}
    assert names <= events.keys()
    for name in names:
        values = history.history[name]
        assert events[name] == [
            (index + 1, pytest.approx(value)) for index, value in enumerate(values)
        ]
    assert [step for step, _ in events["batch_loss"]] == [20, 40]


def test_detections_are_judged_every_few_epochs_and_at_the_end(tmp_path):
    calls = []

    def evaluate():
        calls.append(1)
        return {"AP": 0.1 * len(calls), "mask_AP": 0.0}

    detection = DetectionCallback(evaluate, every=2)
    history = train_toy(saving_detector(), tmp_path, epochs=5, callbacks=[detection])
    assert history.history["val_AP"] == pytest.approx([0.1, 0.2, 0.3])
    column = [row["val_AP"] for row in read_log(toy_run(tmp_path).log_dir)]
    assert column == ["", "0.1", "", "0.2", "0.3"]


def test_pictures_go_to_tensorboard(tmp_path):
    detection = DetectionCallback(
        dict, draw=lambda: np.zeros((2, 8, 8, 3), "uint8"), log_dir=tmp_path
    )
    detection.set_params({"epochs": 1})
    detection.on_epoch_end(0, {})
    assert events_in(tmp_path) == {"detections": [(1, 2)]}


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="every is 0"):
        DetectionCallback(dict, every=0)
    with pytest.raises(ValueError, match="log_dir"):
        DetectionCallback(dict, draw=lambda: np.zeros((1, 8, 8, 3)))


def test_weights_are_saved_under_any_name_in_h5(tmp_path):
    path = str(tmp_path / "mine_{epoch:02d}.h5")
    saver = WeightsCheckpoint(path, save_weights_only=True, monitor="loss")
    model = saving_detector()
    train_toy(model, tmp_path, callbacks=[saver])
    stored = saving_detector()
    stored.load_weights(tmp_path / "mine_02.h5")
    np.testing.assert_array_equal(weights_of(stored), weights_of(model))
