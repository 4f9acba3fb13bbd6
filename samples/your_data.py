"""Train Mask R-CNN on your own images: copy this file and change it.

    python samples/your_data.py                     # as it stands, on generated images
    python samples/your_data.py --data my_images    # on your images, a small network
    python samples/your_data.py --data my_images --weights coco     # a large one

Trains, measures COCO's average precision on images that the network has not seen, and
draws what it finds. Three places are yours to change, marked EDIT 1, 2 and 3.

Shapes: H W the image, N instances.
"""

import argparse
import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mrcnn.config import Config
from mrcnn.data.image_files import read_image_shape
from mrcnn.data.open_dataset import open_dataset
from mrcnn.data.shapes import ShapesDataset
from mrcnn.model import MaskRCNN
from mrcnn.utils import Dataset, download_trained_weights
from mrcnn.visualize import draw_instances

# --- EDIT 1: the knobs ------------------------------------------------------------


class YourConfig(Config):
    """For training on top of published weights; `mrcnn/config.py` explains all knobs.

    NUM_CLASSES is set below, from the data.
    """

    # Folders and checkpoints are called after it.
    NAME = "your_data"

    # Images are resized to fit this square. Multiples of 64; larger ones find smaller
    # objects and cost more time and memory.
    IMAGE_MIN_DIM = 512
    IMAGE_MAX_DIM = 512

    # Sides of your objects in pixels, after resizing, from small to large. Ask
    # `mrcnn inspect FOLDER` for those that fit your data.
    RPN_ANCHOR_SCALES = (16, 32, 64, 128, 256)

    # Images in a step, and steps from one checkpoint to the next.
    IMAGES_PER_GPU = 2
    STEPS_PER_EPOCH = 100

    # Detections below this score are not shown.
    DETECTION_MIN_CONFIDENCE = 0.7


class SmallConfig(YourConfig):
    """A small network for small images that learns from nothing, within minutes.

    Delete it once you start from weights, which is better wherever there are any.
    """

    # Images of 128 x 128 pixels, with objects of a tenth of that and more.
    IMAGE_MIN_DIM = 128
    IMAGE_MAX_DIM = 128
    RPN_ANCHOR_SCALES = (16, 32, 64, 96, 128)
    ROI_CANONICAL_SCALE = 64

    # The smallest backbone, narrow layers on top of it, and few rois.
    BACKBONE = "resnet18"
    TOP_DOWN_PYRAMID_SIZE = 64
    FPN_CLASSIF_FC_LAYERS_SIZE = 256
    MASK_POOL_SIZE = 7
    MASK_SHAPE = (14, 14)
    PRE_NMS_LIMIT = 500
    POST_NMS_ROIS_TRAINING = 200
    POST_NMS_ROIS_INFERENCE = 100
    TRAIN_ROIS_PER_IMAGE = 32

    # Everything has to be learnt, normalization included, and in few steps.
    TRAIN_BN = None
    BATCH_NORM_MOMENTUM = 0.9
    OPTIMIZER = "adamw"
    LEARNING_RATE_SCHEDULE = "cosine"
    WARMUP_STEPS = 30
    IMAGES_PER_GPU = 8
    STEPS_PER_EPOCH = 50


# --- EDIT 2: how your files are read ----------------------------------------------

# The background, class 0, does not count.
CLASS_NAMES = ["square", "circle", "triangle"]


class YourDataset(Dataset):
    """Images with a mask file for every object.

    FOLDER/0001.png              an image
    FOLDER/0001/circle_1.png     its first object, a circle: white where the object is
    FOLDER/0001/square_2.png     its second object, a square

    Are yours in COCO's, VIA's, labelme's or Pascal VOC's format, or in another layout
    of mask files? Then you need none of this: `open_dataset(path)` reads them.
    """

    def load_folder(self, folder: Path) -> None:
        """Tell which classes and images there are; no pixels are read."""
        for class_id, name in enumerate(CLASS_NAMES, start=1):
            self.add_class("yours", class_id, name)
        for path in sorted(folder.glob("*.png")):
            # Whatever load_mask needs can be handed over here by name.
            mask_files = sorted((folder / path.stem).glob("*.png"))
            self.add_image("yours", path.stem, str(path), mask_files=mask_files)
        self.prepare()

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """One mask and one class id for every object. -> bool [H, W, N], int32 [N]"""
        info = self.image_info[image_id]
        height, width = read_image_shape(info["path"])
        masks = np.zeros((height, width, len(info["mask_files"])), bool)
        class_ids = np.zeros(len(info["mask_files"]), "int32")
        for i, file in enumerate(info["mask_files"]):
            # "L" is one byte a pixel, whatever kind of picture the file holds.
            masks[..., i] = np.asarray(Image.open(file).convert("L")) > 127
            class_ids[i] = self.class_names.index(file.stem.split("_")[0])
        return masks, class_ids


