"""The family of maximal update networks that a network of ordinary parametrisation belongs to.

The standard network of width m is one member of a family in n, its member n = m. Write f = 1/n
sum_i a_i sigma(w_i x + c_i) for one hidden layer: the output weights are v_i = a_i / n, and what
moves a neuron (a_i, w_i, c_i) must not depend on n. Equivalently, a member of width n, r = n / m,
with each neuron 1/r times is a network of width m and of the same function, and must remain one in
training. With w_m = q w_n a parameter of that network and g_m = s g_n the gradient in it,

| | q | s |
|---|---|---|
| first weights, hidden biases | 1 | r |
| hidden weights | r | r |
| output weights | r | 1 |
| output bias | 1 | 1 |

since the sum over copies of a neuron is what it was (q), and since a copy feeds r of what its
neuron fed (s). Width m moves w_m at the rate eta with decay c, by Adam with eps; width n must move
w_n = w_m / q by 1/q as much:

| | rate over eta | decay over c | eps over its own |
|---|---|---|---|
| SGD | s / q | q / s | |
| Adam | 1 / q | q / s | 1 / s |
| AdamW | 1 / q | q | 1 / s |

SGD moves by eta (g + c w): eta (s g_n + c q w_n) / q = eta s/q (g_n + c q/s w_n). What Adam
divides, moments of g + c w, has the one factor s above and below, but for eps: s x / (s y + eps) =
x / (y + eps / s). Decoupled decay takes the share eta c of a weight, whatever its scale and
gradient: rate times decay is the same for all n. So a member of width n

- learns by SGD at the rates of width m times r (first weights, hidden biases), 1 (hidden weights),
  1/r (output weights); by Adam times 1 (first weights, biases) and 1/r (hidden and output weights);
- has output weights that are a standard draw of width n times r^(-1/2): a_i = n v_i has the
  variance that it has at width m;
- is trained minus (1 - r^(1/2)) f_0, a frozen function: its own initial function f_0 is r^(-1/2)
  times too large, and r^(1/2) f_0 has the variance of the initial function of width m.

At r = 1 all of this is the standard network itself, bit for bit. The law of neurons given f_0's
limit is a model of that of width m, exact for neither: a member sees the fluctuations of its own n
neurons.

Reference: theory key P2; Yang and Hu 2021 (the rates); Yang et al. 2021 (Tensor Programs V: Adam);
Chizat, Oyallon and Bach 2019 (scaling the initial function).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lmctheory.measures.arguments import at_least
from lmctheory.networks import MLP, Examples, TrainingConfig, seeded_generators, train_many
from lmctheory.networks.parametrisation import (
    last_layer_factor,
    rate_factors,
    require_parametrisation,
)

__all__ = ["Member", "MupFamily"]


class Member(nn.Module):
    """A trained network of a family beside a frozen function: f(x) - share f_0(x).

    Args:
        network: f, the network as it was trained.
        initial: f_0, the network that it began as.
        share: of f_0 that is taken away, 1 - r^1/2.
    """

    def __init__(self, network: MLP, initial: MLP, share: float) -> None:
        super().__init__()
        self.network, self.initial, self.share = network, initial, share

    def frozen(self, x: Tensor) -> Tensor:
        """What is added to the network's outputs, ``[n, n_out]``."""
        return -self.share * self.initial(x)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs ``[n, n_out]`` of inputs ``[n, ...]``."""
        outputs: Tensor = self.network(x)
        return outputs + self.frozen(x) if self.share else outputs


@dataclass(frozen=True)
class _Scaling:
    """A parameter's layer and slot (0: weight, 1: bias), and what duplication does to it: q, s."""

    layer: int
    slot: int
    weight: float
    gradient: float


