"""Names of runs and checkpoints."""

import datetime
from pathlib import Path

import pytest

from mrcnn.training.run_dir import (
    checkpoints_by_epoch,
    continued_run,
    find_last_checkpoint,
    is_interrupted,
    new_run,
)

NOON = datetime.datetime(2026, 11, 21, 12, 5)


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return str(path)


def test_a_new_run_is_named_after_the_config_and_the_time(tmp_path):
    run = new_run(tmp_path, "Balloon", NOON)
    assert run.log_dir == str(tmp_path / "balloon20261121T1205")
    assert run.epoch == 0
    expected = tmp_path / "balloon20261121T1205" / "mask_rcnn_balloon_0007.h5"
    assert run.checkpoint(7) == str(expected)


def test_a_checkpoint_continues_its_run_wherever_it_lies(tmp_path):
    path = tmp_path / "old" / "balloon20180101T0102" / "mask_rcnn_balloon_0012.h5"
    run = continued_run("logs", "balloon", path)
    assert run.epoch == 12
    assert run.log_dir == str(path.parent)
    assert run.checkpoint(12) == str(path)


def test_a_dash_or_digits_in_the_name_do_not_hide_the_epoch(tmp_path):
    folder = tmp_path / "nuc-2b20180101T0102"
    path = folder / "mask_rcnn_nuc-2b_0003.h5"
    assert continued_run("logs", "nuc-2b", path).epoch == 3


@pytest.mark.parametrize(
    "path",
    [None, "mask_rcnn_coco.h5", "x20180101T0102/other.h5", "a/mask_rcnn_b_0001.h5"],
)
def test_any_other_file_begins_a_new_run(path):
    run = continued_run("logs", "balloon", path)
    assert run.epoch == 0
    assert run.log_dir.startswith("logs")


def test_the_last_checkpoint_skips_empty_runs_and_other_names(tmp_path):
    touch(tmp_path / "shapes20260101T0000" / "mask_rcnn_shapes_0009.h5")
    last = touch(tmp_path / "shapes20260102T0000" / "mask_rcnn_shapes_0010.h5")
    touch(tmp_path / "shapes20260102T0000" / "mask_rcnn_shapes_0002.h5")
    (tmp_path / "shapes20260103T0000").mkdir()
    touch(tmp_path / "shapes_big20260104T0000" / "mask_rcnn_shapes_big_0001.h5")
    assert find_last_checkpoint(tmp_path, "shapes") == last


def test_without_a_name_the_newest_run_of_all_counts(tmp_path):
    touch(tmp_path / "zebras20260101T0000" / "mask_rcnn_zebras_0009.h5")
    last = touch(tmp_path / "ants20260102T0000" / "mask_rcnn_ants_0001.h5")
    assert find_last_checkpoint(tmp_path) == last
    with pytest.raises(FileNotFoundError, match=r"No checkpoint in .*NAMEYYYY"):
        find_last_checkpoint(tmp_path / "absent")


def test_no_checkpoint_is_an_error_that_says_what_was_looked_for(tmp_path):
    (tmp_path / "shapes20260103T0000").mkdir()
    with pytest.raises(FileNotFoundError, match="1 empty run"):
        find_last_checkpoint(tmp_path, "shapes")
    with pytest.raises(FileNotFoundError, match="no run folder"):
        find_last_checkpoint(tmp_path / "absent", "shapes")


def test_a_checkpoint_amid_an_epoch_comes_after_it_and_before_the_next(tmp_path):
    run = new_run(tmp_path, "shapes", NOON)
    touch(Path(run.checkpoint(2)))
    amid = touch(Path(run.interrupted(2)))
    assert find_last_checkpoint(tmp_path, "shapes") == amid
    assert continued_run(tmp_path, "shapes", amid).epoch == 2
    assert is_interrupted(amid)
    last = touch(Path(run.checkpoint(3)))
    assert find_last_checkpoint(tmp_path, "shapes") == last
    assert not is_interrupted(last)
    assert [number for number, _ in checkpoints_by_epoch(run)] == [2, 2, 3]


def test_epochs_are_sorted_as_numbers_and_other_files_are_none(tmp_path):
    run = new_run(tmp_path, "shapes", NOON)
    touch(Path(run.checkpoint(9999)))
    last = touch(Path(run.checkpoint(10000)))
    touch(Path(run.log_dir) / "mask_rcnn_shapes_final.h5")
    assert find_last_checkpoint(tmp_path, "shapes") == last


def test_the_last_checkpoint_answers_to_the_index_of_old(tmp_path):
    file = touch(tmp_path / "shapes20180101T0102" / "mask_rcnn_shapes_0002.h5")
    last = find_last_checkpoint(tmp_path, "shapes")
    assert last[1] == last == file
    assert last[-3:] == ".h5"
    assert last[0] == file[0]
    assert Path(last) == Path(file)
