"""The config and the class names that a weights file asks for.

Files that this package saved say both. Of others, the names and shapes of the weights
tell what matters.
"""

import os
from typing import NamedTuple

from mrcnn.config import Config
from mrcnn.weights.deduction import deduce_knobs
from mrcnn.weights.foreign import is_foreign, preset_config, read_foreign
from mrcnn.weights.legacy_h5 import read_attributes, read_tensors
from mrcnn.weights.safe_h5 import WeightsFileError, open_h5


class FileConfig(NamedTuple):
    """What a detector's file tells before its weights are loaded."""

    config: Config
    """With which a network has the weights of the file."""

    class_names: list[str] | None
    """By class id, the background first; None where the file does not say."""


def read_file_config(path: str | os.PathLike) -> FileConfig | None:
    """The config of a file of weights, or None for one of a backbone alone.

    Raises:
        FileNotFoundError: where there is no such file.
        WeightsFileError: where the file is damaged or of no known kind.
    """
    if is_foreign(path):
        weights = read_foreign(path)
        is_detector = weights.preset is not None
        return FileConfig(preset_config(weights), None) if is_detector else None
    with open_h5(path) as file:
        attributes = read_attributes(file)
        tensors = read_tensors(file)
        shapes = {name: one.stored.shape for one in tensors for name in one.names}
    names = attributes.get("class_names")
    class_names = names if isinstance(names, list) else None
    stated = attributes.get("config")
    if isinstance(stated, dict):
        return FileConfig(_restored(stated, path), class_names)
    knobs = deduce_knobs(shapes)
    if "NUM_CLASSES" not in knobs:
        return None
    config = Config()
    for name, value in knobs.items():
        setattr(config, name, value)
    return FileConfig(config, class_names)


def _restored(stated: dict, path: str | os.PathLike) -> Config:
    try:
        return Config.from_dict(stated)
    except (TypeError, ValueError) as error:
        raise WeightsFileError(
            f"{os.fspath(path)} holds a config that cannot be restored: {error}"
        ) from error
