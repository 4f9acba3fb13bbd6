"""What `MaskRCNN.train` sets up: batches, networks and watchers for one stage.

The rooms that training needs do not know each other; here they meet.

Shapes: B images, A anchors.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np

from mrcnn.config import Config
from mrcnn.data.dataset import Dataset
from mrcnn.data.loader import Loader
from mrcnn.data.transforms import HorizontalFlip
from mrcnn.evaluation.summary import Evaluation
from mrcnn.geometry.conventions import CONVENTIONS, GeometryName
from mrcnn.network_cache import NetworkCache
from mrcnn.training.callbacks import DetectionCallback
from mrcnn.training.run_dir import RunDir
from mrcnn.training.train import train

logger = logging.getLogger("mrcnn")

Batch = Mapping[str, np.ndarray]


class Session(NamedTuple):
    """The object's state that a stage of training starts from."""

    cache: NetworkCache
    config: Config
    geometry: GeometryName
    class_names: list[str] | None
    run: RunDir


def run_session(
    session: Session,
    train_dataset: Dataset,
    val_dataset: Dataset | None,
    *,
    augmentation: Any = None,
    no_augmentation_sources: Iterable[str] | None = None,
    workers: int = 1,
    evaluate: Callable[[Dataset], Evaluation],
    evaluate_every: int = 0,
    callbacks: Iterable[keras.callbacks.Callback] = (),
    **options: Any,
) -> keras.callbacks.History:
    """Trains for a number of epochs.

    Args:
        session: what to train
        train_dataset: prepared
        val_dataset: prepared, or None
        augmentation: see `MaskRCNN.train`
        no_augmentation_sources: likewise
        workers: threads that prepare images beside the one that trains
        evaluate: gives the average precision of a dataset
        evaluate_every: epochs from one evaluation of `val_dataset` to the next, which
            is logged as val_AP, val_AP50, val_box_AP and val_box_AP50; 0 for none
        callbacks: of the user
        options: the others of `training.train.train`
    """
    cache, config, geometry, class_names, run = session

    def build_networks(with_own_layers: bool) -> tuple[keras.Model, keras.Model]:
        return cache.training_pair(
            config, geometry, class_names, with_own_layers=with_own_layers
        )

    def train_batches(shard: tuple[int, int]) -> Loader:
        return Loader(
            train_dataset,
            config,
            convention=CONVENTIONS[geometry],
            augmentation=chosen_augmentation(augmentation),
            no_augmentation_sources=tuple(no_augmentation_sources or ()),
            seed=config.SEED,
            steps_per_epoch=config.STEPS_PER_EPOCH * config.ACCUMULATE_STEPS,
            shard=shard,
            workers=workers,
        )

    def val_batches(shard: tuple[int, int]) -> Loader:
        assert val_dataset is not None
        return Loader(
            val_dataset,
            config,
            convention=CONVENTIONS[geometry],
            shuffle=False,
            seed=config.SEED,
            shard=shard,
            workers=workers,
        )

    def with_anchors(batch: Batch) -> Batch:
        anchors = cache.batch_anchors(config, batch["input_image"], geometry)
        return {**batch, "input_anchors": anchors}

    watchers = list(callbacks)
    if val_dataset is not None and evaluate_every:
        scores = partial(_scores, evaluate, val_dataset)
        watchers.append(DetectionCallback(scores, every=evaluate_every))
    with cache.training():
        return train(
            cache.model(config, geometry, class_names),
            build_networks,
            config=config,
            run=run,
            batches=train_batches,
            validation_batches=val_batches if val_dataset is not None else None,
            complete=with_anchors,
            callbacks=watchers,
            **options,
        )


def chosen_augmentation(augmentation: Any) -> Any:
    """What to augment with: None stands for mirrored images, False for nothing."""
    if augmentation is None:
        return HorizontalFlip()
    return augmentation or None


def _scores(
    evaluate: Callable[[Dataset], Evaluation], dataset: Dataset
) -> dict[str, float]:
    """Average precisions to log while training, by name."""
    scores = evaluate(dataset).coco
    names = ("AP", "AP50")
    boxes = {f"box_{name}": scores.boxes[name] for name in names}
    return boxes | {name: scores.masks[name] for name in names if scores.masks}
