"""What READMEs and docstrings tell users to type is understood by the scripts."""

import ast
import importlib
import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SCRIPTS = sorted(
    path
    for path in (ROOT / "samples").rglob("*.py")
    if path.name not in ("demo.py", "__init__.py")
)
_COMMAND = re.compile(
    r"^ *python (?:-m (samples[\w.]+)|(samples/[\w/]+\.py))(.*)$", re.M
)


def commands(text):
    """Module and arguments of each command in a text."""
    for module, path, rest in _COMMAND.findall(text):
        name = module or path.removesuffix(".py").replace("/", ".")
        yield name, shlex.split(rest, comments=True)


def texts():
    readmes = sorted((ROOT / "samples").rglob("README.md"))
    found = {path: path.read_text(encoding="utf-8") for path in readmes}
    for path in SCRIPTS:
        found[path] = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    return [
        pytest.param(text, id=str(path.relative_to(ROOT)))
        for path, text in found.items()
    ]


@pytest.mark.parametrize("text", texts())
def test_every_command_is_understood_by_its_script(text):
    found = list(commands(text))
    assert found
    for name, arguments in found:
        if name != "samples.demo":
            assert importlib.import_module(name).parse(arguments)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_every_script_has_its_readme(path):
    text = (path.parent / "README.md").read_text(encoding="utf-8")
    assert path.relative_to(ROOT).as_posix() in text


def test_a_comment_behind_a_command_is_no_part_of_it():
    text = "x\n    python samples/a/b.py --c=1   # as it is\npython -m samples.d e"
    assert list(commands(text)) == [
        ("samples.a.b", ["--c=1"]),
        ("samples.d", ["e"]),
    ]
