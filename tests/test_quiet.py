import subprocess
import sys

import pytest

# What C++ does: it writes to the process's own standard error.
SPEAKS = """
import os
from mrcnn.quiet import quiet_stderr
with quiet_stderr():
    os.write(2, b"greetings\\n")
    {inside}
os.write(2, b"after\\n")
"""


def stderr_of(inside, **environment):
    done = subprocess.run(
        [sys.executable, "-c", SPEAKS.format(inside=inside)],
        capture_output=True,
        text=True,
        env=environment,
    )
    return done.stderr


def test_what_is_written_inside_is_not_seen_and_what_comes_after_is():
    assert stderr_of("pass") == "after\n"


def test_an_error_lets_out_what_was_held_back():
    written = stderr_of("raise ValueError('broken')")
    assert written.startswith("greetings\n")
    assert "ValueError: broken" in written


@pytest.mark.parametrize(("level", "greetings"), [("0", "greetings\n"), ("3", "")])
def test_who_asks_for_more_than_errors_hears_everything(level, greetings):
    written = stderr_of("pass", TF_CPP_MIN_LOG_LEVEL=level)
    assert written == f"{greetings}after\n"


def test_tensorflow_is_told_to_speak_of_errors_alone():
    code = "import os, mrcnn.quiet; print(os.environ['TF_CPP_MIN_LOG_LEVEL'])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={}
    )
    assert done.stdout == "3\n"


@pytest.mark.parametrize("close", ["os.close(2)", "import sys; sys.stderr = None"])
def test_a_process_without_standard_error_goes_on(close):
    code = f"""
import os
{close}
from mrcnn.quiet import quiet_stderr
with quiet_stderr():
    print("inside")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "inside\n"


def test_a_first_detection_says_nothing(monkeypatch):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    code = """
from mrcnn.model import MaskRCNN
import numpy as np
from tests.small_configs import TinyConfig
config = TinyConfig()
config.DETECTION_MIN_CONFIDENCE = 1.0  # no warning of ours that there are too many
MaskRCNN(config=config).detect([np.zeros((64, 64, 3), "uint8")])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
