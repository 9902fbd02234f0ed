"""Segments decided (C5) against a general tool for linear relaxations on the same path.

auto_LiRPA (Xu et al. 2020) bounds the margins of a network whose input is the place s in [-1, 1]
on a piece, its weights being W(s) = W_c + s D. It is not a dependency: where it is installed this
runs. Its bounds, float32, are not rounded outward: what it certifies by less than 1e-6 is open.
"""

import pytest
import torch
from torch import nn

from lmctheory.matching import match
from lmctheory.networks import load_dataset
from lmctheory.paths import certify
from simulations.path_certificates.networks import trained_pairs
from simulations.path_certificates.tasks import Task
from simulations.timing import timed

pytestmark = pytest.mark.benchmark

EXAMPLES = 20
ALLOWED = 1e-6


class Piece(nn.Module):
    """An MLP as a function of s: the networks between two ends, at fixed inputs."""

    def __init__(self, a: nn.Module, b: nn.Module, start: float, end: float):
        super().__init__()
        ends = [(one.weight, one.bias) for one in a.modules() if isinstance(one, nn.Linear)]
        others = [(one.weight, one.bias) for one in b.modules() if isinstance(one, nn.Linear)]
        self.middles, self.slopes = nn.ModuleList(), nn.ModuleList()
        for of_a, of_b in zip(ends, others, strict=True):
            middle, half = (start + end) / 2, (end - start) / 2
            self.middles.append(self._mixed(of_a, of_b, 1 - middle, middle))
            self.slopes.append(self._mixed(of_a, of_b, -half, half))

    @staticmethod
    def _mixed(of_a, of_b, share_a: float, share_b: float) -> nn.Linear:
        weight, bias = (
            share_a * x.detach().double() + share_b * y.detach().double()
            for x, y in zip(of_a, of_b, strict=True)
        )
        layer = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
        layer.weight, layer.bias = nn.Parameter(weight.float()), nn.Parameter(bias.float())
        return layer

    def forward(self, s: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        last = len(self.middles) - 1
        for place, (middle, slope) in enumerate(zip(self.middles, self.slopes, strict=True)):
            x = middle(x) + s * slope(x)
            x = torch.relu(x) if place < last else x
        return x


def by_relaxations(a, b, data, pieces: int) -> torch.Tensor:
    """Which examples CROWN certifies on all of so many equal pieces."""
    import auto_LiRPA

    inputs, labels = data.inputs.float().flatten(1), data.labels
    s = torch.zeros(len(inputs), 1)
    within = auto_LiRPA.perturbations.PerturbationLpNorm(norm=float("inf"), eps=1.0)
    contrasts = nn.functional.one_hot(labels, 10).float().unsqueeze(1) - torch.eye(10)
    others = torch.stack([torch.arange(10)[torch.arange(10) != label] for label in labels])
    contrasts = contrasts[torch.arange(len(labels)).unsqueeze(1), others]
    held = torch.ones(len(inputs), dtype=torch.bool)
    for place in range(pieces):
        model = Piece(a, b, place / pieces, (place + 1) / pieces)
        bounded = auto_LiRPA.BoundedModule(model, (s, inputs))
        lower, _ = bounded.compute_bounds(
            x=(auto_LiRPA.BoundedTensor(s, within), inputs), C=contrasts, method="CROWN"
        )
        held &= (lower > ALLOWED).all(-1)
    return held


@pytest.mark.parametrize("matched", [True, False], ids=["matched", "unmatched"])
def test_segments_are_decided_sooner_and_further_than_by_relaxations(matched, capsys):
    pytest.importorskip("auto_LiRPA", reason="compared with auto_LiRPA where it is installed")
    data = load_dataset("digits")
    task = Task("digits", "MLP 3", 512, 1e-3, pairs=1, examples=EXAMPLES, seed=0)
    ((a, b),) = trained_pairs(task, data)
    b = match(a, b, "weighted", data.train.inputs).apply(b) if matched else b
    test = data.test[:EXAMPLES]
    ours, taken = timed(lambda: certify(a, b, test, complete=True))
    lines = [
        f"C5: {ours.accuracy:.3f} certified, {sum(map(bool, ours.undecided))} open, {taken:.1f} s"
    ]
    for pieces in (8, 32):
        held, slow = timed(lambda n=pieces: by_relaxations(a, b, test, n))
        lines.append(f"{pieces} pieces of CROWN: {held.double().mean():.3f}, {slow:.1f} s")
        assert not (held.numpy() & ours.refuted).any()
        assert held.double().mean() <= ours.accuracy
    with capsys.disabled():
        print("\n" + "\n".join(lines))
    assert not any(ours.undecided)
    assert taken < slow
