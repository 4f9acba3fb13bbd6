"""`mrcnn evaluate`: COCO's average precision on data, and what goes wrong."""

import argparse
import json
from pathlib import Path
from typing import Any

from mrcnn.cli.configs import add_words, words_and_knobs
from mrcnn.cli.models import add_model_options, load_model
from mrcnn.cli.options import share, whole_number
from mrcnn.cli.terminal import WELL, Misuse, progress_bar

_HELP = """\
Measures a network on data with ground truth: COCO's average precision of boxes and
masks, for each class and size, and counts of what goes wrong.

DATA is a folder or a file of COCO json, VGG Image Annotator, labelme, Pascal VOC or
mask images; several are taken together. Classes are matched by name with those that
the weights know.

  mrcnn evaluate data/val --weights last
  mrcnn evaluate data/val --weights logs/nuts20261121T0930/mask_rcnn_nuts_0020.h5
  mrcnn evaluate data/val --weights last --report report --json numbers.json
  mrcnn evaluate val.json --weights coco --limit 500 --flip"""


def add(commands: Any) -> None:
    """Adds the command's parser."""
    parser = commands.add_parser(
        "evaluate",
        help="measure a network on data with ground truth",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_words(parser, "DATA", "where images and annotations are")
    add_model_options(parser)
    parser.add_argument(
        "--min-confidence",
        type=share,
        default=0.05,
        metavar="SCORE",
        help="lowest score of a detection (default: %(default)s); a high one cuts the "
        "curves that average precision is the area of",
    )
    parser.add_argument(
        "--limit",
        type=whole_number,
        metavar="N",
        help="look at N images only, evenly over the dataset",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write all numbers to a file"
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="DIR",
        help="write a page of HTML to look at: numbers, curves, and the images with "
        "ground truth and detections, the worst first",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints the numbers; -> exit code."""
    from mrcnn.cli.datasets import check_exist, evenly, open_all, set_channels

    paths, knobs = words_and_knobs(options.words, "DATA, a folder or a file")
    check_exist(paths)  # before the network, which takes its time
    model = load_model(options, knobs)
    dataset = open_all(paths, model.class_names and model.class_names[1:])
    if dataset.num_classes != model.config.NUM_CLASSES:
        raise Misuse(
            f"the data has {dataset.num_classes} classes with the background, but the "
            f"network has {model.config.NUM_CLASSES}. Evaluate on data with the "
            "classes that it was trained with"
        )
    set_channels(dataset, model.config.IMAGE_CHANNEL_COUNT)
    evaluation = model.evaluate(
        dataset,
        min_confidence=options.min_confidence,
        flip=options.flip,
        scales=options.scales,
        batch_size=options.batch_size or model.config.BATCH_SIZE,
        image_ids=evenly(dataset, options.limit),
        on_progress=progress_bar("detecting"),
    )
    if not any(scores.num_gt for scores in evaluation.coco.per_class):
        names = ", ".join(dataset.class_names[1:])
        raise ValueError(
            f"no instance in the data is of a class that the weights know ({names}): "
            "there is nothing to measure. Give data with these class names."
        )
    print(evaluation)
    written = []
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(evaluation.to_dict(), indent=2)
        options.json.write_text(text + "\n", encoding="utf-8")
        written.append(str(options.json))
    if options.report is not None:
        written.append(str(_write_report(options, evaluation, dataset)))
    if written:
        print(f"\nWrote {' and '.join(written)}.")
    return WELL


def _write_report(options: argparse.Namespace, evaluation: Any, dataset: Any) -> Path:
    from mrcnn.report.reports import write_evaluation_report

    return write_evaluation_report(
        options.report,
        evaluation,
        dataset,
        title=f"{options.weights} on {', '.join(options.words)}",
        on_progress=progress_bar("drawing"),
    )
