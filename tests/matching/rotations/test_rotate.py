"""Planted transformations are recovered; the objective never falls; the function is kept."""

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.matching import match, rotate, rotations
from lmctheory.matching._symmetry import outputs, parameters
from lmctheory.networks.state import copied, slots
from tests.matching.families import varied
from tests.matching.rotations.examples import Stream, change, halfway, planted, small

QUICK = ["vit", "pre-norm", "post-norm", "grouped"]
SLOW = [  # to be exported takes seconds
    "timm vit",
    "transformers gpt2",
    "transformers bert",
    "transformers llama",
]
SPACES = {  # heads, streams
    "vit": (8, 1),
    "pre-norm": (6, 1),
    "post-norm": (6, 0),
    "grouped": (6, 1),
    "timm vit": (12, 1),
    "transformers gpt2": (12, 1),
    "transformers bert": (12, 0),
    "transformers llama": (8, 1),
}


def inner(a, b):
    b = parameters(b)
    return sum(float((x.double() * b[name].double()).sum()) for name, x in parameters(a).items())


@pytest.mark.parametrize(
    "name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]
)
def test_planted_matrices_and_orders_are_recovered(name):
    model, example = small(name)
    found = rotations(model, example)
    streams = len(found.streams)
    assert (len(found.spaces) - streams, streams) == SPACES[name]
    base = found.folding.applied(model) if found.folding else model
    other = planted(found, base, 3)
    assert change(model, other, example) < 1e-5
    assert change(model, halfway(base, other), example) > 0.05
    rotation = rotate(model, other, example)
    a, b = rotation.pair(model, other)
    assert change(model, a, example) < 1e-5
    assert change(other, b, example) < 1e-5
    assert change(model, halfway(a, b), example) < 1e-4
    assert rotation.objective == pytest.approx(inner(a, a), rel=1e-6)
    assert rotation.function_change < 1e-5 * float(outputs(model, example).abs().max())
    assert rotation.matched < 0.95 * rotation.objective  # permutations alone do not do it


def test_the_objective_never_falls_and_is_that_of_the_aligned_networks():
    (a, x), (b, _) = small("pre-norm", 0), small("pre-norm", 1)
    rotation = rotate(a, b, x)
    for trace in rotation.traces.values():
        assert (np.diff(trace) >= 0).all()
        assert trace[-1] <= rotation.objective * (1 + 1e-12)
    assert set(rotation.traces) == {"identity", "permutations", "streams"}
    assert rotation.objective == pytest.approx(inner(*rotation.pair(a, b)), rel=1e-6)
    assert rotation.matched == pytest.approx(rotation.traces["permutations"][0])
    assert rotation.objective > 1.05 * rotation.matched
    heads = rotate(a, b, x, stream=False)
    assert heads.matched == pytest.approx(match(a, b, data=x).objective)
    assert heads.objective > heads.matched
    assert change(b, heads.apply(b), x) < 1e-5


def test_no_step_from_the_end_raises_the_objective():
    """Random matrices near the end, on one space or all, are no better: it is a maximum."""
    (a, x), (b, _) = small("pre-norm", 0), small("pre-norm", 1)
    rotation = rotate(a, b, x)
    a, b = rotation.pair(a, b)
    rng = np.random.default_rng(0)
    held = parameters(b)
    for space in rotation.symmetry.spaces:
        for scale in (0.02, 0.3):
            near = torch.eye(space.size, dtype=torch.float64) + scale * torch.from_numpy(
                rng.standard_normal((space.size, space.size))
            )
            turned = space.turn(held, space.nearest(near))
            gained = sum(
                float((parameters(a)[n] * (t - held[n])).double().sum()) for n, t in turned.items()
            )
            assert gained < 1e-4


def test_networks_and_inputs_stay_as_they_are():
    (a, x), (b, _) = small("pre-norm", 0), small("pre-norm", 1)
    before = [{k: t.clone() for k, t in slots(model).items()} for model in (a, b)]
    given, flags = x.clone(), [p.requires_grad for p in b.parameters()]
    state = torch.random.get_rng_state()
    rotation = rotate(a, b, x)
    rotation.apply(b)
    for model, old in zip((a, b), before, strict=True):
        assert all(torch.equal(slots(model)[key], tensor) for key, tensor in old.items())
    assert torch.equal(x, given)
    assert flags == [p.requires_grad for p in b.parameters()]
    assert torch.equal(state, torch.random.get_rng_state())


def test_in_double_precision_the_function_changes_by_its_rounding():
    (a, x), (b, _) = small("pre-norm", 0), small("pre-norm", 1)
    a, b, x = a.double(), b.double(), x.double()
    rotation = rotate(a, b, x)
    assert rotation.function_change < 1e-11
    assert change(b, rotation.apply(b), x) < 1e-11


def test_networks_without_such_spaces_are_permuted_and_a_warning_says_why():
    nets = [
        varied(nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3)), seed) for seed in (0, 1)
    ]
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    with pytest.warns(UserWarning, match=r"no spaces can be turned: .*'0': .*does not commute"):
        rotation = rotate(*nets, x)
    assert rotation.matrices == {}
    assert rotation.objective >= rotation.matched
    assert change(nets[1], rotation.apply(nets[1]), x) < 1e-6


def test_a_network_equals_itself():
    model, x = small("pre-norm")
    rotation = rotate(model, copied(model), x)
    for matrix in rotation.matrices.values():
        assert np.allclose(matrix, np.eye(len(matrix)), atol=1e-5)


def test_bad_arguments_are_refused():
    (a, x), (b, _) = small("vit", 0), small("pre-norm", 1)
    with pytest.raises(ValueError, match="must have the same architecture"):
        rotate(a, b, x)
    with pytest.raises(TypeError, match="data must be a tensor"):
        rotate(a, a, None)
    bad = copied(a)
    with torch.no_grad():
        next(bad.parameters()).fill_(float("nan"))
    with pytest.raises(ValueError, match="NaN or infinite"):
        rotate(a, bad, x)
    rotation = rotate(a, a, x)
    with pytest.raises(ValueError, match="must have the parameters of those that were aligned"):
        rotation.apply(Stream())
