"""A tour without training: generated shapes on their way through the package.

    make demo        or        python -m samples.demo

Draws shapes, molds them for the network, asks how many of them the anchors reach, how
much of a mask survives in a 28×28 patch, builds a small network and runs it. Leaves
`demo_output/shapes.png`: the image, its ground truth, and the same masks after the
patch.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from mrcnn.config import Config
from mrcnn.data.shapes import ShapesDataset
from mrcnn.drawing.overlays import overlay_masks, side_by_side
from mrcnn.geometry.boxes import pairwise_iou
from mrcnn.geometry.masks import mask_bounds, mask_through_box, paste_masks
from mrcnn.geometry.resizing import apply_resize, plan_resize, resize_masks


class ShapesConfig(Config):
    """A small network for small images."""

    NAME = "shapes"
    BACKBONE = "resnet18"
    NUM_CLASSES = 1 + 3
    IMAGE_MIN_DIM = 256
    IMAGE_MAX_DIM = 256
    RPN_ANCHOR_SCALES = (16, 32, 64, 128, 256)
    TOP_DOWN_PYRAMID_SIZE = 128


def main() -> None:
    """Runs the tour and prints what it finds."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=100, help="how many to draw")
    parser.add_argument("--seed", type=int, default=0, help="of the drawing")
    parser.add_argument("--output", type=Path, default=Path("demo_output"))
    options = parser.parse_args()

    config = ShapesConfig()
    dataset = ShapesDataset()
    dataset.load_shapes(options.images, 200, 240, seed=options.seed)
    dataset.prepare()

    examples = [
        molded_example(dataset, config, image_id)
        for image_id in with_progress(dataset.image_ids, "drawing")
    ]
    masks_per_image = [masks for _, masks in examples]
    count = sum(masks.shape[-1] for masks in masks_per_image)
    print(f"{len(examples)} images with {count} shapes, molded to {config.IMAGE_SHAPE}")
    report_anchors(config, masks_per_image)
    restored = [through_patches(masks) for masks in masks_per_image]
    report_patches(masks_per_image, restored)

    image, masks = examples[0]
    sheet = [image, overlay_masks(image, masks), overlay_masks(image, restored[0])]
    options.output.mkdir(parents=True, exist_ok=True)
    picture = options.output / "shapes.png"
    Image.fromarray(side_by_side(sheet)).save(picture)
    print(f"image, ground truth, and masks after a 28×28 patch: {picture}")

    report_network(config, [image for image, _ in examples[:4]])


def molded_example(
    dataset: ShapesDataset, config: Config, image_id: int
) -> tuple[np.ndarray, np.ndarray]:
    """An image and its masks on the grid that the network sees."""
    image = dataset.load_image(image_id)
    masks, _ = dataset.load_mask(image_id)
    plan = plan_resize(
        image.shape,
        min_dim=config.IMAGE_MIN_DIM,
        max_dim=config.IMAGE_MAX_DIM,
        min_scale=config.IMAGE_MIN_SCALE,
        mode=config.IMAGE_RESIZE_MODE,
    )
    return apply_resize(image, plan), resize_masks(masks, plan)


def report_anchors(config: Config, masks_per_image: list[np.ndarray]) -> None:
    """Prints the share of shapes that some anchor overlaps well enough."""
    from mrcnn.network_anchors import pixel_anchors_for_image

    anchors = pixel_anchors_for_image(config, config.IMAGE_SHAPE, "aligned")
    boxes = np.concatenate([mask_bounds(masks) for masks in masks_per_image])
    best = np.array([pairwise_iou(anchors, box[None]).max() for box in boxes])
    for threshold in (0.5, 0.7):
        share = (best >= threshold).mean()
        print(f"{share:6.1%} of shapes have an anchor of IoU {threshold} or more")


def through_patches(masks: np.ndarray) -> np.ndarray:
    """What is left of masks that a perfect network sees through 28×28 pixels."""
    boxes = mask_bounds(masks).astype("float32")
    patches = mask_through_box(np.moveaxis(masks, -1, 0), boxes, (28, 28))
    return paste_masks(
        patches, boxes, masks.shape[:2], threshold=0.5, whole_pixel_paste=False
    )


def report_patches(before: list[np.ndarray], after: list[np.ndarray]) -> None:
    """Prints how well masks survive."""
    both = np.concatenate(
        [(a & b).sum((0, 1)) for a, b in zip(before, after, strict=True)]
    )
    either = np.concatenate(
        [(a | b).sum((0, 1)) for a, b in zip(before, after, strict=True)]
    )
    print(f"{(both / either).mean():6.3f} mean IoU of masks after a 28×28 patch")


def report_network(config: Config, images: list[np.ndarray]) -> None:
    """Builds the network and times a detection; without training it finds nothing."""
    from mrcnn.model import MaskRCNN

    began = time.perf_counter()
    model = MaskRCNN(config=config)
    count = model.keras_model.count_params()
    seconds = time.perf_counter() - began
    print(f"{config.BACKBONE} network of {count:,} weights, built in {seconds:.1f} s")
    model.detect(images[:1])
    began = time.perf_counter()
    model.detect(images, batch_size=1)
    seconds = (time.perf_counter() - began) / len(images)
    print(f"{seconds:.2f} s an image to detect, with weights that know nothing yet")


def with_progress(items: np.ndarray, label: str):
    """Yields items and draws a progress bar."""
    for done, item in enumerate(items, 1):
        yield item
        bar = "█" * (30 * done // len(items))
        end = "\n" if done == len(items) else ""
        sys.stderr.write(f"\r{label} {bar:·<30} {done}/{len(items)}{end}")


if __name__ == "__main__":
    main()
