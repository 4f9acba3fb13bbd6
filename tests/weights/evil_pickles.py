"""Pickles that would do harm if anything of them were called."""

import functools
import operator
import os
import pickle
import subprocess
from pathlib import Path

import numpy as np


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.parts = (function, arguments)

    def __reduce__(self):
        return self.parts


def evil_values(target: Path) -> dict[str, tuple[object, str]]:
    """Values to pickle, each with the name that a reader must refuse.

    `target` is a file that most of them would create.
    """
    touch = f"touch {target}"
    opened = Call(open, str(target), "w")
    return {
        "command": (Call(os.system, touch), f"{os.name}.system"),
        "process": (Call(subprocess.Popen, touch.split()), "Popen"),
        "eval": (Call(eval, f"open({str(target)!r}, 'w')"), "builtins.eval"),
        "exec": (Call(exec, f"open({str(target)!r}, 'w')"), "builtins.exec"),
        "open": (opened, "io.open"),
        "import": (Call(__import__, "os"), "builtins.__import__"),
        "getattr": (Call(getattr, Call(__import__, "os"), "system"), "builtins"),
        "attrgetter": (operator.attrgetter("system"), "operator.attrgetter"),
        "partial": (functools.partial(os.system, touch), "functools.partial"),
        "numpy load": (Call(np.load, "weights.npy", None, True), "numpy.load"),
        "numpy memmap": (Call(np.memmap, str(target), "u1", "w+"), "numpy.memmap"),
        "numpy save": (Call(np.save, str(target), 0), "numpy.save"),
        "numpy array": (Call(np.array, [opened], "O"), "numpy.array"),
        "memory": (Call(bytearray, 10**12), "builtins.bytearray"),
        "class": (Path(target), "pathlib"),
        "in a list": ([1, {"a": (opened,)}], "io.open"),
        "as a key": ({opened: 1}, "io.open"),
    }


def raw_pickles(target: Path) -> dict[str, tuple[bytes, str]]:
    """Programs that Python's own writer does not write, and words of the refusal."""
    text = f"touch {target}".encode()
    command = b"X" + len(text).to_bytes(4, "little") + text
    name = b"\x8c\x05posix\x8c\x06system"
    return {
        "os.system": (b"\x80\x02cos\nsystem\n" + command + b"\x85R.", "os.system"),
        "name from the stack": (
            b"\x80\x04" + name + b"\x93" + command + b"\x85R.",
            "posix",
        ),
        "name of an attribute": (
            b"\x80\x04\x8c\x02io\x8c\x0aopen.write\x93.",
            "io.open",
        ),
        "inst": (b"\x80\x02(" + command + b"ios\nsystem\n.", "INST"),
        "obj": (b"\x80\x02(cos\nsystem\n" + command + b"o.", "os.system"),
        "new object": (b"\x80\x02cos\nsystem\n" + command + b"\x85\x81.", "os.system"),
        "extension": (b"\x80\x02\x82\x01.", "EXT1"),
        "call of text": (b"\x80\x02" + command + b")R.", "no name"),
        "outside data": (b"\x80\x02K\x01Q.", "outside itself"),
        "next buffer": (b"\x80\x05\x97.", "NEXT_BUFFER"),
    }


def evil_pickles(target: Path) -> dict[str, tuple[bytes, str]]:
    """All of them as bytes, in the protocols of Python 2 and of Python 3."""
    found = raw_pickles(target)
    for name, (value, refused) in evil_values(target).items():
        for protocol in (2, 4):
            words = (
                refused.replace("builtins", "__builtin__") if protocol == 2 else refused
            )
            found[f"{name}, {protocol}"] = (pickle.dumps(value, protocol), words)
    return found


NAMES = tuple(evil_pickles(Path("target")))
