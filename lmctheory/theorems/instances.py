"""Theorems with numbers in place: what a statement says of given laws, networks and data."""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

from lmctheory.results import Result

__all__ = ["INSTANCES", "Found", "Instance", "above", "below", "instantiate"]

_DIGITS = 4
"""Significant ones that are printed."""


@dataclass(frozen=True)
class Instance(Result):
    """A theorem with numbers in place.

    Attributes:
        key: of the theorem.
        lines: what it says, LaTeX without dollar signs. Numbers are rounded to the side on which
            the statement stays true.
        values: the numbers in full precision, by the LaTeX of the quantity that they bound or are.
        version: of the package.
        at_least: quantities that are at least their number; it is rounded down.
        at_most: quantities that are at most their number; it is rounded up.
    """

    key: str
    lines: tuple[str, ...]
    values: Mapping[str, float]
    version: str
    at_least: tuple[str, ...] = ()
    at_most: tuple[str, ...] = ()

    def rounded(self, digits: int = _DIGITS) -> dict[str, str]:
        r"""The numbers as LaTeX, each rounded to the side on which the statement stays true.

        Args:
            digits: significant ones.

        Example:
            >>> import lmctheory as lmc
            >>> lmc.theorems["T10"].instantiate(20, 512).rounded(2)
            {'lower': '0.14', 'upper': '0.59'}
        """
        to = {**dict.fromkeys(self.at_least, math.floor), **dict.fromkeys(self.at_most, math.ceil)}
        return {
            quantity: _rounded(value, to.get(quantity, round), digits)
            for quantity, value in self.values.items()
        }

    def latex(self) -> str:
        r"""The lines as a displayed formula, with their origin in a comment."""
        origin = f"% {self.key} by lmctheory {self.version}"
        return "\n".join([origin, r"\begin{gather*}", " \\\\\n".join(self.lines), r"\end{gather*}"])

    def __str__(self) -> str:
        return "; ".join(self.lines)


@dataclass(frozen=True)
class Found:
    """Lines of an instance and their numbers."""

    lines: tuple[str, ...]
    values: Mapping[str, float]
    at_least: tuple[str, ...] = ()
    at_most: tuple[str, ...] = ()


def above(value: float) -> str:
    r"""A number in LaTeX, rounded up.

    Example:
        >>> above(0.12341), below(0.12349), above(1.00001e-7)
        ('0.1235', '0.1234', '1.001 \\times 10^{-7}')
    """
    return _rounded(value, math.ceil)


def below(value: float) -> str:
    """A number in LaTeX, rounded down."""
    return _rounded(value, math.floor)


def _rounded(value: float, to: Callable[[Fraction], int], digits: int = _DIGITS) -> str:
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else r"\infty" if value > 0 else r"-\infty"
    place = digits - 1 - math.floor(math.log10(abs(value)))
    whole = _scaled(value, place, to)
    if -digits < place - digits < 2 * _DIGITS - 3 or place <= 0:
        shown = f"{whole * 10**-place if place <= 0 else whole / 10**place:.{max(place, 0)}f}"
        if len(shown.lstrip("-")) <= 2 * _DIGITS:
            return shown
    power = math.floor(math.log10(abs(whole))) - place
    return rf"{whole / 10 ** (power + place):.{digits - 1}f} \times 10^{{{power}}}"


def _scaled(value: float, place: int, to: Callable[[Fraction], int]) -> int:
    return to(Fraction(value) * Fraction(10) ** place)


def instantiate(key: str, *arguments: Any, **named: Any) -> Instance:
    """A theorem with numbers in place.

    Args:
        key: of the theorem.
        arguments: of the function that `INSTANCES` has under this key.
        named: likewise.

    Raises:
        ValueError: if there is none.
        TypeError: if the arguments are not its arguments.
    """
    import lmctheory

    if key not in INSTANCES:
        raise ValueError(
            f"{key} has no numbers to put in place; these have: {', '.join(INSTANCES)}"
        )
    function = INSTANCES[key]
    signature = inspect.signature(function)
    try:
        signature.bind(*arguments, **named)
    except TypeError as error:
        wanted = signature.replace(return_annotation=inspect.Signature.empty)
        raise TypeError(f"{key} needs {wanted}: {error}") from None
    found = function(*arguments, **named)
    return Instance(
        key, found.lines, found.values, lmctheory.__version__, found.at_least, found.at_most
    )


