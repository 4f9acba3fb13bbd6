import numpy as np

from mrcnn.compat.logging import log


def test_a_text_alone_is_printed_as_it_is(capsys):
    log("Processing 2 images")
    assert capsys.readouterr().out == "Processing 2 images\n"


def test_an_array_shows_its_shape_its_range_and_its_dtype(capsys):
    log("image", np.array([[-1.5, 0, 20]], "float32"))
    line = capsys.readouterr().out
    assert line.startswith("image" + 20 * " ")
    words = line.split()
    assert words[words.index("min:") + 1] == "-1.50000"
    assert words[words.index("max:") + 1] == "20.00000"
    assert "(1, 3)" in line
    assert words[-1] == "float32"


def test_an_empty_array_has_no_range(capsys):
    log("boxes", np.zeros((0, 4), "int32"))
    words = capsys.readouterr().out.split()
    assert words[words.index("min:") + 1] == "max:"
    assert words[-1] == "int32"
