"""Teaches a small Mask R-CNN to find drawn shapes, from scratch and in minutes.

    make demo        or        mrcnn demo        or        python -m samples.demo

Trains on drawn squares, circles and triangles, measures the network on images that it
has not seen and leaves `demo_output/shapes.png`: ground truth on the left, what the
network finds on the right. Takes three to five minutes on two cores. The steps stand
in `mrcnn/cli/demo.py`, and `samples/shapes/shapes.py` explains them.
"""

import sys

from mrcnn.cli import main

if __name__ == "__main__":
    sys.exit(main(["demo", *sys.argv[1:]]))
