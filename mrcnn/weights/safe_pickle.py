"""Reads a pickle as data: no name in it is ever imported, nothing of it is called.

A pickle is a program for a small stack machine, and Python's own reader imports and
calls whatever the program names. The machine here knows plain containers, and of all
names only those that its caller gives a meaning; any other is refused by its name. It
takes the steps of protocols 2 to 5, in which all files of weights are written.

Text stays `str`, and so do the byte strings of Python 2, one character a byte.
"""

import io
import pickletools
from collections.abc import Callable, Mapping
from itertools import islice
from typing import IO, Any, BinaryIO, NamedTuple, Protocol, cast, runtime_checkable

from mrcnn.weights.safe_h5 import WeightsFileError

# Far more than any training state needs; a small file cannot fill the memory.
MAX_STEPS = 5_000_000

SCALARS = (str, int, float, bool, bytes, type(None))


class UnsafePickleError(WeightsFileError):
    """A pickle that asks for more than tensors and plain containers."""


class Name(NamedTuple):
    """A name that a pickle mentions, "<module> <name>"; a word and nothing more."""

    text: str


class Inert:
    """Stands for an object that holds settings, of which nothing is needed."""


@runtime_checkable
class Fillable(Protocol):
    """A made object that gets its contents in a second step."""

    def fill(self, state: object) -> None:
        """Takes the state that the pickle gives the object."""


# Name -> what a call of it makes of its arguments.
Makers = Mapping[str, Callable[..., object]]


def make_dict(*arguments: Any) -> dict:
    """What a call of a dictionary's class makes: nothing, or pairs to begin with."""
    filled: dict = {}
    for key, value in arguments[0] if arguments else ():
        _set_item(filled, key, value)
    return filled


def make_inert(*arguments: object) -> Inert:
    """Stands for a call whose result nobody needs."""
    return Inert()


PLAIN_MAKERS: Makers = {
    "collections OrderedDict": make_dict,
    "collections Counter": make_inert,
    "argparse Namespace": make_inert,
}


def load_pickle(
    file: BinaryIO,
    makers: Makers,
    persistent: Callable[[object], object] | None = None,
) -> Any:
    """The value of the pickle that begins here; the file is left at its end.

    Args:
        file: open for reading
        makers: the names that mean something, in addition to `PLAIN_MAKERS`
        persistent: what becomes of a reference to data outside the pickle; None
            refuses such

    Returns:
        dict, list, tuple, text, bytes, number, None, or what the makers made

    Raises:
        UnsafePickleError: where it asks for a name without a meaning.
        WeightsFileError: where it is damaged or of absurd size.
    """
    machine = _Machine({**PLAIN_MAKERS, **makers}, persistent)
    steps = pickletools.genops(cast("IO[bytes]", _Bounded(file)))
    try:
        for step, argument, _ in islice(steps, MAX_STEPS):
            if step.name == "STOP":
                return machine.pop()
            machine.run(step.name, argument)
    except WeightsFileError:
        raise
    except Exception as error:  # whatever a damaged program stumbles over
        kind = type(error).__name__
        raise WeightsFileError(f"The pickle is damaged ({kind}: {error}).") from error
    raise WeightsFileError(f"The pickle has more than {MAX_STEPS} steps.")


