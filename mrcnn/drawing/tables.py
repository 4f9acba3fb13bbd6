"""Tables of numbers and words, shown in a notebook or printed.

A table is a list of rows, the first of them the header.
"""

import html
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any


def show_table(table: Sequence[Sequence[Any]]) -> None:
    """Shows a table in a notebook, and prints it anywhere else."""
    shell = _notebook_shell()
    if shell is None:
        print(text_table(table))
        return
    from IPython.display import display

    display({"text/html": html_table(table), "text/plain": text_table(table)}, raw=True)


def text_table(table: Sequence[Sequence[Any]]) -> str:
    """The table with aligned columns and a line under its header."""
    cells = [[str(cell) for cell in row] for row in table]
    count = max((len(row) for row in cells), default=0)
    cells = [row + [""] * (count - len(row)) for row in cells]
    widths = [max(_width(row[index]) for row in cells) for index in range(count)]
    lines = [
        "  ".join(
            cell + " " * (width - _width(cell))
            for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in cells
    ]
    if lines:
        lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def html_table(table: Sequence[Sequence[Any]]) -> str:
    """The table in HTML, its cells as they stand."""
    rows = []
    for index, row in enumerate(table):
        tag = "td" if index else "th"
        cells = [f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in row]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table>{''.join(rows)}</table>"


def _width(text: str) -> int:
    """Columns of a terminal that a text takes."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _notebook_shell() -> Any | None:
    # A notebook has loaded IPython long before it draws a table.
    module = sys.modules.get("IPython")
    return None if module is None else module.get_ipython()
