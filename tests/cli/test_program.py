import os
import subprocess
import sys

import pytest

from mrcnn.cli import detect, main
from mrcnn.cli.program import COMMANDS, explanation

NAMES = ("train", "evaluate", "detect", "inspect", "convert", "demo")


def exit_code(words):
    with pytest.raises(SystemExit) as stop:
        main(words)
    return stop.value.code


def test_there_is_a_command_for_every_file():
    assert tuple(one.__name__.split(".")[-1] for one in COMMANDS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_command_explains_itself_with_examples(name, capsys):
    assert exit_code([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert text.count(f"\n  mrcnn {name}") >= 2
    assert max(map(len, text.splitlines())) <= 88
    assert "%(" not in text


def test_help_lists_all_commands_and_loads_no_framework():
    code = (
        "import sys, mrcnn.cli\n"
        "try: mrcnn.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'tensorflow', 'keras', 'matplotlib', 'cv2', 'h5py', 'PIL'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for word in (*NAMES, "Exit codes"):
        assert word in done.stdout


def test_the_package_runs_as_a_module_and_says_its_version():
    command = [sys.executable, "-m", "mrcnn", "--version"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout[0].isdigit()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "COMMAND"),
        (["destroy"], "destroy"),
        (["inspect"], "DATA"),
        (["inspect", "IMAGE_MIN_DIM=5"], "at least one DATA"),
        (["inspect", "x", "IMAGE_MIM_DIM=5"], "did you mean IMAGE_MIN_DIM"),
        (["inspect", "x", "--limit", "0"], "no whole number above 0"),
        (["inspect", "x", "--what"], "--what"),
        (["train", "x", "--epochs", "5,few"], "'few' is no whole number"),
        (["train", "x", "--learning-rate", "-1"], "no number above 0"),
        (["train", "x", "--layers", "heads,all"], "--layers names 2 stages"),
        (["train", "x", "--layers", "3+,all", "--epochs", "9,3"], "rise from stage"),
        (["evaluate", "x"], "--weights"),
        (["evaluate", "x", "--weights", "w", "--min-confidence", "2"], "from 0 to 1"),
        (["detect", "x"], "--weights"),
        (["detect", "x", "--weights", "w", "--save", "films"], "but not films"),
        (["detect", "x", "--weights", "w", "--scales", ","], "holds no number"),
        (
            ["detect", "x", "--weights", "w", "--no-masks", "--save", "masks"],
            "--save masks needs masks",
        ),
        (["convert", "a.h5"], "OUT.h5"),
        (["convert", "a.h5", "b.txt"], "OUT ends in .h5"),
        (["convert", "a.h5", "b.h5", "c.h5"], "c.h5"),
        (["demo", "--epochs", "0"], "no whole number above 0"),
        (["demo", "extra"], "extra"),
    ],
)
def test_what_is_not_understood_is_said_with_code_2(words, text, capsys):
    assert exit_code(words) == 2
    written = capsys.readouterr().err
    assert text in written
    assert "Traceback" not in written


def raising(monkeypatch, error):
    def run(options):
        raise error

    monkeypatch.setattr(detect, "run", run)
    return ["detect", "x", "--weights", "w"]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError("disk full"), "mrcnn detect: disk full\n"),
        (ValueError("wrong shape"), "mrcnn detect: wrong shape\n"),
        (FloatingPointError("diverged"), "mrcnn detect: diverged\n"),
        (MemoryError(), "mrcnn detect: out of memory"),
    ],
)
def test_an_error_of_files_or_data_is_one_line_and_code_1(
    monkeypatch, capsys, error, text
):
    assert main(raising(monkeypatch, error)) == 1
    assert capsys.readouterr().err.startswith(text)


def test_a_traceback_can_be_asked_for(monkeypatch):
    words = raising(monkeypatch, ValueError("wrong shape"))
    with pytest.raises(ValueError, match="wrong shape"):
        main(["--traceback", *words])


def test_faults_of_the_program_itself_are_not_hidden(monkeypatch):
    with pytest.raises(KeyError):
        main(raising(monkeypatch, KeyError("bug")))


def test_a_device_without_room_is_recognised_by_name():
    error = type("ResourceExhaustedError", (Exception,), {})("OOM when allocating")
    assert "IMAGES_PER_GPU" in explanation(error)


def test_ctrl_c_ends_with_a_word_and_its_own_code(monkeypatch, capsys):
    assert main(raising(monkeypatch, KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == "mrcnn detect: stopped.\n"
    assert main(raising(monkeypatch, KeyboardInterrupt("saved."))) == 130
    assert capsys.readouterr().err == "mrcnn detect: saved.\n"


def test_a_reader_that_has_enough_is_no_error():
    code = "import sys; from mrcnn.cli import main; sys.exit(main(['demo', '--help']))"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=write, stderr=subprocess.PIPE, text=True
    )
    os.close(write)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["train", "evaluate", "detect"])
def test_no_command_takes_proposals(command, data, weights, tmp_path, capsys):
    folder = data / "images" if command == "detect" else data
    words = [command, str(folder), "--weights", str(weights), "RPN_BRANCH=False"]
    with pytest.raises(SystemExit, match="2"):
        main([*words, "--logs", str(tmp_path)])
    assert "which the commands do not take" in capsys.readouterr().err
