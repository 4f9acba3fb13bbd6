"""The loop: epochs of steps, in the order and with the callbacks of Keras' `fit`.

`fit` itself trains on one machine only; this loop is the same on one device, on
several, and on several machines.
"""

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice

import keras
import numpy as np

from mrcnn.training.interruption import Interruption
from mrcnn.training.schedule import Schedule
from mrcnn.training.state import Progress
from mrcnn.training.step import StepResult, TrainingStep
from mrcnn.training.strategy import Batch, sum_over_workers, worker_shard
from mrcnn.training.supply import Batches
from mrcnn.training.validation import Validation

logger = logging.getLogger("mrcnn")

# matterport's place of a batch's image ids, first in the meta vector.
IMAGE_META, IMAGE_ID = "input_image_meta", 0


class TrainingLoop:
    """Trains from where `progress` stands.

    Args:
        model: that callbacks see; its `optimizer` is the step's
        step: updates the weights
        batches: this machine's to train on
        progress: moves on with every step
        callbacks: of users and of the run
        schedule: of the learning rate
        seed: of all that the network leaves to chance
        num_micro_batches: batches that make up a step
        validation: computes losses of `validation_batches`, where there are some
        validation_batches: this machine's to validate on
        publish: brings the weights into `model`
        save_interrupted: saves amid an epoch and returns the path
    """

    def __init__(
        self,
        model: keras.Model,
        step: TrainingStep,
        batches: Batches,
        progress: Progress,
        callbacks: keras.callbacks.CallbackList,
        *,
        schedule: Schedule,
        seed: int,
        num_micro_batches: int = 1,
        validation: Validation | None = None,
        validation_batches: Batches | None = None,
        publish: Callable[[], None],
        save_interrupted: Callable[[], str],
    ) -> None:
        self.model = model
        self.step = step
        self.batches = batches
        self.progress = progress
        self.callbacks = callbacks
        self.schedule = schedule
        self.seed = seed
        self.num_micro_batches = num_micro_batches
        self.validation = validation
        self.validation_batches = validation_batches
        self.publish = publish
        self.save_interrupted = save_interrupted
        self.optimizer = step.optimizer
        settings = self.optimizer.get_config()
        self._has_plain_rate = isinstance(settings["learning_rate"], int | float)
        self._is_shown = False
        self._may_stop = False

    def run(self, epochs: int) -> None:
        """Trains until so many epochs are done, or something stops it.

        Raises:
            FloatingPointError: where losses or gradients are not finite. The weights
                are those before that step.
            KeyboardInterrupt: after a signal, once all is saved; or SystemExit.
        """
        logs: dict[str, float] = {}
        try:
            with Interruption() as interruption:
                self.model.stop_training = False
                self.callbacks.on_train_begin()
                while self.progress.epoch < epochs and not self.model.stop_training:
                    logs = self._run_epoch(interruption)
                self.callbacks.on_train_end(logs)
        finally:
            self._show_weights()

    def _run_epoch(self, interruption: Interruption) -> dict[str, float]:
        epoch = self.progress.epoch
        self._is_shown = False
        if self.step.average is not None:
            self.step.average.take_out()
        self.callbacks.on_epoch_begin(epoch)
        first = self.progress.step * self.num_micro_batches
        batches = self.batches.epoch(epoch, first)
        rate = 0.0
        with closing(batches):  # type: ignore[type-var]
            for group in groups_of(self.num_micro_batches, batches):
                rate = self._run_step(group, interruption)
                if self._is_time_to_stop(interruption):
                    break
        if not self.progress.step:
            raise RuntimeError(f"Epoch {epoch + 1} has no batches. Is a dataset empty?")
        logs = {**self._mean_losses(), "learning_rate": rate}
        _warn_of_no_objects(epoch, logs)
        self._show_weights()
        logs |= self._validate()
        self.progress.epoch, self.progress.step, self.progress.sums = epoch + 1, 0, {}
        self.callbacks.on_epoch_end(epoch, logs)
        if self._hears_all(interruption)[0]:
            self.callbacks.on_train_end(logs)
            interruption.raise_noted(
                f"Training was stopped after epoch {epoch + 1}, which is saved. Load "
                "the last checkpoint and train on to resume."
            )
        return logs

    def _run_step(self, group: Sequence[Batch], interruption: Interruption) -> float:
        """Takes one step. -> its learning rate"""
        progress = self.progress
        index = progress.step
        self.callbacks.on_train_batch_begin(index)
        wants_stop = interruption.signal is not None or self.model.stop_training
        with self._rate_of_step() as rate:
            result = self.step(group, self._seed_of_step(), wants_stop=wants_stop)
        if result.is_lost:
            raise self._divergence(result, group)
        for name, value in result.losses.items():
            progress.sums[name] = progress.sums.get(name, 0.0) + value
        progress.step += 1
        progress.stage_steps += 1
        progress.all_steps += 1
        self.callbacks.on_train_batch_end(index, self._mean_losses())
        # Machines ask each other only where all of them know that one wants to stop.
        is_alone = worker_shard(self.step.strategy)[1] == 1
        self._may_stop = is_alone or result.wants_stop
        return rate

    def _is_time_to_stop(self, interruption: Interruption) -> bool:
        """Whether the epoch ends here; saves and raises after a signal."""
        if not self._may_stop:
            return False
        is_interrupted, is_stopped = self._hears_all(interruption)
        if is_interrupted:
            self._show_weights()
            path = self.save_interrupted()
            self.callbacks.on_train_end(self._mean_losses())
            done = f"{self.progress.epoch} epochs and {self.progress.step} steps"
            interruption.raise_noted(
                f"Training was stopped after {done}. Load {path} and train with the "
                "same settings to resume."
            )
        return is_stopped

    def _hears_all(self, interruption: Interruption) -> tuple[bool, bool]:
        """(whether interrupted, whether a callback stops), on any machine."""
        own = [float(interruption.signal is not None), float(self.model.stop_training)]
        (flags,) = sum_over_workers(self.step.strategy, [np.array(own)])
        self.model.stop_training = bool(flags[1])
        return bool(flags[0]), bool(flags[1])

    @contextmanager
    def _rate_of_step(self) -> Iterator[float]:
        """The optimizer's rate is that of the schedule for a step."""
        base = float(keras.ops.convert_to_numpy(self.optimizer.learning_rate))
        factor = self.schedule.factor(self.progress.stage_steps)
        if factor == 1.0 or not self._has_plain_rate:
            yield base
            return
        try:
            self.optimizer.learning_rate = base * factor
            yield base * factor
        finally:
            self.optimizer.learning_rate = base

    def _seed_of_step(self) -> int:
        sequence = np.random.SeedSequence([self.seed, self.progress.all_steps])
        return int(sequence.generate_state(1)[0])

    def _mean_losses(self) -> dict[str, float]:
        """Means over the epoch's steps so far."""
        count = max(1, self.progress.step)
        return {name: total / count for name, total in self.progress.sums.items()}

    def _validate(self) -> dict[str, float]:
        if self.validation is None or self.validation_batches is None:
            return {}
        self.callbacks.on_test_begin()
        batches = self.validation_batches.epoch(0)
        with closing(batches):  # type: ignore[type-var]
            losses = self.validation(self._announced(batches))
        self.callbacks.on_test_end(losses)
        return {f"val_{name}": value for name, value in losses.items()}

    def _announced(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        for index, batch in enumerate(batches):
            self.callbacks.on_test_batch_begin(index)
            yield batch
            self.callbacks.on_test_batch_end(index)

    def _show_weights(self) -> None:
        """The model holds what is evaluated and saved, the averages if there are.

        Only once after the last step, as a callback may bring back better weights.
        """
        if self._is_shown:
            return
        self._is_shown = True
        if self.step.average is not None:
            self.step.average.put_in_place()
        self.publish()

    def _divergence(
        self, result: StepResult, group: Sequence[Batch]
    ) -> FloatingPointError:
        bad = [name for name, one in result.losses.items() if not math.isfinite(one)]
        ids = [
            int(meta[IMAGE_ID]) for batch in group for meta in batch.get(IMAGE_META, ())
        ]
        return FloatingPointError(
            f"Training diverged in step {self.progress.step + 1} of epoch "
            f"{self.progress.epoch + 1}: {', '.join(bad) or 'the gradient'} is not "
            f"finite. The batch holds the image ids {ids}. The weights are those "
            "before that step. Look at these images, lower LEARNING_RATE, or set "
            "WARMUP_STEPS."
        )


def _warn_of_no_objects(epoch: int, losses: dict[str, float]) -> None:
    """Boxes that teach nothing in a whole epoch come from data without objects."""
    if losses.get("rpn_bbox_loss", losses.get("mrcnn_bbox_loss")) == 0:
        logger.warning(
            "No object taught the network anything in epoch %d. If your images show "
            "some, their masks may be empty or their class ids 0: dataset.check(config)"
            " or `mrcnn inspect` says which.",
            epoch + 1,
        )


def groups_of(count: int, batches: Iterable[Batch]) -> Iterator[list[Batch]]:
    """Batches by so many at a time; the last group may be smaller."""
    iterator = iter(batches)
    while group := list(islice(iterator, count)):
        yield group
