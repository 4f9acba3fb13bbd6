"""States of runs on disk."""

import numpy as np
import pytest
import tensorflow as tf

from mrcnn.training.state import (
    Progress,
    checksum,
    load_state,
    restore_variables,
    save_state,
    state_path,
)

WEIGHTS = [np.ones((2, 2), "float32"), np.zeros(3, "float32")]


def variables():
    return [tf.Variable(7, dtype="int64"), tf.Variable([0.1, np.float32(1e-40)])]


def test_a_state_comes_back_to_the_last_bit(tmp_path):
    path = state_path(tmp_path / "mask_rcnn_a_0003.h5")
    assert path.name == "mask_rcnn_a_0003.state.npz"
    progress = Progress(
        3, 4, 5, 6, {"loss": 1 / 3}, {"loss": [0.1, 0.2]}, {"layers": "all"}
    )
    save_state(path, progress, variables(), WEIGHTS)
    loaded, values = load_state(path, WEIGHTS)
    assert loaded == progress
    restored = [tf.Variable(0, dtype="int64"), tf.Variable([0.0, 0.0])]
    restore_variables(restored, values)
    for one, other in zip(restored, variables(), strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_other_weights_are_refused(tmp_path):
    path = tmp_path / "a.state.npz"
    save_state(path, Progress(), [], WEIGHTS)
    with pytest.raises(ValueError, match="belongs to other weights"):
        load_state(path, [WEIGHTS[0], WEIGHTS[1] + 1e-7])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"text"])
def test_a_damaged_file_is_refused_with_a_remedy(tmp_path, content):
    path = tmp_path / "a.state.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="Remove it"):
        load_state(path, WEIGHTS)


def test_objects_in_a_file_are_not_run(tmp_path):
    path = tmp_path / "a.state.npz"
    np.savez(path, progress=np.array([{"epoch": 1}], dtype=object))
    with pytest.raises(ValueError, match="no state of a run"):
        load_state(path, WEIGHTS)


def test_variables_that_do_not_fit_are_left_alone():
    mine = variables()
    for values in ([np.array(1)], [np.array(1), np.zeros(3)]):
        with pytest.raises(ValueError, match="other layers"):
            restore_variables(mine, values)
    assert mine[0].numpy() == 7


def test_a_failed_write_leaves_the_old_state(tmp_path, monkeypatch):
    path = tmp_path / "a.state.npz"
    save_state(path, Progress(epoch=1), [], WEIGHTS)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        save_state(path, Progress(epoch=2), [], WEIGHTS)
    assert load_state(path, WEIGHTS)[0].epoch == 1
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_a_checksum_tells_any_bit():
    assert checksum(WEIGHTS) == checksum([weight.copy() for weight in WEIGHTS])
    assert checksum(WEIGHTS) != checksum([WEIGHTS[0], np.nextafter(WEIGHTS[1], 1)])
