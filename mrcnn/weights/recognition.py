"""Finds the weights inside what a file holds, and the system they belong to.

Training scripts wrap weights in a checkpoint and prefix their names; neither says
anything. The names themselves tell the system.
"""

import math
from collections.abc import Collection, Iterator, Mapping

import numpy as np

from mrcnn.weights.pickle_files import PickledArray
from mrcnn.weights.report import first_names
from mrcnn.weights.safe_h5 import StoredTensor, WeightsFileError
from mrcnn.weights.systems.detectron import DETECTRON, DETECTRON_PYTORCH
from mrcnn.weights.systems.detectron2 import DETECTRON2, DETECTRON2_CONV_HEAD
from mrcnn.weights.systems.maskrcnn_benchmark import MASKRCNN_BENCHMARK
from mrcnn.weights.systems.mmdetection import MMDETECTION, MMDETECTION_CONV_HEAD
from mrcnn.weights.systems.rules import System
from mrcnn.weights.systems.torchvision import TORCHVISION, TORCHVISION_RESNET
from mrcnn.weights.torch_tensors import TorchTensor

# The first whose markers are all met is meant.
SYSTEMS = (
    TORCHVISION,
    DETECTRON2_CONV_HEAD,
    DETECTRON2,
    MASKRCNN_BENCHMARK,
    MMDETECTION_CONV_HEAD,
    MMDETECTION,
    DETECTRON,
    DETECTRON_PYTORCH,
    TORCHVISION_RESNET,
)

# Where checkpoints keep the weights, and what they put in front of every name.
WRAPPERS = ("state_dict", "model", "model_state", "model_state_dict", "blobs")
PREFIXES = ("module.", "model.", "_orig_mod.")
MAX_WRAPPERS = 4

# Room for tensors that two names share; more is a small file that claims to be large.
MAX_SHARING = 4


class State(Mapping[str, np.ndarray]):
    """Tensors by name, each read when asked for."""

    def __init__(self, tensors: Mapping[str, StoredTensor]) -> None:
        self.tensors = tensors

    def __getitem__(self, name: str) -> np.ndarray:
        return self.tensors[name].read()

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)


def find_state(value: object, length: int) -> State:
    """The weights in what a file holds, without wrappers and prefixes.

    Args:
        value: what was saved
        length: of the file in bytes; tensors of many times that are refused

    Raises:
        WeightsFileError: where there are no tensors, or more than the file can hold.
    """
    tensors = {
        name: tensor
        for name, item in _unwrap(value).items()
        if isinstance(name, str) and (tensor := _as_stored(item, name)) is not None
    }
    if not tensors:
        raise WeightsFileError("It holds no tensors by name.")
    claimed = sum(math.prod(t.shape) * t.dtype.itemsize for t in tensors.values())
    if claimed > MAX_SHARING * length:
        raise WeightsFileError(
            f"Its tensors claim {claimed} bytes, but the file has {length}."
        )
    return State(_without_prefixes(tensors))


def find_system(names: Collection[str]) -> System:
    """The system whose names these are.

    Raises:
        WeightsFileError: where it is none that is known.
    """
    for system in SYSTEMS:
        if all(any(n.startswith(marker) for n in names) for marker in system.markers):
            return system
    known = ", ".join(dict.fromkeys(system.name for system in SYSTEMS))
    raise WeightsFileError(
        f"Its names ({first_names(list(names))}) are not those of a system known here: "
        f"{known}, each with a ResNet."
    )


def _unwrap(value: object) -> Mapping:
    for _ in range(MAX_WRAPPERS):
        if not isinstance(value, Mapping):
            break
        wrapped = [
            value[key] for key in WRAPPERS if isinstance(value.get(key), Mapping)
        ]
        if not wrapped:
            return value
        value = wrapped[0]
    return value if isinstance(value, Mapping) else {}


def _as_stored(item: object, name: str) -> StoredTensor | None:
    if isinstance(item, TorchTensor | PickledArray):
        return item.stored(name)
    return item if isinstance(item, StoredTensor) else None


def _without_prefixes(tensors: dict[str, StoredTensor]) -> dict[str, StoredTensor]:
    for prefix in PREFIXES * MAX_WRAPPERS:
        if all(name.startswith(prefix) for name in tensors):
            tensors = {name[len(prefix) :]: tensors[name] for name in tensors}
    return tensors
