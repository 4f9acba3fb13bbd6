"""What the documents promise: their examples can be imported, parsed and followed."""

import ast
import importlib
import re
import shlex
from pathlib import Path

import pytest

from mrcnn.cli.program import _parser

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("samples/**/*.md")]
)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\((?!https?:|#)([^)#]+)[^)]*\)")


def named(document: Path) -> str:
    return str(document.relative_to(ROOT))


def blocks(document: Path, language: str) -> list[str]:
    found = FENCE.findall(document.read_text(encoding="utf-8"))
    return [text for name, text in found if name == language]


PYTHON = [(d, text) for d in DOCUMENTS for text in blocks(d, "python")]
COMMANDS = [
    (d, line.split("#")[0].strip())
    for d in DOCUMENTS
    for language in ("", "bash", "sh")
    for text in blocks(d, language)
    for line in text.splitlines()
    if line.startswith("mrcnn ")
]


def test_there_are_examples_of_both_kinds():
    assert len(PYTHON) > 5
    assert len(COMMANDS) > 5


@pytest.mark.parametrize(
    ("document", "text"),
    PYTHON,
    ids=[f"{named(d)} {i}" for i, (d, _) in enumerate(PYTHON)],
)
def test_what_python_examples_import_is_there(document, text):
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.ImportFrom) or not node.module.startswith("mrcnn"):
            continue
        module = importlib.import_module(node.module)
        for alias in node.names:
            full_name = f"{node.module}.{alias.name}"
            is_there = hasattr(module, alias.name)
            assert is_there or importlib.import_module(full_name), full_name


@pytest.mark.parametrize(
    ("document", "text"),
    PYTHON,
    ids=[f"{named(d)} {i}" for i, (d, _) in enumerate(PYTHON)],
)
def test_knobs_in_python_examples_are_knobs(document, text):
    from mrcnn.config import Config

    names = {
        target.id
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ClassDef)
        for statement in node.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    assert {name for name in names if not hasattr(Config, name)} == set()


@pytest.mark.parametrize(
    ("document", "command"), COMMANDS, ids=[c for _, c in COMMANDS]
)
def test_commands_are_understood(document, command):
    options, rest = _parser().parse_known_args(shlex.split(command)[1:])
    assert not [word for word in rest if word.startswith("-")]
    assert callable(options.run)


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_links_lead_somewhere(document):
    for target in LINK.findall(document.read_text(encoding="utf-8")):
        assert (document.parent / target).exists(), target
