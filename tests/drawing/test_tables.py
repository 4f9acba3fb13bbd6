"""Tables as text and in notebooks."""

import sys
from types import SimpleNamespace

from mrcnn.drawing.tables import html_table, show_table, text_table

TABLE = [["name", "count"], ["fig & <date>", 12], ["猫", 3]]


def test_columns_are_aligned_under_a_header(capsys):
    show_table(TABLE)
    assert capsys.readouterr().out.splitlines() == [
        "name          count",
        "------------  -----",
        "fig & <date>  12",
        "猫            3",
    ]


def test_short_rows_and_no_rows_are_tables_too():
    assert text_table([["a", "b"], ["c"]]).splitlines()[-1] == "c"
    assert text_table([]) == ""
    assert html_table([]) == "<table></table>"


def test_html_shows_cells_as_they_stand():
    html = html_table(TABLE)
    assert html.startswith("<table><tr><th>name</th><th>count</th></tr>")
    assert "<td>fig &amp; &lt;date&gt;</td><td>12</td>" in html


def test_a_notebook_gets_html_and_text(monkeypatch, capsys):
    displayed = []
    display = SimpleNamespace(display=lambda data, raw: displayed.append((data, raw)))
    shell = SimpleNamespace(get_ipython=object, display=display)
    monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    show_table(TABLE)
    data = {"text/html": html_table(TABLE), "text/plain": text_table(TABLE)}
    assert displayed == [(data, True)]
    assert not capsys.readouterr().out


def test_a_script_that_imports_ipython_gets_text(monkeypatch, capsys):
    shell = SimpleNamespace(get_ipython=lambda: None)
    monkeypatch.setitem(sys.modules, "IPython", shell)
    show_table(TABLE)
    assert "name" in capsys.readouterr().out
