"""L2, L4, L5 and L8 as they are printed, against the functions that the package computes."""

from dataclasses import replace
from functools import cache, partial

import numpy as np
import pytest
import torch
from printed import value
from torch.nn.functional import cross_entropy

from lmctheory.layerwise import (
    curvature,
    feature_connectivity,
    interaction_matrix,
    two_layer_convexity,
)
from lmctheory.layerwise.convexity.convexity import TwoLayerConvexity
from lmctheory.layerwise.second_order.quadrature import green
from lmctheory.networks import MLP, Examples, affine_chain
from lmctheory.theorems import registry


def both(formula, **given):
    """What a formula evaluates to, by itself and as it is printed."""
    evaluated = formula.value(**given)
    assert value(formula, **given) == pytest.approx(evaluated, rel=1e-9, abs=1e-12)
    return evaluated


def pair(widths, name):
    rng = torch.Generator().manual_seed(3)
    a, b = (MLP(widths, name, rng=rng, dtype=torch.float64) for _ in range(2))
    inputs = torch.randn(4, widths[0], generator=rng, dtype=torch.float64)
    return a, b, Examples(inputs, torch.arange(4) % widths[-1])


@pytest.mark.parametrize("seed", range(4))
def test_l2_is_what_the_four_inner_products_give(seed):
    second, barrier = registry()["L2"].formulas
    rng = np.random.default_rng(seed)
    (cc, vv, t), (vc, mc) = rng.random(3), rng.standard_normal(2)
    found, tau = TwoLayerConvexity(cc=cc, vv=vv, vc=vc, mc=mc), t - 0.5
    assert both(second, cc=cc, vv=vv, vc=vc, mc=mc, tau=tau) == pytest.approx(
        found.curvature(t), abs=1e-12
    )
    whole = vv + 2 * tau * vc + tau**2 * cc  # |v + tau c|^2
    assert both(barrier, N=whole, cc=cc, mc=mc, t=t) == pytest.approx(found.barrier(t), abs=1e-12)


def test_l2_holds_for_a_pair():
    a, b, data = pair((3, 4, 2), "identity")
    found, t = two_layer_convexity(a, b, data), 0.3
    _, barrier = registry()["L2"].formulas
    whole = found.vv + 2 * (t - 0.5) * found.vc + (t - 0.5) ** 2 * found.cc
    assert both(barrier, N=whole, cc=found.cc, mc=found.mc, t=t) == pytest.approx(
        float(found.barrier(t)), rel=1e-12
    )


@pytest.mark.parametrize(("t", "s"), [(0.3, 0.7), (0.7, 0.3), (0.4, 0.4), (0.9, 0.2)])
def test_l4_has_the_kernel_that_is_integrated(t, s):
    kernel, _ = registry()["L4"].formulas
    [[expected]] = green(np.array([t]), np.array([s]))
    assert both(kernel, t=t, s=s) == pytest.approx(expected, abs=1e-15)


def loss_on(a, b, data, shares):
    """Mean loss with layer l at shares[l] of B."""
    of_a, of_b = affine_chain(a), affine_chain(b)
    chain = replace(
        of_a,
        weights=tuple(
            V.detach() + s * (U - V).detach()
            for V, U, s in zip(of_a.weights, of_b.weights, shares, strict=True)
        ),
        biases=tuple(
            V.detach() + s * (U - V).detach()
            for V, U, s in zip(of_a.biases, of_b.biases, shares, strict=True)
        ),
    )
    return cross_entropy(chain(data.inputs), data.labels)


def second_derivatives(a, b, data):
    @cache
    def hessian(s):
        shares = torch.full((len(a.linears),), s, dtype=torch.float64)
        return torch.autograd.functional.hessian(partial(loss_on, a, b, data), shares).numpy()

    return hessian


def test_l4_integrates_to_the_smooth_part_of_the_barrier():
    a, b, data = pair((3, 3, 2), "tanh")
    hessian = second_derivatives(a, b, data)
    _, integral = registry()["L4"].formulas
    found = curvature(a, b, data, points=5)
    for k in (1, 2):
        # along the path t is 1 - s in every layer
        smooth = both(integral, t=found.t[k], h=lambda t: hessian(1 - t).sum())
        assert smooth == pytest.approx(found.smooth[k], rel=1e-9)
        assert smooth == pytest.approx(found.barrier[k], rel=1e-9)


def test_l5_integrates_to_the_entries():
    a, b, data = pair((3, 3, 2), "tanh")
    hessian = second_derivatives(a, b, data)
    [integral] = registry()["L5"].formulas
    found = interaction_matrix(a, b, data, 0.3, tolerance=1e-12)
    for entry in ((0, 0), (0, 1), (1, 1)):
        split = both(integral, t=0.3, g=lambda s, entry=entry: hessian(s)[entry])
        assert split == pytest.approx(found.matrix[entry], rel=1e-9)


def test_l8_predicts_the_features_that_errors_are_relative_to():
    a, b, data = pair((3, 3, 3, 2), "relu")
    [law] = registry()["L8"].formulas
    t, found = 0.3, feature_connectivity(a, b, data, 0.3)
    middle = replace(
        affine_chain(a),
        weights=tuple(
            torch.lerp(U, V, t)
            for V, U in zip(affine_chain(a).weights, affine_chain(b).weights, strict=True)
        ),
    )  # no biases yet
    features = [
        [*(phi for _, phi in chain.hidden(data.inputs)), chain(data.inputs)]
        for chain in (affine_chain(a), affine_chain(b), middle)
    ]
    for layer, (of_a, of_b, of_t) in enumerate(zip(*features, strict=True), start=1):
        for i in range(2):
            predicted = np.array(
                [
                    both(law, t=t, l=layer, a=lambda _, p=p: p, b=lambda _, q=q: q)
                    for p, q in zip(of_a[i].tolist(), of_b[i].tolist(), strict=True)
                ]
            )
            error = np.linalg.norm(of_t[i].detach().numpy() - predicted)
            assert error / np.linalg.norm(predicted) == pytest.approx(
                found.lewc_error[layer - 1, i], rel=1e-9
            )
