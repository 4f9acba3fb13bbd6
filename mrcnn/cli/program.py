"""The program `mrcnn`: finds the command that was typed, runs it, ends it well.

Each command is a file of this room with two functions: `add` makes its parser, and
`run` takes the parsed options and returns the exit code. What is slow to import is
imported in `run`, so that `--help` is there at once.
"""

import argparse
import os
import sys
from collections.abc import Sequence

import mrcnn
from mrcnn.cli import convert, demo, detect, evaluate, inspect, train
from mrcnn.cli.terminal import (
    FAILED,
    INTERRUPTED,
    Misuse,
    complain,
    log_on_stderr,
)

COMMANDS = (train, evaluate, detect, inspect, convert, demo)

_HELP = """\
Mask R-CNN: finds objects in images, their classes and their masks.

  mrcnn demo                                    a first network, no data needed
  mrcnn inspect my_data/train                   what is wrong with the data
  mrcnn train my_data --epochs 20               learn
  mrcnn evaluate my_data/val --weights last     measure
  mrcnn detect photos --weights last            look for objects"""

_EPILOG = """\
`mrcnn COMMAND --help` explains each, with examples. Exit codes: 0 all is well, 1 files
or data have errors, 2 the command was not understood, 130 stopped with Ctrl-C."""

# How TensorFlow calls it when a device's memory is full.
_OUT_OF_MEMORY = ("ResourceExhaustedError", "MemoryError")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command as typed, and returns its exit code."""
    parser = _parser()
    # Data and knobs may stand after options, where argparse does not look for them.
    options, rest = parser.parse_known_args(arguments)
    unknown = [text for text in rest if text.startswith("-")]
    if unknown or (rest and not hasattr(options, "words")):
        parser.error(f"unrecognized arguments: {' '.join(unknown or rest)}")
    if rest:
        options.words = [*options.words, *rest]
    command = f"mrcnn {options.command}"
    try:
        with log_on_stderr():
            return options.run(options)
    except Misuse as error:
        complain(command, f"error: {error}\nSee {command} --help.")
        raise SystemExit(2) from None
    except KeyboardInterrupt as error:
        complain(command, str(error) or "stopped.")
        return INTERRUPTED
    except BrokenPipeError:
        # Who reads the output has enough of it, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        message = None if options.traceback else explanation(error)
        if message is None:
            raise
        complain(command, message)
        return FAILED


def explanation(error: Exception) -> str | None:
    """What to tell of an error in files, data or memory; None for faults of ours."""
    if type(error).__name__ in _OUT_OF_MEMORY:
        return (
            "out of memory. Take smaller images (IMAGE_MIN_DIM and IMAGE_MAX_DIM), "
            "fewer at a time (IMAGES_PER_GPU, --batch-size) or a smaller BACKBONE."
        )
    is_known = isinstance(error, OSError | ValueError | ImportError | ArithmeticError)
    if not is_known:
        return None
    return str(error) or type(error).__name__


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mrcnn",
        description=_HELP,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=mrcnn.__version__)
    parser.add_argument(
        "--traceback",
        action="store_true",
        help="show where in the code an error comes from; stands before the command",
    )
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", required=True)
    for command in COMMANDS:
        command.add(commands)
    return parser
