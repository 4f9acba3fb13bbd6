"""Finds the nuclei of cells, as in the 2018 Data Science Bowl, down to the submission.

    python samples/nucleus/nucleus.py train --dataset=stage1_train --weights=imagenet
    python samples/nucleus/nucleus.py detect --dataset=stage1_test --weights=last

Many small objects of one class in images of many kinds: training on enlarged parts of
images, detection in whole images, and masks that must not overlap.

Shapes: H W the image, N instances.
"""

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from mrcnn.config import Config
from mrcnn.data.image_files import read_image_shape
from mrcnn.data.transforms import ColorJitter, HorizontalFlip, Rotate90, VerticalFlip
from mrcnn.inference.results import Instances
from mrcnn.model import MaskRCNN
from mrcnn.utils import Dataset, download_trained_weights
from mrcnn.visualize import draw_instances

# --- The configs ------------------------------------------------------------------


class NucleusConfig(Config):
    """For training on top of weights of photographs."""

    NAME = "nucleus"
    NUM_CLASSES = 1 + 1  # background, nucleus

    # What ImageNet's weights were trained with; with --weights=coco, "resnet101".
    BACKBONE = "resnet50"

    # Nuclei are small, many of them below 16 pixels: everything is enlarged twice, and
    # training sees random squares of the enlarged images.
    IMAGE_MIN_SCALE = 2.0
    IMAGE_RESIZE_MODE = "crop"
    IMAGE_MIN_DIM = 512
    IMAGE_MAX_DIM = 512
    IMAGES_PER_GPU = 4
    STEPS_PER_EPOCH = 100

    # Sides of nuclei after enlarging, and features from the level that shows them best.
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    ROI_CANONICAL_SCALE = 112

    # Hundreds of nuclei in an image, so more of everything that is counted.
    MAX_GT_INSTANCES = 300
    POST_NMS_ROIS_INFERENCE = 2000
    DETECTION_MAX_INSTANCES = 500

    # The competition counts precision and recall alike.
    DETECTION_MIN_CONFIDENCE = 0.5


class SmallNucleusConfig(NucleusConfig):
    """A small network that learns from nothing, on a CPU within an hour."""

    NAME = "nucleus_small"
    BACKBONE = "resnet18"
    TOP_DOWN_PYRAMID_SIZE = 64
    FPN_CLASSIF_FC_LAYERS_SIZE = 256
    IMAGE_MIN_DIM = 256
    IMAGE_MAX_DIM = 256
    TRAIN_ROIS_PER_IMAGE = 100
    POST_NMS_ROIS_TRAINING = 500
    MAX_GT_INSTANCES = 150

    # Normalization has to learn too, and fast.
    TRAIN_BN = None
    BATCH_NORM_MOMENTUM = 0.9
    OPTIMIZER = "adamw"
    LEARNING_RATE_SCHEDULE = "cosine"
    WARMUP_STEPS = 30
    STEPS_PER_EPOCH = 50


# --- The dataset ------------------------------------------------------------------

# Of the annotated images, every tenth is kept to measure on.
KEPT_FOR_VALIDATION = 10


class NucleusDataset(Dataset):
    """A folder for each image: `ID/images/ID.png` and, if known, `ID/masks/*.png`."""

    def load_nucleus(
        self, folder: Path, subset: Literal["train", "val", "all"] = "all"
    ) -> None:
        """Add the images of a folder, or of a part of it."""
        self.add_class("nucleus", 1, "nucleus")
        entries = sorted(entry for entry in folder.iterdir() if entry.is_dir())
        for number, entry in enumerate(entries):
            is_kept = number % KEPT_FOR_VALIDATION == 0
            if subset == "all" or is_kept == (subset == "val"):
                path = entry / "images" / f"{entry.name}.png"
                self.add_image("nucleus", entry.name, str(path), folder=entry)
        if not self.image_info:
            raise ValueError(
                f"{str(folder)!r} has no images: expected folders ID with ID/images/"
                "ID.png in them, as in stage1_train."
            )
        self.prepare()

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """A mask for every nucleus. -> bool [H, W, N], int32 [N]"""
        info = self.image_info[image_id]
        files = sorted((info["folder"] / "masks").glob("*.png"))
        height, width = read_image_shape(info["path"])
        masks = np.zeros((height, width, len(files)), bool)
        for i, file in enumerate(files):
            masks[..., i] = np.asarray(Image.open(file).convert("L")) > 127
        return masks, np.ones(len(files), "int32")


# --- Training ---------------------------------------------------------------------


