"""Finds balloons and takes the colour out of everything else.

    python samples/balloon/balloon.py train --dataset=balloon --weights=coco
    python samples/balloon/balloon.py splash --weights=last --image=party.jpg
    python samples/balloon/balloon.py splash --weights=last --video=party.mp4

What most projects come to: a Config, a Dataset that reads annotations (here of VGG
Image Annotator, VIA), published weights whose heads are trained anew, and something to
do with the masks.

Shapes: H W the image, N instances.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mrcnn.config import Config
from mrcnn.data.image_files import read_image, read_image_shape
from mrcnn.geometry.mask_coding import polygons_to_mask
from mrcnn.model import MaskRCNN
from mrcnn.utils import Dataset, download_trained_weights

# --- The config -------------------------------------------------------------------


class BalloonConfig(Config):
    """What differs from the defaults, or had better be said."""

    NAME = "balloon"
    NUM_CLASSES = 1 + 1  # background, balloon

    # What COCO's weights were trained with; with --weights=imagenet, "resnet50".
    BACKBONE = "resnet101"

    # Two images of 1024 x 1024 pixels fit on a GPU of 12 GB. Fewer for less memory.
    IMAGES_PER_GPU = 2
    STEPS_PER_EPOCH = 100

    # Better to miss a balloon than to colour a face.
    DETECTION_MIN_CONFIDENCE = 0.9


# --- The dataset ------------------------------------------------------------------


class BalloonDataset(Dataset):
    """Photos of balloons, outlined with polygons in VIA, version 1 or 2."""

    def load_balloon(self, folder: Path) -> None:
        """Add the images of a folder that holds them and `via_region_data.json`."""
        self.add_class("balloon", 1, "balloon")
        content = json.loads((folder / "via_region_data.json").read_text("utf-8"))
        # In a saved project, the images are one part among others.
        images = content.get("_via_img_metadata", content)
        for entry in images.values():
            regions = entry["regions"]
            # Version 1 numbers the regions in a dict, version 2 has them in a list.
            if isinstance(regions, dict):
                regions = list(regions.values())
            path = folder / entry["filename"]
            # Masks have the image's shape, so it has to be known without the pixels.
            height, width = read_image_shape(path)
            self.add_image(
                "balloon",
                entry["filename"],
                str(path),
                height=height,
                width=width,
                polygons=[corners_of(region) for region in regions],
            )
        self.prepare()

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """A mask for every balloon. -> bool [H, W, N], int32 [N]"""
        info = self.image_info[image_id]
        height, width, polygons = info["height"], info["width"], info["polygons"]
        masks = np.zeros((height, width, len(polygons)), bool)
        for i, polygon in enumerate(polygons):
            masks[..., i] = polygons_to_mask([polygon], (height, width))
        return masks, np.ones(len(polygons), "int32")  # all of class 1

    def image_reference(self, image_id: int) -> str:
        """The image's path."""
        return self.image_info[image_id]["path"]


def corners_of(region: dict) -> np.ndarray:
    """A region's corners. -> [corners, 2] (x, y)"""
    shape = region["shape_attributes"]
    if shape["name"] != "polygon":
        raise ValueError(
            f"A region is a {shape['name']}, but polygons are expected. All of VIA's "
            "shapes are read by mrcnn.data.open_dataset."
        )
    return np.stack([shape["all_points_x"], shape["all_points_y"]], axis=-1)


# --- Training ---------------------------------------------------------------------


def train(model: MaskRCNN, folder: Path, epochs: int) -> None:
    """Trains the heads on the folder's `train`, watched on its `val`."""
    train_dataset, val_dataset = BalloonDataset(), BalloonDataset()
    train_dataset.load_balloon(folder / "train")
    val_dataset.load_balloon(folder / "val")

    # A small dataset on top of weights that know a lot: the heads are enough, and
    # training all layers would learn the few images by heart.
    model.train(train_dataset, val_dataset, epochs=epochs, layers="heads")

    print(model.evaluate(val_dataset))


def load_weights(model: MaskRCNN, weights: str) -> None:
    """Weights to start from: "coco", "imagenet", "last" or a file."""
    if weights == "last":
        model.load_weights(model.find_last())
    elif weights == "imagenet":
        model.load_weights(model.get_imagenet_weights(), by_name=True)
    elif weights == "coco":
        path = Path("mask_rcnn_coco.h5")
        if not path.exists():
            download_trained_weights(path)
        # COCO has 81 classes: the layers that depend on their number begin anew.
        heads = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"]
        model.load_weights(path, by_name=True, exclude=heads)
    else:
        model.load_weights(weights, by_name=True)


# --- The colour splash ------------------------------------------------------------


def color_splash(image: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """The image in grey, but for what any mask covers.

    Args:
        image: [H, W, 3] uint8
        masks: [H, W, N] bool

    Returns:
        [H, W, 3] uint8; all grey without masks
    """
    # Shares of red, green and blue in brightness (ITU-R BT.601).
    grey = (image @ [0.299, 0.587, 0.114]).astype("uint8")[..., None]  # [H, W, 1]
    is_balloon = masks.any(axis=-1, keepdims=True)  # [H, W, 1]
    return np.where(is_balloon, image, grey)


def splash_image(model: MaskRCNN, path: Path, output: Path) -> None:
    """Writes the splash of one image."""
    image = read_image(path)
    found = model.detect([image])[0]
    Image.fromarray(color_splash(image, found.masks)).save(output)
    print(f"{len(found)} balloons, see {output}")


def splash_video(model: MaskRCNN, path: Path, output: Path) -> None:
    """Writes the splash of a video, image by image."""
    from mrcnn.inference.videos import VideoWriter, read_video

    video = read_video(path)
    with VideoWriter(output, fps=video.fps) as writer:
        for number, image in enumerate(video, start=1):
            found = model.detect([image])[0]
            writer.write(color_splash(image, found.masks))
            print(f"\rimage {number} of {video.num_images or '?'}", end="", flush=True)
    print(f"\nSee {output}")


# --- The command line -------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command as typed."""
    options = parse(arguments)
    model = MaskRCNN(config=BalloonConfig(), model_dir=options.logs)
    load_weights(model, options.weights)

    if options.command == "train":
        train(model, options.dataset, options.epochs)
    elif options.image is not None:
        splash_image(model, options.image, options.output or Path("splash.png"))
    else:
        splash_video(model, options.video, options.output or Path("splash.mp4"))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What was typed, as attributes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)

    training = commands.add_parser(
        "train", help="train on a folder of annotated images"
    )
    training.add_argument(
        "--dataset",
        type=Path,
        required=True,
        help="with train and val in it, and in each via_region_data.json",
    )
    training.add_argument("--epochs", type=int, default=30)

    splash = commands.add_parser("splash", help="keep the colour of balloons alone")
    source = splash.add_mutually_exclusive_group(required=True)
    source.add_argument("--image", type=Path)
    source.add_argument("--video", type=Path)
    splash.add_argument("--output", type=Path, help="default: splash.png, splash.mp4")

    for command in (training, splash):
        command.add_argument(
            "--weights", required=True, help="coco, imagenet, last or a file.h5"
        )
        command.add_argument("--logs", type=Path, default=Path("logs"))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
