"""Weights of other systems: read, and turned into ours."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mrcnn import presets
from mrcnn.config import Config
from mrcnn.geometry.conventions import GeometryName
from mrcnn.weights.deduction import deduce_knobs
from mrcnn.weights.foreign_files import describe_file, kind_of_file
from mrcnn.weights.pickle_files import read_pickle
from mrcnn.weights.recognition import State, find_state, find_system
from mrcnn.weights.safe_h5 import WeightsFileError
from mrcnn.weights.safetensors_files import open_safetensors
from mrcnn.weights.systems.rules import System, convert_state, find_weight
from mrcnn.weights.torch_files import open_torch

# Weights each of which tells a detector from a mere backbone.
DETECTOR_WEIGHTS = {"rpn_conv_shared/kernel", "mrcnn_class_logits/kernel"}

# Of every system here; only matterport's own differs.
GEOMETRY: GeometryName = "aligned"

BGR_NOTE = (
    "They were trained on BGR images; their first convolution is turned round, so that "
    "images stay RGB, and so does MEAN_PIXEL."
)


@dataclass(frozen=True)
class ForeignWeights:
    """The weights of another system's file under our names and in our layout."""

    path: str
    system: str
    named: dict[str, np.ndarray]
    """float32 by full weight name, in the file's order."""
    unknown: tuple[str, ...] = ()
    """Names in the file that stand for nothing here."""
    preset: str | None = None
    """The class in `mrcnn.presets` that they fit; None for a backbone alone."""
    knobs: Mapping[str, object] = field(default_factory=dict)
    """What its config must say besides, as far as the weights tell."""
    notes: tuple[str, ...] = ()
    """Sentences on what a user should know."""

    @property
    def num_classes(self) -> int | None:
        """Classes with background; None for a backbone alone."""
        value = self.knobs.get("NUM_CLASSES")
        return value if isinstance(value, int) else None


def is_foreign(path: str | os.PathLike) -> bool:
    """Whether a file is, by its content, of a kind that `read_foreign` reads."""
    return Path(path).is_file() and kind_of_file(path) is not None


def read_foreign(path: str | os.PathLike) -> ForeignWeights:
    """The weights of a file of PyTorch, Detectron, detectron2 or of safetensors.

    Nothing in the file is run. Its kind and its system are told from its content.

    Raises:
        FileNotFoundError: where there is no such file.
        UnsafePickleError: where it asks for more than tensors and containers.
        WeightsFileError: where it is damaged, or of no system that is known.
    """
    path = os.fspath(path)
    with _path_reported(path), _open_state(path) as state:
        system = find_system(state.tensors)
        named, unknown = convert_state(state, system)
    variants = [one for one in system.variants if one.has(state.tensors)]
    is_detector = not DETECTOR_WEIGHTS.isdisjoint(named)
    presets_named = [system.preset, *(one.preset for one in variants if one.preset)]
    preset = presets_named[-1] if is_detector else None
    knobs = deduce_knobs({name: values.shape for name, values in named.items()})
    for variant in variants:
        knobs |= variant.knobs
    notes = [_origin(system, preset, knobs)]
    if system.is_bgr:
        notes.append(BGR_NOTE)
    notes += [one.note for one in variants if one.note]
    return ForeignWeights(
        path, system.name, named, unknown, preset, knobs, tuple(notes)
    )


def geometry_of_foreign(path: str | os.PathLike) -> GeometryName | None:
    """The geometry of a foreign file's weights, told from its names alone.

    None stands for weights of a backbone, which fit either.
    """
    path = os.fspath(path)
    with _path_reported(path), _open_state(path) as state:
        system = find_system(state.tensors)
        found = [find_weight(name, system) for name in state.tensors]
    is_detector = any(one and one[0] in DETECTOR_WEIGHTS for one in found)
    return GEOMETRY if is_detector else None


def preset_config(weights: ForeignWeights) -> Config:
    """The preset of the weights with the knobs that they ask for."""
    if weights.preset is None:
        raise ValueError(f"{weights.path} holds a backbone alone, which has no preset.")
    preset: type[Config] = getattr(presets, weights.preset)
    return type(preset.__name__, (preset,), dict(weights.knobs))()


@contextmanager
def _open_state(path: str) -> Iterator[State]:
    """The tensors of a file by name, whatever kind of file it is."""
    kind = kind_of_file(path)
    length = os.path.getsize(path)
    if kind == "torch":
        with open_torch(path) as value:
            yield find_state(value, length)
    elif kind == "pickle":
        yield find_state(read_pickle(path), length)
    elif kind == "safetensors":
        with open_safetensors(path) as tensors:
            yield find_state(tensors, length)
    else:
        raise WeightsFileError(describe_file(path))


@contextmanager
def _path_reported(path: str) -> Iterator[None]:
    """Puts the path in front of what is wrong with a file."""
    try:
        yield
    except WeightsFileError as error:
        raise type(error)(f"{path}: {error}") from error
    except ValueError as error:
        raise WeightsFileError(f"{path}: {error}") from error


def _origin(system: System, preset: str | None, knobs: Mapping[str, object]) -> str:
    """Where weights come from, and the config that they fit, in a sentence."""
    said = f"These are weights of {system.name}"
    if preset is None:
        return f"{said}."
    usual = getattr(presets, preset)
    others = [
        f"{name} = {value!r}"
        for name, value in knobs.items()
        if value != getattr(usual, name)
    ]
    which = f" with {', '.join(others)}" if others else ""
    return f"{said}; the config that they fit is mrcnn.presets.{preset}{which}."
