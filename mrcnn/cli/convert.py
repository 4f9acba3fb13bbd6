"""`mrcnn convert`: a weights file of another origin in this package's form."""

import argparse
from pathlib import Path
from typing import Any

from mrcnn.cli.configs import add_config_option, checked, named_config
from mrcnn.cli.models import check_class_names, import_model_class
from mrcnn.cli.options import names
from mrcnn.cli.terminal import WELL, Misuse
from mrcnn.config import Config

_HELP = """\
Writes the weights of a file into an .h5 file in matterport's layout that says its
geometry, its config and its class names, so that `mrcnn detect` needs nothing else.

IN is a file of torchvision, detectron2, maskrcnn-benchmark, mmdetection or Detectron
(.pth, .pkl, .safetensors), or an .h5 file in matterport's layout. Nothing in it is run.

  mrcnn convert maskrcnn_resnet50_fpn_coco.pth coco.h5
  mrcnn convert mask_rcnn_balloon_0030.h5 balloon.h5 --classes balloon
  mrcnn convert old.h5 mine.h5 --config my_project.py:MyConfig"""


def add(commands: Any) -> None:
    """Adds the command's parser."""
    parser = commands.add_parser(
        "convert",
        help="write a weights file of another origin as one of ours",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("input", metavar="IN", help="the file to read")
    parser.add_argument("output", type=Path, metavar="OUT.h5", help="where to write")
    add_config_option(parser, "what the file says or its tensors tell")
    parser.add_argument(
        "--classes",
        type=names,
        metavar="A,B,...",
        help="class names in the order of their ids, without the background",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Writes the file and prints what became of the weights; -> exit code.

    The weights go through the network that they are of, so that what is written is
    known to fit its config.
    """
    if options.output.suffix not in (".h5", ".hdf5"):
        raise Misuse(f"OUT ends in .h5, but got {str(options.output)!r}")
    config = _config(options)
    check_class_names(options.classes, config)
    model = import_model_class()(config=config)
    print(model.load_weights(options.input))
    if options.classes is not None:
        model.class_names = ["BG", *options.classes]
    options.output.parent.mkdir(parents=True, exist_ok=True)
    model.keras_model.save_weights(options.output)
    print(f"Wrote {options.output}.")
    return WELL


def _config(options: argparse.Namespace) -> Config:
    """The config that was named, or else that of the file."""
    from mrcnn.weights.file_config import read_file_config

    config = named_config(options.config, {})
    if config is not None:
        return checked(config)
    found = read_file_config(options.input)
    if found is None:
        raise ValueError(
            f"{options.input} holds no detector, but a backbone alone, which "
            "load_weights(path, by_name=True) reads as it is."
        )
    return found.config
