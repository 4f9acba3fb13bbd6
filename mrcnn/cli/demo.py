"""`mrcnn demo`: teaches a small Mask R-CNN to find drawn shapes, from scratch."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mrcnn.cli.models import import_model_class
from mrcnn.cli.options import whole_number
from mrcnn.cli.terminal import WELL, progress_bar
from mrcnn.config import Config

if TYPE_CHECKING:
    from mrcnn.data.shapes import ShapesDataset
    from mrcnn.mask_rcnn import MaskRCNN

_HELP = """\
Draws images of squares, circles and triangles, trains a network on them, measures it
on images it has not seen and leaves DIR/shapes.png: ground truth on the left, what the
network finds on the right. Takes three to five minutes on two cores; checkpoints and
logs lie beside the picture.

  mrcnn demo
  mrcnn demo --epochs 10 --seed 1 --output other_shapes"""


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

    # Images become 128 x 128 pixels, and shapes 24 to 64 pixels high.
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


def add(commands: Any) -> None:
    """Adds the command's parser."""
    parser = commands.add_parser(
        "demo",
        help="train on drawn shapes, measure and show, in minutes",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--epochs",
        type=whole_number,
        default=5,
        metavar="N",
        help="of 50 steps (default: %(default)s)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("demo_output"),
        metavar="DIR",
        help="folder for the picture and the run (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="another one, other shapes (default: %(default)s)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Trains, measures and draws; -> exit code."""
    from PIL import Image

    config = ShapesConfig()
    config.SEED = options.seed
    model = import_model_class()(config=config, model_dir=options.output / "logs")

    import keras

    keras.utils.set_random_seed(options.seed)
    train_dataset = drawn_dataset(2000, seed=2 * options.seed)
    unseen_dataset = drawn_dataset(100, seed=2 * options.seed + 1)
    size = f"{model.keras_model.count_params():,} weights"
    print(f"Training a network of {size} on {train_dataset.num_images} images")
    model.train(train_dataset, epochs=options.epochs, layers="all")

    print(f"\nLooking for shapes in {unseen_dataset.num_images} unseen images")
    evaluation = model.evaluate(unseen_dataset, on_progress=progress_bar("detecting"))
    scores = evaluation.coco
    print(f"\n{scores}\n")
    assert scores.masks is not None
    print(f"COCO mask AP {scores.masks['AP']:.3f}, AP50 {scores.masks['AP50']:.3f}")

    path = options.output / "shapes.png"
    Image.fromarray(picture(model, unseen_dataset, num_images=6)).save(path)
    print(f"Ground truth on the left, detections on the right: {path}")
    return WELL


def drawn_dataset(num_images: int, seed: int) -> "ShapesDataset":
    """Images of one to four shapes, ready for training."""
    from mrcnn.data.shapes import ShapesDataset

    dataset = ShapesDataset()
    dataset.load_shapes(num_images, height=256, width=256, seed=seed)
    dataset.prepare()
    return dataset


def picture(model: "MaskRCNN", dataset: "ShapesDataset", num_images: int) -> np.ndarray:
    """Ground truth beside detections, two images to a row. -> uint8 [H, W, 3]"""
    from mrcnn.drawing.instances import draw_instances
    from mrcnn.drawing.overlays import side_by_side

    images = [dataset.load_image(image_id) for image_id in range(num_images)]
    pairs = []
    for image_id, found in enumerate(model.detect(images)):
        masks, class_ids = dataset.load_mask(image_id)
        truth = {"masks": masks, "class_ids": class_ids}
        drawn = [
            draw_instances(
                images[image_id],
                instances,
                class_names=dataset.class_names,
                colors="class",
            )
            for instances in (truth, found)
        ]
        pairs.append(side_by_side(drawn))
    rows = [side_by_side(pairs[i : i + 2], gap=32) for i in range(0, num_images, 2)]
    below = [(0, 16), (0, 0), (0, 0)]
    return np.concatenate([np.pad(row, below, constant_values=255) for row in rows])
