"""Writes a network's weights, and the model class whose own methods do so.

`LegacySavingModel` is a Keras model that saves and loads .h5 files in matterport's
layout wherever Keras or a user's script calls `save_weights` and `load_weights`.
"""

import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mrcnn.weights.legacy_h5 import NamedTensors, write_layers
from mrcnn.weights.loading import load_into
from mrcnn.weights.named_variables import layer_variables
from mrcnn.weights.report import LoadReport

logger = logging.getLogger("mrcnn")

ENDINGS = (".h5", ".hdf5")


def write_weights(
    path: str | os.PathLike, model: keras.Model, attributes: Mapping[str, object]
) -> None:
    """Writes all weights of a model in matterport's layout, whole or not at all.

    Args:
        path: ends in .h5 or .hdf5; an older file of that name is replaced
        model: its layers are written in their order
        attributes: what else the file shall say: geometry, class_names, config

    Raises:
        OSError: where the folder is missing, read-only or full.
    """
    if not os.fspath(path).endswith(ENDINGS):
        raise ValueError(f"Weights are saved to names in .h5, got {os.fspath(path)!r}.")
    layers = [(layer.name, _read_layer(layer)) for layer in model.layers]
    write_layers(path, layers, attributes)


@keras.saving.register_keras_serializable(package="mrcnn")
class LegacySavingModel(keras.Model):
    """A functional model whose .h5 files are matterport's.

    `file_attributes` is what its files say beside the weights: geometry, class_names
    and config. The caller fills it.
    """

    @property
    def file_attributes(self) -> dict[str, Any]:
        """What files of this model say beside the weights; change it in place."""
        return self.__dict__.setdefault("_file_attributes", {})

    def save_weights(self, filepath: str | os.PathLike, overwrite: bool = True) -> None:
        """Saves the weights in matterport's layout under any name in .h5.

        Raises:
            FileExistsError: where the file is there and `overwrite` is False.
            OSError: where the folder is missing, read-only or full.
        """
        if not overwrite and Path(filepath).exists():
            raise FileExistsError(f"{filepath} is there; overwrite=True replaces it.")
        write_weights(filepath, self, self.file_attributes)

    def load_weights(
        self,
        filepath: str | os.PathLike,
        by_name: bool = False,
        *,
        exclude: str | Iterable[str] = (),
        skip_mismatch: bool = False,
    ) -> LoadReport:
        """Loads an .h5 file in matterport's layout; see `load_into`."""
        return load_into(
            self,
            filepath,
            exclude=exclude,
            by_name=by_name,
            skip_mismatch=skip_mismatch,
        )

    def _make_predict_function(self) -> None:
        """Keras 2's name for it, which servers with threads call after loading."""
        self.make_predict_function()

    def save(
        self, filepath: str | os.PathLike, overwrite: bool = True, **kwargs: Any
    ) -> None:
        """Saves the whole model to .keras; a name in .h5 gets the weights alone.

        An .h5 file that holds a program is unsafe to load. Keras' `ModelCheckpoint`
        accepts names such as "mask_rcnn_{epoch:04d}.h5" only for whole models.
        """
        if not os.fspath(filepath).endswith(ENDINGS):
            super().save(filepath, overwrite=overwrite, **kwargs)
            return
        logger.info("%s gets the weights alone; .keras keeps the model.", filepath)
        self.save_weights(filepath, overwrite=overwrite)


def _read_layer(layer: keras.Layer) -> NamedTensors:
    """(full weight name, values) of every weight of a layer."""
    return [
        (item.name, np.asarray(keras.ops.convert_to_numpy(item.variable), "float32"))
        for item in layer_variables(layer)
    ]
