"""What is refused because a trace of two networks does not show it, or their state does not."""

import re

import pytest
import torch
from torch import nn
from torch.nn import functional

from lmctheory.networks import MLP, Examples
from lmctheory.paths import certificate, certify, interpolate
from tests.paths.architectures import generator
from tests.paths.violations import path_violations


class Net(nn.Module):
    """A layer near the identity, then `forward` from its value h to the head's."""

    def __init__(self, forward, width=12, **settings):
        super().__init__()
        self.between, self.settings = forward, settings
        self.layer, self.head = nn.Linear(12, 12), nn.Linear(width, 3)
        with torch.no_grad():
            self.layer.weight.copy_(torch.eye(12))
            self.layer.bias.zero_()
        self.double().eval()

    def forward(self, x):
        return self.head(self.between(self.layer(x), **self.settings))


def data(sign=1.0):
    """The examples that a trace is tried on, first and last, are all of one sign."""
    inputs = torch.randn(6, 12, generator=generator(0)).double()
    inputs[[0, -1]] = sign
    return Examples(inputs, torch.arange(6) % 3)


def refused(a, b, message, examples, error=TypeError):
    for function in (certificate, certify):
        with pytest.raises(error, match=message):
            function(a, b, examples)


class Square(nn.Module):
    def forward(self, x):
        return x * x.abs()


def reparametrised(build, name):
    net = build()
    layer = net.get_submodule(name)
    nn.utils.parametrize.register_parametrization(layer, "weight", Square())
    return net


def convolutional():
    return nn.Sequential(
        nn.Unflatten(1, (1, 12)), nn.Conv1d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(20, 3)
    )


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (lambda: MLP((12, 5, 3), rng=generator(0)), "layers.0"),
        (lambda: nn.Sequential(nn.Linear(12, 5), nn.ReLU(), nn.Linear(5, 3)), "0"),
        (convolutional, "1"),
    ],
)
def test_weights_that_are_not_interpolated_linearly_are_refused(build, name):
    net = reparametrised(build, name)
    message = rf"'{re.escape(name)}' \(Parametrized\w+\) computes its weights from others"
    refused(net, net, message, data())


def relu_in_place(h):
    return functional.relu(h, inplace=True) + h


def relu_on_a_view(h):
    functional.relu(h.view(-1, 3, 4), inplace=True)
    return h


def added_in_place(h):
    same = h
    same += torch.relu(h)
    return h


def plus_in_place(h):
    out = torch.relu(h)
    out += h
    return out


@pytest.mark.parametrize(
    ("forward", "sign"),
    [(relu_in_place, 1.0), (relu_on_a_view, 1.0), (added_in_place, -1.0), (plus_in_place, -1.0)],
)
def test_values_that_are_overwritten_and_then_read_are_certified_as_they_are(forward, sign):
    """On the first and last example nothing changes, so comparing their numbers would not do."""
    a, b = Net(forward), Net(forward)
    with torch.no_grad():
        for parameter in b.layer.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator(1)), alpha=0.3)
    assert path_violations(a, b, data(sign), nodes=2) == 0
    outputs = [net(data(sign).inputs.clone()) for net in (interpolate(a, b, 0.5), a, b)]
    error = (outputs[0] - (outputs[1] + outputs[2]) / 2).norm(dim=1).detach().numpy()
    assert error.max() > 1e-3
    assert (certificate(a, b, data(sign)).function_error >= error).all()


def test_values_that_are_overwritten_and_not_read_again_are_no_obstacle():
    def forward(h):
        out = functional.relu(h)
        out += h
        return functional.relu(out, inplace=True)

    assert certify(Net(forward), Net(forward), data(), nodes=1).certified.shape == (1, 6)


def test_dropout_that_is_on_is_refused():
    refused(net := Net(lambda h: functional.dropout(torch.relu(h))), net, "dropout", data(-1.0))
    refused(net := Net(lambda h: functional.dropout(h, 0.3, True)), net, "dropout", data())
    for off in (lambda h: functional.dropout(h, 0.3, False), nn.Dropout(0.3)):
        net = Net(off).eval()
        assert certificate(net, net, data()).function_error.max() < 1e-12


class Padded(nn.Module):
    def __init__(self, **settings):
        super().__init__()
        self.pool = nn.AvgPool1d(3, 1, 1, **settings)

    def forward(self, h):
        return self.pool(torch.relu(h)[:, None])[:, 0]


def test_what_shapes_and_types_do_not_show_must_be_the_same():
    a, b = Net(Padded()), Net(Padded(count_include_pad=False))
    refused(a, b, "same architecture, but model_b does not compute", data(-1.0), ValueError)
    a = Net(lambda h, on: functional.relu(h + h) if on else h + h, on=True)
    b = Net(a.between, on=False)
    refused(a, b, "model_b does not compute", data(1.0), ValueError)
    a, b = Net(lambda h: torch.relu(h) + h), Net(plus_in_place)
    assert certificate(a, b, data()).function_error.max() < 1e-10  # the same in other words


def with_default(h, shift=1.0):
    return h + shift


def unpooled(h):  # every second window lies outside
    return functional.max_pool1d(h.view(-1, 6, 2), 2, 1, 1, 3).flatten(1)


@pytest.mark.parametrize(
    ("forward", "width"),
    [
        (with_default, 12),
        (unpooled, 6),
        (lambda h: h.reshape(-1, 12, 1).mean(-1, dtype=torch.float32).double(), 12),
        (lambda h: h.view(torch.int64).view(torch.float64), 12),
    ],
)
def test_what_is_not_known_is_refused(forward, width):
    net = Net(forward, width)
    if forward is unpooled:
        with torch.no_grad():
            net.head.weight.zero_()
    refused(net, net, "none is known of", data())


class Several(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(12, 3)

    def forward(self, x, scale=2.0):
        return self.layer(x + scale)


def test_other_arguments_than_the_inputs_are_not_taken_for_them():
    net = Several().double().eval()
    refused(net, net, r"none is known of .*add", data())


class Idle(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(12, 3)

    def forward(self, x):
        first = x[:, :3]
        self.layer(x)
        return first


def test_the_output_must_come_from_a_layer():
    net = Idle().double().eval()
    refused(net, net, "the output must be one tensor that a layer has computed", data())