@dataclass(frozen=True)
class MupFamily:
    """The family of which the network of given widths is the member n = m.

    Attributes:
        widths: ``(m_0, m, ..., m, n_out)`` of the target, one or more hidden layers of one width.
        config: its training.
        activation_name: see `MLP`, like the rest.
        initialisation: see above.
        parametrisation: of the target: "standard", "mu" or "mean_field".
        dtype: of the parameters.

    Raises:
        ValueError: for no or unequal hidden layers, or an unknown parametrisation.

    Reference: theory key P2.

    Example:
        >>> from lmctheory.networks import TrainingConfig, load_dataset
        >>> family = MupFamily((64, 256, 10), TrainingConfig(epochs=1))
        >>> factors = family.rate_factors(64)
        >>> factors["layers.0.weight"], factors["layers.1.weight"], factors["layers.1.bias"]
        (0.25, 4.0, 1.0)
        >>> narrow = family.member(64, load_dataset("digits").train, seed=0)
        >>> narrow.network.widths, narrow.share
        ((64, 64, 10), 0.5)
    """

    widths: Sequence[int]
    config: TrainingConfig
    activation_name: str = "relu"
    initialisation: str = "he"
    parametrisation: str = "standard"
    dtype: torch.dtype = torch.float32

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))
        hidden = set(self.widths[1:-1])
        if len(hidden) != 1:
            raise ValueError(
                f"widths must name hidden layers of one width, got {tuple(self.widths)}"
            )
        require_parametrisation(self.parametrisation, self.widths)

    @property
    def width(self) -> int:
        """The width m of the target's hidden layers."""
        return self.widths[1]

    def rate_factors(self, n: int) -> dict[str, float]:
        """What the learning rates of a member of width n are multiplied by, see `train_many`."""
        own = rate_factors(self.parametrisation, self.widths, self.config.optimiser)
        moved = self.config.optimiser == "sgd"
        return {
            name: own[one.layer][one.slot] * (one.gradient if moved else 1.0) / one.weight
            for name, one in self._scaling(n).items()
        }

    def decay_factors(self, n: int) -> dict[str, float]:
        """What the weight decays of a member of width n are multiplied by."""
        coupled = self.config.optimiser != "adamw"
        return {
            name: one.weight / (one.gradient if coupled else 1.0)
            for name, one in self._scaling(n).items()
        }

    def eps_factors(self, n: int) -> dict[str, float]:
        """What Adam's eps is multiplied by for a member of width n; by SGD there is none."""
        if self.config.optimiser == "sgd":
            return {}
        return {name: 1 / one.gradient for name, one in self._scaling(n).items()}

    def _scaling(self, n: int) -> dict[str, "_Scaling"]:
        """By the names of parameters."""
        r, last = n / self.width, len(self.widths) - 2
        weights = [(1.0, r), *[(r, r)] * (last - 1), (r, 1.0)]
        biases = [*[(1.0, r)] * last, (1.0, 1.0)]
        return {
            f"layers.{layer}.{name}": _Scaling(layer, slot, *factors[layer])
            for layer in range(last + 1)
            for slot, (name, factors) in enumerate((("weight", weights), ("bias", biases)))
        }

    def initial(self, n: int, *, rng: torch.Generator) -> MLP:
        """A member of width n before training, from a torch generator."""
        widths = (self.widths[0], *[n] * (len(self.widths) - 2), self.widths[-1])
        drawn = MLP(
            widths,
            self.activation_name,
            initialisation=self.initialisation,
            rng=rng,
            dtype=self.dtype,
        )
        drawn.parametrisation = self.parametrisation
        r = n / self.width
        with torch.no_grad():
            drawn.linears[-1].weight.mul_(
                last_layer_factor(self.parametrisation, self.widths) * r**-0.5
            )
        return drawn

    def members(self, n: int, data: Examples, *, seeds: Sequence[int]) -> list[Member]:
        """Trains members of width n, many at once.

        Args:
            n: their width, from 1 to the target's; r = n / m.
            data: the examples to train on.
            seeds: one per member, of its weights and its data order, as for the target's networks:
                the member n = m of a seed is the standard network of that seed.

        Raises:
            ValueError: for a width out of range, no seeds, and as `train_many`.
        """
        if at_least("n", n, 1) > self.width:
            raise ValueError(f"n must be <= {self.width}, the target's width, got {n}")
        if not seeds:
            raise ValueError("seeds must be one or more, got none")
        initial = [self.initial(n, rng=seeded_generators(seed)[0]) for seed in seeds]
        share = 1 - (n / self.width) ** 0.5
        networks = train_many(
            initial,
            data,
            self.config,
            seeds=seeds,
            rate_factors=self.rate_factors(n),
            decay_factors=self.decay_factors(n),
            eps_factors=self.eps_factors(n),
            offsets=_offsets(initial, data, share) if share else None,
        )
        pairs = zip(networks, initial, strict=True)
        return [Member(cast("MLP", network), first, share) for network, first in pairs]

    def member(self, n: int, data: Examples, *, seed: int) -> Member:
        """Trains one member of width n, see `members`."""
        return self.members(n, data, seeds=(seed,))[0]


def _offsets(initial: Sequence[MLP], data: Examples, share: float) -> Float[Tensor, "k n n_out"]:
    with torch.no_grad():
        return torch.stack(
            [-share * model(data.inputs.to(model.linears[0].weight)) for model in initial]
        )
