"""Groups found by tracing: every shipped architecture, and small modules for each operation."""

import copy
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from lmctheory.matching import permute, symmetry
from lmctheory.matching._symmetry import function_change, outputs
from lmctheory.networks import CNN, MLP, VGG, ResNet20, ViT, affine_chain


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def randomised(model: nn.Module, seed: int = 0) -> nn.Module:
    """Every parameter and running statistic different, so that a wrong order shows."""
    rng = generator(seed)
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if not tensor.is_floating_point():
                continue
            tensor.copy_(
                torch.randn(tensor.shape, generator=rng) / max(tensor[0].numel(), 1) ** 0.5
            )
            if name.endswith("running_var"):
                tensor.abs_().add_(0.5)
    return model.eval()


def inputs(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=generator(seed))


def sizes(found) -> dict[str, int]:
    return {group.name: group.size for group in found.groups}


def found_in(model: nn.Module, x: torch.Tensor):
    """The symmetry, proved on the example: no output changes, though every weight may."""
    randomised(model)
    found = symmetry(model, x)
    scale = max(1.0, float(outputs(model, x).abs().max()))
    for seed in range(3):
        assert function_change(model, found, x, rng=np.random.default_rng(seed)) <= 1e-11 * scale
    return found


class Module(nn.Module):
    """Layers by name, and what is done with them."""

    def __init__(self, forward, **layers):
        super().__init__()
        self.compute = forward
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x):
        return self.compute(self, x)


ARCHITECTURES = {
    "mlp": (lambda rng: MLP((64, 12, 9, 10), rng=rng), 2),
    "cnn": (lambda rng: CNN((1, 8, 8), (6, 8), 10, rng=rng), 2),
    "cnn average": (lambda rng: CNN((1, 8, 8), (6, 8), 10, "average", rng=rng), 2),
    "vgg": (lambda rng: VGG((1, 8, 8), 10, 11, 4, "batch", rng=rng), 8),
    "vgg layer": (lambda rng: VGG((1, 8, 8), 10, 16, 4, "layer", rng=rng), 13),
    "resnet": (lambda rng: ResNet20((1, 8, 8), 10, 4, rng=rng), 12),
    "resnet layer": (lambda rng: ResNet20((1, 8, 8), 10, 4, "layer", rng=rng), 12),
    "resnet plain": (lambda rng: ResNet20((1, 8, 8), 10, 4, None, rng=rng), 12),
    "vit": (lambda rng: ViT((1, 8, 8), 10, patch=4, width=12, depth=2, heads=3, rng=rng), 17),
}


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


def residual(self, x):
    h = self.first(x)
    h = h + self.branch(torch.relu(h))
    return self.last(torch.relu(h))


def test_a_residual_stream_is_one_group():
    layers = {"first": nn.Linear(4, 6), "branch": nn.Linear(6, 6), "last": nn.Linear(6, 2)}
    found = found_in(Module(residual, **layers), inputs(3, 4))
    (group,) = found.groups
    assert group.incoming == ("first.weight", "branch.weight")
    assert group.outgoing == ("branch.weight", "last.weight")
    assert group.axes.count(("branch.weight", 0)) == group.axes.count(("branch.weight", 1)) == 1


def test_neurons_added_to_inputs_or_outputs_are_fixed():
    to_input = Module(
        lambda self, x: self.last(x + self.first(x)), first=nn.Linear(4, 4), last=nn.Linear(4, 2)
    )
    found = found_in(to_input, inputs(3, 4))
    assert found.groups == ()
    assert "_operator.add" in found.fixed["first"] or "operator.add" in found.fixed["first"]
    to_output = Module(
        lambda self, x: (lambda h: self.last(h) + h)(self.first(x)),
        first=nn.Linear(4, 3),
        last=nn.Linear(3, 3),
    )
    found = found_in(to_output, inputs(3, 4))
    assert found.groups == ()
    assert set(found.fixed.values()) == {"its neurons are outputs of the network"}


def concatenated(self, x):
    h = torch.cat([self.a(x), self.b(x)], dim=1)
    return self.last(torch.relu(h + self.both(x)))


