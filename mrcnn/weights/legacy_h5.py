"""matterport's weights file: an HDF5 group per layer, in the layout of Keras 2.

Full weight names ("conv1/kernel", "rpn_conv_shared/bias") are all that counts in
reading: the order of layers, numbering by old versions of Keras and the group that
holds a nested layer do not matter. Writing keeps the order too, for readers that go
by it. What matterport's files have no place for (geometry, class names, config) goes
into attributes that other readers ignore.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

import mrcnn
from mrcnn.atomic_file import replaced_file
from mrcnn.weights.safe_h5 import SafeH5, StoredTensor, WeightsFileError
from mrcnn.weights.weight_names import possible_names

# Files of whole models keep the optimizer's state beside the layers.
OPTIMIZER_GROUP = "optimizer_weights"

# What Keras 2 writes into its files; readers of this layout ask for nothing later.
KERAS_VERSION = b"2.1.6"

# HDF5 refuses longer attributes; Keras splits them into numbered ones.
MAX_ATTRIBUTE_BYTES = 64_512

ATTRIBUTE_PREFIX = "mrcnn_"
ATTRIBUTES = ("version", "geometry", "class_names", "config")

NamedTensors = Sequence[tuple[str, np.ndarray]]


class FileTensor(NamedTuple):
    """A stored tensor and the full weight names it may go by, best first."""

    names: tuple[str, ...]
    stored: StoredTensor


def read_tensors(file: SafeH5) -> list[FileTensor]:
    """All tensors of a file in matterport's layout, unread.

    Takes files of `save_weights` and of `model.save` (where everything lies in the
    group "model_weights") by any version of Keras that writes this layout.
    """
    root = _find_root(file)
    tensors = []
    groups = [name for name in file.group_names(root) if name != OPTIMIZER_GROUP]
    for group in _read_names(file, root, "layer_names", groups):
        path = _join(root, group)
        if not file.has_group(path):
            raise WeightsFileError(
                f"{file.path} lists the layer {group!r} but does not hold it. "
                "Copy or download it again."
            )
        inside = [name[len(path) + 1 :] for name in file.dataset_paths(path)]
        for name in _read_names(file, path, "weight_names", inside):
            stored = file.tensor(_join(path, name))
            tensors.append(FileTensor(possible_names(group, name), stored))
    if not tensors:
        raise WeightsFileError(
            f"{file.path} is an HDF5 file without weights in matterport's layout; "
            f"at its top lie {file.group_names()[:5]}."
        )
    return tensors


def read_attributes(file: SafeH5) -> dict[str, object]:
    """What the file says of itself: version, geometry, class_names, config.

    A word that is missing or unreadable has no entry; other programs' files have none.
    """
    found: dict[str, object] = {}
    for name in ATTRIBUTES:
        attribute = ATTRIBUTE_PREFIX + name
        parts = _read_parts(file, "", attribute)
        if not parts and file.has_attribute("", attribute):
            raise WeightsFileError(
                f"{file.path} stores {attribute!r} as text of variable length, "
                "expected fixed length: write it as np.bytes_(text)."
            )
        if parts and all(isinstance(part, str) for part in parts):
            found[name] = _decode(name, "".join(map(str, parts)))
    return {name: value for name, value in found.items() if value is not None}


def write_layers(
    path: str | os.PathLike,
    layers: Sequence[tuple[str, NamedTensors]],
    attributes: Mapping[str, object],
) -> None:
    """Writes a file in matterport's layout, whole or not at all.

    Args:
        path: the file; an older one of that name is replaced at the very end
        layers: (name, [(full weight name, values)]) for every layer of the model in
            its order, layers without weights included
        attributes: geometry, class_names and config, as far as known

    Raises:
        OSError: where the folder is missing, read-only or full.
    """
    length = sum(values.nbytes for _, tensors in layers for _, values in tensors)
    with replaced_file(path, length) as temporary:
        try:
            with h5py.File(temporary, "w") as file:
                _write_head(file, [name for name, _ in layers], attributes)
                for name, tensors in layers:
                    _write_layer(file.create_group(name), tensors)
        except (OSError, RuntimeError) as error:
            number = getattr(error, "errno", None)
            message = f"Could not write the weights file {path}: {error}"
            raise OSError(number, message) if number else OSError(message) from error


def _write_head(
    file: h5py.File, names: Sequence[str], attributes: Mapping[str, object]
) -> None:
    _write_names(file, "layer_names", names)
    file.attrs["backend"] = np.bytes_(b"tensorflow")
    file.attrs["keras_version"] = np.bytes_(KERAS_VERSION)
    for name, value in {"version": mrcnn.__version__, **attributes}.items():
        if name not in ATTRIBUTES:
            raise ValueError(f"No attribute {name!r}; a file takes {ATTRIBUTES}.")
        if value is not None:
            text = value if isinstance(value, str) else json.dumps(value, default=_json)
            _write_text(file, ATTRIBUTE_PREFIX + name, text)


def _write_layer(group: h5py.Group, tensors: NamedTensors) -> None:
    _write_names(group, "weight_names", [f"{name}:0" for name, _ in tensors])
    for name, values in tensors:
        group.create_dataset(f"{name}:0", data=np.asarray(values, "float32"))


def _write_names(group: h5py.Group, attribute: str, names: Sequence[str]) -> None:
    """A list of names as one attribute, or as several where HDF5 sets a limit."""
    encoded = np.array([name.encode() for name in names], "S" if names else "S1")
    parts = [encoded]
    while max(part.nbytes for part in parts) > MAX_ATTRIBUTE_BYTES:
        parts = np.array_split(encoded, len(parts) + 1)
    _write_parts(group, attribute, parts)


def _write_text(group: h5py.Group, attribute: str, text: str) -> None:
    """ASCII text as one attribute of fixed length, or as several."""
    starts = range(0, max(len(text), 1), MAX_ATTRIBUTE_BYTES)
    parts = [text[start : start + MAX_ATTRIBUTE_BYTES] for start in starts]
    _write_parts(group, attribute, [np.bytes_(part.encode()) for part in parts])


def _write_parts(group: h5py.Group, attribute: str, parts: Sequence[object]) -> None:
    if len(parts) == 1:
        group.attrs[attribute] = parts[0]
        return
    for number, part in enumerate(parts):
        group.attrs[f"{attribute}{number}"] = part


def _read_parts(file: SafeH5, group: str, attribute: str) -> list[object]:
    """The values of an attribute that may come in numbered parts; [] for none."""
    whole = file.attribute(group, attribute)
    if whole is not None:
        return [whole]
    parts: list[object] = []
    while (part := file.attribute(group, f"{attribute}{len(parts)}")) is not None:
        parts.append(part)
    return parts


def _read_names(
    file: SafeH5, group: str, attribute: str, otherwise: list[str]
) -> list[str]:
    """A list of names; `otherwise` where the file has no such list."""
    parts = _read_parts(file, group, attribute)
    names = [name for part in parts for name in _as_names(file, attribute, part)]
    return names if parts else otherwise


def _as_names(file: SafeH5, attribute: str, value: object) -> list[str]:
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return value
    raise WeightsFileError(f"{file.path} has no list of names in {attribute!r}.")


def _find_root(file: SafeH5) -> str:
    """The group that holds the layers' groups."""
    if file.attribute("", "layer_names") is None and file.has_group("model_weights"):
        return "model_weights"
    native = {"layers", "_layer_checkpoint_dependencies"} & set(file.group_names())
    if native and file.attribute("", "layer_names") is None:
        raise WeightsFileError(
            f"{file.path} is in the layout of Keras 3, which numbers the weights. "
            "Read it with keras.saving.load_weights(keras_model, path) and save it "
            "again with keras_model.save_weights."
        )
    return ""


def _decode(name: str, text: str) -> object | None:
    """The value of an attribute; None where it is not what it should be."""
    if name in ("version", "geometry"):
        return text
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if name == "config":
        return value if isinstance(value, dict) else None
    is_list = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return value if is_list else None


def _json(value: object) -> object:
    """NumPy values and sets as JSON has them."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} in the attributes is not JSON.")


def _join(group: str, name: str) -> str:
    return f"{group}/{name}" if group else name
