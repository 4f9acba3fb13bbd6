"""What a run needs beside a checkpoint to go on as if it had never stopped.

A state lies beside its checkpoint, under its name with the ending .state.npz: plain
arrays and a text of JSON, nothing that could run. It knows the weights it belongs to by
their checksum.
"""

import json
import os
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mrcnn.atomic_file import replaced_file

ENDING = ".state.npz"
_TEXT = "progress"
_VERSION = 1


@dataclass
class Progress:
    """How far a run has come, in values that JSON holds."""

    epoch: int = 0
    """Epochs that are done, counted over all stages of a run."""

    step: int = 0
    """Steps that are done of the next epoch."""

    stage_steps: int = 0
    """Steps that are done since this stage began, by which the schedule goes."""

    all_steps: int = 0
    """Steps of this and all earlier runs, from which random numbers follow."""

    sums: dict[str, float] = field(default_factory=dict)
    """Losses of the next epoch's steps so far, added up."""

    history: dict[str, list[float]] = field(default_factory=dict)
    """What `keras_model.history.history` holds."""

    settings: dict[str, Any] = field(default_factory=dict)
    """What has to be the same for going on: layers, optimizer, weights that learn."""


def state_path(checkpoint: str | os.PathLike) -> Path:
    """Where the state of a checkpoint lies."""
    return Path(checkpoint).with_suffix(ENDING)


def save_state(
    path: str | os.PathLike,
    progress: Progress,
    variables: Sequence[Any],
    weights: Iterable[np.ndarray],
) -> None:
    """Writes a state, whole or not at all.

    Args:
        path: see `state_path`
        progress: how far the run has come
        variables: the optimizer's and others that a run goes on with, in their order
        weights: of the checkpoint that it belongs to

    Raises:
        OSError: where the folder is missing, read-only or full.
    """
    text = {**asdict(progress), "version": _VERSION, "checksum": checksum(weights)}
    arrays: dict[str, Any] = {_TEXT: np.array(json.dumps(text))}
    for number, variable in enumerate(variables):
        arrays[f"{number:05d}"] = np.asarray(keras.ops.convert_to_numpy(variable))
    size = sum(array.nbytes for array in arrays.values())
    with replaced_file(path, size) as unfinished, open(unfinished, "wb") as file:
        np.savez(file, **arrays)


def load_state(
    path: str | os.PathLike, weights: Iterable[np.ndarray]
) -> tuple[Progress, list[np.ndarray]]:
    """Reads a state and the values of its variables.

    Args:
        path: see `state_path`
        weights: that the network holds

    Raises:
        FileNotFoundError: where there is none.
        ValueError: where the file is damaged, or belongs to other weights.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            text = json.loads(str(file[_TEXT]))
            arrays = [file[name] for name in sorted(file.files) if name != _TEXT]
        version, expected = text.pop("version"), text.pop("checksum")
        progress = Progress(**{f.name: text[f.name] for f in fields(Progress)})
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ValueError(
            f"{path} is no state of a run, or is cut off: {error!r:.200}. Remove it to "
            "go on with the weights of its checkpoint alone."
        ) from error
    if version != _VERSION or checksum(weights) != expected:
        raise ValueError(
            f"{path} belongs to other weights than the network holds. Load the "
            f"checkpoint beside it, whole and without excluding layers, or remove it."
        )
    return progress, arrays


def restore_variables(variables: Sequence[Any], values: Sequence[np.ndarray]) -> None:
    """Sets variables to stored values, all that fit or none.

    Raises:
        ValueError: where numbers or shapes differ.
    """
    shapes = [tuple(variable.shape) for variable in variables]
    stored = [value.shape for value in values]
    if shapes != stored:
        raise ValueError(
            f"The state has {len(stored)} variables, the run needs {len(shapes)}, or "
            "their shapes differ: it belongs to another optimizer or other layers."
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def checksum(weights: Iterable[np.ndarray]) -> int:
    """A number that tells one set of weights from any other."""
    value = 0
    for weight in weights:
        value = zlib.crc32(np.ascontiguousarray(weight, "float32").tobytes(), value)
    return value
