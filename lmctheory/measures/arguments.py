"""The border: what users pass, checked and converted once, by one rule and in one wording.

*Arrays* of real numbers come in as NumPy arrays, PyTorch tensors (of any device and precision, with
or without gradients) or nested sequences, and go on as float64. Complex numbers, strings, objects
and masked entries are refused: nothing is dropped on the way. *Numbers* come in as Python or NumPy
ones or as arrays of dimension 0, integers also as 1e3; `True` is no number. *Randomness* comes in
as a NumPy generator or as a seed.

Every check returns what it has checked, in the type that the theory computes with, and names the
argument where it refuses.
"""

from collections.abc import Hashable
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

__all__ = [
    "ArrayLike",
    "RandomSource",
    "array",
    "at_least",
    "exp_rounded_up",
    "generator",
    "integer",
    "is_value",
    "log_ball_volume",
    "nonnegative",
    "number",
    "odd_points",
    "positive",
    "positive_share",
    "precision",
    "probability",
    "raised",
    "share",
]

ArrayLike = Any
"""A NumPy array, a PyTorch tensor or nested sequences, of real numbers."""
RandomSource = np.random.Generator | int
"""A NumPy generator, or the seed of one."""

_PRECISIONS = {"bfloat16": 2.0**-7, "float16": 2.0**-10, "float32": 2.0**-23}
"""Distance from 1 to the next number, of the types that are coarser than float64."""


def array(
    name: str,
    values: ArrayLike,
    axes: str | None = None,
    *,
    least: float | None = None,
    finite: bool = True,
) -> NDArray[np.float64]:
    """Real numbers in float64, perhaps in the memory that they came in.

    Args:
        name: of the argument.
        values: what came.
        axes: names of its axes, such as "m d"; it must not be empty then.
        least: what no entry must be below; refuses NaN as well.
        finite: whether NaN and infinity are refused.

    Raises:
        TypeError: unless it holds real numbers.
        ValueError: for another number of axes, no entries, or an entry out of range.
    """
    found = _converted(name, values)
    if axes is not None and (found.ndim != len(axes.split()) or not found.size):
        form = ", ".join(axes.split())
        raise ValueError(f"{name} must be a non-empty array [{form}], got shape {found.shape}")
    if finite and not np.isfinite(found).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    if least is not None and not (inside := found >= least).all():
        raise ValueError(f"{name} must be >= {least:g}, got {found[~inside][0]}")
    return found


