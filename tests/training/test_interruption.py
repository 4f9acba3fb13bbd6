"""Signals between steps."""

import os
import signal
import threading

import pytest

from mrcnn.training.interruption import Interruption


@pytest.fixture
def ctrl_c():
    """Python's own answer to SIGINT, also where the tests were told to ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_first_signal_is_noted_and_the_second_acts(ctrl_c):
    before = signal.getsignal(signal.SIGINT)
    with Interruption() as interruption:
        assert interruption.signal is None
        os.kill(os.getpid(), signal.SIGINT)
        assert interruption.signal == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_the_end_is_that_of_the_signal():
    interruption = Interruption()
    with pytest.raises(KeyboardInterrupt, match="how to resume"):
        interruption.raise_noted("how to resume")
    interruption.signal = signal.SIGTERM
    with pytest.raises(SystemExit) as caught:
        interruption.raise_noted("how to resume")
    assert caught.value.code == 143


def test_a_thread_hears_nothing_and_complains_of_nothing():
    heard = []

    def body():
        with Interruption() as interruption:
            heard.append(interruption.signal)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert heard == [None]
