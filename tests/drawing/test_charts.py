import subprocess
import sys

import numpy as np
import pytest

from mrcnn.drawing.charts import (
    draw_counts,
    draw_histogram,
    draw_shares,
    new_page,
    plain_text,
    readable_on,
)


@pytest.fixture
def axes():
    return new_page(6, 4).add_subplot()


def pixels_of(axes):
    canvas = axes.figure.canvas
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def texts_of(axes):
    return [text.get_text() for text in axes.texts]


def test_bars_stand_by_count_and_the_rest_is_summed_up(axes):
    counts = {f"class {number}": number for number in range(1, 8)}
    draw_counts(axes, counts, max_bars=3)
    assert [bar.get_width() for bar in axes.patches] == [7, 6, 5, 1 + 2 + 3 + 4]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["class 7", "class 6", "class 5", "4 more"]
    assert texts_of(axes) == ["7", "6", "5", "10"]
    assert pixels_of(axes).std() > 10


def test_a_histogram_holds_every_value_and_marks_where_they_were_asked_for(axes):
    draw_histogram(axes, [1, 2, 4, 4, 1000], [32, 64])
    assert sum(bar.get_height() for bar in axes.patches) == 5
    assert sorted(line.get_xdata()[0] for line in axes.lines) == [32, 64]
    assert texts_of(axes) == ["32", "64"]


def test_labels_of_close_marks_stand_at_different_heights(axes):
    draw_histogram(axes, [1, 1000], [32, 34, 36, 400])
    heights = [text.get_position()[1] for text in axes.texts]
    assert heights[0] != heights[1]
    assert heights[1] != heights[2]
    assert heights[0] == heights[3]


def test_shares_are_grouped_by_name(axes):
    draw_shares(axes, ["a", "b"], [3, 4], {"x": [0.5, 1], "y": [0, 0.25]})
    assert [bar.get_height() for bar in axes.patches] == [0.5, 1, 0, 0.25]
    assert texts_of(axes) == ["50%", "100%", "0%", "25%"]
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names == ["a\n3", "b\n4"]


def test_charts_of_nothing_are_drawn_too():
    page = new_page(6, 4)
    draw_counts(page.add_subplot(131), {})
    draw_histogram(page.add_subplot(132), [], [1, 2])
    draw_shares(page.add_subplot(133), [], [], {"x": [], "y": []})
    page.canvas.draw()


def test_text_is_drawn_as_it_stands(axes):
    assert plain_text("a  long\nname", 6) == "a lon…"
    axes.text(0.2, 0.5, plain_text("5 $ and 6 $_{"))
    pixels_of(axes)


def test_writing_is_readable_on_its_ground():
    assert readable_on((1.0, 1.0, 0.2)) == "black"
    assert readable_on((0.1, 0.1, 0.8)) == "white"


def test_neither_a_screen_nor_pyplot_is_touched():
    code = (
        "import mrcnn.drawing.charts as charts, sys; "
        "assert 'matplotlib' not in sys.modules; "
        "charts.new_page(2, 2).canvas.draw(); "
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
