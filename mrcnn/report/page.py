"""One HTML file of a template, a style, scripts and data.

The parts lie readable in `web/`; in the file they stand inside it, so that it works
from disk and asks no network. What users call their classes and files comes in as data
and is shown as text, whatever it holds.
"""

import html
import json
import os
from importlib import resources
from pathlib import Path
from typing import Any

_SCRIPTS = (
    "tools.js",
    "state.js",
    "numbers.js",
    "charts.js",
    "pictures.js",
    "gallery.js",
    "viewer.js",
    "main.js",
)


def write_page(folder: str | os.PathLike, title: str, data: dict[str, Any]) -> Path:
    """Writes `index.html` and returns its path; the folder is made if needed.

    Args:
        folder: of the page
        title: of the page
        data: what JSON can hold, without NaN; see `reports.py`
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "index.html"
    path.write_text(page_text(title, data), encoding="utf-8", errors="replace")
    return path


def page_text(title: str, data: dict[str, Any]) -> str:
    """The whole page as text."""
    parts = {
        "title": html.escape(title),
        "style": _part("page.css"),
        "data": embedded_json({"title": title, **data}),
        "script": "\n".join(map(_part, _SCRIPTS)),
    }
    # Split, not replaced: what is put in may hold the names of places itself.
    pieces = _part("page.html").split("{{")
    filled = [pieces[0]]
    for piece in pieces[1:]:
        name, text = piece.split("}}", 1)
        filled += [parts[name], text]
    return "".join(filled)


def embedded_json(data: Any) -> str:
    """JSON that no HTML parser takes for anything else, such as the end of a script."""
    text = json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _part(name: str) -> str:
    return (resources.files("mrcnn.report") / "web" / name).read_text("utf-8")
