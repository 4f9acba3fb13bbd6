"""What a config does beside holding knobs: derive, warn, print, save and load.

A knob is an upper-case class attribute; the class that lists `Knobs` among its bases
(that is `Config`) says which knobs are real. Values derived from knobs are ordinary
instance attributes, computed when an instance is made, again by `config.__init__()`,
and whenever one of their inputs is set on the instance.
"""

import contextlib
import difflib
import inspect
import json
import logging
import os
import types
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from mrcnn.config_checks import check_config
from mrcnn.image_meta import LENGTH_WITHOUT_CLASSES

logger = logging.getLogger("mrcnn")

KnobsType = TypeVar("KnobsType", bound="Knobs")


class Derived(NamedTuple):
    """A value that follows from knobs."""

    inputs: tuple[str, ...]
    formula: Callable[[Any], Any]


def _molded_shape(config: Any) -> np.ndarray:
    is_crop = config.IMAGE_RESIZE_MODE == "crop"
    side = config.IMAGE_MIN_DIM if is_crop else config.IMAGE_MAX_DIM
    return np.array([side, side, config.IMAGE_CHANNEL_COUNT])


DERIVED = {
    "BATCH_SIZE": Derived(
        ("IMAGES_PER_GPU", "GPU_COUNT"),
        lambda config: config.IMAGES_PER_GPU * config.GPU_COUNT,
    ),
    "IMAGE_SHAPE": Derived(
        ("IMAGE_MIN_DIM", "IMAGE_MAX_DIM", "IMAGE_RESIZE_MODE", "IMAGE_CHANNEL_COUNT"),
        _molded_shape,
    ),
    "IMAGE_META_SIZE": Derived(
        ("NUM_CLASSES",), lambda config: LENGTH_WITHOUT_CLASSES + config.NUM_CLASSES
    ),
}

# Ratio of matching letters from which a name passes for a slip of the pen: catches
# IMAGE_PER_GPU, leaves VALIDATION_SPLIT alone.
LIKENESS = 0.82

CALLABLE_PREFIX = "callable:"
PAIRS_KEY = "__pairs__"

# Names that were warned about, by the class that holds them.
_warned_names: "weakref.WeakKeyDictionary[type, set[str]]" = weakref.WeakKeyDictionary()


