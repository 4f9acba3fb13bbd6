"""Checkpoints of a run: written whole, the newest and the best kept.

Each is a file of weights in matterport's layout and, beside it, the state that the
optimizer needs to go on.
"""

import errno
import logging
import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from mrcnn.training.csv_log import best_epoch
from mrcnn.training.run_dir import RunDir, checkpoints_by_epoch, is_interrupted
from mrcnn.training.state import ENDING, Progress, save_state, state_path

logger = logging.getLogger("mrcnn")

# States are as large as checkpoints, and few ever go back further.
STATES_TO_KEEP = 2


class Checkpoints(keras.callbacks.Callback):
    """Saves after every epoch.

    Args:
        run: where to
        progress: of the run; it is kept up to date by others
        variables: that the state holds, see `save_state`
        keep: newest checkpoints to keep; None keeps all. The best one stays
        monitor: column of the run's table by which a checkpoint is the best
        writes: False on machines that leave it to another one
    """

    def __init__(
        self,
        run: RunDir,
        progress: Progress,
        variables: Sequence[Any],
        *,
        keep: int | None = None,
        monitor: str = "val_loss",
        writes: bool = True,
    ) -> None:
        super().__init__()
        self.run = run
        self.progress = progress
        self.variables = variables
        self.keep = keep
        self.monitor = monitor
        self.writes = writes

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Saves, and removes what need not be kept."""
        path = self._save(self.run.checkpoint(epoch + 1))
        best = best_epoch(self.run.log_dir, self.monitor)
        if best == epoch + 1:
            logger.info("The best %s so far: %s", self.monitor, path)
        self._remove_old(newest=epoch + 1, best=best)

    def save_interrupted(self) -> str:
        """Saves amid an epoch, under a name of its own. -> its path"""
        return self._save(self.run.interrupted(self.progress.epoch))

    def check_room(self) -> None:
        """Makes the run's folder and sees whether a checkpoint would fit into it.

        Raises:
            OSError: where it cannot be written to, or the disk is too full.
        """
        if not self.writes:
            return
        folder = Path(self.run.log_dir)
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".{uuid.uuid4().hex}.tmp"
        try:
            probe.write_bytes(b"\0")
        except OSError as error:
            raise OSError(
                error.errno, f"Cannot write checkpoints into {folder}: {error.strerror}"
            ) from error
        finally:
            probe.unlink(missing_ok=True)
        counted = [*self.model.weights, *self.variables]
        needed = sum(4 * int(keras.ops.size(variable)) for variable in counted)
        total, _, free = shutil.disk_usage(folder)
        if total and free < needed:  # some network folders say 0 of 0
            raise OSError(
                errno.ENOSPC,
                f"A checkpoint takes {needed} bytes, and {folder} has {free} left. "
                "Make room, or give another model_dir.",
            )

    def _save(self, path: str) -> str:
        if not self.writes:
            return path
        # The weights come last: where they are, their state is.
        weights = self.model.get_weights()
        save_state(state_path(path), self.progress, self.variables, weights)
        self.model.save_weights(path)
        return path

    def _remove_old(self, newest: int, best: int | None) -> None:
        found = checkpoints_by_epoch(self.run)
        found = [(number, path) for number, path in found if number <= newest]
        numbers = sorted({number for number, _ in found})
        kept = {*(numbers if self.keep is None else numbers[-self.keep :]), best}
        for number, path in found:
            is_over = is_interrupted(path) and number < newest
            is_kept = number in kept and not is_over
            if not is_kept:
                _remove(Path(path))
            if not is_kept or number not in numbers[-STATES_TO_KEEP:]:
                _remove(state_path(path))


def _remove(path: Path) -> None:
    assert path.name.endswith((".h5", ENDING))
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("Could not remove %s: %s", path, error)
