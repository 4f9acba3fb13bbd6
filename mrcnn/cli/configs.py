"""From --config and KNOB=VALUE to a config."""

import argparse
import ast
import difflib
import importlib
import importlib.util
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from mrcnn.cli.terminal import Misuse
from mrcnn.config import Config

_KNOB = re.compile(r"[A-Z][A-Z0-9_]*=")

Knobs = Mapping[str, Any]
"""Values by the names of knobs."""


def add_words(parser: argparse.ArgumentParser, word: str, help_text: str) -> None:
    """Adds what stands in the command without a dash: `word` or KNOB=VALUE."""
    parser.add_argument("words", nargs="+", metavar=word, help=help_text)
    parser.add_argument(
        "knobs",
        nargs="*",
        metavar="KNOB=VALUE",
        help="knobs of the config to set, such as IMAGE_MAX_DIM=512 or "
        "'RPN_ANCHOR_RATIOS=[0.5, 1, 2]'; mrcnn/config.py explains all of them",
    )


def add_config_option(parser: argparse.ArgumentParser, default: str) -> None:
    """Adds `--config`; `default` says what is taken without it."""
    parser.add_argument(
        "--config",
        metavar="CONFIG",
        help="MODULE:CLASS, a Config of yours in an importable module or a file.py, or "
        f"a .json file that config.save() wrote; without it, {default}",
    )


def words_and_knobs(
    words: Sequence[str], needed: str
) -> tuple[list[str], dict[str, Any]]:
    """What of the words sets a knob, and what does not, of which there is some."""
    others = [word for word in words if not _KNOB.match(word)]
    pairs = [word.split("=", 1) for word in words if _KNOB.match(word)]
    if not others:
        raise Misuse(f"name at least one {needed}")
    return others, {name: _value_of(text) for name, text in pairs}


def named_config(text: str | None, knobs: Knobs) -> Config | None:
    """The config of a --config, with knobs set; None where none was named.

    Knobs are checked in either case.
    """
    if text is None:
        check_knobs(Config(), knobs)
        return None
    config = _load(text) if text.endswith(".json") else _import_config(text)
    set_knobs(config, knobs)
    return config


def set_knobs(config: Config, knobs: Knobs) -> None:
    """Sets knobs, none where one of them does not exist."""
    check_knobs(config, knobs)
    for name, value in knobs.items():
        setattr(config, name, value)


def check_knobs(config: Config, knobs: Knobs) -> None:
    """Refuses knobs that the config does not have."""
    known = [name for name in dir(config) if name.isupper()]
    for name in knobs:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            raise Misuse(f"there is no knob {name}{hint}")


def checked(config: Config) -> Config:
    """The config, or a word on what is wrong with it."""
    try:
        config.validate()
    except ValueError as error:
        raise Misuse(str(error)) from error
    return config


def with_rpn(config: Config) -> Config:
    """The config, if its network proposes boxes itself; commands have no others."""
    if not config.RPN_BRANCH:
        raise Misuse(
            "RPN_BRANCH = False looks at proposals of your own, which the commands do "
            "not take. Use Python: model.detect(images, proposals=...), and "
            "dataset.add_proposals(...) to train and evaluate"
        )
    return config


def _value_of(text: str) -> Any:
    """A Python literal, or else the text itself: 512, True, (1, 2), pad64."""
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def _load(path: str) -> Config:
    try:
        return Config.load(path)
    except (OSError, ValueError) as error:
        raise Misuse(f"--config: {error}") from error


def _import_config(text: str) -> Config:
    """The config of `module:Class` or `path/to/file.py:Class`."""
    place, _, name = text.rpartition(":")
    if not place or not name:
        raise Misuse(f"--config needs MODULE:CLASS or a .json file, but got {text!r}")
    try:
        found = vars(_import_module(place)).get(name)
    except Exception as error:  # whatever the user's module raises is its own fault
        reason = f"{type(error).__name__}: {error}"
        raise Misuse(f"--config {text}: {reason}") from error
    if isinstance(found, type) and issubclass(found, Config):
        return found()
    if isinstance(found, Config):
        return found
    raise Misuse(f"--config {text}: {place} has no Config called {name}")


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
