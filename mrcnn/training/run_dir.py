"""Where a run keeps its files, in matterport's layout.

    logs/balloon20261121T0930/mask_rcnn_balloon_0012.h5

One folder per run, named after the configuration and the time it began; one
checkpoint per epoch. The time and the epoch are read back from these names when a
run goes on.
"""

import datetime
import re
from pathlib import Path
from typing import NamedTuple

_TIMESTAMP = "%Y%m%dT%H%M"
EPOCH_FIELD = "*epoch*"


class RunDir(NamedTuple):
    """The folder of one run."""

    log_dir: str
    """The folder; it exists once something was saved there."""

    checkpoint_path: str
    """Where checkpoints go, with `*epoch*` in the place of the number."""

    epoch: int
    """Epochs done before, 0 for a run that begins."""

    def checkpoint(self, epoch: int) -> str:
        """Path of the checkpoint after so many epochs."""
        return self.checkpoint_path.replace(EPOCH_FIELD, f"{epoch:04d}")


def new_run(
    model_dir: str | Path, name: str, now: datetime.datetime | None = None
) -> RunDir:
    """A run that begins now."""
    now = now or datetime.datetime.now()
    return _run(Path(model_dir) / f"{name.lower()}{now:{_TIMESTAMP}}", name, epoch=0)


def continued_run(model_dir: str | Path, name: str, model_path: str | Path) -> RunDir:
    """The run that a checkpoint belongs to, or a new one for any other file.

    A checkpoint is known by its path: a folder that ends in the run's time, a file
    name that ends in the epoch. Its folder goes on being the run's folder, wherever
    it lies.
    """
    path = Path(model_path)
    is_run = re.fullmatch(r".*\d{8}T\d{4}", path.parent.name)
    epoch = re.fullmatch(r"mask_rcnn_.*?_?(\d{4,})\.h5", path.name)
    if not (is_run and epoch):
        return new_run(model_dir, name)
    return _run(path.parent, name, epoch=int(epoch[1]))


def find_last_checkpoint(model_dir: str | Path, name: str) -> str:
    """Path of the newest checkpoint of the newest run that has any.

    Raises:
        FileNotFoundError: no run of this name holds a checkpoint.
    """
    folder = Path(model_dir)
    prefix = name.lower()
    runs = sorted(
        path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.is_dir() and re.fullmatch(re.escape(prefix) + r"\d{8}T\d{4}", path.name)
    )
    for run in reversed(runs):
        checkpoints = sorted(run.glob("mask_rcnn_*.h5"))
        if checkpoints:
            return str(checkpoints[-1])
    looked_at = f"{len(runs)} empty run folders" if runs else "no run folder"
    raise FileNotFoundError(
        f"No checkpoint of {name!r} in {folder}: found {looked_at} named "
        f"'{prefix}YYYYMMDDTHHMM'. Check model_dir and Config.NAME, or give "
        "load_weights the path of a file."
    )


def _run(log_dir: Path, name: str, *, epoch: int) -> RunDir:
    file = f"mask_rcnn_{name.lower()}_{EPOCH_FIELD}.h5"
    return RunDir(str(log_dir), str(log_dir / file), epoch)
