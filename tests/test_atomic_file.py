import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from mrcnn.atomic_file import replaced_file


def test_the_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "a.h5"

    with replaced_file(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()

    assert [item.name for item in tmp_path.iterdir()] == ["a.h5"]
    assert path.read_text() == "whole"


def write_half(path: Path) -> None:
    with replaced_file(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.h5"
    path.write_text("old")

    with pytest.raises(KeyboardInterrupt):
        write_half(path)

    assert [item.name for item in tmp_path.iterdir()] == ["a.h5"]
    assert path.read_text() == "old"


def test_a_full_disk_is_told_before_anything_is_written(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100, 90, 10))

    with (
        pytest.raises(OSError, match="11 bytes to write, 10 free"),
        replaced_file(tmp_path / "a.h5", length=11),
    ):
        pass

    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(tmp_path):
    with (
        pytest.raises(FileNotFoundError, match="nowhere"),
        replaced_file(tmp_path / "nowhere" / "a.h5"),
    ):
        pass
