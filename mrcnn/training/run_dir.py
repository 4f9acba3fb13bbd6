"""Where a run keeps its files, in matterport's layout.

    logs/balloon20261121T0930/mask_rcnn_balloon_0012.h5

One folder per run, named after the configuration and the time it began; one
checkpoint per epoch. The time and the epoch are read back from these names when a
run goes on. A checkpoint that was saved amid an epoch tells so at its end:
mask_rcnn_balloon_0012_interrupted.h5 comes after the twelfth epoch.
"""

import datetime
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

_TIMESTAMP = "%Y%m%dT%H%M"
EPOCH_FIELD = "*epoch*"
_INTERRUPTED = "_interrupted"
_CHECKPOINT = re.compile(rf"mask_rcnn_.*?_?(\d{{4,}})({_INTERRUPTED})?\.h5")


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

    def interrupted(self, epoch: int) -> str:
        """Path of the checkpoint amid the epoch that comes after so many."""
        return self.checkpoint_path.replace(EPOCH_FIELD, f"{epoch:04d}{_INTERRUPTED}")


class CheckpointPath(str):
    """A path whose item 1 is the path: old callers take it from (log_dir, path)."""

    def __getitem__(self, key: Any) -> str:
        is_old_index = isinstance(key, int) and key == 1
        return str(self) if is_old_index else super().__getitem__(key)


def new_run(
    model_dir: str | Path, name: str, now: datetime.datetime | None = None
) -> RunDir:
    """A run that begins now."""
    now = now or datetime.datetime.now()
    return _run(Path(model_dir) / f"{name.lower()}{now:{_TIMESTAMP}}", name, epoch=0)


def continued_run(
    model_dir: str | Path, name: str, model_path: str | os.PathLike | None
) -> RunDir:
    """The run that a checkpoint belongs to, or a new one for any other file or None.

    A checkpoint is known by its path: a folder that ends in the run's time, a file
    name that ends in the epoch. Its folder goes on being the run's folder, wherever
    it lies.
    """
    if model_path is None:
        return new_run(model_dir, name)
    path = Path(model_path)
    is_run = re.fullmatch(r".*\d{8}T\d{4}", path.parent.name)
    epoch = _CHECKPOINT.fullmatch(path.name)
    if not (is_run and epoch):
        return new_run(model_dir, name)
    return _run(path.parent, name, epoch=int(epoch[1]))


def find_last_checkpoint(model_dir: str | Path, name: str | None = None) -> str:
    """Path of the newest checkpoint of the newest run that has any.

    Args:
        model_dir: folder of the runs
        name: whose runs to look through; None for all of them

    Raises:
        FileNotFoundError: no run of this name holds a checkpoint.
    """
    folder = Path(model_dir)
    prefix = "NAME" if name is None else name.lower()
    start = ".*" if name is None else re.escape(prefix)
    found = [
        (re.fullmatch(start + r"(\d{8}T\d{4})", path.name), path)
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.is_dir()
    ]
    runs = [path for _, path in sorted((one[1], path) for one, path in found if one)]
    for run in reversed(runs):
        checkpoints = _numbered(run)
        if checkpoints:
            return CheckpointPath(checkpoints[-1][1])
    looked_at = f"{len(runs)} empty run folders" if runs else "no run folder"
    raise FileNotFoundError(
        f"No checkpoint{'' if name is None else f' of {name!r}'} in {folder}: found "
        f"{looked_at} named "
        f"'{prefix}YYYYMMDDTHHMM'. Check model_dir and Config.NAME, or give "
        "load_weights the path of a file."
    )


def checkpoints_by_epoch(run: RunDir) -> list[tuple[int, str]]:
    """(epochs done, path) of every checkpoint in a run's folder, in their order."""
    return _numbered(Path(run.log_dir))


def is_interrupted(checkpoint: str | Path) -> bool:
    """Whether a checkpoint was saved amid an epoch."""
    return Path(checkpoint).stem.endswith(_INTERRUPTED)


def _numbered(folder: Path) -> list[tuple[int, str]]:
    found = [(_CHECKPOINT.fullmatch(path.name), path) for path in folder.glob("*.h5")]
    rows = [
        (int(match[1]), bool(match[2]), str(path)) for match, path in found if match
    ]
    return [(number, path) for number, _, path in sorted(rows)]


def _run(log_dir: Path, name: str, *, epoch: int) -> RunDir:
    file = f"mask_rcnn_{name.lower()}_{EPOCH_FIELD}.h5"
    return RunDir(str(log_dir), str(log_dir / file), epoch)
