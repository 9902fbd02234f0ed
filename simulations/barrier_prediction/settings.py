"""The settings that barriers are predicted in: a fixed list, and its two halves.

No full product of data, depth, activation, optimiser, decay, parametrisation and rate, but a choice
in which each value of each meets most values of the others. The mean field parametrisation is the
maximal update one with one hidden layer, so that only one of the two occurs there, but for
`relu 1 muP`, which has its name from the first version of the study. MF: mean field.

What was measured in the first version is of the tuning half, by which routes may be changed. Of
each data set half of all settings, of those that are new the ones with the least SHA-256 of their
names, are the report half, by which nothing is: this rule was fixed before any of them was run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

__all__ = ["DATA", "HALVES", "SETTINGS", "USUAL", "Setting", "Shape", "half_of"]

DATA = ("digits", "teacher", "mnist")
HALVES = ("tuning", "report")


@dataclass(frozen=True)
class Shape:
    """How networks are built, with the rate and decay they are trained at.

    Its fields are part of the keys of results.
    """

    depth: int
    activation: str = "relu"
    parametrisation: str = "standard"
    learning_rate: float = 0.05
    weight_decay: float = 1e-3


@dataclass(frozen=True)
class Setting:
    """Data, networks and their training.

    Attributes:
        data: of `DATA`.
        optimiser: "sgd", "adam" or "adamw".
        shape: of the networks.
        measured_before: whether the first version of the study had it.
    """

    data: str
    optimiser: str
    shape: Shape
    measured_before: bool = False


_DECAYS = {"sgd": 1e-3, "adam": 0.0, "adamw": 0.3}
"""Usual decays, which names leave out; AdamW's takes a fourth of a weight of digits (rate .005)."""
_SCALINGS = {"standard": "", "mu": "muP", "mean_field": "MF"}


def _setting(
    data: str,
    activation: str,
    depth: int,
    optimiser: str = "sgd",
    parametrisation: str = "standard",
    *,
    decay: float | None = None,
    rate: float | None = None,
    before: bool = False,
) -> tuple[str, Setting]:
    """A setting with its name, which tells what is not usual."""
    name = " ".join(
        word
        for word in (
            "" if data == "digits" else data,
            f"{activation} {depth}",
            _SCALINGS[parametrisation],
            "" if optimiser == "sgd" else optimiser,
            "" if decay is None else f"decay {_short(decay)}",
            "" if rate is None else f"rate {_short(rate)}",
        )
        if word
    )
    shape = Shape(
        depth,
        activation,
        parametrisation,
        _usual_rate(data, optimiser, parametrisation) if rate is None else rate,
        _DECAYS[optimiser] if decay is None else decay,
    )
    return name, Setting(data, optimiser, shape, before)


def _usual_rate(data: str, optimiser: str, parametrisation: str) -> float:
    """At which networks of all widths and depths train, and which names leave out."""
    if optimiser == "sgd":
        return 0.02 if data == "mnist" else 0.05
    if parametrisation == "standard":
        return 0.001 if data == "mnist" else 0.005
    # over the width, in all layers but the first
    return 0.02 if data == "mnist" else 0.05


def _short(number: float) -> str:
    return f"{number:g}".removeprefix("0") or "0"


def _before(activation: str, depth: int, *rest: str, **options: float) -> tuple[str, Setting]:
    return _setting("digits", activation, depth, *rest, before=True, **options)  # type: ignore[arg-type]


