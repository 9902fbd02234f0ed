"""The reduced form: the function is kept, and forms of one function are equal up to order."""

import pytest
import torch

from lmctheory.matching import match, redundancy, reduced
from lmctheory.networks import MLP
from lmctheory.networks.state import slots
from tests.matching.redundant.planted import (
    CASES,
    inputs,
    middle,
    planted,
    respread,
    seeded,
    shuffled,
)


@pytest.mark.parametrize("name", CASES)
def test_a_planted_function_is_recovered_exactly(name):
    case, x = CASES[name], inputs(CASES[name])
    a = planted(case)
    b, _ = shuffled(case, respread(case, a, 1), 2)
    plain = match(a, b, data=x).apply(b)
    forms = [reduced(net, x) for net in (a, b)]
    for net in forms:
        torch.testing.assert_close(net(x), a(x))
    aligned = match(*forms, data=x).apply(forms[1])
    size = a(x).norm()
    assert (middle(forms[0], aligned)(x) - a(x)).norm() < 1e-10 * size
    assert (middle(a, plain)(x) - a(x)).norm() > 0.02 * size


@pytest.mark.parametrize("name", CASES)
def test_a_reduced_network_stays_as_it_is(name):
    case, x = CASES[name], inputs(CASES[name])
    model = planted(case)
    before = {key: tensor.clone() for key, tensor in slots(model).items()}
    once = reduced(model, x)
    twice = reduced(once, x)
    for key, tensor in slots(once).items():
        torch.testing.assert_close(slots(twice)[key], tensor)
        assert torch.equal(slots(model)[key], before[key])
    assert redundancy(once, x).widths == redundancy(model, x).widths


def test_by_data_the_function_is_kept_on_the_data():
    net = MLP((3, 40, 2), rng=seeded(), dtype=torch.float64)
    x = torch.randn(6, 3, generator=seeded(1)).double()
    least = reduced(net, x, by_data=True)
    torch.testing.assert_close(least(x), net(x))
    new = torch.randn(50, 3, generator=seeded(2)).double()
    assert (least(new) - net(new)).abs().max() > 0.1
    silent = redundancy(least).counts()[("silent", "weights")]
    assert silent > 10
    assert all(torch.equal(t, slots(net)[k]) for k, t in slots(reduced(net, x)).items())


def test_what_would_change_the_function_is_refused():
    net = MLP((3, 6, 2), rng=seeded(), dtype=torch.float64)
    with torch.no_grad():
        net.linears[0].weight[2] = net.linears[0].weight[5] * 1.0001
        net.linears[0].bias[2] = net.linears[0].bias[5]
        net.linears[1].weight.mul_(1e3)
        net.linears[1].weight[:, :2].zero_()
    with pytest.raises(ValueError, match="tolerance must be smaller: neurons that it takes"):
        reduced(net, tolerance=1e-3)
    with pytest.raises(ValueError, match="by_data needs data, got None"):
        reduced(net, by_data=True)
