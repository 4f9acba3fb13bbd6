"""Checkpoints on disk; how they come and go in a run is in test_train."""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from mrcnn.training.checkpoints import Checkpoints
from mrcnn.training.state import Progress, load_state, state_path
from tests.training.toys import saving_detector, toy_run


def checkpoints_in(folder, progress=None, **options):
    run = toy_run(folder)
    Path(run.log_dir).mkdir()
    saver = Checkpoints(run, progress or Progress(), [], **options)
    saver.set_model(saving_detector())
    return saver


def files_of(saver):
    return sorted(path.name for path in Path(saver.run.log_dir).iterdir())


def test_a_checkpoint_has_a_state_that_knows_it(tmp_path):
    saver = checkpoints_in(tmp_path, Progress(epoch=1, all_steps=9))
    saver.on_epoch_end(0)
    path = saver.run.checkpoint(1)
    assert Path(path).is_file()
    progress, _ = load_state(state_path(path), saver.model.get_weights())
    assert progress.all_steps == 9


def test_all_checkpoints_stay_by_default_and_the_last_two_states(tmp_path):
    saver = checkpoints_in(tmp_path)
    for epoch in range(4):
        saver.on_epoch_end(epoch)
    names = [f"mask_rcnn_toy_{number:04d}" for number in range(1, 5)]
    expected = [f"{name}.h5" for name in names]
    expected += [f"{name}.state.npz" for name in names[-2:]]
    assert files_of(saver) == sorted(expected)


def test_what_was_interrupted_goes_when_its_epoch_is_done(tmp_path):
    saver = checkpoints_in(tmp_path, Progress(epoch=0))
    path = saver.save_interrupted()
    assert Path(path).name == "mask_rcnn_toy_0000_interrupted.h5"
    saver.on_epoch_end(0)
    assert files_of(saver) == ["mask_rcnn_toy_0001.h5", "mask_rcnn_toy_0001.state.npz"]


def test_files_of_others_and_later_epochs_stay(tmp_path):
    saver = checkpoints_in(tmp_path, keep=1)
    others = ["mask_rcnn_toy_0009.h5", "mask_rcnn_other.h5", "notes.txt"]
    for name in others:
        (Path(saver.run.log_dir) / name).touch()
    for epoch in range(2):
        saver.on_epoch_end(epoch)
    own = ["mask_rcnn_toy_0002.h5", "mask_rcnn_toy_0002.state.npz"]
    assert files_of(saver) == sorted(others + own)


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_full_disk_is_an_error_that_says_how_much_is_needed(tmp_path, monkeypatch):
    saver = checkpoints_in(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9, 100))
    # 2 x 4 + 4 weights of the hidden layer, 4 x 5 + 5 of the head, 4 bytes each.
    with pytest.raises(OSError, match=r"takes 148 bytes, .* has 100 left"):
        saver.check_room()


def test_a_folder_of_no_known_size_passes(tmp_path, monkeypatch):
    saver = checkpoints_in(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 0))
    saver.check_room()
    assert files_of(saver) == []


def test_a_read_only_folder_is_an_error(tmp_path, monkeypatch):
    saver = checkpoints_in(tmp_path)

    def refuse(path, data):
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(PermissionError, match=r"Cannot write checkpoints into .*toy"):
        saver.check_room()


def test_a_disk_that_fills_up_leaves_the_last_good_checkpoint(tmp_path, monkeypatch):
    saver = checkpoints_in(tmp_path)
    saver.on_epoch_end(0)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9, 100))
    with pytest.raises(OSError, match="Not enough room"):
        saver.on_epoch_end(1)
    assert "mask_rcnn_toy_0001.h5" in files_of(saver)
    assert "mask_rcnn_toy_0002.h5" not in files_of(saver)


def test_other_machines_write_nothing(tmp_path):
    saver = checkpoints_in(tmp_path, writes=False)
    saver.check_room()
    saver.save_interrupted()
    assert files_of(saver) == []
