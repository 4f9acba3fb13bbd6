"""Prints the figures of all benchmarks, or of those that are named.

python -m benchmarks
python -m benchmarks geometry
"""

import argparse

from benchmarks import data, geometry, inference, results_memory, training

BENCHMARKS = {
    "data": data.run,
    "geometry": geometry.run,
    "inference": inference.run,
    "results": results_memory.run,
    "training": training.run,
}


def main() -> None:
    """Runs the benchmarks named on the command line, one after the other."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    names = parser.parse_args().names or list(BENCHMARKS)
    unknown = sorted(set(names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"no benchmark {unknown}: choose from {list(BENCHMARKS)}")
    for name in names:
        BENCHMARKS[name]()


if __name__ == "__main__":
    main()
