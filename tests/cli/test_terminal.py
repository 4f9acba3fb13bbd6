import logging
import sys

from mrcnn.cli.terminal import complain, counted, log_on_stderr, progress_bar


def test_one_is_counted_without_an_s():
    assert (counted(1, "image"), counted(0, "image")) == ("1 image", "0 images")


def test_a_bar_is_drawn_for_those_who_look(capsys, monkeypatch):
    assert progress_bar("looking") is None
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    show = progress_bar("looking")
    show(1, 2)
    show(2, 2)
    drawn = capsys.readouterr().err
    assert f"looking {'█' * 15}{'·' * 15} 1/2" in drawn
    assert drawn.endswith("2/2\n")


def test_warnings_of_the_package_are_seen_while_a_command_runs(capsys):
    logger = logging.getLogger("mrcnn")
    before = logger.handlers[:]
    with log_on_stderr():
        logger.warning("odd")
        logger.info("boring")
    assert capsys.readouterr().err == "odd\n"
    assert logger.handlers == before


def test_a_warning_that_comes_with_every_batch_is_seen_three_times(capsys):
    with log_on_stderr():
        for batch in range(9):
            logging.getLogger("mrcnn").warning("batch %d is full", batch)
    assert capsys.readouterr().err.count("is full") == 3


def test_complaints_name_the_command(capsys):
    complain("mrcnn train", "no data")
    assert capsys.readouterr().err == "mrcnn train: no data\n"
