"""What a weights file says of itself, before any of it is loaded."""

import logging
import os
from typing import get_args

from mrcnn.geometry.conventions import GeometryName
from mrcnn.weights.foreign import geometry_of_foreign, is_foreign
from mrcnn.weights.legacy_h5 import read_attributes, read_tensors
from mrcnn.weights.safe_h5 import WeightsFileError, open_h5

logger = logging.getLogger("mrcnn")

# The layer by which a whole detector is told from a mere backbone.
_DETECTOR_LAYER = "rpn_conv_shared"


def geometry_of_file(path: str | os.PathLike) -> GeometryName | None:
    """The geometry that the weights of a file were trained with.

    A detector in matterport's layout that does not say is matterport's own. None
    stands for weights of a backbone alone, which fit either geometry.
    """
    if is_foreign(path):
        return geometry_of_foreign(path)
    with open_h5(path) as file:
        stated = read_attributes(file).get("geometry")
        for geometry in get_args(GeometryName):
            if stated == geometry:
                return geometry
        if stated is not None:
            known = " and ".join(get_args(GeometryName))
            raise WeightsFileError(
                f"{os.fspath(path)} names the geometry {stated!r}, but this version "
                f"knows {known}. Update the package."
            )
        names = [name for tensor in read_tensors(file) for name in tensor.names]
    is_detector = any(name.startswith(f"{_DETECTOR_LAYER}/") for name in names)
    return "matterport" if is_detector else None


def followed_geometry(
    path: str | os.PathLike, wanted: GeometryName | None, otherwise: GeometryName
) -> GeometryName:
    """The geometry that a network takes on for the weights of a file.

    Args:
        path: the file
        wanted: what the config asks for, which wins, with a warning where the weights
            were trained with the other; None follows the weights
        otherwise: for weights that fit either
    """
    stated = geometry_of_file(path)
    if wanted is None:
        return stated or otherwise
    if stated not in (None, wanted):
        logger.warning(
            "%s was trained with the %r geometry, but Config.GEOMETRY asks for %r: "
            "boxes and masks will be somewhat off until it is trained on. Leave "
            "GEOMETRY at None to follow the weights.",
            os.fspath(path),
            stated,
            wanted,
        )
    return wanted
