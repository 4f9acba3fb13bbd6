"""The command line: `mrcnn inspect DATA`, each subcommand a function below.

A subcommand adds its parser in a function `_add_...` and names with `set_defaults` the
function that runs it; that one takes the parsed options and returns the exit code.
"""

import argparse
import ast
import difflib
import importlib
import importlib.util
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from mrcnn.config import Config
from mrcnn.data.checking import default_config
from mrcnn.data.combined import CombinedDataset
from mrcnn.data.dataset import Dataset
from mrcnn.data.open_dataset import open_dataset

FOUND_NOTHING, FOUND_ERRORS, MISUSED = 0, 1, 2
"""Exit codes: all is well; the data has errors; the command was not understood."""

_KNOB = re.compile(r"[A-Z][A-Z0-9_]*=")

_INSPECT_HELP = """\
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command as typed, and returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="mrcnn", description="Mask R-CNN: finds objects, their classes and masks."
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_inspect(commands)
    # Data and knobs may stand after options, where argparse does not look for them.
    options, rest = parser.parse_known_args(arguments)
    unknown = [text for text in rest if text.startswith("-")]
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    options.words = [*options.words, *rest]
    try:
        return options.run(options)
    except _Misuse as error:
        parser.error(str(error))


class _Misuse(Exception):
    """What was typed cannot be understood."""


# --- inspect ----------------------------------------------------------------------


def _add_inspect(commands: Any) -> None:
    parser = commands.add_parser(
        "inspect",
        help="find what is wrong with a dataset before training",
        description=_INSPECT_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_config_options(parser)
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("inspect_output"),
        metavar="DIR",
        help="folder for inspect.png and findings.json (default: %(default)s)",
    )
    parser.add_argument(
        "--classes",
        type=_names,
        metavar="A,B,...",
        help="class names in the order of their ids; all others are left out",
    )
    parser.add_argument(
        "--limit",
        type=_positive,
        metavar="N",
        help="look at N images only, evenly over the dataset",
    )
    parser.set_defaults(run=_inspect)


def _inspect(options: argparse.Namespace) -> int:
    paths, knobs = _paths_and_knobs(options.words)
    config = _config_of(options, knobs)
    try:
        dataset = _open(paths, options.classes)
    except (OSError, ValueError) as error:
        print(f"mrcnn inspect: {error}", file=sys.stderr)
        return FOUND_ERRORS
    if config is None:
        config = default_config(dataset)
        _set_knobs(config, knobs)
    _set_channels(dataset, config.IMAGE_CHANNEL_COUNT)
    image_ids = _evenly(dataset, options.limit)
    try:
        report = dataset.check(
            config, image_ids=image_ids, on_progress=_progress("looking at images")
        )
    except ValueError as error:
        raise _Misuse(str(error)) from error
    print(report)

    from mrcnn.drawing.inspection import save_inspection_page

    options.output.mkdir(parents=True, exist_ok=True)
    content = json.dumps(report.to_dict(), indent=2)
    (options.output / "findings.json").write_text(content + "\n", encoding="utf-8")
    page = options.output / "inspect.png"
    save_inspection_page(page, report, dataset, config, title=", ".join(paths))
    print(f"\nWrote {page} and {options.output / 'findings.json'}.")
    return FOUND_NOTHING if report.ok else FOUND_ERRORS


def _evenly(dataset: Dataset, limit: int | None) -> list[int] | None:
    """So many image ids, first and last among them; None for all."""
    if limit is None or limit >= dataset.num_images:
        return None
    places = np.linspace(0, dataset.num_images - 1, limit).round().astype(int)
    return [int(image_id) for image_id in dataset.image_ids[places]]


# --- Data and config, for all commands --------------------------------------------


def _add_config_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words",
        nargs="+",
        metavar="DATA | KNOB=VALUE",
        help="where the data is, and knobs of the config to set, such as "
        "IMAGE_MAX_DIM=512 or 'RPN_ANCHOR_RATIOS=[0.5, 1, 2]'",
    )
    given = parser.add_mutually_exclusive_group()
    given.add_argument(
        "--config",
        metavar="MODULE:CLASS",
        help="a Config of yours, in an importable module or a file.py; without it, "
        "the default knobs with the data's number of classes",
    )
    given.add_argument(
        "--json", metavar="FILE", help="a config that config.save() wrote"
    )


def _paths_and_knobs(words: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """What of the words is data, and what sets a knob."""
    paths = [word for word in words if not _KNOB.match(word)]
    pairs = [word.split("=", 1) for word in words if _KNOB.match(word)]
    if not paths:
        raise _Misuse("name at least one DATA, a folder or a file of annotations")
    return paths, {name: _value_of(text) for name, text in pairs}


def _value_of(text: str) -> Any:
    """A Python literal, or else the text itself: 512, True, (1, 2), pad64."""
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def _config_of(options: argparse.Namespace, knobs: dict[str, Any]) -> Config | None:
    """The config that was named, with knobs set; None where none was named."""
    if options.json is not None:
        try:
            config = Config.load(options.json)
        except (OSError, ValueError) as error:
            raise _Misuse(str(error)) from error
    elif options.config is not None:
        config = _import_config(options.config)
    else:
        _check_knobs(Config(), knobs)
        return None
    _set_knobs(config, knobs)
    return config


def _set_knobs(config: Config, knobs: dict[str, Any]) -> None:
    _check_knobs(config, knobs)
    for name, value in knobs.items():
        setattr(config, name, value)


def _check_knobs(config: Config, knobs: dict[str, Any]) -> None:
    known = [name for name in dir(config) if name.isupper()]
    for name in knobs:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            raise _Misuse(f"there is no knob {name}{hint}")


def _import_config(text: str) -> Config:
    """The config of `module:Class` or `path/to/file.py:Class`."""
    place, _, name = text.rpartition(":")
    if not place or not name:
        raise _Misuse(f"--config needs MODULE:CLASS, but got {text!r}")
    try:
        found = vars(_import_module(place)).get(name)
    except (ImportError, OSError) as error:
        raise _Misuse(f"--config {text}: {error}") from error
    if isinstance(found, type) and issubclass(found, Config):
        return found()
    if isinstance(found, Config):
        return found
    raise _Misuse(f"--config {text}: {place} has no Config called {name}")


def _import_module(place: str) -> ModuleType:
    if not place.endswith(".py"):
        # As `python -m` does: modules beside the user come first.
        sys.path.insert(0, "")
        try:
            return importlib.import_module(place)
        finally:
            sys.path.remove("")
    spec = importlib.util.spec_from_file_location(Path(place).stem, place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _open(paths: Sequence[str], class_names: list[str] | None) -> Dataset:
    """One dataset of all paths; a folder with `train` and `val` in it gives two."""
    parts: list[Path] = []
    for path in map(Path, paths):
        splits = [path / "train", path / "val"]
        is_split = all(split.is_dir() for split in splits)
        parts += splits if is_split else [path]
    datasets = [open_dataset(part, class_names) for part in parts]
    return datasets[0] if len(datasets) == 1 else Dataset.combine(datasets)


def _set_channels(dataset: Dataset, channel_count: int) -> None:
    """Lets files of other than three channels be read as the config expects them."""
    parts = dataset.parts if isinstance(dataset, CombinedDataset) else []
    for part in [dataset, *parts]:
        part.channel_count = channel_count


def _progress(label: str) -> Any:
    """A callback that draws a bar on stderr; None where nobody looks at it."""
    if not sys.stderr.isatty():
        return None

    def show(done: int, total: int) -> None:
        bar = "█" * (30 * done // total)
        end = "\n" if done == total else ""
        sys.stderr.write(f"\r{label} {bar:·<30} {done}/{total}{end}")
        sys.stderr.flush()

    return show


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return number
