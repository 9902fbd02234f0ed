"""Following neurons through a network: what is shipped, what is refused, what is untouched."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.matching import permute, symmetry
from lmctheory.matching._symmetry import function_change
from lmctheory.networks import MLP, affine_chain
from tests.matching.tracing.examples import (
    ARCHITECTURES,
    Module,
    found_in,
    generator,
    inputs,
    randomised,
    sizes,
)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_shipped_architecture(name):
    build, count = ARCHITECTURES[name]
    model = build(generator())
    found = found_in(model, inputs(4, 64))
    assert len(found.groups) == count
    (last,) = found.fixed
    assert found.fixed[last] == "its neurons are outputs of the network"
    moved = {action.parameter for group in found.groups for action in group.actions}
    unmoved = {name for name, _ in model.named_parameters()} - moved
    assert unmoved == {f"{last}.bias"}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_permuted_network_computes_the_same_in_single_precision(name):
    model = ARCHITECTURES[name][0](generator()).eval()
    x = inputs(16, 64)
    found = symmetry(model, x)
    rng = np.random.default_rng(0)
    orders = {group.name: rng.permutation(group.size) for group in found.groups}
    moved = permute(model, orders, found)
    with torch.no_grad():
        y = model(x)
        assert (moved(x) - y).abs().max() <= 1e-5 * max(1.0, float(y.abs().max()))
    changed = [
        not torch.equal(p, q) for p, q in zip(moved.parameters(), model.parameters(), strict=True)
    ]
    assert any(changed)


def test_chains_found_by_tracing_are_those_known_without():
    for widths in ((5, 4, 2), (5, 4, 6, 3), (3, 1, 2), (4, 3)):
        model = MLP(widths, rng=generator())
        assert symmetry(model) == symmetry(affine_chain(model))
        assert symmetry(model, inputs(2, widths[0])) == symmetry(model)


def test_a_flattened_channel_owns_a_block_of_columns():
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2))
    (group,) = found_in(model, inputs(2, 2, 4, 4)).groups
    assert group.actions[2].parameter == "3.weight"
    assert group.actions[2].positions == ((0, 1, 2, 3), (4, 5, 6, 7), (8, 9, 10, 11))


def test_nothing_of_the_model_or_of_the_global_state_is_touched():
    calls = []

    def forward(self, x):
        calls.append(type(x))
        self.count.add_(1)
        return self.last(self.drop(self.norm(self.first(x))) + torch.randn(5))

    layers = {"first": nn.Linear(3, 5), "norm": nn.BatchNorm1d(5), "drop": nn.Dropout()}
    model = Module(forward, **layers, last=nn.Linear(5, 2))
    model.register_buffer("count", torch.zeros(()))
    before = copy.deepcopy(model.state_dict())
    state = torch.get_rng_state()
    x = inputs(4, 3)
    found = symmetry(model, x)
    assert found.groups == ()
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert torch.equal(x, inputs(4, 3))


def test_the_example_may_have_any_number_of_rows_and_any_type():
    model = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 2)).double()
    assert symmetry(model, inputs(1, 3)) == symmetry(model, inputs(7, 3).half())


def test_what_cannot_be_traced_is_refused():
    branching = Module(lambda self, x: x if x.sum() > 0 else -x)
    with pytest.raises(TypeError, match="cannot be traced: symbolically traced variables cannot"):
        symmetry(branching, inputs(2, 3))
    hooked = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    hooked[0].register_forward_hook(lambda *_: None)
    with pytest.raises(TypeError, match=r"0 \(Linear\) has a forward hook"):
        symmetry(hooked, inputs(2, 3))
    with pytest.raises(TypeError, match=r"needs an example .* '0' \(Conv1d\) is not supported"):
        symmetry(nn.Sequential(nn.Conv1d(1, 1, 1)))
    with pytest.raises(
        ValueError, match=r"example of shape \[2, 4\] does not fit the network: mat1"
    ):
        symmetry(nn.Sequential(nn.Linear(3, 4)), inputs(2, 4))
    with pytest.raises(ValueError, match=r"at least one example, got \(0, 3\)"):
        symmetry(nn.Sequential(nn.Linear(3, 4)), torch.zeros(0, 3))


def test_a_reduced_axis_may_be_called_axis():
    def forward(self, x):
        hidden = self.first(x).relu()
        return self.last(hidden + hidden.mean(axis=1, keepdim=True))

    model = Module(forward, first=nn.Linear(3, 5), last=nn.Linear(5, 2))
    assert sizes(found_in(model, inputs(2, 4, 3))) == {"first": 5}


def test_named_results_and_named_inputs():
    def forward(self, x):
        hidden = torch.softmax(input=self.first(input=x), dim=-1)
        return self.last(torch.max(hidden, 1).values) + torch.topk(x, 1).values[:, :, 0].amax()

    model = Module(forward, first=nn.Linear(3, 5), last=nn.Linear(5, 2))
    assert sizes(found_in(model, inputs(2, 4, 3))) == {"first": 5}


def test_where_neurons_decide_where_entries_go_they_stay_fixed():
    def forward(self, x):
        hidden = self.first(x)
        return self.last(hidden) + hidden[:, hidden.sum(0) > 0].sum()

    model = Module(forward, first=nn.Linear(3, 5), last=nn.Linear(5, 2))
    assert found_in(model, inputs(2, 3)).groups == ()


class Optional(nn.Module):
    """As language models are often written: without targets another branch is taken."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(3, 5), nn.Linear(5, 2)

    def forward(self, x, targets=None, *, cumulative=True):
        hidden = self.first(x)
        if targets is None and cumulative:
            hidden = hidden.cumsum(1)
        return self.last(hidden)


