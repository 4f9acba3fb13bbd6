"""From the WEIGHTS that were typed to a MaskRCNN that detects."""

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mrcnn.cli.configs import (
    Knobs,
    add_config_option,
    checked,
    named_config,
    set_knobs,
    with_rpn,
)
from mrcnn.cli.options import positive, several, whole_number
from mrcnn.cli.terminal import Misuse
from mrcnn.config import Config
from mrcnn.data.coco_classes import COCO_CLASS_NAMES

if TYPE_CHECKING:
    from mrcnn.mask_rcnn import MaskRCNN

COCO_FILE = "mask_rcnn_coco.h5"

WEIGHTS_HELP = "a file of weights; `last` for the newest in --logs; `coco` for \
matterport's, which are downloaded"


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Adds what says which network looks at images, and how."""
    parser.add_argument(
        "--weights", required=True, metavar="FILE|last|coco", help=WEIGHTS_HELP
    )
    add_logs_option(parser)
    add_config_option(parser, "the one that the weights were trained with")
    parser.add_argument(
        "--batch-size",
        type=whole_number,
        metavar="N",
        help="images for one call of the network (default: BATCH_SIZE of the config)",
    )
    parser.add_argument(
        "--flip",
        action="store_true",
        help="look at mirror images too, and merge what both show",
    )
    parser.add_argument(
        "--scales",
        type=several(positive),
        default=[1.0],
        metavar="A,B,...",
        help="look at images in several scales, such as 0.75,1,1.5",
    )


def add_logs_option(parser: argparse.ArgumentParser) -> None:
    """Adds where runs of training lie."""
    parser.add_argument(
        "--logs",
        default="logs",
        metavar="DIR",
        help="folder of the runs of training (default: %(default)s)",
    )


def load_model(
    options: argparse.Namespace,
    knobs: Knobs,
    *,
    min_confidence: float | None = None,
    class_names: Sequence[str] | None = None,
) -> "MaskRCNN":
    """A network with its weights, its config and its class names.

    Args:
        options: of `add_model_options`
        knobs: to set in the config
        min_confidence: in place of DETECTION_MIN_CONFIDENCE
        class_names: without the background; by default those of the weights
    """
    from mrcnn.weights.file_config import read_file_config

    config = named_config(options.config, knobs)
    path = weights_path(options.weights, options.logs, config.NAME if config else None)
    found = read_file_config(path)
    if config is None:
        if found is None:
            raise ValueError(
                f"{path} holds the weights of a backbone alone, which finds nothing. "
                "Train with it, and name the file that comes out."
            )
        config = found.config
        set_knobs(config, knobs)
    if min_confidence is not None:
        config.DETECTION_MIN_CONFIDENCE = min_confidence
    check_class_names(class_names, config)
    model = import_model_class()(
        config=with_rpn(checked(config)), model_dir=options.logs
    )
    model.load_weights(path)
    if class_names is not None:
        model.class_names = ["BG", *class_names]
    elif model.class_names is None:
        model.class_names = _names_of_coco(path, config)
    return model


def check_class_names(class_names: Sequence[str] | None, config: Config) -> None:
    """Refuses names, without the background, of other than the config's classes."""
    if class_names is not None and len(class_names) != config.NUM_CLASSES - 1:
        raise Misuse(
            f"--classes names {len(class_names)} classes, but the weights are of "
            f"{config.NUM_CLASSES - 1}"
        )


def weights_path(word: str, logs: str, name: str | None) -> str:
    """The file that `last`, `coco` or a path stands for.

    `name` is that of the config whose runs `last` looks through; None for all runs.
    """
    from mrcnn.training.run_dir import find_last_checkpoint

    if word == "last":
        return find_last_checkpoint(logs, name)
    if word == "coco":
        return coco_weights_file()
    if not Path(word).is_file():
        raise FileNotFoundError(f"There is no weights file {word!r}.")
    return word


def coco_weights_file() -> str:
    """Path of matterport's COCO weights: here, or in Keras' cache, to which they go."""
    from mrcnn.weights.download import download_trained_weights

    if Path(COCO_FILE).is_file():
        return COCO_FILE
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    path = home / "models" / COCO_FILE
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        download_trained_weights(path)
    return str(path)


def import_model_class() -> Callable[..., "MaskRCNN"]:
    """The class MaskRCNN, once TensorFlow is there, which takes seconds."""
    from mrcnn.mask_rcnn import MaskRCNN

    return MaskRCNN


def _names_of_coco(path: str, config: Config) -> list[str] | None:
    """COCO's names for matterport's own file, which does not say any. [C]"""
    names = ["BG", *COCO_CLASS_NAMES]
    is_coco = Path(path).name == COCO_FILE and len(names) == config.NUM_CLASSES
    return names if is_coco else None
