"""Narrow networks joined into one wide network.

First layers are stacked and output weights divided by the number q of members. With one hidden
layer the union is the ensemble of its members, exactly:

    sum over members k and their neurons i of (v_ki / q) sigma(w_ki x + b_ki) = mean over k of f_k.

In deeper networks a hidden row of a member reads the n neurons of its own previous layer, a row of
the union all m. Of the row of a wide network w ~ N(0, s^2 I) given the pre-activations z = H w +
noise that it has on data, H the activations of the joined previous layer, the law is Gaussian; a
draw is (Matheron's rule)

    g + s^2 H^T (s^2 H H^T + tau I)^-1 (z - H g - eps),   g ~ N(0, s^2 I), eps ~ N(0, tau I),

tau the variance of the noise: w has the law N(0, s^2 I) again where z = H w' + noise has its own.
Each row of the union is such a draw given its own neuron's pre-activations, and keeps its bias. The
noise, which is what z has that no row of likely size makes from H, is fitted to all z by maximum
likelihood. That trained rows of wide networks have this law is a model: their change in training
lies in the span of H up to what other inputs add.

Reference: theory key P2; Hoffman and Ribak 1991 (conditioning a draw).
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor, nn

from lmctheory.measures.arguments import at_least
from lmctheory.networks import MLP, AffineChain
from lmctheory.networks.affine import affine_chain
from lmctheory.networks.chain import require_finite
from lmctheory.networks.data_order import require_torch_generator
from lmctheory.prediction.family import Member

__all__ = ["Union", "conditioned_rows", "union", "union_each"]

_CONDITIONING = 512
"""Inputs on which rows are conditioned; 1437 of digits instead change no barrier by 1 %."""

_NOISES = np.logspace(-8, 0, 25)
"""Variances of the noise that are tried, in units of the mean variance of z by the law of rows."""


class Union(nn.Module):
    """A network joined of narrow ones, beside the mean of their frozen functions.

    Args:
        network: of the joint width, which `match`, `barrier` and the rest of the package take.
        members: what it was joined of.
    """

    def __init__(self, network: nn.Module, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.network = network
        # no submodules: what is frozen is neither matched nor interpolated
        self._frozen = tuple(m for m in members if isinstance(m, Member) and m.share)
        self._count = len(members)

    def frozen(self, x: Tensor) -> Tensor | float:
        """The mean of the members' frozen functions, ``[n, n_out]``; 0 where there are none."""
        if not self._frozen:
            return 0.0
        return torch.stack([member.frozen(x) for member in self._frozen]).sum(0) / self._count

    def forward(self, x: Tensor) -> Tensor:
        """Outputs ``[n, n_out]`` of inputs ``[n, ...]``."""
        outputs: Tensor = self.network(x)
        return outputs + self.frozen(x)


def union(
    members: Sequence[nn.Module],
    inputs: Tensor | None = None,
    *,
    rng: torch.Generator | None = None,
    entry_variance: float | None = None,
) -> Union:
    """Joins networks of one architecture and hidden width n into one of width n times their number.

    Args:
        members: two or more `Member` of a family, or ordinary networks; chains of affine maps with
            one activation and hidden layers of one width. They are not changed.
        inputs: ``[N, ...]``, unlabelled, on which rows of deeper layers are conditioned; needed
            with two or more hidden layers.
        rng: the torch generator that draws these rows.
        entry_variance: s^2 times the joint width, 2 for He's law; None takes the members' own mean
            squared row norm.

    Returns:
        The union; with one hidden layer it is the mean of the members as functions.

    Raises:
        TypeError: for what is no chain of affine maps.
        ValueError: for fewer than two members or different ones, weights that are not finite, and
            deeper networks without inputs or rng.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP
        >>> a, b = (MLP((4, 8, 3), rng=torch.Generator().manual_seed(seed)) for seed in (0, 1))
        >>> joined, x = union([a, b]), torch.ones(5, 4)
        >>> joined.network.widths
        (4, 16, 3)
        >>> torch.allclose(joined(x), (a(x) + b(x)) / 2, atol=1e-6)
        True
    """
    chains = _chains(members)
    first = chains[0]
    deep = first.depth > 1
    if deep and (inputs is None or rng is None):
        raise ValueError(f"inputs and rng are needed with {first.depth} hidden layers, got None")
    weights = [torch.cat([chain.weights[0].double() for chain in chains])]
    biases = [torch.cat([chain.biases[0].double() for chain in chains])]
    if deep:
        assert inputs is not None
        assert rng is not None
        x = inputs.flatten(1).double()
        own = [chain.to(dtype=torch.float64).hidden(x) for chain in chains]
        joined = torch.cat([layers[0][1] for layers in own], dim=1)
        for layer in range(1, first.depth):
            bias = torch.cat([chain.biases[layer].double() for chain in chains])
            z = torch.cat([layers[layer][0] for layers in own], dim=1) - bias
            entry = _entry_variance(chains, layer) if entry_variance is None else entry_variance
            rows = conditioned_rows(z, joined, entry / joined.shape[1], rng=rng)
            weights.append(rows)
            biases.append(bias)
            joined = first.activations[layer].apply(joined @ rows.mT + bias)
    weights.append(torch.cat([chain.weights[-1].double() for chain in chains], dim=1) / len(chains))
    biases.append(torch.stack([chain.biases[-1].double() for chain in chains]).mean(0))
    return Union(_network(first, weights, biases), members)