def test_a_part_of_a_space_that_meets_a_whole_one_splits_it():
    layers = {
        "a": nn.Linear(4, 3),
        "b": nn.Linear(4, 5),
        "both": nn.Linear(4, 8),
        "last": nn.Linear(8, 2),
    }
    found = found_in(Module(concatenated, **layers), inputs(3, 4))
    assert sizes(found) == {"a": 3, "b": 5}
    positions = [a.positions for a in found["b"].actions if a.parameter == "both.weight"]
    assert positions == [tuple((i,) for i in range(3, 8))]


def test_a_space_paired_with_itself_in_another_order_is_fixed():
    rolled = Module(
        lambda self, x: self.last((lambda h: h + h.roll(1, 1))(self.first(x))),
        first=nn.Linear(4, 5),
        last=nn.Linear(5, 2),
    )
    found = found_in(rolled, inputs(3, 4))
    assert found.groups == ()
    assert "combines its neurons" in found.fixed["first"]
    swapped = Module(
        lambda self, x: self.last(self.first(x) + torch.cat(self.first(x).chunk(2, 1)[::-1], 1)),
        first=nn.Linear(4, 6),
        last=nn.Linear(6, 2),
    )
    assert sizes(found_in(swapped, inputs(3, 4))) == {"first": 3}


def gated(self, x):
    a, b = self.first(x).chunk(2, dim=-1)
    return self.last(a * torch.sigmoid(b))


@pytest.mark.parametrize(
    "forward", [gated, lambda self, x: self.last(functional.glu(self.first(x), dim=-1))]
)
def test_a_gate_moves_with_what_it_gates(forward):
    model = Module(forward, first=nn.Linear(4, 10), last=nn.Linear(5, 2))
    (group,) = found_in(model, inputs(3, 4)).groups
    assert group.size == 5
    assert group.actions[0].positions == tuple((i, i + 5) for i in range(5))


def test_a_gate_whose_halves_are_interleaved():
    # index lists in no order: the second neuron's entries come the other way round
    def forward(self, x):
        h = self.first(x)
        return self.last(h[:, [0, 3, 5]] * torch.tanh(h[:, [1, 2, 4]]))

    model = Module(forward, first=nn.Linear(4, 6), last=nn.Linear(3, 2))
    (group,) = found_in(model, inputs(3, 4)).groups
    assert group.actions[0].positions == ((0, 1), (3, 2), (5, 4))


def test_neurons_that_would_own_unlike_parts_are_fixed():
    # every second linear neuron meets the other position of a channel
    def forward(self, x):
        return self.last(self.wide(x).flatten(1) + self.flat(x.flatten(1)))

    layers = {"wide": nn.Conv1d(2, 3, 3), "flat": nn.Linear(8, 6), "last": nn.Linear(6, 2)}
    found = found_in(Module(forward, **layers), inputs(3, 2, 4))
    assert found.groups == ()
    assert "combines its neurons" in found.fixed["flat"]


def test_windows_along_neurons_fix_them():
    model = nn.Sequential(nn.Linear(4, 6), nn.AvgPool1d(2), nn.Linear(3, 5), nn.Linear(5, 2))
    found = found_in(model, inputs(3, 2, 4))
    assert sizes(found) == {"2": 5}
    assert found.fixed["0"] == "'1' (AvgPool1d) slides along it"


def test_blocks_of_neurons_with_two_entries_of_one_layer_keep_their_place():
    # in the second block the entries of `b` come the other way round
    def forward(self, x):
        h = self.a(x) + self.b(x)[:, [0, 1, 2, 3, 5, 4, 7, 6]]
        return self.last(torch.relu(self.norm(h[:, ::2] * torch.relu(h[:, 1::2]))))

    layers = {name: nn.Linear(4, 8) for name in "ab"} | {"last": nn.Linear(4, 2)}
    model = Module(forward, norm=nn.GroupNorm(2, 4), **layers)
    assert sizes(found_in(model, inputs(3, 4))) == {"a.0": 2, "a.1": 2}


def test_dense_connections():
    def forward(self, x):
        h = self.a(x)
        h = torch.cat([h, self.b(torch.relu(h))], 1)
        return self.last(torch.relu(torch.cat([x, h], 1)))

    model = Module(forward, a=nn.Linear(4, 3), b=nn.Linear(3, 5), last=nn.Linear(12, 2))
    assert sizes(found_in(model, inputs(3, 4))) == {"a": 3, "b": 5}


