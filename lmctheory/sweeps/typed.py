"""Studies whose configurations and records are dataclasses; runner and store see plain JSON.

A field stands in JSON under its own name, or under that of a `Key`; a field whose default is None
is left out while it is None, so that old records, which lack it, are read; the fields of a
dictionary that is marked `REST` stand beside the others::

    @dataclass(frozen=True)
    class Measured:
        bound: Annotated[float, Key("C1'")]
        curves: Annotated[dict[str, Curve], REST]
        split: Split | None = None
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import partial, reduce
from operator import or_
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args, get_type_hints

from cattrs import Converter, transform_error
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from lmctheory.sweeps.store import StoreError, encode, read
from lmctheory.sweeps.study import Config, Record, Study

__all__ = ["REST", "Key", "TypedStudy", "dump", "entropy_of", "load", "of_kind"]

C = TypeVar("C")
R = TypeVar("R")
T = TypeVar("T")


@dataclass(frozen=True)
class Key:
    """Marks a field that has another name in JSON: ``Annotated[float, Key("C1'")]``."""

    name: str


REST = object()
"""Marks a dictionary of all fields that have no other place: ``Annotated[dict[str, T], REST]``."""


@dataclass(frozen=True)
class TypedStudy(Study, Generic[C, R]):
    """A study of dataclasses C and R, to be made by `of`; to runner and store as any other.

    Attributes:
        records: types of the records, by those of the configurations.

    Example:
        >>> @dataclass(frozen=True)
        ... class Task:
        ...     x: int
        >>> @dataclass(frozen=True)
        ... class Square:
        ...     value: float
        >>> def run(task: Task) -> Square:
        ...     return Square(task.x**2)
        >>> squares = TypedStudy.of("squares", 1, run)
        >>> squares.run({"x": 3})
        {'value': 9}
        >>> squares.typed([({"x": 3}, {"value": 9.0})])
        [(Task(x=3), Square(value=9.0))]
    """

    records: Mapping[type, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        name: str,
        version: int,
        *tasks: Callable[..., R],
        cost: Callable[[C], float] | None = None,
        device: str = "cpu",
        command: str = "",
    ) -> "TypedStudy[C, R]":
        """A study from the work of its tasks.

        Args:
            name: of the study.
            version: as of `Study`.
            *tasks: one function for each type of configuration, which it takes first, to its type
                of record; both are read from its annotations.
            cost: relative running time of a task, 1 for all by default.
            device: as of `Study`.
            command: as of `Study`.

        Raises:
            TypeError: for a function that has no annotations.
        """
        by_type = {_types(task)[0]: (task, _types(task)[1]) for task in tasks}
        kinds = tuple(by_type)
        return cls(
            name,
            version,
            _Run(kinds, tuple(task for task, _ in by_type.values())),
            cost=_Cost(kinds, cost or _unit),
            device=device,
            command=command,
            records={kind: record for kind, (_, record) in by_type.items()},
        )

    def typed(self, results: Iterable[tuple[Config, Record]]) -> list[tuple[C, R]]:
        """What `run_study` and `read` give, as dataclasses.

        Raises:
            StoreError: for what does not fit them, naming the fields.
        """
        found = []
        try:
            for plain, record in results:
                config = load(plain, *self.records)
                found.append((config, load(record, self.records[type(config)])))
        except (BaseExceptionGroup, KeyError, TypeError, ValueError) as error:
            known = isinstance(error, BaseExceptionGroup)
            reason = "; ".join(transform_error(error)) if known else repr(error)
            raise StoreError(
                f"a stored task of {self.name} version {self.version} does not fit: {reason}"
            ) from error
        return found

    def read(self, path: Path | None = None) -> list[tuple[C, R]]:
        """As `lmctheory.sweeps.read`, as dataclasses."""
        return self.typed(read(self, path))


def _types(task: Callable[..., Any]) -> tuple[type, Any]:
    function = task.func if isinstance(task, partial) else task
    hints = get_type_hints(function)
    record = hints.pop("return", None)
    if not hints or record is None:
        raise TypeError(f"tasks must say what they take and give, got {task}")
    return next(iter(hints.values())), record


def _unit(_: Any) -> float:
    return 1.0


@dataclass(frozen=True)
class _Run:
    """The work of a task, as the runner sees it; travels by the names of types and functions."""

    kinds: tuple[type, ...]
    tasks: tuple[Callable[..., Any], ...]

    def __call__(self, plain: Config, **places: Any) -> Record:
        config = load(plain, *self.kinds)
        return dump(self.tasks[self.kinds.index(type(config))](config, **places))


@dataclass(frozen=True)
class _Cost:
    kinds: tuple[type, ...]
    of: Callable[[Any], float]

    def __call__(self, plain: Config) -> float:
        return self.of(load(plain, *self.kinds))


def of_kind(
    results: Iterable[tuple[Any, Any]], config: type[C], record: type[R]
) -> list[tuple[C, R]]:
    """The results of one kind of tasks, where a study has several."""
    return [(c, r) for c, r in results if isinstance(c, config) and isinstance(r, record)]


def dump(value: Any) -> dict[str, Any]:
    """A dataclass as plain JSON."""
    return dict(_CONVERTER.unstructure(value))


def load(value: Mapping[str, Any], *kinds: type) -> Any:
    """Inverse of `dump`; of several types the one whose fields, or literal values, these are."""
    return _CONVERTER.structure(value, reduce(or_, kinds))


def entropy_of(config: Any) -> list[int]:
    """The configuration as entropy of a seed: no two tasks share their draws."""
    return list(encode(dump(config)).encode())


_SCALARS: dict[type, Any] = {str: str, bool: bool, int: int, float: (float, int)}


def _scalar(value: Any, kind: type) -> Any:
    """Takes what it is, lest it be stored otherwise; keys of dictionaries are text in JSON."""
    if kind is int and isinstance(value, str):
        return int(value)
    if not isinstance(value, _SCALARS[kind]):
        raise TypeError(f"must be {kind.__name__}, got {value!r}")
    return value


@dataclass(frozen=True)
class _Layout:
    """How the fields of a dataclass stand in JSON."""

    overrides: dict[str, Any]
    keys: frozenset[str]
    rest: str | None

    @classmethod
    def of(cls, kind: type) -> "_Layout":
        overrides, keys, rest = {}, set(), None
        hints = get_type_hints(kind, include_extras=True)
        for one in fields(kind):
            marks = (
                get_args(hints[one.name])[1:] if hasattr(hints[one.name], "__metadata__") else ()
            )
            if REST in marks:
                rest = one.name
                continue
            key = next((mark.name for mark in marks if isinstance(mark, Key)), one.name)
            keys.add(key)
            absent = one.default is None and one.default is not MISSING
            overrides[one.name] = override(rename=key, omit_if_default=absent)
        return cls(overrides, frozenset(keys), rest)


def _loader(kind: type) -> Callable[[Mapping[str, Any], Any], Any]:
    layout = _Layout.of(kind)
    whole: Any = make_dict_structure_fn(kind, _CONVERTER, **layout.overrides)
    if (rest := layout.rest) is None:
        return whole

    def from_parts(value: Mapping[str, Any], _: Any) -> Any:
        known = {key: one for key, one in value.items() if key in layout.keys}
        others = {key: one for key, one in value.items() if key not in layout.keys}
        return whole(known | {rest: others}, kind)

    return from_parts


def _dumper(kind: type) -> Callable[[Any], dict[str, Any]]:
    layout = _Layout.of(kind)
    whole: Any = make_dict_unstructure_fn(kind, _CONVERTER, **layout.overrides)
    if (rest := layout.rest) is None:
        return whole

    def in_one(value: Any) -> dict[str, Any]:
        found = whole(value)
        return found | found.pop(rest)

    return in_one


_CONVERTER = Converter(forbid_extra_keys=True)
_CONVERTER.register_structure_hook_factory(is_dataclass, _loader)
_CONVERTER.register_unstructure_hook_factory(is_dataclass, _dumper)
for _kind in _SCALARS:
    _CONVERTER.register_structure_hook(_kind, _scalar)
