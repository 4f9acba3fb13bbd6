"""One stage of training: from a network and data to checkpoints in a run's folder."""

import logging
import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from mrcnn.config import Config
from mrcnn.training.averaging import WeightAverage
from mrcnn.training.callbacks import Draw, TensorBoardLog
from mrcnn.training.checkpoints import Checkpoints
from mrcnn.training.csv_log import CsvLog
from mrcnn.training.forward import Forward
from mrcnn.training.loop import TrainingLoop
from mrcnn.training.networks import Pair, make_networks
from mrcnn.training.optimizer import (
    build_optimizer,
    check_optimizer,
    prepare_optimizer,
)
from mrcnn.training.progress_bar import ProgressBar
from mrcnn.training.run_dir import RunDir
from mrcnn.training.schedule import Schedule, scaled_rate
from mrcnn.training.state import Progress, load_state, restore_variables, state_path
from mrcnn.training.step import TrainingStep
from mrcnn.training.strategy import Batch, choose_strategy, is_chief, worker_shard
from mrcnn.training.supply import Batches, CompletedBatches
from mrcnn.training.trainable import set_bn_momentum, set_trainable
from mrcnn.training.validation import Validation

logger = logging.getLogger("mrcnn")

Callbacks = Sequence[keras.callbacks.Callback]
MakeBatches = Callable[[tuple[int, int]], Batches]


def train(
    keras_model: keras.Model,
    build_networks: Callable[[bool], Pair],
    *,
    config: Config,
    run: RunDir,
    batches: MakeBatches,
    validation_batches: MakeBatches | None = None,
    layers: str = "heads",
    epochs: int,
    learning_rate: float | None = None,
    complete: Callable[[Batch], Batch] | None = None,
    callbacks: Callbacks = (),
    optimizer: keras.optimizers.Optimizer | None = None,
    strategy: tf.distribute.Strategy | None = None,
    resume_from: str | None = None,
    must_resume: bool = False,
    verbose: int | str = "auto",
    tensorboard: bool = True,
    draw: Draw | None = None,
) -> keras.callbacks.History:
    """Trains some layers of a network until a number of epochs is done.

    Args:
        keras_model: the network that detects; it holds the trained weights at the end
            of every epoch, and callbacks see it
        build_networks: makes (network that detects, its training network). Called
            with False for a training network around the layers of `keras_model`, and,
            in the strategy's scope, with True for a pair with layers of its own
        config: has been validated
        run: folder of the run and the epochs that are done
        batches: makes this machine's batches of a share (index, count) of the data
        validation_batches: the same for validation, every image once; None for none
        layers: which learn, see `set_trainable`
        epochs: to be done in all, those before this call included
        learning_rate: in place of LEARNING_RATE
        complete: adds to a batch what its maker left out, such as anchors
        callbacks: of the user; they come before those of the run
        optimizer: in place of OPTIMIZER; its learning rate counts
        strategy: in place of what GPU_COUNT and TF_CONFIG ask for
        resume_from: checkpoint that the network's weights were loaded from. If its
            state fits layers and optimizer, training goes on as if it had not stopped
        must_resume: makes it an error where it does not fit
        verbose: 0 for silence, otherwise see `ProgressBar`
        tensorboard: whether to write event files
        draw: makes pictures for these after every epoch, uint8 [H, W, 3] by name

    Returns:
        The history, which `keras_model.history` holds as well.

    Raises:
        OSError: where checkpoints cannot be written, before the first epoch.
        FloatingPointError: where training diverged.
        KeyboardInterrupt: after a signal, once all is saved; or SystemExit.
    """
    strategy = choose_strategy(config.GPU_COUNT, strategy)
    networks = make_networks(keras_model, build_networks, strategy)
    set_trainable(networks.training, layers)
    set_bn_momentum(networks.training, config.BATCH_NORM_MOMENTUM)
    step = _make_step(config, networks.training, optimizer, strategy, learning_rate)
    keras_model.compile(step.optimizer, jit_compile=False, auto_scale_loss=False)

    progress = Progress(epoch=run.epoch, settings=_settings(config, layers, step))
    if resume_from is not None:
        progress = _resumed(progress, step, keras_model, resume_from, must_resume)
    shard = worker_shard(strategy)
    train_batches = _completed(batches(shard), complete)
    num_steps = math.ceil(len(train_batches) / config.ACCUMULATE_STEPS)
    if progress.epoch >= epochs:
        logger.warning(
            "Nothing to train: %d epochs are done, and epochs=%d counts these as well.",
            progress.epoch,
            epochs,
        )

    history = keras.callbacks.History()
    history.history = progress.history
    checkpoints = _make_checkpoints(config, run, progress, step, keras_model)
    watchers: list[Any] = [*callbacks, history]
    if is_chief(strategy):
        watchers += _callbacks_of_run(checkpoints, tensorboard, draw)
        watchers += [ProgressBar(verbose)] if verbose else []
    loop = TrainingLoop(
        keras_model,
        step,
        train_batches,
        progress,
        keras.callbacks.CallbackList(
            watchers,
            model=keras_model,
            verbose=verbose,
            epochs=epochs,
            steps=num_steps,
        ),
        schedule=_make_schedule(config, progress, epochs, num_steps),
        seed=config.SEED,
        num_micro_batches=config.ACCUMULATE_STEPS,
        validation=Validation(step.forward, strategy),
        validation_batches=validation_batches
        and _completed(validation_batches(shard), complete),
        publish=networks.publish,
        save_interrupted=checkpoints.save_interrupted,
    )
    loop.run(epochs)
    return history