SETTINGS: Mapping[str, Setting] = dict(
    [
        _before("relu", 1),
        _before("relu", 2),
        _before("relu", 3),
        _before("tanh", 1),
        _before("tanh", 2),
        _before("gelu", 1),
        _before("relu", 1, "sgd", "mu"),
        _before("relu", 2, "sgd", "mu"),
        _before("relu", 1, decay=0.0),
        _before("relu", 2, decay=0.0),
        _before("relu", 2, rate=0.03),
        _before("relu", 3, rate=0.03),
        _setting("digits", "tanh", 3),
        _setting("digits", "gelu", 2),
        _setting("digits", "gelu", 3, decay=0.0),
        _setting("digits", "gelu", 1, "sgd", "mean_field"),
        _setting("digits", "tanh", 1, "sgd", "mean_field", decay=0.0, rate=0.2),
        _setting("digits", "tanh", 2, "sgd", "mu", rate=0.2),
        _setting("digits", "relu", 1, "adam"),
        _setting("digits", "relu", 2, "adam"),
        _setting("digits", "tanh", 1, "adam", decay=1e-3),
        _setting("digits", "gelu", 2, "adam"),
        _setting("digits", "tanh", 3, "adam", rate=0.002),
        _setting("digits", "relu", 1, "adam", "mean_field"),
        _setting("digits", "relu", 2, "adam", "mu"),
        _setting("digits", "relu", 1, "adamw"),
        _setting("digits", "gelu", 1, "adamw", rate=0.002),
        _setting("digits", "tanh", 2, "adamw"),
        _setting("digits", "relu", 3, "adamw", rate=0.002),
        _setting("digits", "gelu", 2, "adamw", "mu"),
        _setting("teacher", "relu", 1),
        _setting("teacher", "relu", 2),
        _setting("teacher", "relu", 3),
        _setting("teacher", "tanh", 1, decay=0.0),
        _setting("teacher", "tanh", 2),
        _setting("teacher", "gelu", 1),
        _setting("teacher", "gelu", 2, decay=0.0),
        _setting("teacher", "relu", 1, "sgd", "mean_field"),
        _setting("teacher", "tanh", 2, "sgd", "mu", rate=0.2),
        _setting("teacher", "gelu", 3, "sgd", "mu"),
        _setting("teacher", "relu", 1, "adam"),
        _setting("teacher", "relu", 2, "adam", decay=1e-3),
        _setting("teacher", "tanh", 1, "adam"),
        _setting("teacher", "gelu", 2, "adam", rate=0.002),
        _setting("teacher", "relu", 1, "adam", "mean_field"),
        _setting("teacher", "tanh", 2, "adam", "mu"),
        _setting("teacher", "relu", 2, "adamw"),
        _setting("teacher", "tanh", 1, "adamw"),
        _setting("teacher", "gelu", 3, "adamw", rate=0.002),
        _setting("teacher", "gelu", 1, "adamw", "mean_field"),
        _setting("mnist", "relu", 1),
        _setting("mnist", "relu", 2),
        _setting("mnist", "relu", 3),
        _setting("mnist", "tanh", 1),
        _setting("mnist", "gelu", 2),
        _setting("mnist", "relu", 1, decay=0.0),
        _setting("mnist", "tanh", 1, "sgd", "mean_field", rate=0.1),
        _setting("mnist", "relu", 2, "sgd", "mu"),
        _setting("mnist", "relu", 1, "adam"),
        _setting("mnist", "tanh", 2, "adam"),
        _setting("mnist", "gelu", 1, "adam", decay=1e-3),
        _setting("mnist", "relu", 2, "adam", "mu"),
        _setting("mnist", "relu", 2, "adamw"),
        _setting("mnist", "gelu", 3, "adamw"),
        _setting("mnist", "tanh", 1, "adamw", "mean_field"),
        _setting("mnist", "relu", 1, "adamw"),
    ]
)
"""By the name they have in the tables; the number is that of hidden layers."""

USUAL = (
    "relu 1",
    "relu 2",
    "tanh 1",
    "tanh 2",
    "gelu 1",
    "relu 1 muP",
    "relu 2 decay 0",
    "relu 3 rate .03",
)
"""Those that are run by default."""


def _reported() -> frozenset[str]:
    def of(data: str) -> list[str]:
        names = [name for name, one in SETTINGS.items() if one.data == data]
        new = [name for name in names if not SETTINGS[name].measured_before]
        return sorted(new, key=lambda name: sha256(name.encode()).digest())[: len(names) // 2]

    return frozenset(name for data in DATA for name in of(data))


_REPORTED = _reported()


def half_of(name: str) -> str:
    """The half, of `HALVES`, that a setting of `SETTINGS` belongs to."""
    return "report" if name in _REPORTED else "tuning"
