"""Programs against the networks whose forward pass they are."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from lmctheory.networks import CNN, MLP, ResNet20, ViT
from lmctheory.networks.calling import call, each
from lmctheory.networks.program import (
    Layer,
    capture,
    described,
    opaque,
    operation,
    require_program,
)
from lmctheory.networks.state import slots


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def inputs(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=generator(1))


class Forward(nn.Module):
    def __init__(self, forward, **layers):
        super().__init__()
        self.compute = forward
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x):
        return self.compute(self, x)


def operations(program):
    return [operation(n.target) for n in program.graph.nodes if n.op == "call_function"]


NETWORKS = {
    "mlp": (lambda: MLP((64, 9, 3), rng=generator()), (2, 64)),
    "cnn": (lambda: CNN((1, 8, 8), (2,), 3, rng=generator()), (2, 64)),
    "resnet": (lambda: ResNet20((1, 8, 8), 3, 2, rng=generator()), (2, 64)),
    "vit": (
        lambda: ViT((1, 8, 8), 3, patch=4, width=8, depth=1, heads=2, rng=generator()),
        (2, 64),
    ),
    "lstm": (lambda: Forward(lambda m, x: m.rnn(x)[0], rnn=nn.LSTM(4, 5, 2)), (3, 2, 4)),
    "transformer": (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (2, 3, 8)),
    "transformers": (
        lambda: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2, enable_nested_tensor=False
        ),
        (2, 3, 8),
    ),
    "decoder": (  # exported
        lambda: Forward(
            lambda m, x: m.decoder(x, x),
            decoder=nn.TransformerDecoderLayer(8, 2, 16, batch_first=True),
        ),
        (2, 3, 8),
    ),
    "weight norm": (
        lambda: nn.utils.parametrizations.weight_norm(nn.Conv1d(2, 3, 3)),
        (2, 2, 5),
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_program_computes_what_its_network_does_at_any_state_and_batch_size(name):
    build, shape = NETWORKS[name]
    net = build().eval()
    program = capture(net, inputs(*shape))
    other = {k: v + 0.1 * inputs(*v.shape).abs() if v.is_floating_point() else v
             for k, v in program.state.items()}  # fmt: skip
    x = inputs(shape[0] + 3, *shape[1:])
    torch.testing.assert_close(program(x), net(x))
    torch.testing.assert_close(program(x, other), program.evaluation(x, other))
    double = program.to(torch.float64)(x.double())
    torch.testing.assert_close(double.float(), net(x), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(opaque(net)(x), net(x))


def test_forms_of_one_operation_are_one():
    forms = {
        "relu": [
            lambda m, h: m.act(h),
            lambda m, h: torch.relu(h),
            lambda m, h: h.relu(),
            lambda m, h: functional.relu(h),
            lambda m, h: functional.relu(h, inplace=True),
            lambda m, h: torch.relu_(h),
            lambda m, h: h.relu_(),
        ],
        "linear": [
            lambda m, h: m.second(h),
            lambda m, h: functional.linear(h, m.second.weight, m.second.bias),
        ],
        "add": [lambda m, h: h + 1, lambda m, h: torch.add(h, 1), lambda m, h: h.add_(1)],
    }
    for name, found in forms.items():
        for form in found:
            net = Forward(
                lambda m, x, form=form: form(m, m.first(x)),
                first=nn.Linear(3, 4),
                act=nn.ReLU(),
                second=nn.Linear(4, 2),
            )
            assert operations(capture(net, inputs(2, 3))) == ["linear", name]


def overwritten(m, x):
    h = m.first(x)
    kept = h
    h += torch.relu(h)
    return kept * h


def on_a_view(m, x):
    h = m.first(x)
    functional.relu(h.view(-1, 2, 2), inplace=True)
    h[:, 0] = 7
    return h


@pytest.mark.parametrize("forward", [overwritten, on_a_view])
def test_what_is_overwritten_is_read_as_it_is_by_then(forward):
    net = Forward(forward, first=nn.Linear(3, 4)).eval()
    example = torch.zeros(2, 3)
    with torch.no_grad():
        net.first.bias.abs_()  # on the example the first ReLU changes nothing
    x = 3 * inputs(5, 3)
    program = capture(net, example)
    torch.testing.assert_close(program(x), net(x.clone()))


def test_dropout_is_nothing_in_evaluation_mode_and_asserts_are_none():
    net = nn.Sequential(nn.Linear(3, 4), nn.Dropout(), nn.Identity(), nn.Linear(4, 2))
    assert operations(capture(net.train(), inputs(2, 3))) == ["linear", "linear"]


def test_slots_are_read_under_their_first_name():
    net = Forward(lambda m, x: m.two(m.one(x)), one=nn.Linear(3, 3), two=nn.Linear(3, 3))
    net.two.weight = net.one.weight
    net.three = net.one
    program = capture(net, inputs(2, 3))
    assert list(program.state) == list(slots(net))
    read = {n.target for n in program.graph.nodes if n.op == "get_attr"}
    assert read <= set(program.state)


def test_steps_are_described_as_layers_where_they_are_some():
    net = nn.Sequential(nn.Conv1d(1, 2, 3), nn.GroupNorm(1, 2), nn.MultiheadAttention(4, 1))
    net = Forward(lambda m, x: m.net[2](*[m.net[1](m.net[0](x)).cumsum(1)] * 3)[0], net=net)
    steps = [n for n in capture(net, inputs(2, 1, 6)).graph.nodes if n.op == "call_function"]
    names = ["'net.0' (Conv1d)", "'net.1' (GroupNorm)", "torch.Tensor.cumsum"]
    assert [described(n) for n in steps][:4] == [*names, "'net.2' (MultiheadAttention)"]
    assert isinstance(steps[3].target, Layer)


def test_another_network_must_compute_what_the_program_does():
    a, b = nn.Sequential(nn.Conv1d(1, 1, 3)), nn.Sequential(nn.Conv1d(1, 1, 3, padding=1))
    x = inputs(2, 1, 6)
    program = capture(a, x)
    require_program(program, nn.Sequential(nn.Conv1d(1, 1, 3)), x)
    with pytest.raises(ValueError, match="model_b does not compute what model_a would"):
        require_program(program, b, x)


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        (lambda m, x: x if x.sum() > 0 else -x, "cannot be traced: symbolically traced variables"),
        (lambda m, x: m.first(x) * float(x.sum()), "cannot be traced"),
    ],
)
def test_what_depends_on_values_is_refused(forward, message):
    with pytest.raises(TypeError, match=message):
        capture(Forward(forward, first=nn.Linear(3, 4)), inputs(2, 3))


def test_a_refusal_says_nothing_else(capsys, caplog):
    net = Forward(lambda m, x: x if x.sum() > 0 else -x)
    with pytest.raises(TypeError) as error:
        capture(net, inputs(2, 3))
    assert len(str(error.value)) < 700
    assert capsys.readouterr() == ("", "")
    assert not [record for record in caplog.records if record.levelname != "DEBUG"]


class Masked(nn.Module):
    """Two tensors by name, and several results."""

    def __init__(self, form, branch=False):
        super().__init__()
        self.table, self.head = nn.Embedding(7, 4), nn.Linear(4, 3)
        self.form, self.branch = form, branch

    def forward(self, ids, mask):
        if self.branch and ids.shape[1] > 2:  # a symbol has no shape: it is exported
            mask = mask + 0
        hidden = self.table(ids) * mask[..., None]
        return self.form(hidden, self.head(hidden.mean(1)))


FORMS = {
    "one": lambda hidden, logits: logits,
    "first": lambda hidden, logits: (logits, hidden),
    "logits": lambda hidden, logits: {"hidden": hidden, "logits": logits},
}


@pytest.mark.parametrize("branch", [False, True])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("named", [False, True])
def test_arguments_by_name_or_place_and_one_output_of_several(form, branch, named):
    model = Masked(FORMS[form], branch).eval()
    given = {"mask": torch.rand(2, 5), "ids": torch.arange(10).reshape(2, 5) % 7}
    if not named:
        given = (given["ids"], given["mask"])
    program = capture(model, given)
    more = each(given, lambda tensor: tensor.repeat(3, *(1,) * (tensor.ndim - 1)))
    assert torch.allclose(program(more), call(model, more))
    assert program(more).shape == (6, 3)


def test_inputs_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"example of shape 'ids' \[2, 5\], 'mask' \[2, 4\] does"):
        capture(Masked(FORMS["one"]), {"ids": torch.ones(2, 5).long(), "mask": torch.ones(2, 4)})


def test_what_cannot_be_read_is_named_with_its_line():
    model = Forward(lambda self, x: self.last(x) if x.sum() > 0 else x, last=nn.Linear(3, 3))
    with pytest.raises(TypeError, match=r"control flow \(test_program.py, line \d+: .*x.sum\(\) >"):
        capture(model, inputs(2, 3))
