"""Trains and evaluates on COCO.

    python samples/coco/coco.py train --dataset=coco --weights=imagenet
    python samples/coco/coco.py evaluate --dataset=coco --weights=last --limit=500

The schedule of a long training in stages, and the evaluation as papers report it: a
file of results, and pycocotools' verdict on it.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mrcnn.config import Config
from mrcnn.data.readers.coco import CocoDataset
from mrcnn.model import MaskRCNN
from mrcnn.utils import download_trained_weights

# --- The config -------------------------------------------------------------------


class CocoConfig(Config):
    """80 classes, images of 1024 x 1024 pixels."""

    NAME = "coco"
    NUM_CLASSES = 1 + 80

    # What COCO's published weights were trained with; with ImageNet's, "resnet50".
    BACKBONE = "resnet101"

    # Two images fit on a GPU of 12 GB. On 8 GPUs, set GPU_COUNT = 8.
    IMAGES_PER_GPU = 2
    STEPS_PER_EPOCH = 1000

    # A detection's score only orders it in COCO's average precision, so nothing is
    # cut off that might yet be right.
    DETECTION_MIN_CONFIDENCE = 0.05


# --- The dataset ------------------------------------------------------------------


def open_coco(folder: Path, subset: str, year: str) -> CocoDataset:
    """The images of a subset, in the layout that COCO's archives unpack to.

    Args:
        folder: with `annotations/instances_train2017.json`, `train2017/*.jpg`, ...
        subset: "train" or "val"
        year: such as "2017"
    """
    dataset = CocoDataset()
    dataset.load_coco(annotation_file(folder, subset, year), folder / (subset + year))
    dataset.prepare()
    return dataset


def annotation_file(folder: Path, subset: str, year: str) -> Path:
    """Where COCO keeps the annotations of a subset."""
    return folder / "annotations" / f"instances_{subset}{year}.json"


# --- Training ---------------------------------------------------------------------


def train(model: MaskRCNN, folder: Path, year: str, epochs: int) -> None:
    """Trains in three stages, from the heads down to the whole network.

    `epochs` counts from the very first one, so a run that was stopped goes on in the
    stage it was in: the stages before have nothing left to do.
    """
    train_dataset = open_coco(folder, "train", year)
    val_dataset = open_coco(folder, "val", year)
    rate = model.config.LEARNING_RATE

    # A quarter for the heads, which begin at random, the backbone at rest.
    model.train(
        train_dataset, val_dataset, rate, epochs=round(epochs * 0.25), layers="heads"
    )
    # Half for all from the backbone's fourth stage upwards, which sees whole things.
    model.train(
        train_dataset, val_dataset, rate, epochs=round(epochs * 0.75), layers="4+"
    )
    # A quarter for everything, at a tenth of the rate.
    model.train(train_dataset, val_dataset, rate / 10, epochs=epochs, layers="all")


def load_weights(model: MaskRCNN, weights: str) -> None:
    """Weights to start from or to evaluate: "coco", "imagenet", "last" or a file."""
    if weights == "last":
        model.load_weights(model.find_last())
    elif weights == "imagenet":
        model.load_weights(model.get_imagenet_weights(), by_name=True)
    elif weights == "coco":
        path = Path("mask_rcnn_coco.h5")
        if not path.exists():
            download_trained_weights(path)
        model.load_weights(path)
    else:
        model.load_weights(weights, by_name=True)


# --- Evaluation -------------------------------------------------------------------


def evaluate(
    model: MaskRCNN, folder: Path, year: str, limit: int | None, output: Path
) -> dict[str, np.ndarray]:
    """Writes COCO's file of results and prints its numbers for boxes and masks.

    Returns:
        "bbox" and "segm" with the twelve numbers that are printed, AP first.
    """
    dataset = open_coco(folder, "val", year)
    image_ids = dataset.image_ids[:limit]
    results: list[dict[str, Any]] = []
    # COCO's category ids have gaps; the network's class ids have none.
    category_ids = [info["id"] for info in dataset.class_info]
    for done, image_id in enumerate(image_ids, start=1):
        found = model.detect([dataset.load_image(image_id)])[0]
        coco_id = dataset.image_info[image_id]["id"]
        results += found.to_coco(coco_id, category_ids)
        print(f"\rimage {done} of {len(image_ids)}", end="", flush=True)
    output.write_text(json.dumps(results), encoding="utf-8")
    print(f"\n{len(results)} detections in {output}")

    coco_ids = [dataset.image_info[image_id]["id"] for image_id in image_ids]
    truth = COCO(str(annotation_file(folder, "val", year)))
    return {
        kind: summarize(truth, results, coco_ids, kind) for kind in ("bbox", "segm")
    }


def summarize(
    truth: COCO, results: list[dict[str, Any]], coco_ids: list[int], kind: str
) -> np.ndarray:
    """The numbers of pycocotools for boxes ("bbox") or masks ("segm"). -> [12]"""
    if not results:
        print(f"{kind}: nothing was found.")
        return np.zeros(12)
    coco_eval = COCOeval(truth, truth.loadRes(results), kind)
    coco_eval.params.imgIds = coco_ids
    coco_eval.evaluate()
    coco_eval.accumulate()
    coco_eval.summarize()
    return coco_eval.stats


# --- The command line -------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command as typed."""
    options = parse(arguments)
    model = MaskRCNN(config=CocoConfig(), model_dir=options.logs)
    load_weights(model, options.weights)
    if options.command == "train":
        train(model, options.dataset, options.year, options.epochs)
    else:
        evaluate(model, options.dataset, options.year, options.limit, options.output)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What was typed, as attributes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)

    training = commands.add_parser("train", help="train in three stages")
    training.add_argument("--epochs", type=int, default=160, help="of all stages")

    evaluating = commands.add_parser("evaluate", help="average precision on val")
    evaluating.add_argument("--limit", type=int, help="of images, the first of them")
    evaluating.add_argument("--output", type=Path, default=Path("coco_results.json"))

    for command in (training, evaluating):
        command.add_argument(
            "--dataset",
            type=Path,
            required=True,
            help="with annotations/, train2017/ and val2017/ in it",
        )
        command.add_argument("--year", default="2017", help="default: %(default)s")
        command.add_argument(
            "--weights", required=True, help="coco, imagenet, last or a file.h5"
        )
        command.add_argument("--logs", type=Path, default=Path("logs"))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
