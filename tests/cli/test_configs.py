import pytest

from mrcnn.cli.configs import (
    checked,
    named_config,
    set_knobs,
    with_rpn,
    words_and_knobs,
)
from mrcnn.cli.terminal import Misuse
from mrcnn.config import Config


def test_words_are_told_from_knobs_and_values_are_python_or_text():
    words = ["data", "A=1", "B=(1, 2.5)", "C=True", "D=pad64", "E=None", "x=y.png"]
    others, knobs = words_and_knobs(words, "DATA")
    assert others == ["data", "x=y.png"]
    assert knobs == {"A": 1, "B": (1, 2.5), "C": True, "D": "pad64", "E": None}


def test_without_words_it_is_said_what_is_needed():
    with pytest.raises(Misuse, match="name at least one IMAGE"):
        words_and_knobs(["A=1"], "IMAGE")


def test_no_config_is_none_but_its_knobs_are_checked():
    assert named_config(None, {"NUM_CLASSES": 3}) is None
    with pytest.raises(Misuse, match="did you mean NUM_CLASSES"):
        named_config(None, {"NUM_CLASES": 3})


def test_a_config_is_a_class_an_instance_or_a_file(tmp_path, monkeypatch):
    (tmp_path / "knobs_of_mine.py").write_text(
        "from mrcnn.config import Config\n"
        "class Mine(Config):\n    NUM_CLASSES = 3\n"
        "made = Mine()\n"
    )
    monkeypatch.chdir(tmp_path)
    saved = Config()
    saved.NUM_CLASSES = 3
    saved.save("saved.json")
    for text in (
        "knobs_of_mine:Mine",
        "knobs_of_mine.py:Mine",
        "knobs_of_mine:made",
        "saved.json",
    ):
        config = named_config(text, {"IMAGE_MIN_DIM": 128})
        assert (config.NUM_CLASSES, config.IMAGE_MIN_DIM) == (3, 128)


def test_what_a_module_of_the_user_raises_is_said(tmp_path, monkeypatch):
    (tmp_path / "broken_knobs.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Misuse, match=r"broken_knobs\.py.*ZeroDivisionError"):
        named_config("broken_knobs.py:Mine", {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mrcnn.config", "MODULE:CLASS"),
        ("mrcnn.config:Wrong", "no Config called Wrong"),
        ("no_such_module:A", "no_such_module"),
        ("no_such_file.py:A", r"no_such_file\.py"),
        ("no_such.json", r"no_such\.json"),
    ],
)
def test_a_config_that_is_not_there_is_misuse(text, message):
    with pytest.raises(Misuse, match=message):
        named_config(text, {})


def test_no_knob_is_set_where_one_does_not_exist():
    config = Config()
    with pytest.raises(Misuse, match="there is no knob FOO"):
        set_knobs(config, {"NUM_CLASSES": 9, "FOO": 1})
    assert config.NUM_CLASSES == 1


def test_a_wrong_value_is_misuse():
    config = Config()
    config.RPN_ANCHOR_STRIDE = 0
    with pytest.raises(Misuse, match="RPN_ANCHOR_STRIDE"):
        checked(config)


def test_networks_that_want_proposals_are_sent_to_python():
    config = Config()
    assert with_rpn(config) is config
    config.RPN_BRANCH = False
    with pytest.raises(Misuse, match=r"detect\(images, proposals=.*add_proposals"):
        with_rpn(config)
