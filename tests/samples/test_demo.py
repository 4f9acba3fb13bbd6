import subprocess
import sys


def test_the_sample_is_the_command():
    command = [sys.executable, "-m", "samples.demo", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "usage: mrcnn demo" in done.stdout
