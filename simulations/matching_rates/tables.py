"""The tables that the study prints, each at most 100 columns wide."""

import math
from collections.abc import Mapping, Sequence

from rich.table import Table
from scipy import stats

from lmctheory.rates.empirical.power_law import PowerLaw
from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.study import Config, Record
from lmctheory.terminal import make_table, show
from simulations.matching_rates.known_dimensions import DATA
from simulations.matching_rates.laws import RANK, SANDWICHED, SHARPENED
from simulations.matching_rates.measurement import WASSERSTEIN
from simulations.matching_rates.plan import EXPONENTS, SANDWICH_WIDTHS, SHARPENED_WIDTH
from simulations.matching_rates.summary import (
    FAMILIES,
    LARGE,
    Exponent,
    Measured,
    NoisyCurve,
    exponents,
    noisy,
    select,
)

__all__ = ["print_report", "verdict"]

_ESTIMATORS = {
    "participation ratio": "ratio",
    "stable rank": "stable",
    "entropy rank": "entropy",
    "principal components (95 %)": "PCA",
    "two-NN": "two-NN",
    "maximum likelihood": "likelih.",
    "correlation": "correl.",
    WASSERSTEIN: "cost",
}
"""Column of each estimator."""
_TOO_SHORT = "Low rank plus noise (D4): a crossover is fitted to five widths or more.\n"


def print_report(results: Sequence[tuple[Config, Record]]) -> None:
    """Prints the sandwich, the exponents, the crossovers and the dimensions, uncut."""
    costs = select(results, SANDWICHED, SANDWICH_WIDTHS)
    show(*(_sandwich([one for one in costs if one.p == p], p) for p in EXPONENTS))
    show(verdict(costs), "")
    if sharpened := select(results, SHARPENED, (SHARPENED_WIDTH,)):
        show(_sharpened([one for one in sharpened if one.p == 2]))
    for p in EXPONENTS:
        show(_exponents({name: exponents(results, name, p) for name in FAMILIES}, p))
    curves = [curve for curve in noisy(results) if curve.crossover is not None]
    show(_crossovers(curves) if curves else _TOO_SHORT, _dimensions(results))


def verdict(costs: Sequence[Measured]) -> str:
    """How many costs lie between their bounds, with an allowance and without."""
    within, strictly = (sum(one.sandwiched(errors) for one in costs) for errors in (4.0, 0.0))
    fewest = min(len(one.draws) for one in costs)
    vacuous = sum(one.lower == 0 for one in costs)
    return (
        f"{within} of {len(costs)} measured costs lie between L and U within 4 standard errors,"
        f" {strictly} without any allowance;\nL is 0 for {vacuous} of them, where only U is tested."
        f" The fewest draws are {fewest}:\n4 standard errors are a {_coverage(fewest):.0%} interval"
        " then (Student's t)."
    )


def _coverage(draws: int) -> float:
    return float(2 * stats.t.cdf(4.0, draws - 1) - 1)


def _sandwich(costs: Sequence[Measured], p: float) -> Table:
    table = make_table(
        f"Matching cost per neuron M(m) = E W_p^p of two samples, p = {p:g}: L <= M <= U (R11)",
        "M: mean of the draws, in brackets the standard error of the last digit. by: the argument"
        " behind U. R4: as published, for two samples in the Euclidean norm; - for unbounded laws."
        " any: what any permutation costs at most. L = 0: no argument applies.",
        ("law", "m", "L", "M", "U", "by", "R4", "any", "U/M", "M/L", "U/R4"),
        left=1,
    )
    before = ""
    for one in costs:
        name, before = ("" if one.law == before else one.law), one.law
        table.add_row(
            name,
            str(one.width),
            _number(one.lower),
            str(one.cost),
            _number(one.upper),
            _argument(one.upper_key),
            _number(one.published),
            _number(one.trivial),
            _ratio(one.upper, one.cost.value),
            _ratio(one.cost.value, one.lower),
            _ratio(one.upper, one.published),
        )
    return table


