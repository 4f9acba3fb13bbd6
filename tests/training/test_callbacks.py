"""What watches a run."""

import keras
import numpy as np
import pytest

from mrcnn.training.callbacks import DetectionCallback, WeightsCheckpoint
from mrcnn.training.csv_log import read_log
from tests.training.event_files import numbers_in, pictures_in
from tests.training.toys import (
    LOSSES,
    ToyBatches,
    saving_detector,
    toy_config,
    toy_run,
    train_toy,
    weights_of,
)


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
    events = numbers_in(tmp_path / "toy20260101T0000")
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


def test_an_epoch_in_which_training_is_stopped_is_judged(tmp_path):
    class StopAmid(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = True

    history = train_toy(
        saving_detector(),
        tmp_path,
        epochs=9,
        callbacks=[DetectionCallback(lambda: {"AP": 0.5}, every=4), StopAmid()],
    )
    assert history.history["val_AP"] == [0.5]


def test_pictures_go_to_tensorboard_after_every_epoch(tmp_path):
    calls = []

    def draw():
        calls.append(1)
        grey = np.full((8, 12, 3), 50 * len(calls), "uint8")
        return {"left": grey, "right": grey[:4]}

    train_toy(saving_detector(), tmp_path, tensorboard=True, draw=draw)
    found = pictures_in(tmp_path / "toy20260101T0000")
    assert found.keys() == {"left", "right"}
    assert [step for step, _ in found["left"]] == [1, 2]
    first, second = (picture for _, picture in found["left"])
    assert first.shape == (8, 12, 3)
    np.testing.assert_allclose(first, 50, atol=2)
    np.testing.assert_allclose(second, 100, atol=2)


def test_without_event_files_nothing_is_drawn(tmp_path):
    def draw():
        raise AssertionError("drawn")

    train_toy(saving_detector(), tmp_path, tensorboard=False, draw=draw)


def test_a_picture_that_fails_is_told_once_and_training_goes_on(tmp_path, caplog):
    def draw():
        raise OSError("gone.png")

    history = train_toy(saving_detector(), tmp_path, tensorboard=True, draw=draw)
    assert len(history.epoch) == 2
    assert caplog.text.count("gone.png") == 1


def test_precision_stops_training_and_chooses_the_checkpoint(tmp_path):
    precisions = iter([0.1, 0.3, 0.2, 0.2, 0.2, 0.2])
    history = train_toy(
        saving_detector(),
        tmp_path,
        epochs=6,
        config=toy_config(CHECKPOINT_MONITOR="val_AP", KEEP_CHECKPOINTS=1),
        callbacks=[
            DetectionCallback(lambda: {"AP": next(precisions)}),
            keras.callbacks.EarlyStopping("val_AP", mode="max", patience=2),
        ],
    )
    assert len(history.epoch) == 4
    kept = sorted(path.name for path in tmp_path.glob("*/*.h5"))
    assert kept == ["mask_rcnn_toy_0002.h5", "mask_rcnn_toy_0004.h5"]


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="every is 0"):
        DetectionCallback(dict, every=0)


def test_weights_are_saved_under_any_name_in_h5(tmp_path):
    path = str(tmp_path / "mine_{epoch:02d}.h5")
    saver = WeightsCheckpoint(path, save_weights_only=True, monitor="loss")
    model = saving_detector()
    train_toy(model, tmp_path, callbacks=[saver])
    stored = saving_detector()
    stored.load_weights(tmp_path / "mine_02.h5")
    np.testing.assert_array_equal(weights_of(stored), weights_of(model))