class Knobs:
    """Base of `Config`; see the module's docstring."""

    def __new__(cls: type[KnobsType], *args: Any, **kwargs: Any) -> KnobsType:
        """A whole config, even if a subclass's `__init__` does not call this one's."""
        config = super().__new__(cls)
        _unbind_functions(cls)
        for owner in cls.__mro__:
            for name in vars(owner):
                _warn_if_misspelt(cls, owner, name)
                _warn_if_overruled(owner, name)
        config._derive(DERIVED)
        return config

    def __init__(self) -> None:
        self._derive(DERIVED)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        cls = type(self)
        owner = next((base for base in cls.__mro__ if name in vars(base)), cls)
        _warn_if_misspelt(cls, owner, name)
        self._derive(key for key, derived in DERIVED.items() if name in derived.inputs)

    def validate(self) -> None:
        """Raises one ValueError that lists every wrong value and its remedy."""
        check_config(self)

    def display(self) -> None:
        """Prints every attribute that is not a method, by name."""
        print("\nConfigurations:")
        for name, value in _public_attributes(self):
            if not callable(value):
                print(f"{name:30} {value}")
        print("\n")

    def derived_values(self) -> dict[str, Any]:
        """What the derived values would be if computed from the knobs as they are.

        None stands for a value whose inputs are not numbers.
        """
        return {name: _apply(derived, self) for name, derived in DERIVED.items()}

    def to_dict(self) -> dict[str, Any]:
        """All knobs and extra attributes in plain values that JSON can hold.

        Arrays and tuples turn into lists, a callable into the string
        "callable:module.name", and a dict whose keys are not all strings into
        {"__pairs__": [[key, value], ...]}. Derived values appear only where they were
        set to something else than computed. A knob that JSON cannot hold raises a
        TypeError; an extra attribute is left out then, and logged.
        """
        cls = type(self)
        computed = self.derived_values()
        data = {}
        for name, value in _public_attributes(self):
            if callable(value) and not name.isupper():
                continue
            try:
                plain = _to_plain(value)
            except TypeError as error:
                if name in _real_knobs(cls):
                    raise TypeError(f"{cls.__name__}.{name}: {error}") from error
                logger.warning("%s.%s is not saved: %s", cls.__name__, name, error)
                continue
            if name not in computed or plain != _to_plain(computed[name]):
                data[name] = plain
        return data

    @classmethod
    def from_dict(cls: type[KnobsType], data: dict[str, Any]) -> KnobsType:
        """The instance that `to_dict` described; knobs left out keep their defaults.

        Lists become what the class holds under the name: an array, a tuple or a list.
        Other names than the class's are kept as extra attributes. Nothing is
        imported: a callable has to come from the class.
        """
        if not isinstance(data, dict):
            raise TypeError(f"A config is read from a dict, but got {data!r:.80}.")
        config = _new_instance(cls)
        # Derived values come last, as setting their inputs computes them anew.
        for name in sorted(data, key=lambda name: name in DERIVED):
            _check_name(cls, name)
            if not _is_property(cls, name):
                _restore(config, name, data[name])
        return config

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the config as JSON; a file of that name is replaced as a whole."""
        text = json.dumps(self.to_dict(), indent=2)
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            unfinished.write_text(text + "\n", encoding="utf-8")
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)

    @classmethod
    def load(cls: type[KnobsType], path: str | os.PathLike[str]) -> KnobsType:
        """The config that `save` wrote.

        Raises:
            ValueError: the file is cut off, or holds something else than a config.
        """
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"{path} is not a config: its text is no complete JSON ({error}). "
                "Write it anew with config.save(path)."
            ) from error
        if not isinstance(data, dict) or not _real_knobs(cls) & data.keys():
            raise ValueError(
                f"{path} is not a config: expected a JSON object with knobs such as "
                f"NUM_CLASSES, but it holds {data!r:.80}. Give a file of config.save."
            )
        return cls.from_dict(data)

    def _derive(self, names: Iterable[str]) -> None:
        for name in names:
            if not _is_property(type(self), name):
                super().__setattr__(name, _apply(DERIVED[name], self))


def _apply(derived: Derived, config: Any) -> Any:
    try:
        return derived.formula(config)
    except (TypeError, ValueError):
        # The inputs are not numbers, which `validate` reports with all the rest.
        return None


def _real_knobs(cls: type) -> set[str]:
    """Names of the knobs that the class listing `Knobs` as its base defines."""
    defining = [base for base in cls.__mro__ if Knobs in base.__bases__]
    names = {name for base in defining for name in vars(base) if name.isupper()}
    return names | DERIVED.keys()


def _warn_if_misspelt(cls: type, owner: type, name: str) -> None:
    """Warns, once, of a name that `owner`, a base of `cls`, seems to have misspelt."""
    if not name.isupper() or name.startswith("_"):
        return
    known = _real_knobs(cls)
    warned = _warned_names.setdefault(owner, set())
    if name in known or name in warned:
        return
    nearest = difflib.get_close_matches(name, sorted(known), n=1, cutoff=LIKENESS)
    if nearest:
        warned.add(name)
        warnings.warn(
            f"{owner.__name__}.{name} is not a knob and has no effect. "
            f"Did you mean {nearest[0]}?",
            UserWarning,
            stacklevel=3,
        )


def _warn_if_overruled(owner: type, name: str) -> None:
    """Warns, once, of a class attribute that every instance computes anew."""
    warned = _warned_names.setdefault(owner, set())
    if name not in DERIVED or name in warned or _is_property(owner, name):
        return
    warned.add(name)
    warnings.warn(
        f"{owner.__name__}.{name} has no effect: it is computed from "
        f"{' and '.join(DERIVED[name].inputs)}. Set these in the class, or "
        f"{name} on the instance.",
        UserWarning,
        stacklevel=3,
    )


def _is_property(cls: type, name: str) -> bool:
    return isinstance(inspect.getattr_static(cls, name, None), property)


def _unbind_functions(cls: type) -> None:
    """Lets `config.BACKBONE` give a function as it was assigned to the class.

    Python takes a function in a class for a method, and would hand the config to it
    as first argument. One that asks for `self` is a method and stays one.
    """
    for owner in cls.__mro__:
        for name, value in list(vars(owner).items()):
            if name.isupper() and _would_bind(value):
                setattr(owner, name, staticmethod(value))


def _would_bind(value: Any) -> bool:
    is_function = callable(value) and hasattr(type(value), "__get__")
    if not is_function or isinstance(value, staticmethod):
        return False
    is_plain = isinstance(value, types.FunctionType)
    return not is_plain or "self" not in inspect.signature(value).parameters


def _public_attributes(config: Knobs) -> Iterator[tuple[str, Any]]:
    """Names and values by name; a property that raises is left out."""
    for name in dir(config):
        if not name.startswith("_"):
            with contextlib.suppress(Exception):
                yield name, getattr(config, name)


def _new_instance(cls: type[KnobsType]) -> KnobsType:
    """An instance, also of a class whose `__init__` asks for arguments."""
    try:
        inspect.signature(cls.__init__).bind(None)
    except TypeError:
        return cls.__new__(cls)
    return cls()


def _check_name(cls: type, name: Any) -> None:
    if not isinstance(name, str) or name.startswith("_") or not name.isidentifier():
        raise ValueError(f"{name!r} cannot be the name of a knob. Remove it.")
    if callable(getattr(cls, name, None)) and not name.isupper():
        raise ValueError(f"{name} is a method of {cls.__name__}, no knob. Remove it.")


def _to_plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, list | tuple):
        return [_to_plain(item) for item in value]
    if isinstance(value, dict):
        pairs = [[_to_plain(key), _to_plain(item)] for key, item in value.items()]
        is_plain = PAIRS_KEY not in value and all(isinstance(key, str) for key in value)
        return dict(pairs) if is_plain else {PAIRS_KEY: pairs}
    if callable(value):
        name = getattr(value, "__qualname__", type(value).__qualname__)
        return f"{CALLABLE_PREFIX}{value.__module__}.{name}"
    raise TypeError(f"JSON cannot hold a {type(value).__name__}: {value!r:.80}")


def _restore(config: Knobs, name: str, plain: Any) -> None:
    """Sets an attribute from its plain value and the class's value of that name."""
    cls = type(config)
    default = getattr(cls, name, None)
    if isinstance(plain, str) and plain.startswith(CALLABLE_PREFIX):
        if callable(default):
            return
        if name in _real_knobs(cls):
            function = plain.removeprefix(CALLABLE_PREFIX)
            raise ValueError(
                f"{name} was saved as the function {function}, which a file cannot "
                f"hold. Subclass {cls.__name__} with {name} = that function, and load "
                "through the subclass."
            )
    if name in DERIVED:
        default = _apply(DERIVED[name], config)
    setattr(config, name, _from_plain(plain, default))


