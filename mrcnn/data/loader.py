"""Batches of a dataset for training and validation, made by any number of workers.

The same seed gives the same batches whatever the number and kind of workers, and from
whatever step an epoch is begun, since each example has random numbers of its own.
Examples travel between processes with the images' own bytes, as a rule one for a
channel.
"""

import logging
from collections.abc import Collection, Iterator
from contextlib import closing, nullcontext
from typing import Any, Literal, NamedTuple

import numpy as np

from mrcnn.config import Config
from mrcnn.data.aspect import aspect_groups
from mrcnn.data.batches import Batch, collate
from mrcnn.data.dataset import Dataset
from mrcnn.data.examples import Example, load_example
from mrcnn.data.order import ImageOrder, Place
from mrcnn.data.seeding import seeded_globals
from mrcnn.data.workers import map_in_order
from mrcnn.geometry.conventions import Convention

logger = logging.getLogger("mrcnn")

# Images in a row that may fail before skipping is given up.
_MOST_FAILURES = 100


class Loader:
    """Finite epochs of batches; see `collate` for what is in them.

    Args:
        dataset: has been prepared
        config: of the network
        convention: of the network's geometry
        augmentation: see `apply_augmentation`; None leaves images as they are
        shuffle: True for training. False keeps the images in order for validation:
            then every epoch is the same, and TRAIN_SCALES and ASPECT_GROUPING rest
        seed: of the order and of all that is left to chance
        batch_size: in place of BATCH_SIZE
        steps_per_epoch: None makes each epoch one pass over all images, each once, the
            last batch smaller. With a number, passes follow one another without a
            gap, all batches are whole, and an epoch is the next so many of them
        shard: (index, count): the part of the examples that falls to one machine
        workers: that make examples ahead; 0 makes them when they are asked for
        use_processes: threads otherwise
        on_error: "raise" ends the epoch at an image that fails, naming it. "skip"
            counts it in `skipped` and goes on: with `steps_per_epoch`, an image after
            it takes its place, else its batch is smaller
        no_augmentation_sources: sources whose images are not augmented

    `skipped` has the message of every image that was skipped, by image id.

    Code of users that draws from Python's `random` or NumPy's global state repeats its
    draws too, except in threads, which share that state.
    """

    def __init__(
        self,
        dataset: Dataset,
        config: Config,
        *,
        convention: Convention,
        augmentation: Any = None,
        shuffle: bool = True,
        seed: int = 0,
        batch_size: int | None = None,
        steps_per_epoch: int | None = None,
        shard: tuple[int, int] = (0, 1),
        workers: int = 0,
        use_processes: bool = False,
        on_error: Literal["raise", "skip"] = "raise",
        no_augmentation_sources: Collection[str] | None = None,
    ) -> None:
        _check_dataset(dataset, config)
        if on_error not in ("raise", "skip"):
            raise ValueError(f"on_error is {on_error!r}: give 'raise' or 'skip'.")
        self.dataset = dataset
        self.config = config
        self.convention = convention
        self.augmentation = augmentation
        self.workers = workers
        self.use_processes = use_processes
        self.on_error = on_error
        if isinstance(no_augmentation_sources, str):
            no_augmentation_sources = [no_augmentation_sources]
        self.no_augmentation_sources = set(no_augmentation_sources or ())
        self.skipped: dict[int, str] = {}
        self.order = ImageOrder(
            dataset.image_ids,
            batch_size=batch_size or config.BATCH_SIZE,
            seed=seed,
            shuffle=shuffle,
            shard=shard,
            steps_per_epoch=steps_per_epoch,
            groups=aspect_groups(dataset) if config.ASPECT_GROUPING else None,
        )
        self._warned_of_left_out = False

    def __len__(self) -> int:
        """Steps of an epoch."""
        return len(self.order)

    def epoch(self, epoch: int, start_step: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, in order.

        Args:
            epoch: 0.., each has an order of its own
            start_step: goes on from there, as if it had been begun from 0

        Yields:
            Batches. Closing the iterator, or leaving it to be collected, ends workers.
        """
        steps = range(start_step, len(self))
        results = map_in_order(
            self._load,
            (self.order.places(epoch, step) for step in steps),
            workers=self.workers,
            use_processes=self.use_processes,
        )
        is_empty = bool(steps)
        # However the epoch is left, workers end with it.
        with closing(results):
            for loaded in results:
                batch = self._collate(loaded)
                if batch is not None:
                    is_empty = False
                    yield batch
        if is_empty:
            raise _all_failed(self.skipped)

    def batch(self, epoch: int, step: int) -> Batch | None:
        """One batch, made here and now; None where all of it was skipped."""
        return self._collate(self._load(self.order.places(epoch, step)))

    def _load(self, places: list[Place]) -> "_Loaded":
        """The examples of a step; runs in workers and changes nothing here."""
        loaded = _Loaded([], {})
        for place in places:
            example = self._load_place(place, loaded.failures)
            if example is not None:
                loaded.examples.append(example)
        return loaded

    def _load_place(self, place: Place, failures: dict[int, str]) -> Example | None:
        """The place's example, or one that takes its place, or None."""
        image_ids = self.order.image_ids
        (start,) = np.flatnonzero(image_ids == place.image_id)[:1]
        is_replaced = self.order.steps_per_epoch is not None
        attempts = min(len(image_ids), _MOST_FAILURES) if is_replaced else 1
        for attempt in range(attempts):
            image_id = int(image_ids[(start + attempt) % len(image_ids)])
            try:
                return self._load_example(image_id, place.entropy)
            except Exception as error:
                reference = self.dataset.describe_image(image_id)
                message = f"{type(error).__name__} in {reference}: {error}"
                if self.on_error == "raise":
                    raise RuntimeError(message) from error
                failures[image_id] = message
        if is_replaced:
            raise _all_failed(failures)
        return None

    def _load_example(self, image_id: int, entropy: tuple[int, ...]) -> Example:
        config = self.config
        rng = np.random.default_rng(entropy)
        scales = config.TRAIN_SCALES if self.order.shuffle else None
        min_dim = None if scales is None else int(rng.choice(scales))
        source = self.dataset.image_info[image_id]["source"]
        is_augmented = source not in self.no_augmentation_sources
        is_alone = self.use_processes or not self.workers
        most = config.POST_NMS_ROIS_TRAINING
        makes_rois_up = config.RPN_BRANCH and not config.USE_RPN_ROIS
        with seeded_globals(entropy) if is_alone else nullcontext():
            return load_example(
                self.dataset,
                config,
                image_id,
                rng=rng,
                augmentation=self.augmentation if is_augmented else None,
                min_dim=min_dim,
                max_instances=config.MAX_GT_INSTANCES,
                num_rois=most if makes_rois_up else 0,
                max_proposals=0 if config.RPN_BRANCH else most,
            )

    def _collate(self, loaded: "_Loaded") -> Batch | None:
        for image_id, message in loaded.failures.items():
            if image_id not in self.skipped:
                logger.warning("Skipped an image. %s", message)
                self.skipped[image_id] = message
        self._warn_of_left_out(loaded.examples)
        if not loaded.examples:
            return None
        return collate(
            loaded.examples, self.config, pad_after_mean=self.convention.pad_after_mean
        )

    def _warn_of_left_out(self, examples: list[Example]) -> None:
        left_out = max((example.num_left_out for example in examples), default=0)
        if not left_out or self._warned_of_left_out:
            return
        self._warned_of_left_out = True
        limit = self.config.MAX_GT_INSTANCES
        logger.warning(
            "An image has %d instances, but MAX_GT_INSTANCES is %d: a random choice is "
            "trained on, and the rest count as background. Raise it to at least %d. "
            "This is said once.",
            limit + left_out,
            limit,
            limit + left_out,
        )


class _Loaded(NamedTuple):
    """What a worker makes of a step."""

    examples: list[Example]
    failures: dict[int, str]  # messages by image id


def _all_failed(failures: dict[int, str]) -> RuntimeError:
    first = next(iter(failures.values()))
    return RuntimeError(
        f"No image could be loaded: {len(failures)} in a row failed. The first: {first}"
    )


def _check_dataset(dataset: Dataset, config: Config) -> None:
    config.validate()
    if not len(dataset.image_ids):
        raise ValueError(
            f"{type(dataset).__name__} has no images. Add some with add_image and call "
            "prepare()."
        )
    if dataset.num_classes != config.NUM_CLASSES:
        raise ValueError(
            f"The dataset has {dataset.num_classes} classes with background, "
            f"{dataset.class_names}, but NUM_CLASSES is {config.NUM_CLASSES}. Set "
            f"NUM_CLASSES = {dataset.num_classes}, or make the datasets agree."
        )
