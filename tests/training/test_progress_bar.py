"""The bar of an epoch in terminals of any width."""

import re

import pytest

from mrcnn.training.progress_bar import ProgressBar, first_that_fit

LOSSES = {"loss": 2.5, "rpn_class_loss": 0.5, "mrcnn_mask_loss": 2.0}


def shown(capsys, verbose, columns, monkeypatch):
    """What three steps of an epoch print, control characters left out."""
    monkeypatch.setenv("COLUMNS", str(columns))
    bar = ProgressBar(verbose)
    bar.set_params({"epochs": 4, "steps": 3, "verbose": verbose})
    bar.on_epoch_begin(1)
    for step in range(3):
        bar.on_train_batch_end(step, LOSSES)
    bar.on_epoch_end(1, {**LOSSES, "val_loss": 3.0})
    return re.sub(r"\x1b\[\d+m|\x08", "", capsys.readouterr().out)


@pytest.mark.parametrize("columns", [80, 100, 200])
def test_no_line_on_the_way_is_longer_than_the_terminal(capsys, monkeypatch, columns):
    *on_the_way, last = re.split(r"[\r\n]+", shown(capsys, 1, columns, monkeypatch))[
        :-1
    ]
    assert max(map(len, on_the_way)) <= columns
    assert all("loss: 2.5000" in line for line in on_the_way[1:])
    assert "val_loss: 3.0000" in last


def test_a_wide_terminal_has_room_for_all_losses(capsys, monkeypatch):
    lines = re.split(r"[\r\n]+", shown(capsys, 1, 200, monkeypatch))
    assert all(f"{name}: " in lines[1] for name in LOSSES)


def test_the_numbers_are_shown_as_they_come(capsys):
    bar = ProgressBar(1)
    bar.set_params({"epochs": 1, "steps": 2})
    bar.on_epoch_begin(0)
    bar.on_train_batch_end(0, {"loss": 9.0})
    bar.on_train_batch_end(1, {"loss": 4.0})
    bar.on_epoch_end(0, {"loss": 4.0})
    assert "9.0000" in (printed := capsys.readouterr().out)
    assert printed.rstrip().endswith("loss: 4.0000")


def test_the_epoch_is_counted_from_one(capsys, monkeypatch):
    assert shown(capsys, 1, 80, monkeypatch).startswith("Epoch 2/4\n")


@pytest.mark.parametrize("verbose", [2, "auto"])
def test_outside_a_terminal_an_epoch_is_a_line(capsys, monkeypatch, verbose):
    heading, numbers = shown(capsys, verbose, 80, monkeypatch).splitlines()
    assert heading == "Epoch 2/4"
    assert numbers.startswith("3/3 - ")
    assert "mrcnn_mask_loss: 2.0000" in numbers


def test_numbers_are_chosen_from_the_first_on():
    room = len(" - loss: 0.0000e-00") + len(" - rpn_class_loss: 0.0000e-00")
    assert list(first_that_fit(LOSSES, room)) == ["loss", "rpn_class_loss"]
    assert list(first_that_fit(LOSSES, room - 1)) == ["loss"]
    assert first_that_fit(LOSSES, 0) == {}