def test_padded_channels_of_a_shortcut_may_be_in_any_order():
    # He et al.'s option A: the stream is padded with zero channels on both sides
    def forward(self, x):
        h = self.first(x)
        h = functional.pad(h[:, :, ::2, ::2], (0, 0, 0, 0, 2, 3)) + self.wide(h)
        return self.last(h.relu().mean((2, 3)))

    layers = {
        "first": nn.Conv2d(1, 4, 3, padding=1),
        "wide": nn.Conv2d(4, 9, 3, stride=2, padding=1),
        "last": nn.Linear(9, 2),
    }
    assert sizes(found_in(Module(forward, **layers), inputs(2, 1, 6, 6))) == {"first": 4, "wide": 5}


def test_a_slice_that_is_used_alone_is_reordered_alone():
    def forward(self, x):
        h = torch.relu(self.first(x))
        return self.last(h) + self.more(h[:, :4]) + h[:, 6:7] * h[:, 7:]

    layers = {"first": nn.Linear(4, 8), "last": nn.Linear(8, 2), "more": nn.Linear(4, 2)}
    found = found_in(Module(forward, **layers), inputs(3, 4))
    assert sizes(found) == {"first.0": 4, "first.1": 2}


def test_reductions_and_contractions_do_not_see_an_order():
    def forward(self, x):
        q, k = self.q(x), self.k(x)
        scores = torch.softmax(q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5, -1)
        h = scores @ self.v(x)
        energy = torch.einsum("btc,bsc->bts", q, k)
        return self.last(functional.normalize(h, dim=-1)).mean(1) + energy.sum((1, 2))[:, None]

    layers = {name: nn.Linear(5, 6) for name in "qk"} | {
        "v": nn.Linear(5, 7),
        "last": nn.Linear(7, 2),
    }
    found = found_in(Module(forward, **layers), inputs(3, 4, 5))
    assert sizes(found) == {"q": 6, "v": 7}
    attention = Module(
        lambda self, x: self.last(
            functional.scaled_dot_product_attention(self.q(x), self.k(x), self.v(x))
        ).sum(1),
        **layers,
    )
    assert sizes(found_in(attention, inputs(3, 4, 5))) == {"q": 6, "v": 7}


class Raw(nn.Module):
    """Parameters used outside of layers."""

    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 1, 6))
        self.positions = nn.Parameter(torch.zeros(1, 5, 6))
        self.unused = nn.Parameter(torch.zeros(7, 3))
        self.embed = nn.Linear(3, 6)
        self.matrix = nn.Parameter(torch.zeros(6, 8))
        self.shift = nn.Parameter(torch.zeros(8))
        self.register_buffer("waves", torch.zeros(5, 6))
        self.head = nn.Parameter(torch.zeros(2, 8))

    def forward(self, x):
        token = self.token.expand(x.shape[0], -1, -1)
        h = torch.cat([token, self.embed(x)], 1) + self.positions + self.waves
        h = torch.relu(h @ self.matrix + self.shift)
        return functional.linear(h[:, 0], self.head) + self.unused.square().sum()


def test_parameters_outside_of_layers():
    found = found_in(Raw(), inputs(2, 4, 3))
    assert sizes(found) == {"embed": 6, "matrix": 8}
    assert set(found["embed"].axes) == {
        *(("embed.weight", 0), ("embed.bias", 0), ("token", 2), ("positions", 2)),
        *(("waves", 1), ("matrix", 0)),
    }
    assert found["matrix"].outgoing == ("head",)
    assert found["matrix"].incoming == ("matrix",)


def test_embeddings_and_tied_weights():
    model = nn.Sequential(nn.Embedding(11, 6), nn.LayerNorm(6), nn.Linear(6, 11, bias=False))
    model[2].weight = model[0].weight
    found = found_in(model, torch.tensor([[1, 2, 3], [4, 5, 6]]))
    (group,) = found.groups
    assert group.axes == (("0.weight", 1), ("1.weight", 0), ("1.bias", 0))
    tied = nn.Sequential(
        nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6), nn.Linear(6, 2)
    )
    tied[4].weight = tied[2].weight
    found = found_in(tied, inputs(3, 4))
    (group,) = found.groups
    assert {("2.weight", 0), ("2.weight", 1), ("4.bias", 0)} <= set(group.axes)


