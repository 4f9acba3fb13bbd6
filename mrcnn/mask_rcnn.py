"""The object users hold: a network, its weights and what one does with them.

Methods are short and delegate: the network is built in `network.py`, images are
detected in `inference/`, files are read in `weights/`.
"""

import mrcnn.keras_first  # noqa: F401 - imported for its effect

# isort: split
import copy
import logging
import os
from collections.abc import Iterable, Sequence
from typing import Any

import keras

from mrcnn.config import Config
from mrcnn.data.dataset import Dataset
from mrcnn.detection_options import finder
from mrcnn.evaluation.summary import Evaluation
from mrcnn.evaluation_session import run_evaluation
from mrcnn.inference.results import Instances
from mrcnn.network_owner import NetworkOwner
from mrcnn.training import run_dir, trainable
from mrcnn.training.optimizer import build_optimizer
from mrcnn.training.run_dir import RunDir
from mrcnn.training_session import Session, run_session
from mrcnn.weights.imagenet import imagenet_weights_file
from mrcnn.weights.loading import load_into
from mrcnn.weights.peeking import followed_geometry
from mrcnn.weights.report import LoadReport

logger = logging.getLogger("mrcnn")


class MaskRCNN(NetworkOwner):
    """Mask R-CNN with matterport's methods.

        model = MaskRCNN(config=InferenceConfig())
        model.load_weights("mask_rcnn_coco.h5")
        result = model.detect([image])[0]

    Attributes:
        config: the Config; the network follows changes that leave its weights alone
        keras_model: the network, built when first used
        geometry: "matterport" or "aligned", see `Config.GEOMETRY`
        class_names: one for each class id, once weights or a dataset have told them
        epoch, log_dir, checkpoint_path: of the run that weights were loaded from
    """

    def __init__(
        self,
        mode: str = "inference",
        config: Config | None = None,
        model_dir: str | os.PathLike = "logs",
    ) -> None:
        """Checks the config; the network is built when it is first needed.

        One object trains and detects, so `mode` is for old callers alone. Runs keep
        their checkpoints in `model_dir`.
        """
        super().__init__(mode, config)
        self.model_dir = os.fspath(model_dir)
        self._resume_from: str | None = None
        self.set_log_dir()

    # --- Weights and runs -------------------------------------------------------

    def load_weights(
        self,
        filepath: str | os.PathLike,
        by_name: bool = False,
        exclude: str | Iterable[str] | None = None,
    ) -> LoadReport:
        """Loads a weights file, by full weight name and never by position.

        Args:
            filepath: an .h5 file in matterport's layout
            by_name: False demands that file and network hold the same weights; True
                leaves alone what the file lacks
            exclude: names of layers to leave as they are; implies `by_name`

        Returns:
            What became of every weight; it is logged as well.
        """
        geometry_before = self.geometry
        self.geometry = followed_geometry(filepath, self.config.GEOMETRY, self.geometry)
        try:
            report = load_into(
                self.keras_model,
                filepath,
                exclude=exclude or (),
                by_name=by_name or bool(exclude),
            )
        except Exception:
            self.geometry = geometry_before
            raise
        names = report.class_names
        if names is not None and len(names) == self.config.NUM_CLASSES:
            self.class_names = names
        self.set_log_dir(filepath)
        return report

    def get_imagenet_weights(self) -> str:
        """Path of the backbone's ImageNet weights, for `load_weights(by_name=True)`."""
        return imagenet_weights_file(self.config)

    def find_last(self) -> str:
        """Path of the last checkpoint of this config's last run that has one."""
        return run_dir.find_last_checkpoint(self.model_dir, self._name)

    def set_log_dir(self, model_path: str | os.PathLike | None = None) -> None:
        """Begins a new run, or goes on with the one a checkpoint belongs to."""
        run = run_dir.continued_run(self.model_dir, self._name, model_path)
        self.epoch = run.epoch
        self.log_dir = run.log_dir
        self.checkpoint_path = run.checkpoint_path
        self._resume_from = os.fspath(model_path) if model_path and run.epoch else None

    def set_trainable(
        self,
        layer_regex: str,
        keras_model: keras.Model | None = None,
        indent: int = 0,
        verbose: int = 1,
    ) -> None:
        """Makes the layers learn whose names match, and all others rest."""
        model = self.keras_model if keras_model is None else keras_model
        chosen = trainable.set_trainable(model, layer_regex)
        for layer in chosen if verbose > 0 else ():
            kind = type(layer).__name__
            logger.info("%sTraining %-20s (%s)", " " * indent, layer.name, kind)

    # --- Training and evaluation ------------------------------------------------

    def train(
        self,
        train_dataset: Dataset,
        val_dataset: Dataset | None = None,
        learning_rate: float | None = None,
        epochs: int | None = None,
        layers: str = "heads",
        augmentation: Any = None,
        custom_callbacks: Iterable[keras.callbacks.Callback] | None = None,
        no_augmentation_sources: Iterable[str] | None = None,
        **options: Any,
    ) -> keras.callbacks.History:
        """Trains some layers until a number of epochs is done.

        Args:
            train_dataset: prepared
            val_dataset: its losses are computed after every epoch, over all images
            learning_rate: `config.LEARNING_RATE` by default
            epochs: in all, those done before included; by default 10 more
            layers: "heads", "3+", "4+", "5+", "all" or a regular expression on layer
                names
            augmentation: of `data/transforms.py`, imgaug or albumentations, a function,
                or a list; None mirrors half of the images, False changes none
            custom_callbacks: Keras callbacks beside those that save and log
            no_augmentation_sources: names of dataset sources to leave as they are
            options: `workers`, `evaluate_every` and `pictures` of `run_session`;
                `optimizer`, `strategy`, `verbose` and others of `training.train.train`

        Returns:
            The history, which `keras_model.history` holds as well.
        """
        epochs = self.epoch + 10 if epochs is None else epochs
        self.class_names = list(train_dataset.class_names)
        run = RunDir(self.log_dir, self.checkpoint_path, self.epoch)
        history = run_session(
            Session(*self._network(), run),
            train_dataset,
            val_dataset,
            epochs=epochs,
            augmentation=augmentation,
            evaluate=self.evaluate,
            callbacks=custom_callbacks or (),
            learning_rate=learning_rate,
            layers=layers,
            no_augmentation_sources=no_augmentation_sources,
            resume_from=self._resume_from,
            **options,
        )
        self.epoch += len(history.epoch)
        checkpoint = run.checkpoint(self.epoch)
        self._resume_from = checkpoint if os.path.exists(checkpoint) else None
        return history

    def compile(self, learning_rate: float, momentum: float) -> None:
        """Gives `keras_model` an optimizer, for old callers; `train` makes its own."""
        sgd = build_optimizer("sgd", learning_rate, momentum=momentum, weight_decay=0)
        self.keras_model.compile(optimizer=sgd, jit_compile=False)

    def evaluate(
        self,
        dataset: Dataset,
        *,
        min_confidence: float = 0.05,
        flip: bool = False,
        scales: Sequence[float] = (1,),
        **options: Any,
    ) -> Evaluation:
        """COCO's average precision of boxes and masks, and what goes wrong.

        Args:
            dataset: prepared, with this network's classes, and without RPN_BRANCH with
                proposals
            min_confidence: replaces DETECTION_MIN_CONFIDENCE, which cuts curves short
            flip: see `detect`
            scales: see `detect`
            options: `report`, a folder for a page of HTML about it; image_ids,
                batch_size, on_progress and others of `evaluate_dataset`
        """
        config = copy.copy(self.config)
        config.DETECTION_MIN_CONFIDENCE = min_confidence
        find = finder(*self._network(config), flip=flip, scales=scales)
        options.setdefault("batch_size", config.BATCH_SIZE)
        return run_evaluation(
            find,
            dataset,
            min_confidence=min_confidence,
            with_proposals=not config.RPN_BRANCH,
            **options,
        )

    # --- Detection --------------------------------------------------------------

    def detect(
        self,
        images: Any,
        verbose: int = 0,
        *,
        proposals: Any = None,
        batch_size: int | None = None,
        masks: bool = True,
        flip: bool = False,
        scales: Sequence[float] = (1,),
    ) -> list[Instances]:
        """The instances in any number of images of any shapes.

        Args:
            images: a list of arrays [H, W, C] or [H, W], of paths, or both; or an
                array [N, H, W, C]. 0..255, 16-bit or with the mean subtracted already
            verbose: 1 shows progress
            proposals: the boxes to look at, without RPN_BRANCH only: for each image an
                array [N, 4] of (y1, x1, y2, x2) in its own pixels, any N
            batch_size: images for one call of the network; BATCH_SIZE by default
            masks: False leaves out the masks and the time they take
            flip: looks at the mirror image too, and merges what both show
            scales: looks at the image in each of them, such as (0.75, 1, 1.5)

        Returns:
            One `Instances` per image, which reads as a dict of `rois` [N, 4] int32,
            `class_ids` [N] int32, `scores` [N] float32, `masks` [H, W, N] bool.
        """
        find = finder(*self._network(), masks=masks, flip=flip, scales=scales)
        return find(images, proposals=proposals, batch_size=batch_size, verbose=verbose)

    @property
    def _name(self) -> str:
        return self.config.NAME or "mask_rcnn"
