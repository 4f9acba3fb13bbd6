"""Runs the code of a notebook from top to bottom, and keeps count of its pictures."""

import ast
import json
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pytest

SETTINGS = "parameters"  # the tag of the cell that holds them
BEGINNING = "the beginning"  # what lies before the first heading of a section


class Run(NamedTuple):
    """What came of running a notebook."""

    names: dict  # all that its cells have left behind
    pictures: dict[str, int]  # figures by section, in the notebook's order


def read(path: Path) -> dict:
    """The notebook as it is stored."""
    return json.loads(path.read_text(encoding="utf-8"))


def source_of(cell: dict) -> str:
    return "".join(cell["source"])


def code_cells(notebook: dict) -> list[dict]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def run(path: Path, monkeypatch: pytest.MonkeyPatch, **settings) -> Run:
    """Executes the cells in one namespace, with some settings replaced.

    Every figure that is shown, or open when its cell ends, has to show something.
    """
    pictures = {BEGINNING: 0}

    def collect() -> None:
        for number in plt.get_fignums():
            check_picture(plt.figure(number))
            pictures[list(pictures)[-1]] += 1
        plt.close("all")

    plt.switch_backend("agg")
    monkeypatch.setattr(plt, "show", collect)
    plt.close("all")
    names = {"__name__": "__main__"}
    for cell in read(path)["cells"]:
        source = source_of(cell)
        if cell["cell_type"] == "markdown":
            if source.startswith("## "):
                pictures[source.splitlines()[0].removeprefix("## ")] = 0
            continue
        exec(compile(source, f"{path.name}, {cell['id']}", "exec"), names)
        if SETTINGS in cell["metadata"].get("tags", ()):
            unknown = settings.keys() - assigned_names(source)
            assert not unknown, f"{path.name} has no settings {unknown}"
            names.update(settings)
        collect()
    return Run(names, pictures)


def assigned_names(source: str) -> set[str]:
    """Names that stand on the left of an equals sign."""
    return {
        target.id
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def check_picture(figure: plt.Figure) -> None:
    """Fails for a figure in which nothing, or an empty chart, is to be seen."""
    assert figure.axes, "a figure without axes"
    for axes in figure.axes:
        title = axes.get_title() or axes.get_ylabel()
        assert axes.has_data(), f"nothing was drawn under {title!r}"
    figure.set_dpi(40)
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    assert (pixels != pixels[0, 0]).any(axis=-1).mean() > 0.01, "a blank figure"