def _from_plain(plain: Any, default: Any) -> Any:
    if isinstance(plain, dict):
        defaults = default if isinstance(default, dict) else {}
        pairs = _stored_pairs(plain)
        return {key: _from_plain(item, defaults.get(key)) for key, item in pairs}
    if not isinstance(plain, list):
        return plain
    if isinstance(default, np.ndarray):
        return _as_array(plain, default.dtype)
    patterns = list(default) if isinstance(default, list | tuple) else []
    # A sequence of another length takes its first entry as the pattern.
    if len(patterns) != len(plain):
        patterns = [patterns[0] if patterns else None] * len(plain)
    items = [_from_plain(*pair) for pair in zip(plain, patterns, strict=True)]
    return tuple(items) if isinstance(default, tuple) else items


def _stored_pairs(plain: dict[str, Any]) -> Iterable[tuple[Any, Any]]:
    pairs = plain.get(PAIRS_KEY)
    if pairs is None:
        return plain.items()
    try:
        return dict(pairs).items()
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{PAIRS_KEY} needs a list of [key, value], but got {pairs!r:.80}."
        ) from error


def _as_array(plain: list, dtype: np.dtype) -> Any:
    """An array of the default's dtype, unless that would change the numbers."""
    try:
        array = np.array(plain)
    except ValueError:  # rows of different lengths, which `validate` reports
        return plain
    if array.size and array.dtype.kind != dtype.kind:
        return array
    cast = array.astype(dtype)
    is_nan = cast != cast
    return cast if np.all((cast == array) | is_nan) else array
