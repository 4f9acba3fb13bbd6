"""What can be asked of the benchmarks on the command line."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple


class Options(NamedTuple):
    """What to measure, and how thoroughly."""

    names: list[str]
    """Benchmarks to run."""

    repeats: int
    """Calls that count, of what takes seconds."""

    full: bool
    """Whether larger networks are measured, too."""

    torchvision: str
    """Python that may have torchvision."""

    peer: str | None
    """Folder of a package with matterport's interface."""

    peer_python: str
    """Python that has what this package needs."""


def parse_options(
    description: str, benchmarks: Sequence[str], arguments: Sequence[str] | None = None
) -> Options:
    """Reads a command line; without names, all benchmarks are asked for."""
    parser = argparse.ArgumentParser(
        prog="benchmarks",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(benchmarks))
    parser.add_argument("--quick", action="store_true", help="few calls of each kind")
    parser.add_argument("--full", action="store_true", help="larger networks, too")
    parser.add_argument(
        "--torchvision",
        default=sys.executable,
        metavar="PYTHON",
        help="interpreter that has torchvision, if not this one",
    )
    parser.add_argument(
        "--peer", metavar="PATH", help="checkout of a matterport-compatible package"
    )
    parser.add_argument(
        "--peer-python",
        default=sys.executable,
        metavar="PYTHON",
        help="interpreter that runs it, if not this one",
    )
    given = parser.parse_args(arguments)
    unknown = sorted(set(given.names) - set(benchmarks))
    if unknown:
        parser.error(f"no benchmark {unknown}: choose from {list(benchmarks)}")
    return Options(
        names=given.names or list(benchmarks),
        repeats=2 if given.quick else 5,
        full=given.full,
        torchvision=given.torchvision,
        # Processes that measure have a working folder of their own.
        peer=given.peer and os.path.abspath(given.peer),
        peer_python=given.peer_python,
    )
