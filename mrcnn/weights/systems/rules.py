"""Applies a system's table of names: their tensors -> ours by full weight name.

A table is a list of rules. `Rule("body.layer{layer}.{block}.conv{conv}",
"res{layer}{block}_branch2{conv}", CONV)` meets "body.layer3.0.conv1.weight" and makes
"res4a_branch2a/kernel" of it: the places in braces are rewritten as `PLACES` says, the
rest of the name ("weight") is looked up in the layout.
"""

import functools
import re
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from mrcnn.weights.systems.layouts import CONV, NORM, Layout, Step, Widths

# The weight that images meet first; its input channels are the image's.
STEM = "conv1/kernel"

LETTERS = string.ascii_lowercase

# Place in a rule -> what it meets, and what that is called here.
PLACES: dict[str, tuple[str, Callable[[str], str]]] = {
    "stage": ("[2-5]", str),
    "layer": ("[1-4]", lambda text: str(int(text) + 1)),  # stages counted from 1
    "block": (r"1?\d|2[0-5]", lambda text: LETTERS[int(text)]),
    "conv": ("[1-3]", lambda text: LETTERS[int(text) - 1]),
    "letter": ("[a-c]", str),
    "level": ("[2-7]", str),
    "rung": ("[0-3]", lambda text: str(int(text) + 2)),  # levels from 0
    "number": ("[1-4]", str),
    "index": ("[0-3]", lambda text: str(int(text) + 1)),  # numbers from 0
}


class Rule(NamedTuple):
    """Modules of one kind, the layer here that each stands for, and their layout."""

    module: str
    layer: str
    layout: Layout


class Variant(NamedTuple):
    """Files of a system that hold a certain tensor, and what that means."""

    marker: str
    """The whole name of that tensor."""
    preset: str | None = None
    """The preset that describes such files, in place of the system's."""
    knobs: Mapping[str, object] = {}
    """What their config must say besides."""
    note: str = ""
    """What a user of such a file should know."""


class System(NamedTuple):
    """A family of detectors whose files share their names."""

    name: str
    preset: str | None
    """The preset that describes it; None for a backbone alone."""
    markers: Sequence[str]
    """Beginnings of names, each of which is in every file of it."""
    rules: Sequence[Rule]
    logits: str
    """Pattern of the one tensor that has a row for each class."""
    roi_channels: Sequence[tuple[str, int]]
    """Patterns of tensors, best first, and the axis along which they have F."""
    ignored: str = r".*\.num_batches_tracked"
    """Pattern of names that hold nothing a network needs."""
    separator: str = "."
    """What stands before the last part of a name."""
    leaves: Mapping[str, str] = {}
    """Last parts of names that mean another of a layout."""
    is_bgr: bool = False
    """Whether images have their channels in the order of blue, green, red."""
    only_scales: bool = False
    """Whether normalizations have no statistics, but scale and shift alone."""
    variants: Sequence[Variant] = ()


class Conversion(NamedTuple):
    """Weights by full weight name, and the names that no rule knows."""

    named: dict[str, np.ndarray]
    unknown: tuple[str, ...]


def convert_state(state: Mapping[str, np.ndarray], system: System) -> Conversion:
    """Another system's weights under our names and in our layout, float32.

    Args:
        state: tensors by their name in that system, without a wrapper's prefix; only
            those that the table knows are read
        system: the table to go by

    Raises:
        ValueError: where two tensors claim one weight, one has a shape or a dtype that
            no weight of its kind has, or what should be BatchNorm is not.
    """
    widths = find_widths(state, system)
    named: dict[str, np.ndarray] = {}
    unknown = []
    for name in state:
        if re.fullmatch(system.ignored, name):
            continue
        found = find_weight(name, system)
        if found is None:
            unknown.append(name)
            continue
        weight, step = found
        if weight in named:
            raise ValueError(f"{name!r} is the second tensor that means {weight!r}.")
        named[weight] = _convert(name, weight, state[name], step, widths)
    if system.is_bgr and STEM in named:
        named[STEM] = np.ascontiguousarray(named[STEM][:, :, ::-1])
    _complete_norms(named, system)
    return Conversion(named, tuple(unknown))


def find_weight(name: str, system: System) -> tuple[str, Step] | None:
    """The full weight name that a tensor stands for, and its step; None if unknown."""
    module, _, leaf = name.rpartition(system.separator)
    leaf = system.leaves.get(leaf, leaf)
    for rule in system.rules:
        match = _pattern_of(rule.module).fullmatch(module)
        if match and leaf in rule.layout:
            step = rule.layout[leaf]
            found = match.groupdict().items()
            places = {place: PLACES[place][1](text) for place, text in found}
            return f"{rule.layer.format(**places)}/{step.weight}", step
    return None


def find_widths(state: Mapping[str, np.ndarray], system: System) -> Widths:
    """F and the rows of the class scores; 0 for what no tensor tells."""
    rows = _first_shape(state, [(system.logits, 0)])
    return Widths(_first_shape(state, system.roi_channels), rows)


def resnet_rules(prefix: str) -> list[Rule]:
    """The blocks of torchvision's ResNet, which many systems took over."""
    block = prefix + "layer{layer}.{block}."
    return [
        Rule(prefix + "conv1", "conv1", CONV),
        Rule(prefix + "bn1", "bn_conv1", NORM),
        Rule(block + "conv{conv}", "res{layer}{block}_branch2{conv}", CONV),
        Rule(block + "bn{conv}", "bn{layer}{block}_branch2{conv}", NORM),
        Rule(block + "downsample.0", "res{layer}{block}_branch1", CONV),
        Rule(block + "downsample.1", "bn{layer}{block}_branch1", NORM),
    ]


@functools.cache
def _pattern_of(module: str) -> re.Pattern[str]:
    """A rule's words as a pattern, each place in braces a named group."""
    words = re.split(r"\{(\w+)\}", module)  # every other one is a place
    words[::2] = [re.escape(word) for word in words[::2]]
    words[1::2] = [f"(?P<{place}>{PLACES[place][0]})" for place in words[1::2]]
    return re.compile("".join(words))


def _first_shape(
    state: Mapping[str, np.ndarray], places: Iterable[tuple[str, int]]
) -> int:
    """Length along an axis of the first tensor that the first pattern meets."""
    for pattern, axis in places:
        for name, values in state.items():
            if re.fullmatch(pattern, name) and np.ndim(values) > axis:
                return np.shape(values)[axis]
    return 0


def _convert(
    name: str, weight: str, values: np.ndarray, step: Step, widths: Widths
) -> np.ndarray:
    if values.dtype.kind != "f":
        raise ValueError(f"{name!r} is stored as {values.dtype}, expected float.")
    try:
        converted = step.convert(values, widths)
    except (ValueError, IndexError, ZeroDivisionError) as error:
        raise ValueError(
            f"{name!r} has the shape {values.shape}, which does not make {weight!r}: "
            f"{error}."
        ) from error
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(converted, "float32")


def _complete_norms(named: dict[str, np.ndarray], system: System) -> None:
    """Fills in statistics that change nothing, where a system has none."""
    for layer in [name.removesuffix("/gamma") for name in named]:
        gamma, mean = f"{layer}/gamma", f"{layer}/moving_mean"
        if gamma not in named or mean in named:
            continue
        if not system.only_scales:
            raise ValueError(
                f"The normalization {layer!r} has no running statistics: it works on "
                "groups of channels, which this network does not."
            )
        named[mean] = np.zeros_like(named[gamma])
        named[f"{layer}/moving_variance"] = np.ones_like(named[gamma])
