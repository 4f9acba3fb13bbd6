"""Applies a system's table of names: their tensors -> ours by full weight name.

A table is a list of rules. `Rule("body.layer{layer}.{block}.conv{conv}",
"res{layer}{block}_branch2{conv}")` meets "body.layer3.0.conv1.weight" and makes
"res4a_branch2a/kernel" of it: the places in braces are rewritten as `PLACES` says, the
rest of the name ("weight") is looked up in the layout of the layer here.

Shapes: K anchors of one cell.
"""

import functools
import re
import string
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from mrcnn.weights.channel_order import STEM, turn_round
from mrcnn.weights.systems.layouts import Step, Widths, layout_of_layer

# What a region proposal network has for each anchor, and how many numbers that is.
OF_ANCHORS = {"rpn_class_raw": 1, "rpn_bbox_pred": 4}
PYRAMID = "fpn_p2/kernel"
NUM_RATIOS = 3

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
    """Modules of one kind, and the layer here that each stands for."""

    module: str
    layer: str


class Variant(NamedTuple):
    """Files of a system that hold a certain tensor, or lack it, and what that means."""

    marker: str
    """The whole name of that tensor."""
    is_lacking: bool = False
    """Whether it is the files without it."""
    preset: str | None = None
    """The preset that describes such files, in place of the system's."""
    knobs: Mapping[str, object] = {}
    """What their config must say besides."""
    note: str = ""
    """What a user of such a file should know."""

    def has(self, names: Collection[str]) -> bool:
        """Whether a file with tensors of these names is one of them."""
        return (self.marker in names) != self.is_lacking


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
    background_last: bool = False
    """Whether the background is the last class, and has neither box nor mask."""
    anchors_by_side: bool = False
    """Whether anchors of a cell stand side by side length, and not ratio by ratio."""
    variants: Sequence[Variant] = ()
    """Of several that name a preset, the last one counts."""


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
        named[STEM] = turn_round(named[STEM])
    if system.anchors_by_side and PYRAMID not in named:
        _sort_anchors_by_ratio(named)
    _complete_norms(named, system)
    return Conversion(named, tuple(unknown))


def find_weight(name: str, system: System) -> tuple[str, Step] | None:
    """The full weight name that a tensor stands for, and its step; None if unknown."""
    module, _, leaf = name.rpartition(system.separator)
    leaf = system.leaves.get(leaf, leaf)
    for rule in system.rules:
        match = _pattern_of(rule.module).fullmatch(module)
        if match is None:
            continue
        found = match.groupdict().items()
        places = {place: PLACES[place][1](text) for place, text in found}
        layer = rule.layer.format(**places)
        layout = layout_of_layer(layer, background_last=system.background_last)
        if leaf in layout:
            return f"{layer}/{layout[leaf].weight}", layout[leaf]
    return None


def find_widths(state: Mapping[str, np.ndarray], system: System) -> Widths:
    """F and the rows of the class scores; 0 for what no tensor tells."""
    rows = _first_shape(state, [(system.logits, 0)])
    return Widths(_first_shape(state, system.roi_channels), rows)


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


def _sort_anchors_by_ratio(named: dict[str, np.ndarray]) -> None:
    """Of a single map, on each cell of which stand anchors of many side lengths."""
    for layer, numbers in OF_ANCHORS.items():
        for name in (f"{layer}/kernel", f"{layer}/bias"):
            if name not in named:
                continue
            values = named[name]
            num_anchors = values.shape[-1] // numbers  # K
            if num_anchors % NUM_RATIOS:
                raise ValueError(
                    f"{name!r} is for {num_anchors} anchors of a cell, but anchors "
                    f"of {NUM_RATIOS} ratios for each side length are expected."
                )
            split = values.reshape(*values.shape[:-1], -1, NUM_RATIOS, numbers)
            named[name] = np.swapaxes(split, -3, -2).reshape(values.shape)


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
