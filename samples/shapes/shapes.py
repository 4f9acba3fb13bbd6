"""The whole of Mask R-CNN on images that draw themselves: data, training, detection.

    python samples/shapes/shapes.py

A tutorial to read from top to bottom. Nothing has to be downloaded: the network learns
from scratch, in some minutes, to tell squares, circles and triangles apart.

Shapes: H W the image, N instances.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from mrcnn.config import Config
from mrcnn.drawing.overlays import side_by_side
from mrcnn.model import MaskRCNN
from mrcnn.utils import Dataset
from mrcnn.visualize import draw_instances

CLASS_NAMES = ["square", "circle", "triangle"]

# --- The config: what network, and how it learns ----------------------------------


class ShapesConfig(Config):
    """A small network for small images, to be trained from scratch."""

    NAME = "shapes"
    NUM_CLASSES = 1 + 3  # background, square, circle, triangle

    # The smallest backbone, and narrow layers on top of it.
    BACKBONE = "resnet18"
    TOP_DOWN_PYRAMID_SIZE = 64
    FPN_CLASSIF_FC_LAYERS_SIZE = 256
    MASK_POOL_SIZE = 7
    MASK_SHAPE = (14, 14)

    # Images of 128 x 128 pixels, and shapes of 20 to 64 pixels.
    IMAGE_MIN_DIM = 128
    IMAGE_MAX_DIM = 128
    MINI_MASK_SHAPE = (28, 28)
    RPN_ANCHOR_SCALES = (16, 32, 64, 96, 128)
    ROI_CANONICAL_SCALE = 64

    # At most four shapes in an image: few anchors, proposals and rois do.
    PRE_NMS_LIMIT = 500
    RPN_TRAIN_ANCHORS_PER_IMAGE = 64
    POST_NMS_ROIS_TRAINING = 200
    POST_NMS_ROIS_INFERENCE = 100
    TRAIN_ROIS_PER_IMAGE = 32
    MAX_GT_INSTANCES = 8
    DETECTION_MAX_INSTANCES = 10

    # Without weights to start from, normalization has to learn, and to learn fast.
    TRAIN_BN = None
    BATCH_NORM_MOMENTUM = 0.9
    OPTIMIZER = "adamw"
    LEARNING_RATE = 0.001
    WARMUP_STEPS = 30
    LEARNING_RATE_SCHEDULE = "cosine"
    IMAGES_PER_GPU = 8
    STEPS_PER_EPOCH = 50
    KEEP_CHECKPOINTS = 1


# --- The dataset: which images there are, and where the objects are in them -------


class Shape(NamedTuple):
    """One shape to draw."""

    class_name: str
    color: tuple[int, int, int]
    x: int
    y: int
    radius: int


class ShapesDataset(Dataset):
    """Images with one to four shapes, drawn when they are asked for.

    A Dataset with files overrides `load_mask` alone; here, where the images are made
    up, `load_image` as well.
    """

    def load_shapes(self, num_images: int, side: int, seed: int) -> None:
        """Think of images; another seed gives others."""
        for class_id, name in enumerate(CLASS_NAMES, start=1):
            self.add_class("shapes", class_id, name)
        rng = np.random.default_rng(seed)
        for number in range(num_images):
            # Everything behind the path is kept in `image_info`, to draw from later.
            self.add_image(
                "shapes",
                number,
                path=None,
                side=side,
                background=random_color(rng, 0, 90),
                shapes=[random_shape(rng, side) for _ in range(rng.integers(1, 5))],
            )
        self.prepare()

    def load_image(self, image_id: int) -> np.ndarray:
        """The drawn image. -> uint8 [H, W, 3]"""
        info = self.image_info[image_id]
        image = Image.new("RGB", (info["side"], info["side"]), info["background"])
        for shape in info["shapes"]:
            draw_shape(image, shape, shape.color)
        return np.asarray(image)

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """What can be seen of each shape. -> bool [H, W, N], int32 [N]"""
        info = self.image_info[image_id]
        masks, class_ids = [], []
        covered = np.zeros((info["side"], info["side"]), bool)
        # From the shape on top to the one at the bottom: each hides those below.
        for shape in reversed(info["shapes"]):
            drawing = Image.new("1", (info["side"], info["side"]))
            draw_shape(drawing, shape, 1)
            mask = np.asarray(drawing)
            if (mask & ~covered).any():
                masks.append(mask & ~covered)
                class_ids.append(self.class_names.index(shape.class_name))
            covered = covered | mask
        return np.stack(masks, axis=-1), np.array(class_ids, "int32")


def random_color(rng: np.random.Generator, low: int, high: int) -> tuple[int, int, int]:
    """A colour whose red, green and blue lie in a range."""
    red, green, blue = rng.integers(low, high, 3).tolist()
    return red, green, blue


def random_shape(rng: np.random.Generator, side: int) -> Shape:
    """A bright shape that lies at least half in the image."""
    x, y = rng.integers(side // 8, side * 7 // 8, 2).tolist()
    radius = int(rng.integers(side // 12, side // 4))
    name = CLASS_NAMES[rng.integers(len(CLASS_NAMES))]
    return Shape(name, random_color(rng, 100, 256), x, y, radius)


def draw_shape(
    image: Image.Image, shape: Shape, color: int | tuple[int, int, int]
) -> None:
    """Fill a shape with a colour, in place."""
    draw, (_, _, x, y, radius) = ImageDraw.Draw(image), shape
    if shape.class_name == "square":
        draw.rectangle((x - radius, y - radius, x + radius, y + radius), color)
    elif shape.class_name == "circle":
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), color)
    else:
        # Equal sides: half a side is the height over the root of three.
        half = 2 * radius / 3**0.5
        corners = [(x, y - radius), (x - half, y + radius), (x + half, y + radius)]
        draw.polygon(corners, color)


# --- Training, evaluation, detection ----------------------------------------------

# To train on, and to measure on. Drawn when asked for, they cost no memory.
NUM_IMAGES = (2000, 50)


def main(arguments: Sequence[str] | None = None) -> None:
    """Draws images, trains on some and looks for the shapes in others."""
    options = parse(arguments)
    options.output.mkdir(parents=True, exist_ok=True)

    config = ShapesConfig()
    train_dataset, unseen_dataset = ShapesDataset(), ShapesDataset()
    for_training, unseen = NUM_IMAGES
    train_dataset.load_shapes(for_training, config.IMAGE_MAX_DIM, seed=1)
    unseen_dataset.load_shapes(unseen, config.IMAGE_MAX_DIM, seed=2)

    # Look at the data before training: here a mistake is found in a second.
    save_truth(train_dataset, options.output / "data.png")

    model = MaskRCNN(config=config, model_dir=options.output / "logs")

    # The heads first, the backbone at rest. On published weights this is most of the
    # work; on a backbone of random numbers it is a start, no more.
    model.train(train_dataset, epochs=1, layers="heads")
    print_scores("after training the heads", model, unseen_dataset)

    # Then everything. `epochs` counts those that are done.
    model.train(train_dataset, epochs=options.epochs, layers="all")
    print_scores("after training all layers", model, unseen_dataset)

    # A trained network is a file. Any other program loads and uses it like this.
    checkpoint = model.find_last()
    model = MaskRCNN(config=config)
    model.load_weights(checkpoint)
    save_found(model, unseen_dataset, options.output / "found.png")


def print_scores(title: str, model: MaskRCNN, dataset: Dataset) -> None:
    """COCO's average precision of the masks, over all classes and for each."""
    scores = model.evaluate(dataset).coco
    print(f"\nMask AP {scores.masks['AP']:.3f} {title}")
    for one_class in scores.per_class:
        print(f"    {one_class.class_name:10} {one_class.masks['AP']:.3f}")


def save_truth(dataset: Dataset, path: Path) -> None:
    """A picture of the first images with their ground truth."""
    pictures = []
    for image_id in range(5):
        masks, class_ids = dataset.load_mask(image_id)
        truth = {"masks": masks, "class_ids": class_ids}
        image = dataset.load_image(image_id)
        pictures.append(draw_instances(image, truth, class_names=dataset.class_names))
    Image.fromarray(side_by_side(pictures)).save(path)
    print(f"The data: {path}")


def save_found(model: MaskRCNN, dataset: Dataset, path: Path) -> None:
    """A picture of the first images with what the network finds."""
    images = [dataset.load_image(image_id) for image_id in range(5)]
    pictures = [
        draw_instances(image, found)
        for image, found in zip(images, model.detect(images), strict=True)
    ]
    Image.fromarray(side_by_side(pictures)).save(path)
    print(f"\nWhat is found, with scores: {path}")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What was typed, as attributes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=6, help="the first for the heads")
    parser.add_argument("--output", type=Path, default=Path("shapes_output"))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