def test_a_layer_that_is_used_twice():
    shared = nn.Linear(6, 6)
    model = nn.Sequential(
        nn.Linear(4, 6), nn.ReLU(), shared, nn.ReLU(), shared, nn.ReLU(), nn.Linear(6, 2)
    )
    (group,) = found_in(model, inputs(3, 4)).groups
    assert group.axes.count(("2.weight", 0)) == group.axes.count(("2.weight", 1)) == 1


def test_recurrence_unrolled():
    def forward(self, x):
        h = x.new_zeros((x.shape[0], 5))
        for step in range(3):
            h = torch.tanh(self.read(x[:, step]) + self.carry(h))
        return self.last(h)

    model = Module(forward, read=nn.Linear(4, 5), carry=nn.Linear(5, 5), last=nn.Linear(5, 2))
    (group,) = found_in(model, inputs(3, 3, 4)).groups
    assert {("read.weight", 0), ("carry.weight", 0), ("carry.weight", 1)} < set(group.axes)


BLOCKS = {f"0.{i}": 2 for i in range(4)} | {f"2.{i}": 3 for i in range(4)}
GROUPED = {
    "grouped": (nn.Conv2d(8, 12, 3, groups=4), BLOCKS | {"0": 4}),
    "multiplier": (nn.Conv2d(8, 16, 3, groups=8), {**{f"2.{i}": 2 for i in range(8)}, "0": 8}),
    "depthwise": (nn.Conv2d(8, 8, 3, groups=8), {"0": 8}),
    "transposed": (
        nn.ConvTranspose2d(8, 6, 3, groups=2),
        {"0.0": 4, "0.1": 4, "2.0": 3, "2.1": 3, "0": 2},
    ),
    "plain transposed": (nn.ConvTranspose2d(8, 6, 3), {"0": 8, "2": 6}),
}  # fmt: skip


