"""`mrcnn inspect`: what is wrong with a dataset before training."""

import argparse
import json
from pathlib import Path
from typing import Any

from mrcnn.cli.configs import (
    add_config_option,
    add_words,
    named_config,
    set_knobs,
    words_and_knobs,
)
from mrcnn.cli.options import names, whole_number
from mrcnn.cli.terminal import FAILED, WELL, Misuse, progress_bar

_HELP = """\
Looks through a dataset before training: damaged files and annotations, objects that
the anchors cannot match, counts and sizes. Prints a table, and anchors that fit better
to paste into a config. Writes inspect.png, a page of charts and sample images, and
findings.json, all that was found.

DATA is a folder or a file of COCO json, VGG Image Annotator, labelme, Pascal VOC or
mask images, or a folder with `train` and `val` in it; several are taken together.

  mrcnn inspect data/train
  mrcnn inspect data/train data/val IMAGE_MIN_DIM=512 IMAGE_MAX_DIM=512
  mrcnn inspect annotations.json --config my_project.py:MyConfig --limit 200

The exit code is 1 where something was found that stops or poisons training."""


def add(commands: Any) -> None:
    """Adds the command's parser."""
    parser = commands.add_parser(
        "inspect",
        help="find what is wrong with a dataset before training",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_words(parser, "DATA", "where images and annotations are")
    add_config_option(parser, "the default knobs with the data's number of classes")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("inspect_output"),
        metavar="DIR",
        help="folder for inspect.png and findings.json (default: %(default)s)",
    )
    parser.add_argument(
        "--classes",
        type=names,
        metavar="A,B,...",
        help="class names in the order of their ids; all others are left out",
    )
    parser.add_argument(
        "--limit",
        type=whole_number,
        metavar="N",
        help="look at N images only, evenly over the dataset",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints the report and writes the page; -> exit code."""
    from mrcnn.cli.datasets import evenly, open_all, set_channels
    from mrcnn.data.checks.checking import default_config

    paths, knobs = words_and_knobs(options.words, "DATA, a folder or a file")
    config = named_config(options.config, knobs)
    dataset = open_all(paths, options.classes)
    if config is None:
        config = default_config(dataset)
        set_knobs(config, knobs)
    set_channels(dataset, config.IMAGE_CHANNEL_COUNT)
    image_ids = evenly(dataset, options.limit)
    try:
        report = dataset.check(
            config,
            image_ids=image_ids,
            on_progress=progress_bar("looking at images"),
        )
    except ValueError as error:
        raise Misuse(str(error)) from error
    print(report)

    from mrcnn.drawing.inspection import save_inspection_page

    options.output.mkdir(parents=True, exist_ok=True)
    content = json.dumps(report.to_dict(), indent=2)
    (options.output / "findings.json").write_text(content + "\n", encoding="utf-8")
    page = options.output / "inspect.png"
    save_inspection_page(page, report, dataset, config, title=", ".join(paths))
    print(f"\nWrote {page} and {options.output / 'findings.json'}.")
    return WELL if report.ok else FAILED
