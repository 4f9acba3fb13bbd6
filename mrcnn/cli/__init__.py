"""The command line: `mrcnn train | evaluate | detect | inspect | convert | demo`."""

from mrcnn.cli.program import main as main
