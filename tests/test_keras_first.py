"""Keras without looking for garbage, and what of it may be seen afterwards."""

import subprocess
import sys

import pytest


def is_enabled_after(imported, before=""):
    code = f"import gc, sys\n{before}\n{imported}\nprint(gc.isenabled())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout == "True\n"


@pytest.mark.parametrize("door", ["model", "mask_rcnn"])
def test_doors_begin_with_it(door):
    watch = """
class Watch:
    def find_spec(name, path=None, target=None):
        if name == "tensorflow":
            assert not gc.isenabled()
            assert not hasattr(sys, "watched")
            sys.watched = True
sys.meta_path.insert(0, Watch)
"""
    assert is_enabled_after(f"import mrcnn.{door}; assert sys.watched", before=watch)


def test_who_does_not_collect_goes_on_so():
    assert not is_enabled_after("import mrcnn.keras_first", before="gc.disable()")
