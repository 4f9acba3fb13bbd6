"""A whole stage of training, on a toy network."""

import logging

import keras
import numpy as np
import pytest

from mrcnn.layers.batch_norm import BatchNorm
from mrcnn.training.csv_log import read_log
from mrcnn.training.state import state_path
from mrcnn.weights.saving import LegacySavingModel
from tests.training.toys import (
    LOSSES,
    ToyBatches,
    saving_detector,
    toy_config,
    toy_run,
    train_toy,
    weights_of,
)


def test_losses_fall_and_history_has_all_of_them(tmp_path):
    model = saving_detector()
    history = train_toy(
        model,
        tmp_path,
        epochs=4,
        validation_batches=lambda shard: ToyBatches(sizes=[4, 4, 1]),
    )
    assert model.history is history
    columns = {"loss", *LOSSES}
    expected = columns | {f"val_{name}" for name in columns} | {"learning_rate"}
    assert history.history.keys() == expected
    assert all(len(values) == 4 for values in history.history.values())
    assert history.epoch == [0, 1, 2, 3]
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
    sums = np.sum([history.history[name] for name in LOSSES], axis=0)
    np.testing.assert_allclose(history.history["loss"], sums, rtol=1e-5)


def test_a_checkpoint_a_state_and_a_row_come_with_every_epoch(tmp_path):
    model = saving_detector()
    train_toy(model, tmp_path, epochs=3)
    run = toy_run(tmp_path)
    last = saving_detector()
    last.load_weights(run.checkpoint(3))
    np.testing.assert_array_equal(weights_of(last), weights_of(model))
    assert [row["epoch"] for row in read_log(run.log_dir)] == ["1", "2", "3"]
    assert state_path(run.checkpoint(3)).is_file()


def test_epochs_are_the_total(tmp_path):
    history = train_toy(saving_detector(), tmp_path, epoch=5, epochs=7)
    assert history.epoch == [5, 6]
    assert [row["epoch"] for row in read_log(toy_run(tmp_path).log_dir)] == ["6", "7"]


def test_as_many_epochs_as_are_done_train_nothing_and_say_so(tmp_path, caplog):
    model = saving_detector()
    before = weights_of(model)
    with caplog.at_level(logging.WARNING, logger="mrcnn"):
        train_toy(model, tmp_path, epoch=2, epochs=2)
    assert "Nothing to train: 2 epochs are done" in caplog.text
    np.testing.assert_array_equal(weights_of(model), before)


def test_only_the_chosen_layers_learn(tmp_path):
    model = saving_detector()
    before = model.get_weights()
    train_toy(model, tmp_path, layers="heads")
    after = model.get_weights()
    changed = [not np.array_equal(*pair) for pair in zip(before, after, strict=True)]
    assert changed == [False, False, True, True]


def test_a_second_stage_trains_other_layers_and_counts_losses_once(tmp_path):
    model = saving_detector()
    first = train_toy(model, tmp_path, layers="heads", epochs=1)
    second = train_toy(model, tmp_path, epoch=1, layers="all", epochs=2)
    assert first.history.keys() == second.history.keys()
    assert second.history["loss"][0] < first.history["loss"][0]


@pytest.mark.parametrize(("momentum", "moves"), [(1.0, False), (0.9, True)])
def test_batch_norm_keeps_what_the_config_asks_for(tmp_path, momentum, moves):
    image = keras.Input((2,), name="input_image")
    norm = BatchNorm(name="bn_conv1")
    outputs = keras.layers.Dense(5, name="mrcnn_head")(norm(image))
    model = LegacySavingModel([image], outputs)
    train_toy(model, tmp_path, config=toy_config(BATCH_NORM_MOMENTUM=momentum))
    assert np.any(norm.moving_mean) == moves