def _cost(m: int, p: float = 2.0) -> str:
    """The expected matching cost of two samples."""
    return rf"M({m})" if p == 2 else rf"\mathbb E W_{{{p:g}}}^{{{p:g}}}(\mu_{{{m}}}, \nu_{{{m}}})"


def _at_most(quantity: str, value: float) -> Found:
    return Found((rf"{quantity} \le {above(value)}",), {quantity: value}, at_most=(quantity,))


def _at_least(quantity: str, value: float) -> Found:
    return Found((rf"{quantity} \ge {below(value)}",), {quantity: value}, at_least=(quantity,))


def _equals(quantity: str, value: float) -> Found:
    return Found((rf"{quantity} = {_rounded(value, round)}",), {quantity: value})


def _matching(a: Any, b: Any, p: float = 2.0, modulo: Any = None) -> Found:
    from lmctheory.rates import wasserstein_pow

    return _equals(rf"W_{{{p:g}}}^{{{p:g}}}", wasserstein_pow(a, b, p, modulo=modulo))


def _dyadic(m: int, d: int, p: float = 2.0) -> Found:
    from lmctheory.rates import dyadic_bound

    return _at_most(_cost(m, p), dyadic_bound(m, d, p).value)


def _term(term: str, mu: Any, m: int, p: float = 2.0) -> Found:
    from lmctheory.rates import upper_bound

    bound = upper_bound(mu, m, p)
    if term not in bound.terms:
        raise ValueError(f"{term} does not apply: {bound.missing.get(term, 'another bound does')}")
    return _at_most(_cost(m, p), bound.terms[term])


def _one_dimension(m: int) -> Found:
    from lmctheory.rates import normal_matching_cost

    return _equals(_cost(m), normal_matching_cost(m))


def _small_balls(mu: Any, m: int, p: float = 2.0) -> Found:
    from lmctheory.rates import lower_bound

    return _at_least(_cost(m, p), lower_bound(mu, m, p).value)


def _gaps(mu: Any, m: int, p: float = 2.0) -> Found:
    from lmctheory.rates import lower_bound

    bound = lower_bound(mu, m, p)
    if "R22" not in bound.terms:
        raise ValueError(f"R22 does not apply: {bound.missing.get('R22', 'the cost is known')}")
    return _at_least(_cost(m, p), bound.terms["R22"])


def _sandwich(mu: Any, m: int, p: float = 2.0, modulo: Any = None) -> Found:
    from lmctheory.rates import lower_bound, upper_bound

    low = lower_bound(mu, m, p, modulo=modulo).value
    high = upper_bound(mu, m, p, modulo=modulo).value
    cost = _cost(m, p)
    line = rf"{below(low)} \le {cost} \le {above(high)}"
    lower, upper = f"L({m})", f"U({m})"
    return Found((line,), {lower: low, upper: high}, (lower,), (upper,))


def _tabulated(mu: Any, m: int, delta: float = 1e-9) -> Found:
    from lmctheory.rates import tabulated_lower_bound, tabulated_upper_bound

    key, high = "R21 tabulated", tabulated_upper_bound(mu, m, delta=delta)
    if key not in high.terms:
        raise ValueError(f"R21 does not apply: {high.missing[key]}")
    ends = tabulated_lower_bound(mu, m, delta=delta).terms.get(key, 0.0), high.terms[key]
    line = rf"{below(ends[0])} \le {_cost(m)} \le {above(ends[1])}"
    chance = rf"\text{{with probability }} 1 - {above(delta)}"
    lower, upper = (f"{_cost(m)} from {side}" for side in ("below", "above"))
    return Found((line, chance), {lower: ends[0], upper: ends[1]}, (lower,), (upper,))


def _box(sides: Any, m: int) -> Found:
    from lmctheory.rates import box_tree

    return _at_most(_cost(m), box_tree(sides, m))


def _product(scales: Any, m: int, marginal: Any = None) -> Found:
    from lmctheory.rates import product_tree

    return _at_most(_cost(m), product_tree(scales, m, marginal))


def _one_neuron(
    distance: float, t: float, *, lipschitz: float, curvature: float = math.inf
) -> Found:
    from lmctheory.widths import neuron_gap_bound

    bound = float(neuron_gap_bound(distance, t, lipschitz=lipschitz, curvature=curvature))
    return _at_most(r"|\sigma_*(tu + (1-t)v) - t\sigma_*(u) - (1-t)\sigma_*(v)|", bound)


def _activation(distance: float, t: float, activation: str) -> Found:
    from lmctheory.widths import activation_gap_bound

    bound = float(activation_gap_bound(distance, t, activation))
    return _at_most(r"|\sigma(\bar z) - t\sigma(z) - (1-t)\sigma(z')|", bound)