def union_each(
    networks: Sequence[nn.Module],
    q: int,
    inputs: Tensor | None = None,
    *,
    rng: torch.Generator | None = None,
) -> list[nn.Module]:
    """Unions of q networks each, in their order; what is left over is not used.

    Args:
        networks: as for `union`.
        q: how many make a union; 1 leaves them as they are.
        inputs: of which the first 512 serve to condition rows on.
        rng: the torch generator that draws these rows.

    Raises: as `union`, and for a q that is no integer or < 1.
    """
    q = at_least("q", q, 1)
    if q == 1:
        return list(networks)
    given = None if inputs is None else inputs[:_CONDITIONING]
    stop = len(networks) - len(networks) % q
    return [union(networks[k : k + q], given, rng=rng) for k in range(0, stop, q)]


def conditioned_rows(
    z: Float64[Tensor, "N m"],
    h: Float64[Tensor, "N k"],
    variance: float,
    *,
    rng: torch.Generator,
    noise: float | None = None,
) -> Float64[Tensor, "m k"]:
    """Rows w ~ N(0, s^2 I), drawn given the z = h w + noise that each is to have.

    Args:
        z: by neuron what its row makes of each input.
        h: the activations that rows read.
        variance: s^2.
        rng: the torch generator.
        noise: its variance; the likeliest for all z if None.

    Raises:
        TypeError: for an rng that is no torch generator.
    """
    require_torch_generator(rng)
    eigenvalues, basis = torch.linalg.eigh(variance * h @ h.mT)
    eigenvalues = eigenvalues.clamp(min=0)
    if noise is None:
        noise = _likeliest_noise((basis.mT @ z).square().sum(1), eigenvalues, z.shape[1])
    g = variance**0.5 * torch.randn(z.shape[1], h.shape[1], generator=rng, dtype=torch.float64)
    own = torch.randn(z.shape, generator=rng, dtype=torch.float64)
    missing = basis.mT @ (z - h @ g.mT - noise**0.5 * own)
    return g + variance * (missing / (eigenvalues + noise).unsqueeze(1)).mT @ (basis.mT @ h)


def _likeliest_noise(
    squares: Float64[Tensor, " N"], eigenvalues: Float64[Tensor, " N"], count: int
) -> float:
    """The noise of which `count` vectors z, with these sums of squared coordinates, are likeliest.

    -2 log likelihood = sum_j [count log(lambda_j + noise) + squares_j / (lambda_j + noise)].
    """
    tried = torch.from_numpy(_NOISES) * eigenvalues.mean()
    spread = eigenvalues + tried.unsqueeze(1)
    return float(tried[(count * spread.log() + squares / spread).sum(1).argmin()])


def _entry_variance(chains: Sequence[AffineChain], layer: int) -> float:
    """The mean squared norm of the members' rows."""
    return float(
        torch.stack(
            [chain.weights[layer].double().square().sum(1).mean() for chain in chains]
        ).mean()
    )


def _chains(members: Sequence[nn.Module]) -> list[AffineChain]:
    if len(members) < 2:
        raise ValueError(f"members must be two or more networks, got {len(members)}")
    chains = [affine_chain(m.network if isinstance(m, Member) else m) for m in members]
    first = chains[0]
    hidden = [W.shape[0] for W in first.weights[:-1]]
    if len(set(hidden)) != 1 or len(set(first.activations)) != 1:
        raise ValueError(
            "members must have hidden layers of one width and one activation, got widths "
            f"{hidden} and "
            f"{[sigma.name for sigma in first.activations]}"
        )
    shapes = [W.shape for W in first.weights]
    for k, chain in enumerate(chains):
        if [W.shape for W in chain.weights] != shapes or chain.activations != first.activations:
            raise ValueError(f"members must have one architecture, number {k} has another")
        require_finite(chain, f"members[{k}]")
    return chains


def _network(like: AffineChain, weights: Sequence[Tensor], biases: Sequence[Tensor]) -> MLP:
    kind, sigma = like.weights[0].dtype, like.activations[0]
    widths = (weights[0].shape[1], *(W.shape[0] for W in weights))
    network = MLP(widths, rng=torch.Generator(), dtype=kind)
    network.activation = sigma
    with torch.no_grad():
        for layer, W, b in zip(network.linears, weights, biases, strict=True):
            layer.weight.copy_(W)
            layer.bias.copy_(b)
    return network
