"""What `MaskRCNN.train` sets up: batches, networks and watchers for one stage.

The rooms that training needs do not know each other; here they meet.

Shapes: B images, A anchors.
"""

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np

from mrcnn.config import Config
from mrcnn.data.dataset import Dataset
from mrcnn.data.loader import Loader
from mrcnn.data.transforms import HorizontalFlip
from mrcnn.detection_options import finder
from mrcnn.drawing.panels import truth_beside_detections
from mrcnn.evaluation.summary import Evaluation
from mrcnn.geometry.conventions import CONVENTIONS, GeometryName
from mrcnn.network_cache import NetworkCache
from mrcnn.training.run_dir import RunDir

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
    pictures: int = 4,
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
        pictures: images of `val_dataset` that TensorBoard shows after every epoch,
            their ground truth beside what is detected; 0 for none
        callbacks: of the user
        options: the others of `training.train.train`
    """
    check_backend()
    # These import TensorFlow, which detection may do without.
    from mrcnn.training.callbacks import DetectionCallback
    from mrcnn.training.train import train

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
            steps_per_epoch=math.ceil(config.STEPS_PER_EPOCH) * config.ACCUMULATE_STEPS,
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

    watchers = list(callbacks)
    if val_dataset is not None and evaluate_every:
        scores = partial(_scores, evaluate, val_dataset)
        # First, so that callbacks of the user can go by its numbers.
        watchers.insert(0, DetectionCallback(scores, every=evaluate_every))
    draw = None
    if val_dataset is not None and pictures:
        draw = partial(_draw_panels, session, val_dataset, pictures)
    with cache.training():
        return train(
            cache.model(config, geometry, class_names),
            build_networks,
            config=config,
            run=run,
            batches=train_batches,
            validation_batches=val_batches if val_dataset is not None else None,
            complete=partial(_with_anchors, session) if config.RPN_BRANCH else None,
            callbacks=watchers,
            draw=draw,
            **options,
        )


def check_backend() -> None:
    """Refuses backends of Keras that detection knows, but training does not."""
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise ValueError(
            f"Training needs TensorFlow, but Keras computes with {backend!r}, which "
            "serves for detection alone. Start Python with KERAS_BACKEND=tensorflow."
        )


def chosen_augmentation(augmentation: Any) -> Any:
    """What to augment with: None stands for mirrored images, False for nothing."""
    if augmentation is None:
        return HorizontalFlip()
    return augmentation or None


def _with_anchors(session: Session, batch: Batch) -> Batch:
    cache, config, geometry, *_ = session
    anchors = cache.boxes_to_look_at(config, batch["input_image"], geometry)
    return {**batch, "input_anchors": anchors}


def _scores(
    evaluate: Callable[[Dataset], Evaluation], dataset: Dataset
) -> dict[str, float]:
    """Average precisions to log while training, by name."""
    scores = evaluate(dataset).coco
    names = ("AP", "AP50")
    boxes = {f"box_{name}": scores.boxes[name] for name in names}
    return boxes | {name: scores.masks[name] for name in names if scores.masks}


def _draw_panels(
    session: Session, dataset: Dataset, count: int
) -> dict[str, np.ndarray]:
    """Ground truth beside detections of so many images, the same each time.

    -> uint8 [H, W, 3] by name
    """
    find = finder(*session[:4])
    panels = {}
    for image_id in spread_out(dataset.image_ids, count):
        image = dataset.load_image(image_id)
        masks, class_ids = dataset.load_mask(image_id)
        boxes = None
        if not session.config.RPN_BRANCH:
            boxes = [dataset.load_proposals(image_id)]
        panels[f"validation/image {image_id}"] = truth_beside_detections(
            image,
            {"masks": masks, "class_ids": class_ids},
            find([image], batch_size=1, proposals=boxes)[0],
            class_names=dataset.class_names,
        )
    return panels


def spread_out(image_ids: Sequence[int] | np.ndarray, count: int) -> list[int]:
    """So many of the image ids, or all, from the first to the last."""
    count = min(count, len(image_ids))
    return [int(image_ids[index * len(image_ids) // count]) for index in range(count)]