# --- EDIT 3: where they are -------------------------------------------------------


def your_data(folder: Path) -> tuple[Dataset, Dataset]:
    """Training and validation data."""
    if not folder.exists():  # generated ones; you have your own
        write_example_images(folder / "train", NUM_EXAMPLES, seed=1)
        write_example_images(folder / "val", NUM_EXAMPLES // 20, seed=2)
    train_dataset, val_dataset = YourDataset(), YourDataset()
    train_dataset.load_folder(folder / "train")
    val_dataset.load_folder(folder / "val")
    return train_dataset, val_dataset


# --- What follows works as it is --------------------------------------------------

# Generated images to train on; a twentieth of it for validation.
NUM_EXAMPLES = 1000


def main(arguments: Sequence[str] | None = None) -> None:
    """Trains, measures and draws."""
    options = parse(arguments)
    if options.data is None:
        train_dataset, val_dataset = your_data(options.output / "data")
    else:
        train_dataset, val_dataset = open_data(options.data)
    config = SmallConfig() if options.weights is None else YourConfig()
    config.NUM_CLASSES = len(train_dataset.class_names)  # with the background
    # Empty masks, outlines beside the image, objects that no anchor fits, ...
    print(train_dataset.check(config, image_ids=train_dataset.image_ids[:100]))

    model = MaskRCNN(config=config, model_dir=options.output / "logs")
    if options.resume:
        model.load_weights(model.find_last())
    elif options.weights is not None:
        load_weights(model, options.weights)

    rate = config.LEARNING_RATE
    if options.weights is not None:
        # The random layers first, so that their first errors spoil nothing; then all
        # of them, gently.
        half = options.epochs // 2
        model.train(train_dataset, val_dataset, epochs=half, layers="heads")
        rate = rate / 10
    model.train(train_dataset, val_dataset, rate, epochs=options.epochs, layers="all")

    print(model.evaluate(val_dataset))

    for image_id in val_dataset.image_ids[:6]:
        image = val_dataset.load_image(image_id)
        found = model.detect([image])[0]
        path = options.output / f"found_{image_id}.png"
        Image.fromarray(draw_instances(image, found)).save(path)
        print(f"{path}: {found}")


def open_data(path: Path) -> tuple[Dataset, Dataset]:
    """Training and validation data in a known format.

    Either of the folders `train` and `val` in it, or every fifth image for validation.
    """
    if (path / "train").is_dir() and (path / "val").is_dir():
        train_dataset = open_dataset(path / "train")
        # Both must give a class the same number, also where one lacks it.
        names = train_dataset.class_names[1:]
        return train_dataset, open_dataset(path / "val", class_names=names)
    train_dataset = open_dataset(path)
    val_dataset = copy.copy(train_dataset)
    images = train_dataset.image_info
    val_dataset.image_info = images[::5]
    train_dataset.image_info = [image for i, image in enumerate(images) if i % 5]
    # Images are numbered anew.
    train_dataset.prepare()
    val_dataset.prepare()
    return train_dataset, val_dataset


def load_weights(model: MaskRCNN, weights: str) -> None:
    """Weights to start from: "coco" or a file."""
    path = Path("mask_rcnn_coco.h5") if weights == "coco" else Path(weights)
    if weights == "coco" and not path.exists():
        download_trained_weights(path)
    # These layers are made for the classes of the file; yours begin at random.
    heads = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"]
    model.load_weights(path, by_name=True, exclude=heads)


def write_example_images(folder: Path, num_images: int, seed: int) -> None:
    """Generated images and their masks as files, in the layout of `YourDataset`."""
    shapes = ShapesDataset()
    shapes.load_shapes(num_images, height=128, width=128, seed=seed)
    shapes.prepare()
    for image_id in shapes.image_ids:
        mask_folder = folder / f"{image_id:04d}"
        mask_folder.mkdir(parents=True)
        image = Image.fromarray(shapes.load_image(image_id))
        image.save(folder / f"{image_id:04d}.png")
        masks, class_ids = shapes.load_mask(image_id)
        for i, class_id in enumerate(class_ids):
            name = f"{shapes.class_names[class_id]}_{i + 1}.png"
            mask = masks[..., i].astype("uint8") * 255
            Image.fromarray(mask).save(mask_folder / name)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What was typed, as attributes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--data", type=Path, help="a folder or a json file in any known format"
    )
    parser.add_argument("--weights", help="to start from: coco, or a file.h5")
    parser.add_argument("--epochs", type=int, default=6, help="of all runs together")
    parser.add_argument("--resume", action="store_true", help="go on with the last run")
    parser.add_argument("--output", type=Path, default=Path("your_data_output"))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
