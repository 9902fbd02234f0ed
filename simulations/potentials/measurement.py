"""What one task measures: two members joined by a line, or several averaged.

Energies are per atom of a molecule, in kcal/mol; where an element's network is looked at by itself,
they are those of single atoms. *Deviation*: what the midpoint (A + B) / 2 of the weights gives less
the mean (f_A + f_B) / 2 of the functions. Squares are kept molecule by molecule, so that standard
errors can be taken over molecules, of which geometries are not independent.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from lmctheory.layerwise import groups, layer_barriers, layers, moebius, single_layers
from lmctheory.matching import match_several, second_moments, symmetry
from lmctheory.matching.alignment import as_they_stand
from lmctheory.matching.costs.neuron_costs import weighted
from lmctheory.matching.costs.neuron_features import Features
from lmctheory.matching.merging.means import average
from lmctheory.networks import AffineChain, Examples, affine_chain
from lmctheory.paths import barrier, certificate, interpolate
from lmctheory.rates import participation_ratio
from lmctheory.sweeps.neuron_laws import features_law, sandwich
from lmctheory.widths.deep import bound_from_costs, ensemble, error_bound
from simulations.potentials.aligned import (
    MATCHINGS,
    NAMES,
    UNMATCHED,
    Matching,
    atoms_of,
    by_element,
    energies,
    total,
)
from simulations.potentials.energy import Energy
from simulations.potentials.folder import HARTREE, folder_of
from simulations.potentials.recalibration import RECOVERIES, recovered

__all__ = [
    "EXPLAINED",
    "AtElement",
    "AtLayer",
    "Average",
    "AverageTask",
    "CostTask",
    "Costs",
    "Depths",
    "Element",
    "Matched",
    "Pair",
    "PairTask",
    "run_average",
    "run_costs",
    "run_pair",
]

EXPLAINED = "activation, own"
"""The matching whose neurons are looked at."""
FITTED = (UNMATCHED, "weight, own", EXPLAINED)
"""Matchings whose midpoints are fitted anew."""
LAYERED = (UNMATCHED, EXPLAINED)
"""Matchings whose midpoints are taken apart layer by layer."""
_POINTS = 5
_KERNEL_ATOMS = 100
"""Atoms at most on which D1 takes the mean."""


@dataclass(frozen=True)
class PairTask:
    """Two members.

    Attributes:
        a: name of the first.
        b: of the second.
        digest: of their files and of the molecules.
        seed: draws the halves of the molecules.
    """

    a: str
    b: str
    digest: str
    seed: int


@dataclass(frozen=True)
class AverageTask:
    """Members that are averaged.

    Attributes:
        members: names.
        digest: of their files and of the molecules.
        seed: as in `PairTask`; draws nothing.
    """

    members: list[str]
    digest: str
    seed: int


@dataclass(frozen=True)
class CostTask:
    """Two members whose costs are compared with those of Gaussian neurons.

    Attributes:
        a: name of the first.
        b: of the second.
        method: of matching each element on its own atoms.
        digest: of their files and of the molecules.
        seed: as in `PairTask`; draws nothing.
    """

    a: str
    b: str
    method: str
    digest: str
    seed: int


@dataclass(frozen=True)
class Element:
    """An element's share of what the midpoint is off.

    Attributes:
        off: root mean square deviation of its atoms' energies.
        bias: mean deviation.
        share: of the molecules' squared deviation, by covariance: shares add up to 1.
    """

    off: float
    bias: float
    share: float


@dataclass(frozen=True)
class Matched:
    """Two potentials in one order.

    Attributes:
        squares: deviations squared, sums over the geometries of each molecule.
        errors: likewise of the midpoint's errors against the reference.
        elements: by name.
        distance: |A - B|^2 / (|A|^2 + |B|^2) of all weights.
    """

    squares: list[float]
    errors: list[float]
    elements: dict[str, Element]
    distance: float


@dataclass(frozen=True)
class Depths:
    """What averaging layers does to the squared error against the mean function.

    Attributes:
        shapley: values of layers 1 to 4 of all elements; both bases' mean, like all.
        alone: rise by averaging one layer of all elements.
        total: of averaging all layers.
        elements: by element rises of its atoms' squared error by averaging one layer, then all.
    """

    shapley: list[float]
    alone: list[float]
    total: float
    elements: dict[str, list[float]]


@dataclass(frozen=True)
class AtLayer:
    """A hidden layer of an element's network, neurons matched by `EXPLAINED`.

    Attributes:
        width: neurons.
        dimension: approximate, of incoming weights, of those in the metric of the layer's inputs,
            of activations, and of activations less their mean; network A.
        cost: of matched neurons in the metric of the layer's inputs over that of neurons at random.
        lower: of the same for Gaussian neurons of this covariance, a bound from below.
        upper: from above.
        apart: |z_A - z_B|^2 / (|z_A|^2 + |z_B|^2) of pre-activations, mean over atoms.
        unmatched: the same without matching.
        weights: the same of incoming weights, matched.
        shrunk: standard deviation of the midpoint's pre-activations over the ends' mean.
    """

    width: int
    dimension: list[float]
    cost: float
    lower: float
    upper: float
    apart: float
    unmatched: float
    weights: float
    shrunk: float


@dataclass(frozen=True)
class AtElement:
    """An element's networks on its atoms.

    Attributes:
        atoms: how many.
        spread: standard deviation of their energies, mean function.
        differ: root mean square difference of the two networks.
        off: the midpoint's, matched by `EXPLAINED`.
        certified: C1' on it.
        certified_c1: C1 on it.
        gaussian: D1 for Gaussian networks of these widths on these atoms, relu in place of
            CELU(.1), over their own outputs.
        measured: D1 with the relative matching costs of these networks, likewise.
        layers: hidden ones.
    """

    atoms: int
    spread: float
    differ: float
    off: float
    certified: float
    certified_c1: float
    gaussian: float
    measured: float
    layers: list[AtLayer]


@dataclass(frozen=True)
class Pair:
    """Two members.

    Attributes:
        counts: geometries of each molecule.
        differ: squared differences of the two, by molecule.
        errors: squared errors against the reference by molecule: of one member (mean of both), and
            of the mean function.
        matched: by the name of the matching.
        recovered: squared deviations by molecule, by the names of matching and of what is fitted.
        barriers: by the name of the matching the largest squared error against the reference
            above the chord.
        depths: by the name of the matching.
        elements: by name.
        spread: standard deviation of the energies, mean function.
    """

    counts: list[int]
    differ: list[float]
    errors: dict[str, list[float]]
    matched: dict[str, Matched]
    recovered: dict[str, dict[str, list[float]]]
    barriers: dict[str, float]
    depths: dict[str, Depths]
    elements: dict[str, AtElement]
    spread: float


@dataclass(frozen=True)
class Average:
    """Several members averaged.

    Attributes:
        counts: geometries of each molecule.
        squares: by the name of the matching, of the deviation from the mean of all functions.
    """

    counts: list[int]
    squares: dict[str, list[float]]


@dataclass(frozen=True)
class Costs:
    """Costs of matched neurons.

    Attributes:
        layers: by element and hidden layer, as `AtLayer.cost`.
    """

    layers: dict[str, list[float]]


@torch.no_grad()
def run_pair(task: PairTask, data_dir: Path | None = None) -> Pair:
    """Matches two members in all ways and looks at what is between them."""
    folder = folder_of(data_dir)
    data, which = folder.molecules()
    a, b = folder.member(task.a), folder.member(task.b)
    x, y = data.inputs, data.labels
    of_a, of_b = total(a, x), total(b, x)
    mean = (of_a + of_b) / 2
    half = _half(which, task.seed)

    def by_molecule(values: Tensor) -> list[float]:
        return _by_molecule(values, which)

    aligned = {name: matching.align(a, b, data) for name, matching in MATCHINGS.items()}
    middles = {name: _middle(a, end) for name, end in aligned.items()}
    matched = {
        name: Matched(
            squares=by_molecule(total(middle, x) - mean),
            errors=by_molecule(total(middle, x) - y),
            elements=_elements(a, aligned[name], middle, x),
            distance=_distance(a, aligned[name]),
        )
        for name, middle in middles.items()
    }
    return Pair(
        counts=np.bincount(which).tolist(),
        differ=by_molecule(of_a - of_b),
        errors={
            "member": (
                (np.array(by_molecule(of_a - y)) + np.array(by_molecule(of_b - y))) / 2
            ).tolist(),
            "mean function": by_molecule(mean - y),
        },
        matched=matched,
        recovered={
            name: {
                what: by_molecule(recovered(fit, middles[name], a, aligned[name], x, half) - mean)
                for what, fit in RECOVERIES.items()
            }
            for name in FITTED
        },
        barriers={name: float(barrier(a, aligned[name], data, _POINTS).max) for name in FITTED},
        depths={
            name: _depths(a, aligned[name], Examples(x, mean, loss="squared")) for name in LAYERED
        },
        elements=_at_elements(a, b, aligned[EXPLAINED], x),
        spread=float(mean.std()),
    )


@torch.no_grad()
def run_average(task: AverageTask, data_dir: Path | None = None) -> Average:
    """Brings several members into one order, element by element, and averages them."""
    folder = folder_of(data_dir)
    data, which = folder.molecules()
    members = [folder.member(name) for name in task.members]
    atoms = atoms_of(data.inputs)
    mean = torch.stack([total(member, data.inputs) for member in members]).mean(0)

    def merged(method: str | None) -> Energy:
        def of_element(name: str, _: nn.Module) -> nn.Module:
            nets = [getattr(member, name) for member in members]
            if method is None:
                return average(nets, [1 / len(nets)] * len(nets))
            with torch.enable_grad():  # of the joint objective
                return match_several(nets, method, atoms[name]).merge(nets)

        return by_element(members[0], of_element)

    return Average(
        counts=np.bincount(which).tolist(),
        squares={
            name: _by_molecule(total(merged(MATCHINGS[name].method), data.inputs) - mean, which)
            for name in FITTED
        },
    )


@torch.no_grad()
def run_costs(task: CostTask, data_dir: Path | None = None) -> Costs:
    """Matches two members by one method and measures how far apart neurons are."""
    folder = folder_of(data_dir)
    data, _ = folder.molecules()
    a, b = folder.member(task.a), folder.member(task.b)
    aligned = Matching(task.method, own=True).align(a, b, data)
    found = {}
    for name, first, second, atoms in _networks(a, aligned, data.inputs):
        permutable = symmetry(first, atoms)
        cost, side = (
            weighted(second_moments(first, atoms)),
            as_they_stand(first, second, permutable),
        )
        found[name] = [_over_trivial(cost(group, side)) for group in permutable.groups]
    return Costs(found)


def _over_trivial(features: Sequence[Features]) -> float:
    trivial = 2 * features_law(features, [features]).second_moment
    return sum(one.cost for one in features) / trivial


def _half(which: np.ndarray, seed: int) -> Tensor:
    """Whether geometries are of molecules of the first half."""
    molecules = which.max() + 1
    chosen = np.random.default_rng(seed).permutation(molecules)[: molecules // 2]
    return torch.from_numpy(np.isin(which, chosen))


def _by_molecule(values: Tensor, which: np.ndarray) -> list[float]:
    return np.bincount(which, values[:, 0].square().numpy()).tolist()


def _middle(a: Energy, b: Energy) -> Energy:
    middle = interpolate(a, b, 0.5)
    assert isinstance(middle, Energy)
    return middle


def _distance(a: Energy, b: Energy) -> float:
    pairs = list(zip(a.parameters(), b.parameters(), strict=True))
    apart = sum(float((p - q).square().sum()) for p, q in pairs)
    return apart / sum(float(p.square().sum() + q.square().sum()) for p, q in pairs)


def _elements(a: Energy, b: Energy, middle: Energy, x: Tensor) -> dict[str, Element]:
    of_middle, of_a, of_b = (energies(potential, x) for potential in (middle, a, b))
    off = {name: of_middle[name] - (of_a[name] + of_b[name]) / 2 for name in NAMES}
    parts = {name: part.sum(1) for name, part in off.items()}
    whole = torch.stack(list(parts.values())).sum(0)
    kinds = x[:, :, -len(NAMES) :]
    found = {}
    for k, name in enumerate(NAMES):
        weight = kinds[:, :, k]
        own = HARTREE * off[name][weight > 0] / weight[weight > 0]
        share = float((parts[name] * whole).sum() / whole.square().sum()) if whole.any() else 0.25
        found[name] = Element(_rms(own), float(own.mean()), share)
    return found


def _rms(values: Tensor) -> float:
    return float(values.square().mean().sqrt())


def _depths(a: Energy, b: Energy, data: Examples) -> Depths:
    """Labels are the mean function, so that the loss is the squared error against it."""
    names = [layer.name for layer in layers(a)]
    by_name = [[name for name in names if name.startswith(f"{one}.")] for one in NAMES]
    of = groups(a, list(zip(*by_name, strict=True)))
    found = [moebius(a, b, data, base=base, layers=of) for base in "ab"]
    rise = np.mean([one.loss - one.loss[0] for one in found], 0)
    return Depths(
        shapley=np.mean([one.shapley.values for one in found], 0).tolist(),
        alone=[float(rise[1 << k]) for k in range(len(of))],
        total=float(rise[-1]),
        elements={
            name: _alone(first, second, atoms)
            for name, first, second, atoms in _networks(a, b, data.inputs)
        },
    )


def _networks(
    a: Energy, b: Energy, x: Tensor
) -> Iterator[tuple[str, nn.Module, nn.Module, Tensor]]:
    for name, atoms in atoms_of(x).items():
        yield name, getattr(a, name), getattr(b, name), atoms


def _alone(a: nn.Module, b: nn.Module, x: Tensor) -> list[float]:
    mean = (a(x) + b(x)) / 2
    data = Examples(x, mean, loss="squared")
    names = [layer.name for layer in layers(a)]
    found = layer_barriers(a, b, data, [*single_layers(names), names], points=3)
    return (HARTREE**2 * found.rise.mean(0)).tolist()


def _at_elements(a: Energy, b: Energy, aligned: Energy, x: Tensor) -> dict[str, AtElement]:
    return {
        name: _at_element(first, second, getattr(aligned, name), atoms)
        for name, first, second, atoms in _networks(a, b, x)
    }


def _at_element(a: nn.Module, b: nn.Module, aligned: nn.Module, x: Tensor) -> AtElement:
    middle = interpolate(a, aligned, 0.5)
    of_a, of_b = HARTREE * a(x), HARTREE * b(x)
    mean = (of_a + of_b) / 2
    bounds = certificate(a, aligned, Examples(x, torch.zeros_like(mean), loss="squared"))
    layers = _at_layers(a, b, aligned, middle, x)
    gaussian = ensemble(x[:: max(1, len(x) // _KERNEL_ATOMS)].numpy(), depth=len(layers))
    trivial = [2 * law.second_moment for law in gaussian.laws]
    costs = [layer.cost * most for layer, most in zip(layers, trivial, strict=True)]
    upper = error_bound([layer.width for layer in layers], gaussian)
    return AtElement(
        atoms=len(x),
        spread=float(mean.std()),
        differ=_rms(of_a - of_b),
        off=_rms(HARTREE * middle(x) - mean),
        certified=HARTREE * float(np.sqrt((bounds.function_error**2).mean())),
        certified_c1=HARTREE * float(np.sqrt((bounds.function_error_c1**2).mean())),
        gaussian=upper.relative,
        measured=bound_from_costs(costs, gaussian).relative,
        layers=layers,
    )


def _at_layers(
    a: nn.Module,
    b: nn.Module,
    aligned: nn.Module,
    middle: nn.Module,
    x: Tensor,
) -> list[AtLayer]:
    found = symmetry(a, x)
    moments = second_moments(a, x)
    cost, side = weighted(moments), as_they_stand(a, aligned, found)
    chains = [affine_chain(net) for net in (a, aligned, b, middle)]
    hidden = [chain.hidden(x) for chain in chains]
    rows = []
    for k, group in enumerate(found.groups):
        features = cost(group, side)
        bounds = sandwich(features_law(features, [features]), group.size)
        (z_a, h_a), (z_b, _), (z_0, _), (z_m, _) = (one[k] for one in hidden)
        W, V = (chain.weights[k] for chain in chains[:2])
        ends = (z_a.std(0) + z_b.std(0)) / 2
        rows.append(
            AtLayer(
                width=group.size,
                dimension=_dimensions(chains[0], k, x, h_a),
                cost=sum(one.cost for one in features) / bounds.trivial,
                lower=float(bounds.lower) / bounds.trivial,
                upper=float(bounds.upper) / bounds.trivial,
                apart=_apart(z_a, z_b),
                unmatched=_apart(z_a, z_0),
                weights=_apart(W, V),
                shrunk=float(z_m.std(0).square().sum().sqrt() / ends.square().sum().sqrt()),
            )
        )
    return rows


def _dimensions(chain: AffineChain, k: int, x: Tensor, h: Tensor) -> list[float]:
    W = chain.weights[k]
    below = chain.hidden(x)[k - 1][1] if k else x
    moment = below.mT @ below / len(below)
    matrices = (W @ W.mT, W @ moment @ W.mT, h.mT @ h, h.mT.cov())
    return [float(participation_ratio(matrix.numpy())) for matrix in matrices]


def _apart(a: Tensor, b: Tensor) -> float:
    return float((a - b).square().sum() / (a.square().sum() + b.square().sum()))