def _two_layers(mu: Any, N: int, constants: Any) -> Found:
    from lmctheory.widths.two_layer import error_bound

    return _at_most(r"\mathbb E \sup_{t, x} |f_t - \bar f|", error_bound(mu, N, constants))


def _loss(
    function_error: float, chord_risk: float, disagreement: float = 0.0, t: float = 0.5
) -> Found:
    from lmctheory.widths import squared_loss_barrier

    bound = squared_loss_barrier(function_error, chord_risk, disagreement, t)
    return _at_most(rf"\mathrm{{barrier}}({t:g})", bound)


def _two_layer_width(eps: float, mu: Any, constants: Any, delta: float | None = None) -> Found:
    from lmctheory.widths.two_layer import required_width

    N = required_width(eps, mu, constants, delta=delta)
    error = r"\sup_{t, x} |f_t - \bar f|"
    claim = (
        rf"\mathbb E {error} \le {eps:g}"
        if delta is None
        else rf"P\Bigl({error} \le {eps:g}\Bigr) \ge 1 - {delta:g}"
    )
    return Found((rf"N \ge {N} \implies {claim}",), {"N": float(N)})


def _deep(
    data: Any,
    widths: Any,
    activation: str = "relu",
    t: float = 0.5,
    modulo: Any = None,
    *,
    s_w: float = 2**0.5,
    s_b: float = 0.0,
) -> Found:
    from lmctheory.widths import deep

    networks = deep.ensemble(data, len(widths), activation, s_w=s_w, s_b=s_b)
    bound = deep.error_bound(widths, networks, t=t, modulo=modulo)
    values = {rf"M_{{{layer}}}": cost for layer, cost in enumerate(bound.matching_cost, start=1)}
    values |= {rf"G_{{{layer}}}": gap for layer, gap in enumerate(bound.gap, start=1)}
    error = rf"\mathbb E |f_{{{t:g}}} - \bar f|^2"
    size = rf"\mathbb E |f|^2 = {_rounded(bound.scale, round)}"
    lines = (
        *(rf"{name} \le {above(value)}" for name, value in values.items()),
        rf"{error} \le {above(bound.value)}, \quad {size}",
    )
    found = {**values, error: bound.value, r"\mathbb E |f|^2": bound.scale}
    return Found(lines, found, at_most=(*values, error))


def _both_sides(mu: Any, m: int, t: float = 0.5, slope: float = 0.0) -> Found:
    from lmctheory.widths.lower import error_between

    found = error_between(mu, m, t=t, slope=slope)
    error = r"\mathbb E \min_\pi \mathbb E_u \|e\|^2"
    lines = (
        rf"{below(found.lower)} \le {error} \le {above(found.upper)}",
        rf"\mathbb E f^2 = {_rounded(found.scale, round)}",
    )
    values = {"lower": found.lower, "upper": found.upper, "scale": found.scale}
    return Found(lines, values, ("lower",), ("upper",))


def _equal_outputs(d: int, N: int, output: float = 1.0) -> Found:
    from lmctheory.widths.lower import equal_outputs_mean

    low, high = equal_outputs_mean(d, N, output)
    line = rf"{below(low)} \le \mathbb E T^* \le {above(high)}"
    return Found((line,), {"lower": low, "upper": high}, ("lower",), ("upper",))


def _equal_outputs_barrier(
    d: int, N: int, output: float = 1.0, error: float | None = None
) -> Found:
    from lmctheory.widths.lower import equal_outputs_barrier

    bound = equal_outputs_barrier(d, N, output, error=error)
    return _at_least(r"\mathbb E \min_\pi \mathrm{barrier}(\tfrac12)", bound)


def _dropout(data: Any, widths: Any) -> Found:
    from lmctheory.widths import deep, dropout_bound

    networks = deep.ensemble(data, len(widths))
    return _at_most(r"\mathbb E |\tilde f - f|^2", dropout_bound(widths, networks).value)


def _low_dimension(mu: Any, m: int, eta: float, independent: bool = False) -> Found:
    from lmctheory.widths import low_dimensional_bound

    return _at_most(_cost(m), low_dimensional_bound(mu, m, eta, independent=independent))


def _certificate(term: str, model_a: Any, model_b: Any, data: Any, t: float = 0.5) -> Found:
    """The mean over the examples of a bound for each of them."""
    from lmctheory.paths import certificate

    bound = float(getattr(certificate(model_a, model_b, data, t=t), term).mean())
    return _at_most(rf"\tfrac1n \sum_x |f_{{{t:g}}} - \bar f|", bound)


