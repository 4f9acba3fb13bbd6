"""`python -m benchmarks`, from the command line to the exit code."""

import subprocess
import sys

from benchmarks.processes import ROOT


def run(*arguments):
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_peers_that_are_not_there_are_left_out_in_so_many_words(tmp_path):
    no_python = tmp_path / "python"
    no_python.write_text("#!/bin/sh\nexit 1\n")
    no_python.chmod(0o755)
    done = run("torchvision", "matterport", "--torchvision", str(no_python))
    assert done.returncode == 0, done.stderr
    assert "cores of" in done.stdout
    assert f"torchvision: left out, since {no_python} cannot import it" in done.stdout
    assert "matterport: left out" in done.stdout
