"""`mrcnn train`: teaches a network what a dataset shows."""

import argparse
import math
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from mrcnn.cli.configs import (
    Knobs,
    add_config_option,
    add_words,
    checked,
    named_config,
    set_knobs,
    with_rpn,
    words_and_knobs,
)
from mrcnn.cli.models import (
    add_logs_option,
    coco_weights_file,
    import_model_class,
    weights_path,
)
from mrcnn.cli.options import names, positive, several, whole_number
from mrcnn.cli.terminal import WELL, Misuse, counted
from mrcnn.config import Config

if TYPE_CHECKING:
    from mrcnn.cli.datasets import TrainingData
    from mrcnn.data.dataset import Dataset
    from mrcnn.mask_rcnn import MaskRCNN

# Weights without heads: all layers have to learn.
_WITHOUT_HEADS = ("none", "imagenet")

_HELP = """\
Trains a network, saves it after every epoch and says how to use it.

DATA is a folder or a file of COCO json, VGG Image Annotator, labelme, Pascal VOC or
mask images, or a folder with `train` and `val` in it; several are taken together.
Look at it with `mrcnn inspect` first.

  mrcnn train data --epochs 20
  mrcnn train data/train --val data/val IMAGE_MIN_DIM=512 IMAGE_MAX_DIM=512
  mrcnn train data --layers heads,all --epochs 10,30 --learning-rate 0.001,0.0001
  mrcnn train data --weights last --layers all --epochs 60
  mrcnn train data --config my_project.py:MyConfig --weights none

The third example has two stages: the heads learn until 10 epochs are done, then all
layers until 30 are. Ctrl-C saves and ends; the same command with --resume goes on
where it was."""


class Stage(NamedTuple):
    """Layers that learn until so many epochs are done in all."""

    layers: str
    epochs: int
    learning_rate: float | None


class Start(NamedTuple):
    """The weights that training begins from."""

    path: str | None
    """None for random ones."""

    is_run: bool
    """Whether the run that they come from goes on; else they begin a new one."""


def add(commands: Any) -> None:
    """Adds the command's parser."""
    parser = commands.add_parser(
        "train",
        help="teach a network what a dataset shows",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_words(parser, "DATA", "where images and annotations are")
    _add_stage_options(parser)
    add_logs_option(parser)
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the newest run of this name in --logs, if there is one",
    )
    add_config_option(
        parser,
        "that of the weights, or the default knobs; name, number of classes and steps "
        "in an epoch follow from the data",
    )
    _add_data_options(parser)
    parser.set_defaults(run=run)


def _add_stage_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--weights",
        default="coco",
        metavar="coco|imagenet|last|FILE|none",
        help="what to start from: matterport's COCO weights, a backbone that knows "
        "ImageNet, a FILE, or random numbers; `last` goes on with the newest run of "
        "this name in --logs (default: coco)",
    )
    parser.add_argument(
        "--layers",
        type=names,
        metavar="A,B,...",
        help="which learn in each stage: heads, 3+, 4+, 5+, all or a regular "
        "expression (default: heads, or all where the weights hold no heads)",
    )
    parser.add_argument(
        "--epochs",
        type=several(whole_number),
        default=[10],
        metavar="N,M,...",
        help="epochs done at the end of each stage, all before included (default: 10)",
    )
    parser.add_argument(
        "--learning-rate",
        type=several(positive),
        default=[None],
        metavar="R,S,...",
        help="in each stage, or one for all (default: LEARNING_RATE of the config)",
    )


def _add_data_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--val",
        action="append",
        default=[],
        metavar="DATA",
        help="data to compute the losses on after every epoch; may be repeated",
    )
    parser.add_argument(
        "--classes",
        type=names,
        metavar="A,B,...",
        help="class names in the order of their ids; all others are left out",
    )
    parser.add_argument(
        "--evaluate-every",
        type=whole_number,
        default=0,
        metavar="N",
        help="compute the average precision on the validation data every N epochs",
    )
    parser.add_argument(
        "--workers",
        type=whole_number,
        default=1,
        metavar="N",
        help="threads that prepare images (default: %(default)s)",
    )


def run(options: argparse.Namespace) -> int:
    """Trains and says what to do next; -> exit code."""
    from mrcnn.cli.datasets import (
        check_exist,
        check_shows_objects,
        name_of_data,
        open_for_training,
    )

    paths, knobs = words_and_knobs(options.words, "DATA, a folder or a file")
    config = named_config(options.config, knobs)
    stages = _stages(options)
    check_exist([*paths, *options.val])
    data = open_for_training(paths, options.val, options.classes)
    check_shows_objects(data.train, paths)
    name = (config and config.NAME) or knobs.get("NAME") or name_of_data(paths[0])
    start = _start(
        options, str(name), config or _default_config(options.weights, knobs)
    )
    if config is None:
        config = _config_of_file(start) or _default_config(options.weights, knobs)
        _follow_data(config, data.train, str(name), is_run=start.is_run)
        set_knobs(config, knobs)
    _fill_gaps(config, data.train, str(name))
    model = _make_model(config, start, options.logs)
    _announce(model, data, start)
    _train(model, data, stages, options)
    print(_what_next(model, data.val_paths, options.logs))
    return WELL


