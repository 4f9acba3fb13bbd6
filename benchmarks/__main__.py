"""Prints the figures of all benchmarks, or of those that are named.

    python -m benchmarks
    python -m benchmarks inference training --quick
    python -m benchmarks torchvision --torchvision ~/torch/bin/python
    python -m benchmarks matterport --peer ~/Mask_RCNN --peer-python ~/tf1/bin/python

Peers are measured where they are installed. Times are those of the wall clock: on a
machine with other work to do, look at ratios.
"""

import sys
import time

from benchmarks import machine
from benchmarks.options import parse_options
from benchmarks.processes import run_apart

# In the order in which they are run.
BENCHMARKS = {
    "peak": "benchmarks.peak",
    "startup": "benchmarks.startup",
    "inference": "benchmarks.inference",
    "training": "benchmarks.training",
    "recompute": "benchmarks.recompute",
    "torchvision": "benchmarks.torchvision_peer",
    "matterport": "benchmarks.matterport_peer",
    "memory": "benchmarks.memory",
    "results": "benchmarks.results_memory",
    "geometry": "benchmarks.geometry",
    "data": "benchmarks.data",
}


def main() -> None:
    """Runs the benchmarks named on the command line, one after the other."""
    options = parse_options(__doc__, list(BENCHMARKS), sys.argv[1:])
    print(machine.describe(), flush=True)
    start = time.perf_counter()
    # Each in a fresh process, so that none finds what another has loaded.
    failed = [
        name for name in options.names if not run_apart(BENCHMARKS[name], options)
    ]
    print(f"\n{(time.perf_counter() - start) / 60:.0f} minutes in all")
    if failed:
        sys.exit(f"Benchmarks that ended in an error, told above: {failed}")


if __name__ == "__main__":
    main()