def test_going_on_gives_the_weights_of_a_run_that_never_stopped(tmp_path):
    config = toy_config(
        LEARNING_RATE_SCHEDULE="cosine", WARMUP_STEPS=2, EMA_DECAY=0.9, SEED=5
    )
    options = {"config": config, "noise": 0.1, "epochs": 4}
    whole = saving_detector()
    expected = train_toy(whole, tmp_path / "a", **options)

    class StopAfterTwo(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    train_toy(saving_detector(), tmp_path / "b", callbacks=[StopAfterTwo()], **options)
    resumed = saving_detector()
    path = toy_run(tmp_path / "b").checkpoint(2)
    resumed.load_weights(path)
    history = train_toy(
        resumed, tmp_path / "b", epoch=2, resume_from=path, must_resume=True, **options
    )
    np.testing.assert_array_equal(weights_of(resumed), weights_of(whole))
    assert history.history == expected.history
    assert len(read_log(toy_run(tmp_path / "b").log_dir)) == 4


def test_without_its_state_a_checkpoint_begins_anew(tmp_path, caplog):
    train_toy(saving_detector(), tmp_path, epochs=1)
    path = toy_run(tmp_path).checkpoint(1)
    state_path(path).unlink()
    model = saving_detector()
    model.load_weights(path)
    with caplog.at_level(logging.INFO, logger="mrcnn"):
        train_toy(model, tmp_path, epoch=1, resume_from=path)
    assert "The optimizer begins anew" in caplog.text
    with pytest.raises(FileNotFoundError):
        train_toy(model, tmp_path, epoch=1, resume_from=path, must_resume=True)


def test_a_state_of_other_layers_or_weights_does_not_fit(tmp_path):
    model = saving_detector()
    train_toy(model, tmp_path, epochs=1, layers="heads")
    options = {"epoch": 1, "resume_from": toy_run(tmp_path).checkpoint(1)}
    with pytest.raises(ValueError, match=r"was left by .*'heads'.* has .*'all'"):
        train_toy(model, tmp_path, layers="all", must_resume=True, **options)
    with pytest.raises(ValueError, match="belongs to other weights"):
        train_toy(
            saving_detector(), tmp_path, layers="heads", must_resume=True, **options
        )


def test_a_loss_that_is_not_a_number_stops_and_names_step_loss_and_images(tmp_path):
    model = saving_detector()
    kept = {}

    class Keep(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            kept[batch] = weights_of(self.model)

    with pytest.raises(FloatingPointError) as caught:
        train_toy(
            model,
            tmp_path,
            batches=lambda shard: ToyBatches(poison=(1, 2)),
            callbacks=[Keep()],
        )
    message = str(caught.value)
    assert "step 3 of epoch 2" in message
    assert "rpn_class_loss" in message
    assert "[200, 201, 202, 203]" in message
    np.testing.assert_array_equal(weights_of(model), kept[1])
    assert np.isfinite(weights_of(model)).all()


def test_a_folder_that_cannot_be_written_to_is_an_error_before_the_first_step(
    tmp_path,
):
    (tmp_path / "file").write_text("in the way")
    model = saving_detector()
    before = weights_of(model)
    with pytest.raises(OSError, match="file"):
        train_toy(model, tmp_path / "file")
    np.testing.assert_array_equal(weights_of(model), before)


def test_averages_are_saved_and_shown(tmp_path):
    plain, averaged = saving_detector(), saving_detector()
    train_toy(plain, tmp_path / "a")
    train_toy(averaged, tmp_path / "b", config=toy_config(EMA_DECAY=0.9))
    assert np.abs(weights_of(plain) - weights_of(averaged)).max() > 1e-3
    stored = saving_detector()
    stored.load_weights(toy_run(tmp_path / "b").checkpoint(2))
    np.testing.assert_array_equal(weights_of(stored), weights_of(averaged))


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_trains_and_leaves_full_precision_behind(tmp_path, precision):
    model = saving_detector()
    config = toy_config(PRECISION=precision)
    history = train_toy(model, tmp_path, epochs=4, config=config)
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
    assert {layer.dtype_policy.name for layer in model.layers} == {"float32"}
    assert all(weight.dtype == "float32" for weight in model.weights)


def test_an_optimizer_of_ones_own_and_adamw_train(tmp_path):
    own = keras.optimizers.Adam(0.05)
    for name, options in {
        "own": {"optimizer": own},
        "adamw": {"config": toy_config(OPTIMIZER="adamw"), "learning_rate": 0.05},
    }.items():
        model = saving_detector()
        history = train_toy(model, tmp_path / name, epochs=9, **options)
        assert history.history["loss"][-1] < history.history["loss"][0]
    assert int(own.iterations.numpy()) == 27


def test_what_batches_lack_is_added(tmp_path):
    class Bare(ToyBatches):
        def batch(self, epoch, step):
            return {"input_image": super().batch(epoch, step)["input_image"]}

    def complete(batch):
        return {**batch, "input_image_meta": np.zeros((4, 2), "float32")}

    history = train_toy(
        saving_detector(), tmp_path, batches=lambda shard: Bare(), complete=complete
    )
    assert len(history.epoch) == 2


def test_the_rate_is_scaled_to_the_batch(tmp_path):
    config = toy_config(LEARNING_RATE_BATCH_SIZE=16, ACCUMULATE_STEPS=2)
    history = train_toy(saving_detector(), tmp_path, config=config)
    np.testing.assert_allclose(history.history["learning_rate"], 0.05 * 8 / 16)


def test_only_the_newest_checkpoints_and_the_best_stay(tmp_path):
    class Score(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["val_AP"] = [0.1, 0.9, 0.2, 0.3, 0.4][epoch]

    config = toy_config(KEEP_CHECKPOINTS=2, CHECKPOINT_MONITOR="val_AP")
    train_toy(saving_detector(), tmp_path, epochs=5, config=config, callbacks=[Score()])
    folder = tmp_path / "toy20260101T0000"
    names = sorted(path.name for path in folder.glob("*.h5"))
    assert names == [f"mask_rcnn_toy_{number:04d}.h5" for number in (2, 4, 5)]
    states = sorted(path.name for path in folder.glob("*.npz"))
    assert states == [f"mask_rcnn_toy_{number:04d}.state.npz" for number in (4, 5)]