@pytest.mark.parametrize("name", GROUPED)
def test_grouped_convolutions(name):
    layer, expected = GROUPED[name]
    found = found_in(
        nn.Sequential(
            *(nn.Conv2d(1, 8, 3), nn.ReLU(), copy.deepcopy(layer), nn.ReLU()),
            *(nn.Conv2d(layer.out_channels, 3, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
            nn.Linear(3, 2),
        ),
        inputs(2, 1, 9, 9),
    )
    assert sizes(found) == expected | {"4": 3}
    inside = {group.name for group in found.groups if group.parent is not None}
    blocks = layer.groups if name in ("grouped", "multiplier", "transposed") else 0
    assert inside == {n for n in expected if blocks and "." in n}
    assert {found[n].parent for n in inside} <= {"0"}


def test_children_act_within_their_own_rows():
    model = nn.Sequential(nn.Conv2d(1, 4, 1), nn.Conv2d(4, 6, 1, groups=2), nn.Conv2d(6, 2, 1))
    found = found_in(model, inputs(2, 1, 3, 3))
    within = {g.name: a.within for g in found.groups for a in g.actions if a.within}
    assert within == {"0.0": (0, 3), "0.1": (3, 6)}
    assert found["0"].axes.count(("1.weight", 0)) == 1
    assert ("1.weight", 1) not in found["0"].axes


def test_blocks_that_read_inputs_cannot_be_exchanged():
    model = nn.Sequential(nn.Conv2d(4, 6, 1, groups=2), nn.ReLU(), nn.Conv2d(6, 2, 1))
    assert sizes(found_in(model, inputs(2, 4, 3, 3))) == {"0.0": 3, "0.1": 3}


def normed(groups: int, channels: int, second: int | None = None) -> nn.Sequential:
    more = [] if second is None else [nn.GroupNorm(second, channels)]
    return nn.Sequential(
        *(nn.Conv2d(1, channels, 1), nn.GroupNorm(groups, channels), nn.ReLU(), *more),
        *(nn.Conv2d(channels, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    )


def test_group_norms():
    x = inputs(2, 1, 3, 3)
    assert sizes(found_in(normed(1, 6), x)) == {"0": 6}
    assert sizes(found_in(normed(6, 6), x)) == {"0": 6}
    assert sizes(found_in(normed(3, 6), x)) == {"0.0": 2, "0.1": 2, "0.2": 2, "0": 3}
    assert sizes(found_in(normed(3, 6, 3), x)) == {"0.0": 2, "0.1": 2, "0.2": 2, "0": 3}


def test_blocks_that_divide_neurons_differently_are_not_exchanged():
    found = found_in(normed(2, 8, 4), inputs(2, 1, 3, 3))
    assert sizes(found) == {"0.0": 2, "0.1": 2, "0.2": 2, "0.3": 2}
    assert found.fixed["1"] == "its blocks and those of ['3'] divide the same neurons differently"


def test_a_block_that_is_used_alone_keeps_its_place():
    def forward(self, x):
        h = self.norm(self.first(x))
        return self.last(h).mean((2, 3)) + h[:, :2].sum((1, 2, 3))[:, None]

    model = Module(
        forward,
        first=nn.Conv2d(1, 8, 1),
        norm=nn.GroupNorm(4, 8),
        last=nn.Conv2d(8, 2, 1),
    )
    found = found_in(model, inputs(2, 1, 3, 3))
    assert sizes(found) == {"first.0": 2, "first.1": 2, "first.2": 2, "first.3": 2, "first": 3}
    assert [g.slot for g in found.children(found["first"])] == [0, 1, 2]
    assert found["first.0"].parent is None


class Attention(nn.Module):
    def __init__(self, batch_first=True, cross=False, **options):
        super().__init__()
        self.batch_first, self.cross = batch_first, cross
        self.embed = nn.Linear(3, 6)
        self.memory = nn.Linear(3, options.get("kdim", 6))
        self.attend = nn.MultiheadAttention(6, 3, batch_first=batch_first, **options)
        self.head = nn.Linear(6, 2)

    def forward(self, x):
        q = self.embed(x)
        k = self.memory(x) if self.cross else q
        return self.head(q + self.attend(q, k, k)[0])


HEADS = {f"attend.{part}.{h}": 2 for part in ("qk", "value") for h in range(3)} | {"attend": 3}


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"add_bias_kv": True}])
@pytest.mark.parametrize("batch_first", [True, False])
def test_self_attention(options, batch_first):
    found = found_in(Attention(batch_first, **options), inputs(4, 5, 3))
    assert sizes(found) == HEADS | {"embed": 6}
    assert {g.parent for g in found.groups if g.name.startswith("attend.")} == {"attend"}
    keys = found["attend.qk.1"].actions[0]
    assert (keys.parameter, keys.positions) == ("attend.in_proj_weight", ((2, 8), (3, 9)))
    assert found["attend.value.1"].outgoing == ("attend.out_proj.weight",)


@pytest.mark.parametrize("options", [{}, {"kdim": 4, "vdim": 4}])
def test_attention_to_another_sequence(options):
    found = found_in(Attention(cross=True, **options), inputs(4, 5, 3))
    assert sizes(found) == HEADS | {"embed": 6, "memory": options.get("kdim", 6)}


def test_heads_whose_weights_are_returned_are_not_known():
    def forward(self, x):
        h = self.embed(x)
        out, weights = self.attend(h, h, h, average_attn_weights=False)
        return out.mean((1, 2)) + weights.mean((2, 3)) @ self.mix

    model = Module(
        forward, embed=nn.Linear(3, 6), attend=nn.MultiheadAttention(6, 3, batch_first=True)
    )
    model.mix = nn.Parameter(torch.zeros(3))
    found = found_in(model, inputs(4, 5, 3))
    assert found.groups == ()
    assert "attend' (MultiheadAttention), of which it is not known" in found.fixed["embed"]


class Unknown(nn.LSTM):
    """Recurrent layers are known, but not what is derived from them."""


def test_what_is_not_known_is_fixed_and_named():
    model = nn.Sequential(
        nn.Linear(3, 5), Unknown(5, 4), Module(lambda self, x: x[0]), nn.Linear(4, 2)
    )
    found = found_in(model, inputs(6, 3))
    assert found.groups == ()
    reason = "it enters '1' (Unknown), of which it is not known how it treats neurons"
    assert (found.fixed["0"], found.fixed["1"]) == (reason, reason)
    ordered = Module(
        lambda self, x: self.last(self.first(x).cumsum(1)),
        first=nn.Linear(3, 5),
        last=nn.Linear(5, 2),
    )
    found = found_in(ordered, inputs(6, 3))
    assert found.groups == ()
    assert "Tensor.cumsum" in found.fixed["first"]


def test_subclasses_and_reparametrised_layers_are_not_taken_for_what_they_derive_from():
    class Odd(nn.Linear):
        def forward(self, x):
            return super().forward(x).cumsum(1)

    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), Odd(4, 4), nn.ReLU(), nn.Linear(4, 2))
    assert sizes(found_in(net, inputs(2, 3))) == {"0": 4}
    normed = nn.utils.parametrizations.weight_norm(nn.Linear(4, 4))
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), normed, nn.ReLU(), nn.Linear(4, 2))
    found = found_in(net, inputs(2, 3))
    assert sizes(found) == {"0": 4, "2": 4}  # its own parameters are moved, not what they make
    assert set(found["2"].axes) == {
        *(("2.parametrizations.weight.original0", 0), ("2.parametrizations.weight.original1", 0)),
        *(("2.bias", 0), ("4.weight", 1)),
    }