def _sharpened(costs: Sequence[Measured]) -> Table:
    table = make_table(
        f"What the departures gain: M(m) at m = {SHARPENED_WIDTH}, p = 2",
        "first: L by R9, U by R13 or R6a (cube, d = 2) in their first form. M: as above.",
        ("law", "first L", "L", "M", "U", "by", "first U", "M/L", "U/M"),
        left=1,
    )
    for one in costs:
        first_lower, first_upper = SHARPENED[one.law]
        table.add_row(
            one.law,
            _number(first_lower),
            _number(one.lower),
            str(one.cost),
            _number(one.upper),
            _argument(one.upper_key),
            _number(first_upper),
            f"{one.cost.value / one.lower:.2f}",
            f"{one.upper / one.cost.value:.2f}",
        )
    return table


def _exponents(families: Mapping[str, Sequence[Exponent]], p: float) -> Table:
    heads = ("theory", "U", "measured", f"m >= {LARGE}")
    table = make_table(
        f"Exponents r of M(m) ~ m^-r, p = {p:g}: {' | '.join(families)}",
        "measured: weighted fit to all widths with its 95 % interval (Student's t), a slope at"
        " finite widths, where the theory's are limits; no interval allows for that. *: critical,"
        " M ~ m^-r (log m)^s, fitted with the s of the theory. U: fit to the bound.",
        ("d", *heads * len(families)),
    )
    for same_dimension in zip(*families.values(), strict=True):
        cells = [cell for one in same_dimension for cell in _slopes(one)]
        table.add_row(str(same_dimension[0].dimension), *cells)
    return table


def _slopes(one: Exponent) -> tuple[str, str, str, str]:
    theory = f"{one.rate.exponent:.3f}" + ("*" if one.rate.log_power else " ")
    large = "-" if one.large is None else _interval(one.large)
    return theory, f"{round(-one.upper, 3) + 0.0:.3f}", _interval(one.fitted), large


def _interval(fit: PowerLaw) -> str:
    """The exponent and half the width of its 95 % interval."""
    return f"{-fit.slope:.3f} +- {(fit.interval[1] - fit.interval[0]) / 2:.3f}"


def _crossovers(curves: Sequence[NoisyCurve]) -> Table:
    table = make_table(
        f"Low rank plus noise (D4), N(0, I_{RANK}) + noise eta in R^50, p = 2",
        f"predicted: the m at which M of rank {RANK} alone, as measured, is 2 eta^2, the cost of"
        " unmatched noise. fitted: two power laws that meet, with their exponents r; a smooth bend"
        " tends to be misplaced towards the middle of the widths.",
        ("eta", "predicted m", "fitted m", "95 % interval", "r below", "r above"),
    )
    for curve in curves:
        found = curve.crossover
        assert found is not None
        low, high = found.interval
        table.add_row(
            f"{curve.eta:g}",
            "-" if math.isnan(curve.predicted) else f"{curve.predicted:.0f}",
            f"{found.width:.0f}",
            f"{low:.0f} to {high:.0f}",
            *(f"{-slope:.3f}" for slope in found.slopes),
        )
    return table


def _dimensions(results: Sequence[tuple[Config, Record]]) -> Table:
    found = {config["data"]: (config, record) for config, record in results if "data" in config}
    config, _ = next(iter(found.values()))
    table = make_table(
        f"Dimension (R12) of data in R^12, {config['points']} points, by estimator",
        f"d: true; mean over {config['repeats']} samples, in brackets the standard error of the"
        " last digit. ratio (participation), stable and entropy rank, PCA (95 %) see the"
        " covariance, the next three the distances of neighbours. cost: -2/slope of the matching"
        " cost for p = 2, which cannot be below 2 for connected laws, nor below 4 for separated"
        " clusters.",
        ("data", "d", *_ESTIMATORS.values()),
        left=1,
    )
    for name, (_, record) in found.items():
        cells = (str(Mean.over(record["estimates"][estimator])) for estimator in _ESTIMATORS)
        table.add_row(name, str(DATA[name].intrinsic), *cells)
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _ratio(numerator: float | None, denominator: float | None) -> str:
    if numerator is None or not denominator:
        return "-"
    ratio = numerator / denominator
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2g}"


def _argument(key: str) -> str:
    """The theory key, short; "any" stands for any permutation, as in the table's heads."""
    return "any" if key == "trivial" else key.split()[0]
