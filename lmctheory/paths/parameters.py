r"""A network's own numbers that are added, multiplied or looked up, combined like all its weights.

Of n networks v = sum_i a_i v_i, with the coefficients of their family (`lmctheory.paths.blends`).
On a region these are centre + sum_k s^k powers_k + sum_j w_j weights_j exactly, and v is linear in
them. So v is the polynomial of which the coefficients are the combinations with centre and
powers_k, of degree one on a segment and two on a Bezier curve, plus w_j times the combination with
weights_j: the w_j are the symbols that layers have (`lmctheory.paths.taylor_layers`), so that what
they do here and there adds up. Rows of a table are such numbers.

*Rounding.* A coefficient is off by (n + 4) eps at most where it is no dyadic number, in three parts
of an expansion; those of one network add up to n at most in size over all parts; and a combination
rounds n products and their sum. With the same of the network as it is computed, at one point, that
is less than 8 n (n + 2) eps sum_i |v_i|. What w_j multiplies is rounded to the precision of the
symbols as well. Numbers that the networks share are shared exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lmctheory.paths.blends import SEGMENT, Family, combined
from lmctheory.paths.layer_operations import Node
from lmctheory.paths.regions import Effort, Point, Region
from lmctheory.paths.taylor_layers import WEIGHTS
from lmctheory.paths.taylor_models import TaylorModel, settled

if TYPE_CHECKING:
    from lmctheory.paths.taylor_operations import Passage

__all__ = ["Embedding", "Parameters", "numbers_at", "numbers_on"]

_EPS = torch.finfo(torch.float64).eps


def numbers_at(values: Sequence[Tensor], family: Family, point: Point) -> Tensor:
    """Numbers of several networks, combined."""
    return values[0] if _shared(values) else combined(values, family.at(point))


def numbers_on(
    values: Sequence[Tensor], family: Family, region: Region, dtype: torch.dtype
) -> TaylorModel:
    """All of them on a region, as a model of one example."""
    if _shared(values):
        return TaylorModel.constant(values[0][None], dtype)
    found = family.on(region)
    parts = [combined(values, each) for each in (found.centre, *found.powers)]
    n = len(values)
    lost = 8 * n * (n + 2) * _EPS * combined([v.abs() for v in values], (1.0,) * n)
    moves = torch.stack([torch.zeros_like(lost), *(combined(values, c) for c in found.weights)])[1:]
    lost = lost + torch.finfo(dtype).eps * moves.abs().sum(0)
    low = moves.to(dtype)[:, None]
    blocks = ((WEIGHTS, len(moves)),) if len(moves) else ()
    symbols = torch.stack([low, torch.zeros_like(low)])
    return settled(torch.stack(parts)[:, None], symbols, blocks, lost[None])


def _shared(values: Sequence[Tensor]) -> bool:
    return all(torch.equal(values[0], other) for other in values[1:])


@dataclass(frozen=True, eq=False)
class Parameters:
    """Numbers of the network itself, given to every example: its first node says how many.

    Attributes:
        values: of each network, without the examples' axis.
        family: how they are combined.
    """

    node: Node
    values: tuple[Tensor, ...]
    family: Family = SEGMENT

    def at(self, point: Point) -> Callable[..., Tensor]:
        """What gives them."""
        value = numbers_at(self.values, self.family, point)
        return lambda x: value.expand(len(x), *value.shape)

    def on_piece(self, _number: int, region: Region, effort: Effort) -> Passage:
        """See the module docstring."""
        found = numbers_on(self.values, self.family, region, effort.dtype)

        def passed(x: Sequence[TaylorModel]) -> TaylorModel:
            radius = found.radius.expand(len(x[0].radius), *found.radius.shape[1:])
            return TaylorModel(
                found.polynomial.expand(-1, *radius.shape),
                found.symbols.expand(2, -1, *radius.shape),
                found.blocks,
                radius,
            )

        return passed


@dataclass(frozen=True, eq=False)
class Embedding:
    """Rows of a table, of which the inputs are the numbers; linear in the table.

    Attributes:
        values: the tables of each network.
        family: how they are combined.
    """

    node: Node
    values: tuple[Tensor, ...]
    family: Family = SEGMENT

    def at(self, point: Point) -> Callable[..., Tensor]:
        """What looks them up."""
        table = numbers_at(self.values, self.family, point)
        return lambda x: table[x.long()]

    def on_piece(self, _number: int, region: Region, effort: Effort) -> Passage:
        """See the module docstring."""
        table = numbers_on(self.values, self.family, region, effort.dtype)

        def passed(x: Sequence[TaylorModel]) -> TaylorModel:
            rows = x[0].polynomial[0].long()
            return TaylorModel(
                table.polynomial[:, 0, rows],
                table.symbols[:, :, 0, rows],
                table.blocks,
                table.radius[0, rows],
            )

        return passed