def test_arguments_that_are_not_given_have_their_defaults():
    found = found_in(Optional(), inputs(2, 3))
    assert found.groups == ()
    assert "Tensor.cumsum" in found.fixed["first"]


def test_where_a_trace_takes_another_way_an_export_does_not():
    def asked(self, x):
        hidden = self.first(x)
        return self.last(hidden.cumsum(1) if isinstance(x, torch.Tensor) else hidden)

    model = Module(asked, first=nn.Linear(3, 5), last=nn.Linear(5, 2))
    assert "torch.cumsum" in symmetry(model, inputs(2, 3)).fixed["first"]


def test_a_trace_that_misses_something_is_refused():
    def assigned(self, x):
        hidden = self.first(x)
        hidden.data = hidden.data.cumsum(1)
        return self.last(hidden)

    def asked(self, x):
        hidden = self.first(x)
        return self.last(hidden.cumsum(1) if type(x) is torch.Tensor else hidden)

    for forward in (assigned, asked):
        model = Module(forward, first=nn.Linear(3, 5), last=nn.Linear(5, 2))
        with pytest.raises(TypeError, match="its trace does not compute what it computes; nor exp"):
            symmetry(model, inputs(2, 3))


def test_axes_may_be_moved_in_place():
    model = Module(lambda self, x: self.last(self.first(x).t_().t()), first=nn.Linear(3, 4))
    model.last = nn.Linear(4, 2)
    assert sizes(found_in(model, inputs(2, 3))) == {"first": 4}


def test_a_weight_that_is_no_parameter_fixes_what_it_reads():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2), nn.Linear(2, 2))
    del model[2].weight
    model[2].weight = torch.randn(2, 4)
    found = symmetry(model, inputs(2, 3))
    assert found.fixed["0"] == (
        "it meets a weight, no parameter or computed from others, whose entries cannot move with it"
    )
    assert sizes(found) == {}


def test_a_network_without_numbers_is_refused():
    model = nn.Sequential(nn.Conv1d(1, 2, 1), nn.Flatten(), nn.Linear(6, 2)).to("meta")
    with pytest.raises(ValueError, match="got a tensor on the meta device"):
        symmetry(model, inputs(2, 1, 3))


def test_a_wrong_symmetry_changes_the_function():
    model = randomised(MLP((3, 5, 2), rng=generator()))
    found = symmetry(model)
    (group,) = found.groups
    forgetful = type(found)((type(group)(**{**vars(group), "actions": group.actions[:2]}),))
    change = function_change(model, forgetful, inputs(4, 3), rng=np.random.default_rng(0))
    assert change > 1e-2


def test_groups_of_another_network_are_refused():
    found = symmetry(MLP((3, 5, 2), rng=generator()))
    order = {"layers.0": np.arange(5)}
    with pytest.raises(ValueError, match=r"moves axis 0 of 'layers.0.weight', whose shape is None"):
        permute(nn.Sequential(nn.Linear(3, 5)), order, found)
    with pytest.raises(ValueError, match=r"whose shape is \(4, 3\)"):
        permute(MLP((3, 4, 2), rng=generator()), order, found)
