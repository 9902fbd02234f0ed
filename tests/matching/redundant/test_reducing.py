"""The reduced form: the function is kept, and forms of one function are equal up to order."""

import pytest
import torch

from lmctheory.matching import match, reduced, redundancy
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
    before = {key: tensor.clone() for key, tensor in slots(a).items()}
    b, _ = shuffled(case, respread(case, a, 1), 5)
    forms = [reduced(net, x) for net in (a, b)]
    for net in forms:
        torch.testing.assert_close(net(x), a(x))
    assert all(torch.equal(tensor, before[key]) for key, tensor in slots(a).items())
    again = slots(reduced(forms[0], x))
    for key, tensor in slots(forms[0]).items():
        torch.testing.assert_close(again[key], tensor)
    aligned = match(*forms, data=x).apply(forms[1])
    for key, tensor in forms[0].named_parameters():
        torch.testing.assert_close(aligned.get_parameter(key), tensor)
    size = a(x).norm()
    assert (middle(forms[0], aligned)(x) - a(x)).norm() < 1e-10 * size


def test_copies_mislead_matching_and_reduced_forms_do_not():
    case, x = CASES["relu"], inputs(CASES["relu"])
    a = planted(case)
    b, _ = shuffled(case, respread(case, a, 1), 2)
    errors = []
    for first, second in ((a, b), (reduced(a), reduced(b))):
        aligned = match(first, second).apply(second)
        errors.append(float((middle(first, aligned)(x) - a(x)).detach().norm()))
    assert errors[0] > 0.1
    assert errors[1] < 1e-10


def test_by_data_the_function_is_kept_on_the_data():
    net = MLP((3, 40, 2), rng=seeded(), dtype=torch.float64)
    x = torch.randn(6, 3, generator=seeded(1)).double()
    least = reduced(net, x, by_data=True)
    torch.testing.assert_close(least(x), net(x))
    new = torch.randn(50, 3, generator=seeded(2)).double()
    assert (least(new) - net(new)).abs().max() > 0.1
    silent = redundancy(least).counts()[("silent", "weights")]
    assert silent == 2
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
