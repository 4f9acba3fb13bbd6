"""The object users hold: a network, its weights and what one does with them.

Methods are short and delegate: the network is built in `network.py`, images are
detected in `inference/`, files are read in `weights/`.
"""

import copy
import logging
import os
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np

from mrcnn import network, network_anchors
from mrcnn.config import Config
from mrcnn.data.dataset import Dataset
from mrcnn.detection_options import detection_options, finder
from mrcnn.evaluation.summary import Evaluation
from mrcnn.evaluation_session import run_evaluation
from mrcnn.geometry.conventions import CONVENTIONS, Convention, GeometryName
from mrcnn.inference import detect, inputs, inspection, outputs
from mrcnn.inference.results import Instances
from mrcnn.network_cache import NetworkCache
from mrcnn.training import run_dir, trainable
from mrcnn.training.optimizer import build_optimizer
from mrcnn.training.run_dir import RunDir
from mrcnn.training_session import Session, run_session
from mrcnn.weights.imagenet import imagenet_weights_file
from mrcnn.weights.loading import load_into
from mrcnn.weights.peeking import followed_geometry
from mrcnn.weights.report import LoadReport
from mrcnn.weights.saving import LegacySavingModel

logger = logging.getLogger("mrcnn")

MODES = ("training", "inference")


class MaskRCNN:
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
        _check_mode(mode)
        if not isinstance(config, Config):
            got = "a class" if isinstance(config, type) else f"{config!r:.60}"
            raise TypeError(
                f"MaskRCNN needs a config, but got {got}. "
                "Pass an instance: MaskRCNN(config=MyConfig())."
            )
        config.validate()
        self.mode = mode
        self.config = config
        self.model_dir = os.fspath(model_dir)
        self.geometry: GeometryName = config.GEOMETRY or "aligned"
        self.class_names: list[str] | None = None
        self._anchored_shape: Sequence[int] | None = None
        self._cache = NetworkCache()
        self._resume_from: str | None = None
        self.set_log_dir()

    # --- The network ------------------------------------------------------------

    @property
    def keras_model(self) -> LegacySavingModel:
        """The network; it follows changes of the config that keep its weights."""
        return self._cache.model(self.config, self.geometry, self.class_names)

    def build(self, mode: str, config: Config) -> LegacySavingModel:
        """A fresh network for a config; `keras_model` holds the object's own."""
        _check_mode(mode)
        config.validate()
        return network.build_network(
            config,
            self.geometry,
            class_names=self.class_names,
            model_class=LegacySavingModel,
        )

    def get_anchors(self, image_shape: Sequence[int]) -> np.ndarray:
        """Anchors for molded images of a shape (height, width) or more.

        Normalized, float32 [A, 4]; `anchors` holds them in pixels.
        """
        self._anchored_shape = tuple(image_shape)
        return self._cache.anchors(self.config, image_shape, self.geometry)

    @property
    def anchors(self) -> np.ndarray:
        """In pixels [A, 4], of the last `get_anchors` or else of IMAGE_SHAPE."""
        config, shape = self.config, self._anchored_shape or self.config.IMAGE_SHAPE
        return network_anchors.pixel_anchors_for_image(config, shape, self.geometry)

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
            dataset: prepared, with this network's classes
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
        return run_evaluation(find, dataset, min_confidence=min_confidence, **options)

    # --- Detection --------------------------------------------------------------

    def detect(
        self,
        images: Any,
        verbose: int = 0,
        *,
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
            batch_size: images for one call of the network; BATCH_SIZE by default
            masks: False leaves out the masks and the time they take
            flip: looks at the mirror image too, and merges what both show
            scales: looks at the image in each of them, such as (0.75, 1, 1.5)

        Returns:
            One `Instances` per image, which reads as a dict of `rois` [N, 4] int32,
            `class_ids` [N] int32, `scores` [N] float32, `masks` [H, W, N] bool.
        """
        find = finder(*self._network(), masks=masks, flip=flip, scales=scales)
        return find(images, batch_size=batch_size, verbose=verbose)

    def detect_molded(
        self,
        molded_images: np.ndarray,
        image_metas: np.ndarray,
        verbose: int = 0,
        *,
        masks: bool = True,
    ) -> list[Instances]:
        """The instances in images that `mold_inputs` made ready, as one batch."""
        if verbose:
            logger.info("Processing %d images", len(molded_images))
        options = detection_options(*self._network(), masks=masks)
        return detect.detect_molded(molded_images, image_metas, **options)

    def mold_inputs(self, images: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Molded images [N, h, w, C], image metas [N, 12 + C] and windows [N, 4]."""
        return inputs.mold_inputs(
            images, self.config, pad_after_mean=self._convention.pad_after_mean
        )

    def unmold_detections(
        self,
        detections: np.ndarray,
        mrcnn_mask: np.ndarray,
        original_image_shape: Sequence[int],
        image_shape: Sequence[int],
        window: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """One image's network outputs in pixels of the image as loaded.

        `detections` [D, 6], `mrcnn_mask` [D, S, S, C] and `window` [4] become rois
        [N, 4] int32, class ids [N] int32, scores [N] float32, masks [H, W, N] bool.
        """
        instances = outputs.unmold(
            detections,
            mrcnn_mask,
            tuple(original_image_shape),
            tuple(image_shape),
            np.asarray(window),
            convention=self._convention,
            mask_threshold=self.config.MASK_THRESHOLD,
            paste_with_border=self.config.PASTE_WITH_BORDER,
        )
        return instances.rois, instances.class_ids, instances.scores, instances.masks

    # --- Looking inside ---------------------------------------------------------

    def run_graph(
        self,
        images: Any,
        outputs: Sequence[tuple[str, Any]],
        image_metas: np.ndarray | None = None,
    ) -> OrderedDict[str, np.ndarray]:
        """Values of inner tensors for some images.

        `images` are as for `detect`, of one molded shape, or molded already if
        `image_metas` [N, 12 + C] are given. `outputs` are pairs of a title and a
        symbolic tensor or a layer's name; arrays come back by title, in that order.
        """
        model = self.keras_model
        if image_metas is None:
            images, image_metas, _ = self.mold_inputs(images)
        anchors = self._cache.batch_anchors(self.config, images, self.geometry)
        values = inspection.evaluate_tensors(
            model, outputs, [images, image_metas, anchors]
        )
        for title, array in values.items():
            logger.info("%-25s shape: %-20s %s", title, array.shape, array.dtype)
        return values

    def ancestor(
        self, tensor: Any, name: str, checked: list[Any] | None = None
    ) -> Any | None:
        """The tensor that the layer of a name made on the way to a tensor, or None."""
        return inspection.find_ancestor(tensor, name, checked)

    def find_trainable_layer(self, layer: keras.layers.Layer) -> keras.layers.Layer:
        """The layer that holds the weights, inside any wrappers around it."""
        return inspection.unwrap(layer)

    def get_trainable_layers(self) -> list[keras.layers.Layer]:
        """Layers that hold weights, in the network's order."""
        return inspection.layers_with_weights(self.keras_model)

    @property
    def _name(self) -> str:
        return self.config.NAME or "mask_rcnn"

    @property
    def _convention(self) -> Convention:
        return CONVENTIONS[self.geometry]

    def _network(
        self, config: Config | None = None
    ) -> tuple[NetworkCache, Config, GeometryName, list[str] | None]:
        return self._cache, config or self.config, self.geometry, self.class_names


def _check_mode(mode: str) -> None:
    if mode not in MODES:
        raise ValueError(f"mode is {mode!r}, expected one of {MODES}.")