def _converted(name: str, values: ArrayLike) -> NDArray[np.float64]:
    if np.ma.is_masked(values):
        raise ValueError(f"{name} must have no masked entries")
    try:
        found = _from_tensor(values) if hasattr(values, "detach") else np.asarray(values)
    except (AttributeError, NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        kind = type(values).__name__
        raise TypeError(f"{name} must be an array of real numbers, got {kind}: {error}") from error
    # other libraries' short floats are of kind V, and known by their names
    if found.dtype.kind not in "biuf" and "float" not in found.dtype.name:
        raise TypeError(f"{name} must hold real numbers, got {found.dtype}")
    return found.astype(np.float64, copy=False)


def _from_tensor(tensor: Any) -> np.ndarray:
    """A PyTorch tensor, which is known by what it does: this package does not import PyTorch."""
    if tensor.is_complex():
        raise TypeError(f"its dtype is {tensor.dtype}")
    return np.asarray(tensor.detach().cpu().double().numpy(force=True))


def precision(values: ArrayLike) -> float:
    """The rounding unit of the numbers that came: 2^-52 unless their type is coarser."""
    kind = str(getattr(values, "dtype", "")).rpartition(".")[2]
    return _PRECISIONS.get(kind, float(np.finfo(np.float64).eps))


def number(name: str, value: Any, *, least: float = -np.inf, finite: bool = True) -> float:
    """A number, at least `least`, and finite unless told otherwise.

    Raises:
        TypeError: if it is no number.
        ValueError: if it is out of range.
    """
    found = _real(name, value)
    if not (found >= least and (np.isfinite(found) or not finite)):
        words = ["finite"] * finite + [f">= {least:g}"] * (least > -np.inf)
        raise ValueError(f"{name} must be {' and '.join(words)}, got {value}")
    return found


def positive(name: str, value: Any) -> float:
    """A finite number > 0.

    Raises:
        TypeError: if it is no number.
        ValueError: if it is out of range.
    """
    found = _real(name, value)
    return _required(0 < found < np.inf, found, name, "be positive and finite", value)


def probability(name: str, value: Any) -> float:
    """A number between 0 and 1, such as a probability of failure or a level of confidence.

    Raises: as `positive`.
    """
    found = _real(name, value)
    return _required(0 < found < 1, found, name, "lie in (0, 1)", value)


def share(name: str, value: Any) -> float:
    """A number from 0 to 1, such as a place on a segment.

    Raises: as `positive`.
    """
    found = _real(name, value)
    return _required(0 <= found <= 1, found, name, "lie in [0, 1]", value)


def positive_share(name: str, value: Any) -> float:
    """A number from 0, exclusively, to 1.

    Raises: as `positive`.
    """
    found = _real(name, value)
    return _required(0 < found <= 1, found, name, "lie in (0, 1]", value)


def _required(holds: bool, found: float, name: str, what: str, value: Any) -> float:
    if not holds:
        raise ValueError(f"{name} must {what}, got {value}")
    return found


def _real(name: str, value: Any) -> float:
    if type(value) is float or type(value) is int:  # nearly always
        return float(value)
    if isinstance(value, bool | np.bool_ | str | bytes | complex) or np.ndim(value):
        raise TypeError(f"{name} must be a number, got {value!r}")
    try:
        found = _converted(name, value)
    except TypeError as error:
        raise TypeError(f"{name} must be a number, got {value!r}") from error
    return float(found)


def integer(name: str, value: Any) -> int:
    """An integer, which may come as a float.

    Raises:
        TypeError: if it is none.
    """
    if type(value) is int:
        return value
    if isinstance(value, np.integer):
        return int(value)
    try:
        found = _real(name, value)
    except TypeError:
        found = np.nan
    if not found.is_integer():
        raise TypeError(f"{name} must be an integer, got {value!r}")
    return int(found)


def at_least(name: str, value: Any, least: int) -> int:
    """An integer that is not too small.

    Raises:
        TypeError: if it is no integer.
        ValueError: if it is too small.
    """
    found = integer(name, value)
    if found < least:
        raise ValueError(f"{name} must be >= {least}, got {found}")
    return found


def odd_points(points: int) -> int:
    """The size of a grid from t = 0 to t = 1 that has t = 1/2 on it.

    Raises:
        ValueError: if it is even or below 3.
    """
    if points < 3 or points % 2 == 0:
        raise ValueError(
            f"points must be odd and >= 3, so that t = 1/2 is among them, got {points}"
        )
    return points


def nonnegative(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """An array >= 0 of any shape; infinity is allowed, NaN is not.

    Raises:
        TypeError: unless it holds real numbers.
        ValueError: naming the argument.
    """
    return array(name, values, least=0.0, finite=False)


def generator(rng: Any, name: str = "rng") -> np.random.Generator:
    """The generator itself, or a new one from a seed.

    Raises:
        TypeError: for anything else: no state is shared unasked.
        ValueError: for a negative seed.
    """
    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, bool) or not isinstance(rng, int | np.integer):
        raise TypeError(f"{name} must be a NumPy generator or a seed, got {type(rng).__name__}")
    return np.random.default_rng(at_least(name, rng, 0))


def is_value(mu: object) -> TypeGuard[Hashable]:
    """Whether what is known of a law may be remembered: it is a frozen dataclass with a hash.

    Other objects have a hash, too, and may change all the same; a dataclass that holds an array and
    compares by value has a method for it, which fails.
    """
    parameters = getattr(type(mu), "__dataclass_params__", None)
    if parameters is None or not parameters.frozen:
        return False
    try:
        hash(mu)
    except TypeError:
        return False
    return True


def raised(x: float, power: float) -> float:
    """x^power for x >= 0; infinite where it exceeds the largest float."""
    try:
        return float(x**power)
    except OverflowError:
        return np.inf


def exp_rounded_up(log_value: float) -> float:
    """exp, never below the smallest positive number: an upper bound must not underflow to 0."""
    with np.errstate(over="ignore", under="ignore"):
        return max(float(np.exp(log_value)), float(np.finfo(np.float64).smallest_subnormal))


def log_ball_volume(d: int) -> float:
    """Logarithm of the volume pi^{d/2} / Gamma(d/2 + 1) of the unit ball."""
    return float(d / 2 * np.log(np.pi) - gammaln(d / 2 + 1))
