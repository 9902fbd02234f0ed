"""Pairs of networks for the tests of solvers."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch

from lmctheory.matching._symmetry import Action, PermutationGroup, Symmetry
from lmctheory.matching.alignment import Alignment, side_by_side
from lmctheory.networks import (
    MLP,
)


def gaussian(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def mlp(*widths: int, seed: int = 0) -> MLP:
    rng = torch.Generator().manual_seed(seed)
    net = MLP(widths, rng=rng, dtype=torch.float64)
    with torch.no_grad():
        for layer in net.linears:
            layer.bias.normal_(0.0, 0.3, generator=rng)
    return net


def pair(*widths: int, seed: int = 0) -> Alignment:
    return side_by_side(mlp(*widths, seed=2 * seed), mlp(*widths, seed=2 * seed + 1))


def singles(m: int) -> tuple[tuple[int, ...], ...]:
    return tuple((i,) for i in range(m))


def alignment(groups: Symmetry, shapes: dict[str, tuple[int, ...]], seed: int) -> Alignment:
    a, b = (
        {
            name: gaussian(*shape, seed=97 * seed + 2 * k + net)
            for k, (name, shape) in enumerate(shapes.items())
        }
        for net in (0, 1)
    )
    return Alignment(groups, a, b, {g.name: np.arange(g.size) for g in groups.groups})


def attention(heads: int, size: int, seed: int, stream: int = 0) -> Alignment:
    """Heads with two families inside, all in one projection, which may read a stream."""
    width = heads * size
    blocks = [range(h * size, (h + 1) * size) for h in range(heads)]
    groups = []
    for slot, block in enumerate(blocks):
        keys = tuple((i, width + i) for i in block)
        values = tuple((2 * width + i,) for i in block)
        out = Action("out", 1, tuple((i,) for i in block))
        for family, actions in (
            ("keys", (Action("in", 0, keys),)),
            ("values", (Action("in", 0, values), out)),
        ):
            name = f"{family} {slot}"
            groups.append(
                PermutationGroup(
                    name, size, actions, (), (), parent="heads", family=family, slot=slot
                )
            )
    rows = tuple(tuple(part * width + i for part in range(3) for i in block) for block in blocks)
    # a number for each head, which the blocks hold besides their neurons
    actions = (
        Action("in", 0, rows),
        Action("out", 1, tuple(map(tuple, blocks))),
        Action("slope", 0, singles(heads)),
    )
    groups.append(PermutationGroup("heads", heads, actions, (), ()))
    if stream:
        reads = (Action("embed", 0, singles(stream)), Action("in", 1, singles(stream)))
        groups.append(
            PermutationGroup("stream", stream, (*reads, Action("out", 0, singles(stream))), (), ())
        )
    shapes = {"in": (3 * width, stream or 4), "out": (stream or 3, width), "slope": (heads,)}
    return alignment(
        Symmetry(tuple(groups)), shapes | ({"embed": (stream, 5)} if stream else {}), seed
    )


def quadratic(m: int, seed: int) -> Alignment:
    """A group that acts on both axes of one weight."""
    actions = (
        Action("in", 0, singles(m)),
        Action("square", 0, singles(m)),
        Action("square", 1, singles(m)),
    )
    groups = Symmetry((PermutationGroup("stream", m, actions, ("in",), ("square",)),))
    return alignment(groups, {"in": (m, 3), "square": (m, m)}, seed)


def reorder(
    tensors: Mapping[str, torch.Tensor], group: PermutationGroup, order: np.ndarray
) -> dict[str, torch.Tensor]:
    """The tensors after one group's neurons were put in the given order."""
    moved = dict(tensors)
    for action in group.actions:
        moved[action.parameter] = action.reorder(moved[action.parameter], order)
    return moved


def planted(start: Alignment, seed: int) -> Alignment:
    """B is A in another order."""
    rng, b = np.random.default_rng(seed), start.a
    for group in start.symmetry.groups:
        b = reorder(b, group, rng.permutation(group.size))
    return replace(start, stored_b=b)


def is_recovered(start: Alignment, found: Alignment) -> bool:
    return all(torch.equal(found.b[name], tensor) for name, tensor in start.a.items())


def matrices(m: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Gains on which solvers have been seen to fail, or to go on for ever."""
    plain = rng.standard_normal((m, m))
    repeated = plain[rng.integers(0, 1 + m // 3, m)][:, rng.integers(0, 1 + m // 3, m)]
    dead = plain * (rng.random((m, 1)) < 0.5) * (rng.random(m) < 0.5)
    return {
        "plain": plain,
        "low rank": plain[:, :2] @ plain[:2],
        "integers": rng.integers(0, 3, (m, m)).astype(float),
        "constant": np.full((m, m), 0.1),
        "repeated": repeated,
        "almost repeated": repeated + 1e-16 * rng.standard_normal((m, m)),
        "dead": dead,
        "large": 1e300 * plain,
        "small": 1e-300 * plain,
        "of all sizes": plain * 10.0 ** rng.integers(-12, 12, (m, m)),
        "far from zero": 1e8 + plain,
    }
