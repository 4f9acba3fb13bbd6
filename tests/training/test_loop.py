"""The order of things in an epoch, as in Keras' `fit`."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mrcnn.training.loop import _warn_of_no_objects, groups_of
from tests.training.toys import (
    LOSSES,
    ToyBatches,
    saving_detector,
    toy_config,
    train_toy,
    weights_of,
)


class Recorder(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.calls = []
        self.logs = []

    def __getattribute__(self, name):
        if name.startswith("on_"):

            def record(index=None, logs=None):
                is_number = isinstance(index, int)
                self.calls.append(f"{name[3:]} {index}" if is_number else name[3:])
                self.logs.append(dict((logs if is_number else index) or {}))

            return record
        return super().__getattribute__(name)


def test_callbacks_are_called_as_by_fit(tmp_path):
    recorder = Recorder()
    train_toy(
        saving_detector(),
        tmp_path,
        epoch=3,
        epochs=4,
        batches=lambda shard: ToyBatches(steps=2),
        validation_batches=lambda shard: ToyBatches(steps=1),
        callbacks=[recorder],
    )
    assert recorder.calls == [
        "train_begin",
        "epoch_begin 3",
        "train_batch_begin 0",
        "train_batch_end 0",
        "train_batch_begin 1",
        "train_batch_end 1",
        "test_begin",
        "test_batch_begin 0",
        "test_batch_end 0",
        "test_end",
        "epoch_end 3",
        "train_end",
    ]
    batch_logs, epoch_logs = recorder.logs[5], recorder.logs[-2]
    assert batch_logs.keys() == {"loss", *LOSSES}
    # The last batch's logs are means over the epoch, as the epoch's are.
    assert epoch_logs["loss"] == pytest.approx(batch_logs["loss"])
    assert recorder.logs[9]["loss"] == epoch_logs["val_loss"]


def test_callbacks_know_the_run_and_the_network(tmp_path):
    recorder = Recorder()
    model = saving_detector()
    train_toy(model, tmp_path, callbacks=[recorder], batches=lambda _: ToyBatches(7))
    assert recorder.params == {"verbose": 0, "epochs": 2, "steps": 7}
    assert recorder.model is model


def test_steps_count_groups_of_micro_batches(tmp_path):
    recorder = Recorder()
    train_toy(
        saving_detector(),
        tmp_path,
        epochs=1,
        callbacks=[recorder],
        batches=lambda shard: ToyBatches(steps=5),
        config=toy_config(ACCUMULATE_STEPS=2),
    )
    assert recorder.params["steps"] == 3
    assert [call for call in recorder.calls if "batch_end" in call] == [
        f"train_batch_end {index}" for index in range(3)
    ]


class StopAt(keras.callbacks.Callback):
    def __init__(self, batch=None, epoch=None):
        super().__init__()
        self.batch = batch
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training |= batch == self.batch

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training |= epoch == self.epoch


def test_stop_training_after_an_epoch_ends_the_run(tmp_path):
    history = train_toy(
        saving_detector(), tmp_path, epochs=5, callbacks=[StopAt(epoch=1)]
    )
    assert history.epoch == [0, 1]


def test_stop_training_amid_an_epoch_ends_it_there(tmp_path):
    recorder = Recorder()
    batches = ToyBatches(steps=9)
    callbacks = [StopAt(batch=3), recorder]
    train_toy(
        saving_detector(), tmp_path, batches=lambda shard: batches, callbacks=callbacks
    )
    assert "train_batch_end 3" in recorder.calls
    assert "train_batch_begin 4" not in recorder.calls
    assert recorder.calls[-2:] == ["epoch_end 0", "train_end"]
    assert batches.closed == 1


def test_the_stop_of_one_run_does_not_stop_the_next(tmp_path):
    model = saving_detector()
    train_toy(model, tmp_path / "a", callbacks=[StopAt(epoch=0)])
    assert len(train_toy(model, tmp_path / "b").epoch) == 2


class Rates(keras.callbacks.Callback):
    """The base rate between steps, and how far each step went."""

    def __init__(self):
        super().__init__()
        self.base = []

    def on_train_batch_end(self, batch, logs=None):
        self.base.append(round(float(self.model.optimizer.learning_rate), 6))


def test_a_callback_changes_the_base_rate_and_the_schedule_goes_on(tmp_path):
    rates = Rates()
    halving = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    history = train_toy(
        saving_detector(),
        tmp_path,
        callbacks=[rates, halving],
        epochs=3,
        config=toy_config(
            LEARNING_RATE_SCHEDULE="step", LEARNING_RATE_DROPS=[1], LEARNING_RATE=0.08
        ),
    )
    assert rates.base == [0.04] * 3 + [0.02] * 3 + [0.01] * 3
    logged = history.history["learning_rate"]
    # Keras' own callback logs the base rate over the loop's.
    assert logged == pytest.approx([0.04, 0.02, 0.01])


def test_the_rate_that_is_logged_is_that_of_the_last_step(tmp_path):
    config = toy_config(LEARNING_RATE_SCHEDULE="step", LEARNING_RATE_DROPS=[1, 2.5])
    history = train_toy(saving_detector(), tmp_path, epochs=3, config=config)
    # An epoch has 3 steps; a drop after 7.5 of them rounds to 8.
    assert history.history["learning_rate"] == pytest.approx([0.05, 0.005, 0.0005])


def test_a_warm_up_moves_weights_less(tmp_path):
    def first_move(folder, **knobs):
        model = saving_detector()
        before = weights_of(model)
        options = {"epochs": 1, "batches": lambda shard: ToyBatches(steps=1)}
        train_toy(model, tmp_path / folder, config=toy_config(**knobs), **options)
        return np.abs(weights_of(model) - before).max()

    ratio = first_move("a", WARMUP_STEPS=10) / first_move("b")
    assert ratio == pytest.approx(0.001, rel=0.01)


def test_a_rate_that_falls_on_a_plateau_falls(tmp_path):
    plateau = keras.callbacks.ReduceLROnPlateau("loss", 0.1, patience=1, min_delta=1e9)
    history = train_toy(saving_detector(), tmp_path, epochs=3, callbacks=[plateau])
    assert history.history["learning_rate"] == pytest.approx([0.05, 0.05, 0.005])


def test_a_schedule_of_the_optimizers_own_rules_alone(tmp_path):
    rates = keras.optimizers.schedules.PiecewiseConstantDecay([2], [0.01, 0.001])
    history = train_toy(
        saving_detector(),
        tmp_path,
        optimizer=keras.optimizers.SGD(rates),
        config=toy_config(WARMUP_STEPS=100),
        epochs=3,
    )
    assert history.history["learning_rate"] == pytest.approx([0.01, 0.001, 0.001])


@pytest.mark.parametrize("device", [None, "CPU:0"])
def test_early_stopping_brings_back_the_best_weights(tmp_path, device):
    model = saving_detector()
    kept = {}

    class Worsen(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            kept[epoch] = weights_of(self.model)
            logs["val_AP"] = [0.5, 0.9, 0.1, 0.1, 0.1][epoch]

    stopping = keras.callbacks.EarlyStopping(
        "val_AP", patience=2, mode="max", restore_best_weights=True
    )
    history = train_toy(
        model,
        tmp_path,
        epochs=5,
        callbacks=[Worsen(), stopping],
        strategy=device and tf.distribute.OneDeviceStrategy(device),
        config=toy_config(EMA_DECAY=0.5),
    )
    assert history.epoch == [0, 1, 2, 3]
    np.testing.assert_array_equal(weights_of(model), kept[1])


def test_no_batches_are_an_error(tmp_path):
    with pytest.raises(RuntimeError, match="Epoch 1 has no batches"):
        train_toy(
            saving_detector(), tmp_path, batches=lambda shard: ToyBatches(steps=0)
        )


def test_the_progress_bar_shows_every_loss_and_the_time(tmp_path, capsys):
    train_toy(saving_detector(), tmp_path, epochs=1, verbose=1)
    printed = capsys.readouterr().out
    assert "3/3" in printed
    assert "ms/step" in printed
    for name in ("loss", *LOSSES):
        assert f"{name}: " in printed


class EmptyBatches(ToyBatches):
    """Images of zeros, on which the toy is right and learns nothing."""

    def batch(self, epoch, step):
        batch = super().batch(epoch, step)
        return {**batch, "input_image": 0 * batch["input_image"]}


@pytest.mark.parametrize(("kind", "warns"), [(EmptyBatches, True), (ToyBatches, False)])
def test_an_epoch_without_objects_is_told(tmp_path, caplog, kind, warns):
    train_toy(saving_detector(), tmp_path, epochs=1, batches=lambda shard: kind())
    assert ("No object taught the network anything in epoch 1" in caplog.text) == warns


@pytest.mark.parametrize(
    ("losses", "warns"),
    [
        ({"rpn_bbox_loss": 0.0, "mrcnn_bbox_loss": 0.1}, True),
        ({"rpn_bbox_loss": 0.1, "mrcnn_bbox_loss": 0.0}, False),
        ({"mrcnn_bbox_loss": 0.0}, True),
        ({"mrcnn_bbox_loss": 0.1}, False),
        ({}, False),
    ],
)
def test_boxes_tell_of_it_those_of_the_rpn_where_there_is_one(losses, warns, caplog):
    _warn_of_no_objects(0, losses)
    assert bool(caplog.text) == warns


def test_groups_end_with_what_is_left():
    assert list(groups_of(2, iter("abcde"))) == [["a", "b"], ["c", "d"], ["e"]]
    assert list(groups_of(2, [])) == []
