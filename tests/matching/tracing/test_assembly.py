"""Any way of joining layers gives groups that preserve the function."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from tests.matching.tracing.examples import found_in, inputs


def joined(u, n, v, m):
    k = min(n, m)
    return u[:, :k] + v[:, m - k :], k


STEPS = {
    "centre": lambda u, n, v, m: (u - u.mean(1, keepdim=True), n),
    "concatenation": lambda u, n, v, m: (torch.cat([u, v], 1), n + m),
    "flatten": lambda u, n, v, m: ((u[:, :, None] * v[:, None, :3]).flatten(1), n * min(m, 3)),
    "dot": lambda u, n, v, m: (u * (u[:, None, : min(n, m)] @ v[:, : min(n, m), None])[:, 0], n),
    "flip": lambda u, n, v, m: (u.flip(1), n),
    "gate": lambda u, n, v, m: (functional.glu(u[:, : n - n % 2], 1), n // 2),
    "norm": lambda u, n, v, m: (functional.layer_norm(u, (n,)), n),
    "product": lambda u, n, v, m: (u[:, : min(n, m)] * v[:, : min(n, m)], min(n, m)),
    "relu": lambda u, n, v, m: (torch.relu(u), n),
    "repeat": lambda u, n, v, m: (u.repeat(1, 2), 2 * n),
    "scale": lambda u, n, v, m: (functional.rms_norm(u, (n,)), n),
    "shift": lambda u, n, v, m: (u + 1, n),
    "slice": lambda u, n, v, m: (u[:, 1:], n - 1),
    "stride": lambda u, n, v, m: (u[:, ::2], -(-n // 2)),
    "square": lambda u, n, v, m: (u.pow(2), n),
    "sum": joined,
    "tanh": lambda u, n, v, m: (torch.tanh(u), n),
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
@settings(max_examples=15, deadline=None)
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