def train(model: MaskRCNN, folder: Path, epochs: int, from_nothing: bool) -> None:
    """Trains on nine tenths of a folder and measures on the rest."""
    train_dataset, val_dataset = NucleusDataset(), NucleusDataset()
    train_dataset.load_nucleus(folder, "train")
    val_dataset.load_nucleus(folder, "val")

    # Seen through a microscope, there is no up or down.
    augmentation = [HorizontalFlip(), VerticalFlip(), Rotate90(), ColorJitter()]
    if not from_nothing:
        # What is random first, until it no longer disturbs the rest.
        model.train(
            train_dataset,
            val_dataset,
            epochs=epochs // 2,
            layers="heads",
            augmentation=augmentation,
        )
    model.train(
        train_dataset,
        val_dataset,
        epochs=epochs,
        layers="all",
        augmentation=augmentation,
    )

    see_whole_images(model.config)
    print(model.evaluate(val_dataset))


def see_whole_images(config: Config) -> None:
    """Detection looks at all of an image, enlarged as in training."""
    config.IMAGE_RESIZE_MODE = "pad64"


def load_weights(model: MaskRCNN, weights: str) -> None:
    """Weights to start from: "coco", "imagenet", "last", "none" or a file."""
    if weights == "last":
        model.load_weights(model.find_last())
    elif weights == "imagenet":
        model.load_weights(model.get_imagenet_weights(), by_name=True)
    elif weights == "coco":
        path = Path("mask_rcnn_coco.h5")
        if not path.exists():
            download_trained_weights(path)
        # The layers that depend on the number of classes begin anew.
        heads = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"]
        model.load_weights(path, by_name=True, exclude=heads)
    elif weights != "none":
        model.load_weights(weights, by_name=True)


# --- Detection and submission -----------------------------------------------------


def detect(model: MaskRCNN, folder: Path, output: Path) -> None:
    """Writes `submission.csv`, and a picture of every image."""
    see_whole_images(model.config)
    dataset = NucleusDataset()
    dataset.load_nucleus(folder)
    output.mkdir(parents=True, exist_ok=True)

    with open(output / "submission.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["ImageId", "EncodedPixels"])
        for image_id in dataset.image_ids:
            image = dataset.load_image(image_id)
            found = model.detect([image])[0]
            name = dataset.image_info[image_id]["id"]
            writer.writerows([name, runs] for runs in submission_lines(found))
            picture = draw_instances(image, found, show_boxes=False, show_labels=False)
            Image.fromarray(picture).save(output / f"{name}.png")
            print(f"{name}: {len(found)} nuclei")
    print(f"See {output / 'submission.csv'}")


def submission_lines(found: Instances) -> list[str]:
    """Run lengths of every nucleus; for none, a single empty line."""
    masks = without_overlaps(found.masks, found.scores)
    lines = [run_lengths(masks[..., i]) for i in range(masks.shape[-1])]
    return [line for line in lines if line] or [""]


def without_overlaps(masks: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Every pixel given to the mask with the best score among those that claim it.

    Args:
        masks: bool [H, W, N]
        scores: [N]

    Returns:
        bool [H, W, N]; a mask of which nothing is left is empty
    """
    parts = np.zeros_like(masks)
    is_free = np.ones(masks.shape[:2], bool)
    for i in np.argsort(-scores):
        parts[..., i] = masks[..., i] & is_free
        is_free &= ~masks[..., i]
    return parts


def run_lengths(mask: np.ndarray) -> str:
    """A mask [H, W] as "start length start length ...".

    Pixels are counted from 1, down the first column and on with the second.
    """
    pixels = np.pad(mask.T.ravel(), 1)  # an empty pixel before and behind
    changes = np.flatnonzero(pixels[1:] != pixels[:-1])
    starts, ends = changes[0::2], changes[1::2]
    return " ".join(
        f"{start + 1} {end - start}" for start, end in zip(starts, ends, strict=True)
    )


# --- The command line -------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command as typed."""
    options = parse(arguments)
    config = SmallNucleusConfig() if options.small else NucleusConfig()
    model = MaskRCNN(config=config, model_dir=options.logs)
    load_weights(model, options.weights)
    if options.command == "train":
        from_nothing = options.weights == "none" or options.small
        train(model, options.dataset, options.epochs, from_nothing)
    else:
        detect(model, options.dataset, options.output)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What was typed, as attributes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)

    training = commands.add_parser("train", help="train on annotated images")
    training.add_argument("--epochs", type=int, default=40)

    detecting = commands.add_parser("detect", help="find nuclei, write the submission")
    detecting.add_argument("--output", type=Path, default=Path("nucleus_output"))

    for command in (training, detecting):
        command.add_argument(
            "--dataset", type=Path, required=True, help="such as .../stage1_train"
        )
        command.add_argument(
            "--weights", required=True, help="coco, imagenet, last, none or a file.h5"
        )
        command.add_argument(
            "--small", action="store_true", help="the network that fits a CPU"
        )
        command.add_argument("--logs", type=Path, default=Path("logs"))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