def test_heads_made_by_hand_stay_fixed_but_not_what_surrounds_them():
    def forward(self, x):
        h = self.embed(x)
        parts = self.qkv(h).reshape(x.shape[0], x.shape[1], 3, 2, 3).permute(2, 0, 3, 1, 4)
        q, k, v = parts[0], parts[1], parts[2]
        a = torch.softmax(q @ k.transpose(-2, -1), -1) @ v
        h = h + self.out(a.transpose(1, 2).flatten(2))
        return self.head(h)

    layers = {"qkv": nn.Linear(6, 18), "out": nn.Linear(6, 6), "head": nn.Linear(6, 2)}
    found = found_in(Module(forward, embed=nn.Linear(3, 6), **layers), inputs(4, 5, 3))
    assert sizes(found) == {"embed": 6}
    assert "spreads them over several axes" in found.fixed["qkv"]


def test_normalisation_of_several_axes_and_other_layers():
    model = nn.Sequential(
        *(nn.Conv1d(2, 6, 3), nn.LayerNorm([6, 8]), nn.PReLU(6), nn.MaxPool1d(2)),
        *(nn.Upsample(scale_factor=2), nn.InstanceNorm1d(6, affine=True), nn.Softmax(1)),
        *(nn.BatchNorm1d(6), nn.ReflectionPad1d(1), nn.Conv1d(6, 8, 3), nn.GLU(1)),
        *(nn.Unflatten(2, (4, 2)), nn.ZeroPad2d(1), nn.AvgPool2d(2), nn.Flatten()),
        nn.Linear(24, 2),
    )
    found = found_in(model, inputs(3, 2, 10))
    assert sizes(found) == {"0": 6, "9": 4}
    layers = {action.parameter for action in found["0"].actions}
    assert {"1.weight", "2.weight", "5.bias", "7.running_var"} <= layers


def joined(u, n, v, m):
    k = min(n, m)
    return u[:, :k] + v[:, m - k :], k