def _stages(options: argparse.Namespace) -> list[Stage]:
    """The stages of --layers, --epochs and --learning-rate."""
    default = ["all"] if options.weights in _WITHOUT_HEADS else ["heads"]
    layers, epochs = options.layers or default, options.epochs
    rates = options.learning_rate
    rates = rates * len(layers) if len(rates) == 1 else rates
    if not len(layers) == len(epochs) == len(rates):
        raise Misuse(
            f"--layers names {len(layers)} stages, --epochs {len(epochs)} and "
            f"--learning-rate {len(rates)}: give one of each for every stage"
        )
    if sorted(set(epochs)) != epochs:
        raise Misuse(
            f"--epochs are those done in all, so they rise from stage to stage, but "
            f"got {epochs}"
        )
    return [Stage(*stage) for stage in zip(layers, epochs, rates, strict=True)]


def _start(options: argparse.Namespace, name: str, config: Config) -> Start:
    """The weights to begin from, and whether a run goes on.

    `config` says which backbone ImageNet's weights are for.
    """
    from mrcnn.training.run_dir import find_last_checkpoint

    if options.resume:
        try:
            return Start(find_last_checkpoint(options.logs, name), True)
        except FileNotFoundError:
            print(f"No run of {name!r} in {options.logs} to go on with: beginning one.")
    word = options.weights
    if word == "none":
        return Start(None, False)
    if word == "imagenet":
        from mrcnn.weights.imagenet import imagenet_weights_file

        return Start(imagenet_weights_file(checked(config)), False)
    if word == "coco":
        return Start(coco_weights_file(), False)
    return Start(weights_path(word, options.logs, name), word == "last")


def _config_of_file(start: Start) -> Config | None:
    from mrcnn.weights.file_config import read_file_config

    found = None if start.path is None else read_file_config(start.path)
    return None if found is None else found.config


def _default_config(weights: str, knobs: Knobs) -> Config:
    """The default config with knobs set; from ImageNet's weights, a light backbone."""
    config = Config()
    if weights == "imagenet":
        config.BACKBONE = "resnet50"
    set_knobs(config, knobs)
    return config


def _follow_data(config: Config, dataset: "Dataset", name: str, is_run: bool) -> None:
    """Sets what the data decides; a run that goes on keeps its steps."""
    config.NUM_CLASSES = dataset.num_classes
    if not is_run:
        config.NAME = name
        # Once over all images, but no epochs of a few seconds.
        steps = math.ceil(dataset.num_images / config.BATCH_SIZE)
        config.STEPS_PER_EPOCH = max(steps, 100)


def _fill_gaps(config: Config, dataset: "Dataset", name: str) -> None:
    """What a config of the user leaves open follows from the data."""
    from mrcnn.cli.datasets import set_channels

    config.NAME = config.NAME or name
    if config.NUM_CLASSES == Config.NUM_CLASSES:
        config.NUM_CLASSES = dataset.num_classes
    with_rpn(checked(config))
    set_channels(dataset, config.IMAGE_CHANNEL_COUNT)


def _make_model(config: Config, start: Start, logs: str) -> "MaskRCNN":
    model = import_model_class()("training", config, model_dir=logs)
    if start.path is not None:
        model.load_weights(start.path, by_name=True)
    if not start.is_run:
        model.set_log_dir()
    return model


def _announce(model: "MaskRCNN", data: "TrainingData", start: Start) -> None:
    config, train = model.config, data.train
    shown = ", ".join(train.class_names[1:6]) + (", …" * (train.num_classes > 6))
    val = f", {data.val.num_images} for validation" if data.val else ""
    print(f"Data      {train.num_images} images{val}; classes: {shown}")
    print(f"Weights   {start.path or 'random'}, {model.geometry} geometry")
    print(
        f"Network   {config.BACKBONE}, images of up to {config.IMAGE_MAX_DIM} pixels, "
        f"{config.BATCH_SIZE} at a time, {config.STEPS_PER_EPOCH} steps in an epoch"
    )
    print(f"Run       {model.log_dir}", flush=True)


def _train(
    model: "MaskRCNN",
    data: "TrainingData",
    stages: Sequence[Stage],
    options: argparse.Namespace,
) -> None:
    """Trains in stages; those that are done already are left out."""
    todo = [stage for stage in stages if stage.epochs > model.epoch]
    if not todo:
        print(
            f"Nothing to train: {model.epoch} epochs are done. Ask for more with "
            "--epochs, which counts these as well."
        )
    for stage in todo:
        print(f"\nTraining {stage.layers}, {counted(stage.epochs, 'epoch')} in all")
        try:
            model.train(
                data.train,
                data.val,
                learning_rate=stage.learning_rate,
                epochs=stage.epochs,
                layers=stage.layers,
                workers=options.workers,
                evaluate_every=options.evaluate_every,
            )
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"stopped. What was learnt is in {model.log_dir}; the same command "
                "with --resume goes on from there."
            ) from None


def _what_next(model: "MaskRCNN", val_paths: Sequence[str], logs: str) -> str:
    """Where the network lies, and commands to use it."""
    path = model.checkpoint_path.replace("*epoch*", f"{model.epoch:04d}")
    val = " ".join(shlex.quote(path) for path in val_paths) or "DATA"
    file = shlex.quote(path)
    return (
        f"\nThe network is saved in {path}. Next:\n"
        f"  mrcnn evaluate {val} --weights {file}\n"
        f"  mrcnn detect IMAGES --weights {file}\n"
        f"  tensorboard --logdir {shlex.quote(logs)}"
    )
