"""What training from scratch reaches on real images in some minutes, as a curve.

    python -m benchmarks.learning nucleus --minutes 30
    python -m benchmarks.learning fruits_nuts --minutes 30

"nucleus" learns cell nuclei and is measured on images that it has not seen;
"fruits_nuts" learns ten images by heart and is measured on these. Minutes are those of
the clock, measuring on the way included. The table is Markdown, for the page of
results; the configs are recipes to copy for small datasets.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from mrcnn.config import Config
from mrcnn.data.augmentation import Compose
from mrcnn.data.readers.coco import CocoDataset
from mrcnn.data.transforms import ColorJitter, HorizontalFlip, Rotate90
from mrcnn.mask_rcnn import MaskRCNN

DATA = Path(__file__).parent.parent.parent / "shared" / "data"
COLUMNS = {
    "box AP": "val_box_AP",
    "box AP50": "val_box_AP50",
    "mask AP": "val_AP",
    "mask AP50": "val_AP50",
}


class ScratchConfig(Config):
    """A small network that learns without weights to start from."""

    # The smallest backbone, and narrow layers on top of it.
    BACKBONE = "resnet18"
    TOP_DOWN_PYRAMID_SIZE = 64
    FPN_CLASSIF_FC_LAYERS_SIZE = 256
    MASK_POOL_SIZE = 7
    MASK_SHAPE = (14, 14)
    MINI_MASK_SHAPE = (28, 28)

    # Normalization has to learn, and to keep up in some hundred steps.
    TRAIN_BN = None
    BATCH_NORM_MOMENTUM = 0.9

    # As few images a step as normalization can do with, for more steps. The rate falls
    # with the time that is left, see `TimedRate`.
    IMAGES_PER_GPU = 4
    OPTIMIZER = "adamw"
    LEARNING_RATE = 0.001
    WARMUP_STEPS = 50
    KEEP_CHECKPOINTS = 1


class NucleusConfig(ScratchConfig):
    """Many small objects of one class."""

    NAME = "nucleus"
    NUM_CLASSES = 1 + 1

    # Squares of 256 pixels to learn from, whole images to detect in, both in their own
    # resolution: nuclei are 10 to 60 pixels wide.
    IMAGE_RESIZE_MODE = "crop"
    IMAGE_MIN_DIM = 256
    IMAGE_MAX_DIM = 1408
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    ROI_CANONICAL_SCALE = 64

    RPN_TRAIN_ANCHORS_PER_IMAGE = 128
    PRE_NMS_LIMIT = 2000
    POST_NMS_ROIS_TRAINING = 500
    POST_NMS_ROIS_INFERENCE = 400
    TRAIN_ROIS_PER_IMAGE = 64
    DETECTION_MAX_INSTANCES = 150
    DETECTION_NMS_THRESHOLD = 0.5
    STEPS_PER_EPOCH = 60


class FruitsConfig(ScratchConfig):
    """A dozen large objects of three classes."""

    NAME = "fruits"
    NUM_CLASSES = 1 + 3
    IMAGE_MIN_DIM = 256
    IMAGE_MAX_DIM = 256
    RPN_ANCHOR_SCALES = (16, 32, 64, 128, 256)
    ROI_CANONICAL_SCALE = 64

    RPN_TRAIN_ANCHORS_PER_IMAGE = 64
    PRE_NMS_LIMIT = 1000
    POST_NMS_ROIS_TRAINING = 200
    POST_NMS_ROIS_INFERENCE = 200
    TRAIN_ROIS_PER_IMAGE = 64
    DETECTION_MAX_INSTANCES = 50
    STEPS_PER_EPOCH = 60


class Experiment(NamedTuple):
    """What is learnt from, how, and what it is measured on."""

    config: type[Config]
    train_file: str
    unseen_file: str
    augmentation: Any


EXPERIMENTS = {
    # Nuclei have no upper side.
    "nucleus": Experiment(
        NucleusConfig,
        "instances_train.json",
        "instances_val.json",
        Compose(HorizontalFlip(), Rotate90(), ColorJitter()),
    ),
    "fruits_nuts": Experiment(
        FruitsConfig, "instances_train.json", "instances_train.json", HorizontalFlip()
    ),
}


class TimedRate(keras.callbacks.Callback):
    """Lets the learning rate fall along a cosine to zero, and training end there.

    With a number of epochs in place of minutes, Config.LEARNING_RATE_SCHEDULE does it.
    """

    def __init__(self, minutes: float) -> None:
        super().__init__()
        self.minutes = minutes

    def on_train_begin(self, logs: Any = None) -> None:
        """Starts the clock."""
        self.start = time.perf_counter()
        self.rate = float(self.model.optimizer.learning_rate)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Sets the rate by the clock."""
        factor = 0.5 * (1 + np.cos(np.pi * min(self.share, 1.0)))
        self.model.optimizer.learning_rate = self.rate * factor

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Ends the training when time is over."""
        self.model.stop_training = self.share >= 1

    @property
    def share(self) -> float:
        """Of the time that is over."""
        return (time.perf_counter() - self.start) / (60 * self.minutes)


class Curve(keras.callbacks.Callback):
    """Prints a row of a Markdown table wherever the network was measured."""

    def __init__(self, batch_size: int) -> None:
        super().__init__()
        self.batch_size = batch_size
        self.num_steps = 0

    def on_train_begin(self, logs: Any = None) -> None:
        """Prints the table's head."""
        self.start = time.perf_counter()
        names = ["minutes", "steps", "images", "loss", *COLUMNS]
        print(f"| {' | '.join(names)} |\n|{' ---: |' * len(names)}", flush=True)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Counts."""
        self.num_steps += 1

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Prints a row."""
        if not set(COLUMNS.values()) <= logs.keys():
            return
        minutes = (time.perf_counter() - self.start) / 60
        images = self.num_steps * self.batch_size
        scores = [f"{logs[name]:.3f}" for name in COLUMNS.values()]
        counts = [f"{minutes:.1f}", f"{self.num_steps}", f"{images}"]
        cells = [*counts, f"{logs['loss']:.3f}", *scores]
        print(f"| {' | '.join(cells)} |", flush=True)


def learn(name: str, folder: Path, minutes: float, every: int, logs: str) -> None:
    """Trains for some minutes and prints the curve as it goes."""
    experiment = EXPERIMENTS[name]
    config = experiment.config()
    keras.utils.set_random_seed(config.SEED)
    train_dataset, unseen_dataset = (
        CocoDataset.from_path(folder / name / file)
        for file in (experiment.train_file, experiment.unseen_file)
    )
    model = MaskRCNN(config=config, model_dir=logs)
    print(
        f"{name}: {train_dataset.num_images} images to learn from, "
        f"{unseen_dataset.num_images} to measure on; {config.BACKBONE}, "
        f"{model.keras_model.count_params():,} weights\n"
    )
    model.train(
        train_dataset,
        unseen_dataset,
        epochs=10**6,
        layers="all",
        augmentation=experiment.augmentation,
        custom_callbacks=[TimedRate(minutes), Curve(config.BATCH_SIZE)],
        evaluate_every=every,
        verbose=0,
    )


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.learning", description=__doc__.split("\n")[0]
    )
    parser.add_argument("name", choices=EXPERIMENTS)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of image sets")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--every", type=int, default=2, help="epochs to the next row")
    parser.add_argument("--logs", help="keeps checkpoints and TensorBoard's files here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        learn(
            options.name,
            options.data,
            options.minutes,
            options.every,
            options.logs or folder,
        )


if __name__ == "__main__":
    main()