STEPS = {
    "concatenation": lambda u, n, v, m: (torch.cat([u, v], 1), n + m),
    "flatten": lambda u, n, v, m: ((u[:, :, None] * v[:, None, :3]).flatten(1), n * min(m, 3)),
    "flip": lambda u, n, v, m: (u.flip(1), n),
    "gate": lambda u, n, v, m: (functional.glu(u[:, : n - n % 2], 1), n // 2),
    "norm": lambda u, n, v, m: (functional.layer_norm(u, (n,)), n),
    "relu": lambda u, n, v, m: (torch.relu(u), n),
    "repeat": lambda u, n, v, m: (u.repeat(1, 2), 2 * n),
    "slice": lambda u, n, v, m: (u[:, 1:], n - 1),
    "stride": lambda u, n, v, m: (u[:, ::2], -(-n // 2)),
    "sum": joined,
}  # fmt: skip


class Graph(nn.Module):
    """Each step applies to two of the last values; layers of one shape are the same layer."""

    def __init__(self, steps, picks):
        super().__init__()
        self.plan = list(zip(steps, picks, strict=False))
        self.layers = nn.ModuleDict()
        with torch.no_grad():
            self(torch.zeros(2, 4))

    def layer(self, n, m):
        name = f"{n} to {m}"
        if name not in self.layers:
            self.layers[name] = nn.Linear(n, m)
        return self.layers[name]

    def forward(self, x):
        values = [(self.layer(4, 6)(x), 6), (self.layer(4, 7)(x), 7)]
        for step, pick in self.plan:
            (u, n), (v, m) = (values[-1 - k % min(3, len(values))] for k in (pick, pick // 3))
            if step == "linear" or not 2 < n < 30:
                values.append((self.layer(n, 4 + pick % 3)(u), 4 + pick % 3))
            else:
                values.append(STEPS[step](u, n, v, m))
        return sum(self.layer(n, 2)(torch.tanh(u)) for u, n in values[-2:])


@given(
    steps=st.lists(st.sampled_from(["linear", *STEPS]), min_size=2, max_size=9),
    picks=st.lists(st.integers(0, 26), min_size=9, max_size=9),
)
@settings(max_examples=40, deadline=None)
def test_any_way_of_joining_layers_preserves_the_function(steps, picks):
    found_in(Graph(steps, picks), inputs(3, 4))


def test_most_ways_of_joining_layers_leave_something_to_reorder():
    rng = np.random.default_rng(0)
    names = ["linear", *STEPS]
    counts = [
        len(
            found_in(
                Graph(rng.choice(names, 5).tolist(), rng.integers(0, 27, 5).tolist()), inputs(3, 4)
            ).groups
        )
        for _ in range(20)
    ]
    assert sum(count > 0 for count in counts) >= 15


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


@pytest.mark.parametrize("swapped", [False, True])
def test_weights_that_are_read_as_a_whole_and_in_parts_stay_fixed(swapped):
    def forward(self, x):
        a, b = self.first(x).relu(), self.second(x).relu()
        order = ((b, b), (a, a)) if swapped else ((a, a), (b, b))
        return self.last(sum(self.heads(a, *pair)[0] for pair in order))

    model = Module(
        forward,
        first=nn.Linear(3, 6),
        second=nn.Linear(3, 6),
        heads=nn.MultiheadAttention(6, 2, batch_first=True),
        last=nn.Linear(6, 2),
    )
    found = found_in(model, inputs(2, 4, 3))
    assert found.fixed["first"] == "'heads.in_proj_weight' is used both as a whole and in parts"
    assert "first" not in sizes(found)
    assert "second" not in sizes(found)


def test_a_grouped_weight_that_is_also_used_by_itself_stays_fixed():
    def forward(self, x):
        hidden = self.grouped(self.first(x).relu()).relu()
        return self.last(hidden.mean(2)) * self.grouped.weight[0, 0, 0]

    model = Module(
        forward,
        first=nn.Conv1d(2, 4, 1),
        grouped=nn.Conv1d(4, 4, 1, groups=2),
        last=nn.Linear(4, 2),
    )
    assert "first" not in sizes(found_in(model, inputs(3, 2, 5)))


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


def test_every_layer_without_a_group_is_named_with_the_reason():
    def forward(self, x):
        hidden = self.norm(self.first(self.scale(x))).cumsum(1)
        return self.last(self.one(hidden).relu())

    layers = {
        "scale": nn.LayerNorm(3),
        "first": nn.Linear(3, 4),
        "norm": nn.BatchNorm1d(4),
        "one": nn.Linear(4, 1),
        "slope": nn.PReLU(),
        "unused": nn.Linear(3, 5),
        "last": nn.Linear(1, 2),
    }
    found = found_in(Module(forward, **layers), inputs(6, 3))
    assert found.groups == ()
    unknown = "it enters torch.Tensor.cumsum, of which it is not known how it treats neurons"
    assert found.fixed == {
        "scale": "what it computes with are inputs, or neurons that cannot move",
        "first": unknown,
        "norm": unknown,
        "one": "it has a single neuron",
        "unused": "the outputs do not depend on it",
        "last": "its neurons are outputs of the network",
    }


def test_what_is_said_of_chains_is_what_a_trace_says():
    for widths in ((3, 1, 1, 2), (3, 2, 1), (4, 1)):
        layers = [nn.Linear(*fans, bias=False) for fans in pairwise(widths)]
        model = nn.Sequential(*(m for layer in layers for m in (layer, nn.Tanh())))[:-1]
        assert symmetry(model) == symmetry(affine_chain(model)).on(dict(model.named_parameters()))