class _Bounded:
    """A file that never makes room for more bytes than it has."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        start = file.tell()
        self._end = file.seek(0, io.SEEK_END)
        file.seek(start)

    def read(self, length: int) -> bytes:
        return self._file.read(min(length, self._end - self._file.tell()))

    def readline(self) -> bytes:
        return self._file.readline()


class _Machine:
    """The stack, the memory and one method for each kind of step."""

    def __init__(
        self, makers: Makers, persistent: Callable[[object], object] | None
    ) -> None:
        self._makers = makers
        self._persistent = persistent
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memory: dict[int, Any] = {}

    def run(self, step: str, argument: Any) -> None:
        """Takes one step of the program."""
        if step in _VALUES:
            self._stack.append(argument)
        elif step in _CONSTANTS:
            self._stack.append(_CONSTANTS[step])
        elif step in _EMPTY:
            self._stack.append(_EMPTY[step]())
        elif step in _STEPS:
            _STEPS[step](self, argument)
        elif step not in _NO_EFFECT:
            raise UnsafePickleError(
                f"The pickle takes the step {step}, which no file of tensors needs."
            )

    def pop(self) -> Any:
        """The topmost value."""
        return self._stack.pop()

    def mark(self, _: None) -> None:
        self._marks.append(len(self._stack))

    def take_marked(self) -> list[Any]:
        """All values since the last mark."""
        start = self._marks.pop()
        values = self._stack[start:]
        del self._stack[start:]
        return values

    def put(self, key: int) -> None:
        self._memory[key] = self._stack[-1]

    def memoize(self, _: None) -> None:
        self._memory[len(self._memory)] = self._stack[-1]

    def get(self, key: int) -> None:
        self._stack.append(self._memory[key])

    def make_tuple(self, length: int | None) -> None:
        if length is None:
            self._stack.append(tuple(self.take_marked()))
            return
        values = tuple(self._stack[len(self._stack) - length :])
        del self._stack[len(self._stack) - length :]
        self._stack.append(values)

    def append(self, _: None) -> None:
        self._extend([self.pop()])

    def appends(self, _: None) -> None:
        self._extend(self.take_marked())

    def set_item(self, _: None) -> None:
        value, key = self.pop(), self.pop()
        self._update([key, value])

    def set_items(self, _: None) -> None:
        self._update(self.take_marked())

    def mention(self, text: str) -> None:
        """A name: it must mean something, whether it is called or not."""
        if text not in self._makers:
            raise UnsafePickleError(
                f"The pickle asks for {text.replace(' ', '.')!r}. A weights file needs "
                "nothing but tensors and plain containers, so it is not read: do not "
                "trust it. If it is your own, save the model's state_dict() alone."
            )
        self._stack.append(Name(text))

    def mention_from_stack(self, _: None) -> None:
        name, module = self.pop(), self.pop()
        self.mention(f"{module} {name}")

    def call(self, _: None) -> None:
        arguments, name = self.pop(), self.pop()
        if not isinstance(name, Name) or not isinstance(arguments, tuple):
            raise UnsafePickleError("The pickle calls something that is no name.")
        self._stack.append(self._makers[name.text](*arguments))

    def fill(self, _: None) -> None:
        state, target = self.pop(), self._stack[-1]
        if isinstance(target, Fillable):
            target.fill(state)
        # Attributes of containers, such as the versions of a state_dict, are dropped.

    def look_up(self, _: None) -> None:
        reference = self.pop()
        if self._persistent is None:
            raise UnsafePickleError("The pickle refers to data outside itself.")
        self._stack.append(self._persistent(reference))

    def _extend(self, values: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, list):
            target.extend(values)
        elif not isinstance(target, Inert):
            raise TypeError(f"{type(target).__name__} takes no items")

    def _update(self, values: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, Inert):
            return
        if not isinstance(target, dict):
            raise TypeError(f"{type(target).__name__} takes no pairs")
        for key, value in zip(values[::2], values[1::2], strict=True):
            _set_item(target, key, value)


def _set_item(target: dict, key: object, value: object) -> None:
    """Keys are scalars: hashing a tuple of tuples of ... can exhaust the C stack."""
    if not isinstance(key, SCALARS):
        raise TypeError(f"a key is a {type(key).__name__}, expected text or number")
    target[key] = value


# Steps that put their argument on the stack.
_VALUES = (
    *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_EMPTY: dict[str, Callable[[], object]] = {
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": Inert,
}
_NO_EFFECT = ("PROTO", "FRAME")
_STEPS: dict[str, Callable[[_Machine, Any], object]] = {
    "MARK": _Machine.mark,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": _Machine.memoize,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "TUPLE": _Machine.make_tuple,
    "TUPLE1": lambda machine, _: machine.make_tuple(1),
    "TUPLE2": lambda machine, _: machine.make_tuple(2),
    "TUPLE3": lambda machine, _: machine.make_tuple(3),
    "APPEND": _Machine.append,
    "APPENDS": _Machine.appends,
    "ADDITEMS": _Machine.appends,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "GLOBAL": _Machine.mention,
    "STACK_GLOBAL": _Machine.mention_from_stack,
    "REDUCE": _Machine.call,
    "NEWOBJ": _Machine.call,
    "BUILD": _Machine.fill,
    "BINPERSID": _Machine.look_up,
}