def _make_step(
    config: Config,
    network: keras.Model,
    optimizer: keras.optimizers.Optimizer | None,
    strategy: tf.distribute.Strategy,
    learning_rate: float | None,
) -> TrainingStep:
    """The step of a config, in the strategy's scope."""
    batch_size = config.BATCH_SIZE * worker_shard(strategy)[1] * config.ACCUMULATE_STEPS
    rate = config.LEARNING_RATE if learning_rate is None else learning_rate
    with strategy.scope():
        if optimizer is None:
            optimizer = build_optimizer(
                config.OPTIMIZER,
                scaled_rate(rate, batch_size, config.LEARNING_RATE_BATCH_SIZE),
                momentum=config.LEARNING_MOMENTUM,
                weight_decay=config.WEIGHT_DECAY,
            )
        check_optimizer(optimizer)
        prepare_optimizer(optimizer, network.trainable_variables)
        average = None
        if config.EMA_DECAY is not None:
            learning = network.trainable_variables
            average = WeightAverage(learning, strategy, config.EMA_DECAY)
        decays_itself = bool(getattr(optimizer, "weight_decay", None))
        return TrainingStep(
            Forward(network, config.LOSS_WEIGHTS, config.PRECISION),
            optimizer,
            strategy,
            clip_norm=config.GRADIENT_CLIP_NORM,
            weight_decay=0.0 if decays_itself else config.WEIGHT_DECAY,
            num_micro_batches=config.ACCUMULATE_STEPS,
            average=average,
        )


def _settings(config: Config, layers: str, step: TrainingStep) -> dict[str, Any]:
    """What has to be the same for going on."""
    return {
        "layers": layers,
        "optimizer": type(step.optimizer).__name__,
        "precision": config.PRECISION,
        "average": step.average is not None,
    }


def _resumed(
    fresh: Progress,
    step: TrainingStep,
    keras_model: keras.Model,
    checkpoint: str,
    must_resume: bool,
) -> Progress:
    """The progress that a checkpoint's state holds, its variables restored.

    A state that does not fit is an error with `must_resume`; else a fresh stage begins.
    """
    path = state_path(checkpoint)
    try:
        progress, values = load_state(path, keras_model.get_weights())
        if progress.settings != fresh.settings:
            raise ValueError(
                f"{path} was left by {progress.settings}, but this run has "
                f"{fresh.settings}."
            )
        restore_variables(step.state, values)
    except (ValueError, FileNotFoundError) as error:
        if must_resume:
            raise
        logger.info("The optimizer begins anew: %s", error)
        return fresh
    if step.average is not None:
        # Checkpoints hold averages, and their states the weights themselves.
        step.average.is_in_place = True
    logger.info("Resumed after %d epochs, %d steps", progress.epoch, progress.step)
    return progress


def _completed(batches: Batches, complete: Callable[[Batch], Batch] | None) -> Batches:
    return batches if complete is None else CompletedBatches(batches, complete)


def _make_checkpoints(
    config: Config,
    run: RunDir,
    progress: Progress,
    step: TrainingStep,
    keras_model: keras.Model,
) -> Checkpoints:
    checkpoints = Checkpoints(
        run,
        progress,
        step.state,
        keep=config.KEEP_CHECKPOINTS,
        monitor=config.CHECKPOINT_MONITOR,
        writes=is_chief(step.strategy),
    )
    checkpoints.set_model(keras_model)
    checkpoints.check_room()
    return checkpoints


def _callbacks_of_run(
    checkpoints: Checkpoints, tensorboard: bool, draw: Draw | None
) -> list[Any]:
    log_dir = checkpoints.run.log_dir
    # Pictures come last, when all that matters is saved.
    events = [TensorBoardLog(log_dir, draw=draw)] if tensorboard else []
    return [CsvLog(log_dir, checkpoints.progress.epoch), checkpoints, *events]


def _make_schedule(
    config: Config, progress: Progress, epochs: int, num_steps: int
) -> Schedule:
    """The schedule of a stage, which began so many steps before `progress`."""
    first = progress.epoch * num_steps + progress.step - progress.stage_steps
    drops = config.LEARNING_RATE_DROPS or ()
    return Schedule(
        config.LEARNING_RATE_SCHEDULE,
        config.WARMUP_STEPS,
        [round(epoch * num_steps) - first for epoch in drops],
        epochs * num_steps - first,
    )
