"""Puts the weights of a file into a network, all that fit or none.

Weights go by full weight name, never by position, so that frozen layers and the order
of layers make no difference. Everything is read and checked before the first variable
changes.
"""

import difflib
import logging
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

import keras
import numpy as np

from mrcnn.weights.channel_order import STEM, channel_order, turn_round
from mrcnn.weights.fitting import Pairing, check_fit, compare, hints_for, pair_by_name
from mrcnn.weights.inflation import inflatable, inflate
from mrcnn.weights.legacy_h5 import FileTensor
from mrcnn.weights.named_variables import NamedVariable, layer_names, named_variables
from mrcnn.weights.opening import open_weights
from mrcnn.weights.report import LoadReport
from mrcnn.weights.safe_h5 import StoredTensor, WeightsFileError

logger = logging.getLogger("mrcnn")


def load_into(
    model: keras.Model,
    path: str | os.PathLike,
    *,
    exclude: str | Iterable[str] = (),
    by_name: bool = True,
    skip_mismatch: bool = False,
) -> LoadReport:
    """Loads a weights file and says what became of it.

    Args:
        model: the network; its weights are left alone if anything is wrong. Whether it
            sees RGB or BGR is told by its `file_attributes`, if it has any
        path: an .h5 file in matterport's layout, or a file of another system that
            `read_foreign` reads
        exclude: names of layers to leave as they are
        by_name: False demands that file and network hold the same weights
        skip_mismatch: True skips weights of other shapes instead of raising; those
            that only differ in the number of classes are skipped anyway, and first
            layers of RGB images are fitted to the network's channels

    Raises:
        FileNotFoundError: where there is no such file.
        WeightsFileError: where the file is damaged, foreign or unsafe.
        ValueError: where file and network do not fit.
    """
    excluded_layers = [exclude] if isinstance(exclude, str) else list(exclude or ())
    variables = named_variables(model)
    wanted = {
        name: variable
        for name, variable in variables.items()
        if not set(variable.layers) & set(excluded_layers)
    }
    with open_weights(path) as file:
        pairing = pair_by_name(file.tensors, variables)
        rest = [t for t in pairing.unexpected if not _is_in(t, excluded_layers)]
        pairing = Pairing(pairing.found, rest)
        shapes = {name: tuple(item.variable.shape) for name, item in wanted.items()}
        report = compare(pairing, shapes, file.path)
        report = _with_inflated(report)
        try:
            check_fit(report, by_name=by_name, skip_mismatch=skip_mismatch)
        except ValueError as error:
            raise ValueError(" ".join([str(error), *file.notes])) from error
        values = {
            name: _read_values(file.path, name, pairing.found[name])
            for name in report.loaded
        }
    own_order = channel_order(getattr(model, "file_attributes", {}))
    if STEM in values and channel_order(file.attributes) != own_order:
        values[STEM] = turn_round(values[STEM])
    for name in report.inflated:
        values[name] = inflate(values[name], shapes[name][2])
    _assign(values, wanted)
    _warn_of_unknown_layers(excluded_layers, model, file.tensors)
    report = replace(
        report,
        excluded=tuple(name for name in variables if name not in wanted),
        hints=(*hints_for(report), *file.notes),
        attributes=file.attributes,
    )
    logger.log(logging.INFO if report.is_complete else logging.WARNING, "%s", report)
    return report


def _with_inflated(report: LoadReport) -> LoadReport:
    """A report that counts first layers of RGB images as loaded."""
    inflated = inflatable(report.mismatched)
    names = tuple(mismatch.name for mismatch in inflated)
    return replace(
        report,
        loaded=(*report.loaded, *names),
        mismatched=tuple(m for m in report.mismatched if m not in inflated),
        inflated=names,
    )


def _assign(
    values: Mapping[str, np.ndarray], variables: Mapping[str, NamedVariable]
) -> None:
    for name, value in values.items():
        variables[name].variable.assign(value)


def _read_values(path: str, name: str, stored: StoredTensor) -> np.ndarray:
    """One tensor as float32; what no network can work with is refused."""
    if stored.dtype.kind != "f":
        message = f"{path} stores {name!r} as {stored.dtype}, expected float."
        raise WeightsFileError(message)
    with np.errstate(over="ignore"):
        values = stored.read().astype("float32", copy=False)
    if not np.isfinite(values).all():
        raise WeightsFileError(
            f"{path} holds NaN or infinite values in {name!r}: the training that "
            "wrote it diverged, or the file is damaged. Take an earlier checkpoint."
        )
    return values


def _is_in(tensor: FileTensor, layers: Collection[str]) -> bool:
    """Whether a stored tensor belongs to one of the layers."""
    around = {part for name in tensor.names for part in name.split("/")[:-1]}
    around.add(tensor.stored.path.split("/")[0])
    return not around.isdisjoint(layers)


def _warn_of_unknown_layers(
    excluded: Iterable[str], model: keras.Model, tensors: Iterable[FileTensor]
) -> None:
    """Warns of names to exclude that neither the network nor the file knows."""
    known = layer_names(model)
    for name in excluded:
        if name in known or any(_is_in(tensor, [name]) for tensor in tensors):
            continue
        near = difflib.get_close_matches(name, known, n=1)
        nearest = f"; the nearest name is {near[0]!r}" if near else ""
        logger.warning("exclude names no layer of the network: %r%s.", name, nearest)