def _certified_loss(model_a: Any, model_b: Any, data: Any, t: float = 0.5) -> Found:
    from lmctheory.paths import certificate

    bound = float(certificate(model_a, model_b, data, t=t).example_loss.mean())
    return _at_most(rf"\mathcal L(\theta_{{{t:g}}})", bound)


def _whole_path(model_a: Any, model_b: Any, data: Any, nodes: int = 8) -> Found:
    from lmctheory.paths import certify

    found = certify(model_a, model_b, data, nodes=nodes)
    return _at_least(r"\min_{t \in [0, 1]} \mathrm{accuracy}(\theta_t)", float(found.accuracy))


def _decided(model_a: Any, model_b: Any, data: Any, budget: float = 600.0) -> Found:
    from lmctheory.paths import certify

    found = certify(model_a, model_b, data, complete=True, budget=budget)
    share = r"\tfrac1n |\{x : \text{right for every } t\}|"
    low, high = float(found.accuracy), 1 - float(found.refuted.mean())
    line = rf"{below(low)} \le {share} \le {above(high)}"
    lower, upper = f"{share} from below", f"{share} from above"
    return Found((line,), {lower: low, upper: high}, (lower,), (upper,))


def _certified_barrier(
    model_a: Any, model_b: Any, data: Any, tolerance: float = 0.01, budget: float = 600.0
) -> Found:
    from lmctheory.paths import certified_barrier

    found = certified_barrier(model_a, model_b, data, tolerance=tolerance, budget=budget).max
    barrier = r"\max_{t \in [0, 1]} B(t)"
    line = rf"{below(found.lower)} \le {barrier} \le {above(found.upper)}"
    lower, upper = f"{barrier} from below", f"{barrier} from above"
    return Found((line,), {lower: found.lower, upper: found.upper}, (lower,), (upper,))


def _components(widths: Any, rank: int, modulo: Any = None) -> Found:
    from lmctheory.matching import minima_components

    return _equals(r"\#\mathrm{components}", minima_components(widths, rank, modulo=modulo))


def _lowest_pass(target: Any, moment: Any = None) -> Found:
    from lmctheory.matching import lowest_pass

    return _equals(r"\sigma_r(Y \Sigma^{1/2})^2", lowest_pass(target, moment))


def _chord(generator: Any, incoming: Any, outgoing: Any, t: float = 0.5) -> Found:
    from lmctheory.matching import chord_distance, orbit_acceleration

    acceleration = orbit_acceleration(generator, incoming, outgoing)
    return _at_most(rf"|\gamma({t:g}) - \bar\gamma_{{{t:g}}}|", chord_distance(acceleration, t))


INSTANCES: Mapping[str, Callable[..., Found]] = {
    "R1": _matching,
    "R4": _dyadic,
    "R5": partial(_term, "R5"),
    "R6a": partial(_term, "R6a"),
    "R6b": partial(_term, "R6b"),
    "R6c": partial(_term, "R6c"),
    "R7": _one_dimension,
    "R8": partial(_term, "R8"),
    "R9": _small_balls,
    "R11": _sandwich,
    "R13": partial(_term, "R13"),
    "R14": _box,
    "R15": _product,
    "R16": partial(_term, "R16"),
    "R17": partial(_term, "R17"),
    "R18": partial(_term, "R18"),
    "R19": partial(_term, "R19"),
    "R21": _tabulated,
    "R22": _gaps,
    "S1": partial(_sandwich, modulo="signs"),
    "S1a": partial(_matching, modulo="signs"),
    "S1b": partial(_deep, activation="tanh", modulo="signs"),
    "S4": _components,
    "S5": _lowest_pass,
    "S6": _chord,
    "T1": _one_neuron,
    "T1b": _activation,
    "T2": _two_layers,
    "T3": _loss,
    "T4": _two_layer_width,
    "T7": _both_sides,
    "T10": _equal_outputs,
    "T11": _equal_outputs_barrier,
    "D1": _deep,
    "D4": _low_dimension,
    "D6": _dropout,
    "C1": partial(_certificate, "function_error_c1"),
    "C1'": partial(_certificate, "function_error"),
    "C2": partial(_certificate, "function_error_c2"),
    "C3": _certified_loss,
    "C4": _whole_path,
    "C5": _decided,
    "C6": _certified_barrier,
}
"""What puts numbers in place, by the theorem's key; arguments are those of its public function."""
