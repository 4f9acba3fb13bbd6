"""`python -m mrcnn`, the same as the command `mrcnn`."""

import sys

from mrcnn.cli import main

sys.exit(main())
