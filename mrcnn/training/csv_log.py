"""The table of a run: a row for every epoch, a column for every number.

It lies in the run's folder as training_log.csv and goes on when the run goes on.
"""

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from mrcnn.atomic_file import replaced_file

FILE_NAME = "training_log.csv"
EPOCH = "epoch"


class CsvLog(keras.callbacks.Callback):
    """Writes what epochs end with; their numbers begin with 1.

    Args:
        log_dir: folder of the run, which exists
        first_epoch: epochs that are done; rows of later ones are dropped, as these
            epochs are done again
    """

    def __init__(self, log_dir: str | os.PathLike, first_epoch: int = 0) -> None:
        super().__init__()
        self.path = Path(log_dir) / FILE_NAME
        rows = read_log(log_dir)
        self._rows = [row for row in rows if int(row[EPOCH]) <= first_epoch]

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Adds a row."""
        numbers = {name: f"{float(value):.7g}" for name, value in (logs or {}).items()}
        self._rows.append({EPOCH: str(epoch + 1), **numbers})
        # Some numbers come every few epochs only, so columns may be added.
        names = list(dict.fromkeys(name for row in self._rows for name in row))
        with (
            replaced_file(self.path) as unfinished,
            open(unfinished, "w", encoding="utf-8", newline="") as file,
        ):
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(self._rows)


def read_log(log_dir: str | os.PathLike) -> list[dict[str, str]]:
    """Rows of a run's table by column, none where there is no table."""
    path = Path(log_dir) / FILE_NAME
    if not path.is_file():
        return []
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row for row in rows if (row.get(EPOCH) or "").isdigit()]


def best_epoch(log_dir: str | os.PathLike, metric: str) -> int | None:
    """The epoch with the best value: the lowest of a loss, the highest of the others.

    The first of equals; None where no row has a value.
    """
    values = {
        int(row[EPOCH]): float(row[metric])
        for row in read_log(log_dir)
        if row.get(metric)
    }
    if not values:
        return None
    choose = min if "loss" in metric else max
    return choose(values, key=lambda epoch: values[epoch])
