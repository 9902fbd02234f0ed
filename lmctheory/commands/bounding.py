"""`bound`: numbers of the theory for laws that lie in files, or networks on users' data."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lmctheory.choices import require_choice
from lmctheory.comparison.section import Part
from lmctheory.files import read_state
from lmctheory.measures import Empirical, Gaussian, Measure
from lmctheory.networks import AnyExamples
from lmctheory.rates import Bound, lower_bound, upper_bound
from lmctheory.rates.bound import all_but
from lmctheory.tables import Column, Table
from lmctheory.widths import deep, ensemble
from lmctheory.widths.ensembles import Ensemble

__all__ = ["LAWS", "error_part", "law_of", "matching_part", "networks_on", "width_part"]

LAWS = ("gaussian", "empirical")
"""What the rows of a layer are taken for: a sample of the Gaussian with their covariance, or the
law itself, of which other networks' rows are drawn."""


def law_of(
    spectrum: Path | None, covariance: Path | None, weights: Path | None, layer: str, law: str
) -> Measure:
    """The law that the options describe.

    Raises:
        FileNotFoundError: for a file that is not there.
        TypeError, ValueError: for more or fewer than one of them, and what is in the files.
    """
    given = [path for path in (spectrum, covariance, weights) if path is not None]
    if len(given) != 1:
        raise ValueError(
            f"give one of --spectrum, --covariance and --weights, got {len(given)} of them"
        )
    require_choice("law", law, LAWS)
    if weights is None and law == "empirical":
        raise ValueError("--law empirical is for --weights, whose rows are its points")
    if spectrum is not None:
        return Gaussian(spectrum=_array(spectrum))
    if covariance is not None:
        return Gaussian(covariance=_array(covariance))
    assert weights is not None
    rows = _rows(weights, layer)
    if law == "empirical":
        return Empirical(rows)
    if len(rows) < 2:
        raise ValueError(f"{layer} has {len(rows)} neuron, of which there is no covariance")
    return Gaussian(covariance=rows.double().mT.cov().reshape(rows.shape[1], -1))


def _array(path: Path) -> np.ndarray:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is no file")
    try:
        found = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f"{path} is no array of numbers that NumPy wrote: {error}") from error
    if not isinstance(found, np.ndarray):
        found.close()
        raise ValueError(f"{path} is no array of numbers, but a file of several things")
    return found


def _rows(path: Path, layer: str) -> Tensor:
    """A layer's neurons: rows of its weight, each with its bias as a last coordinate."""
    state = read_state(path)
    name = layer if layer in state else f"{layer}.weight"
    matrices = [key for key, tensor in state.items() if tensor.ndim > 1]
    if name not in matrices:
        raise ValueError(f"--layer must be one of {matrices}, got {layer!r}")
    rows, bias = state[name].flatten(1), state.get(name.removesuffix("weight") + "bias")
    if bias is None or bias.shape != rows.shape[:1]:
        return rows
    return torch.cat([rows, bias[:, None]], 1)


@dataclass(frozen=True)
class _Term:
    side: str
    key: str
    value: float
    wins: bool


_TERMS = (
    Column[_Term]("side", lambda term: term.side, left=True),
    Column[_Term]("argument", lambda term: term.key, left=True),
    Column[_Term]("value", lambda term: term.value, form=".6g"),
    Column[_Term]("tightest", lambda term: "*" if term.wins else "", left=True, head=""),
)


def matching_part(law: Measure, m: int, p: float, *, why: bool) -> Part:
    """L and U of the expected matching cost, with every argument; why others do not apply."""
    lower, upper = lower_bound(law, m, p), upper_bound(law, m, p)
    terms = [
        *_terms("lower", lower, rising=True),
        *_terms("upper", upper, rising=False),
    ]
    caption = (
        f"Of E W_{p:g}^{p:g}/m between two layers of {m:,} independent neurons each, the cost per "
        f"neuron of the best matching; law: {law!r}. *: the tightest of each side."
    )
    table = Table("Matching cost", caption, _TERMS, terms)
    assumptions = dict.fromkeys((*lower.assumptions, *upper.assumptions))
    return Part(
        (table,),
        (f"{lower.value:.6g} <= cost <= {upper.value:.6g}.", f"If: {'; '.join(assumptions)}."),
        notes=tuple(
            f"Not applicable: {key}, {lacks}."
            for key, lacks in {**lower.missing, **upper.missing}.items()
            if why
        ),
    )


def _terms(side: str, bound: Bound, *, rising: bool) -> list[_Term]:
    ordered = sorted(bound.terms.items(), key=lambda item: item[1], reverse=rising)
    return [_Term(side, key, value, key == bound.key) for key, value in ordered]


def networks_on(data: AnyExamples, depth: int, activation: str, s_w: float, s_b: float) -> Ensemble:
    """Gaussian networks on the inputs of users' data.

    Raises:
        ValueError: for inputs that are not one tensor, and as `ensemble`.
    """
    if not isinstance(data.inputs, Tensor):
        raise ValueError("data must have inputs in one tensor")
    x = data.inputs.flatten(1).double().numpy()
    return ensemble(x, depth, activation, s_w=s_w, s_b=s_b)


@dataclass(frozen=True)
class _Layer:
    number: int
    width: int
    cost: float
    gap: float


_LAYERS = (
    Column[_Layer]("hidden layer", lambda layer: layer.number, form="d", left=True),
    Column[_Layer]("width", lambda layer: layer.width, form=","),
    Column[_Layer]("matching cost per neuron", lambda layer: layer.cost, form=".4g"),
    Column[_Layer]("gap between A and B per neuron", lambda layer: layer.gap, form=".4g"),
)


def error_part(networks: Ensemble, widths: Sequence[int], t: float) -> Part:
    """The function error of matched networks of given widths."""
    found = deep.error_bound(widths, networks, t=t)
    layers = [
        _Layer(k + 1, m, cost, gap)
        for k, (m, cost, gap) in enumerate(zip(widths, found.matching_cost, found.gap, strict=True))
    ]
    caption = (
        "Bounds in expectation over Gaussian networks (D1); beyond two hidden layers up to "
        "O(1/width), where kernels of infinite width stand for those of the widths."
    )
    sentence = (
        f"At t = {t:g} the root mean square of f_t - t f_A - (1-t) f_B is at most "
        f"{found.relative:.4g} of that of f, {found.value**0.5:.4g}."
    )
    return Part((Table("Gaussian networks, matched", caption, _LAYERS, layers),), (sentence,))


def width_part(
    networks: Ensemble, eps: float, t: float, delta: float | None, objective: str | None
) -> Part:
    """Widths that bring the error, relative to the outputs, below a tolerance."""
    tolerance = eps * networks.mean_square**0.5
    widths = deep.required_widths(tolerance, networks, delta=delta, t=t, objective=objective)
    part = error_part(networks, widths, t)
    chance = "in the root mean square" if delta is None else f"with probability {all_but(delta)}"
    listed = " and ".join(f"{m:,}" for m in widths)
    sentence = f"Widths of {listed} bring the relative error below {eps:g}, {chance}."
    return Part(part.tables, (sentence, *part.findings))
