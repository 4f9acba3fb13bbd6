"""Whether colours come as RGB or as BGR, and first layers turned from one to the other.

Weights of other systems are turned to RGB when they are read. Files of ours are as the
network was that they are of, which their config says. Where that is not the order of
the network that takes them, its first layer is turned round once more.

Shapes: h w a kernel, C channels of images, F of features.
"""

from collections.abc import Mapping

import numpy as np

# The weight that images meet first.
STEM = "conv1/kernel"

KNOB = "IMAGE_CHANNEL_ORDER"


def channel_order(attributes: Mapping[str, object]) -> str:
    """The order that a file, or a network, says its images have: "RGB" or "BGR".

    `attributes` are what it says of itself; whoever says nothing has RGB.
    """
    config = attributes.get("config")
    return "BGR" if isinstance(config, Mapping) and config.get(KNOB) == "BGR" else "RGB"


def turn_round(kernel: np.ndarray) -> np.ndarray:
    """A kernel for images with their channels in reverse. [h, w, C, F] -> same"""
    return np.ascontiguousarray(kernel[:, :, ::-1])
