"""Which networks a barrier can be predicted from."""

from collections.abc import Mapping

from torch import nn

from lmctheory.measures.arguments import integer
from lmctheory.networks import AffineChain
from lmctheory.networks.affine import affine_chain, evaluation_mode, hidden_width

__all__ = ["UNIONS", "require_narrower"]

UNIONS = 3
"""The least number of unions, and of networks of a width, that have a barrier with an error."""


def require_narrower(
    networks: object, width: int, *, argument: str = "networks", like: nn.Module | None = None
) -> list[int]:
    """The widths of networks that a barrier is to be predicted from, in order.

    Args:
        networks: by width networks that are all of one kind.
        width: that is predicted, at least twice each of these.
        argument: what messages call the networks.
        like: one of the width that is predicted, of whose kind they must be.

    Raises:
        TypeError: for what is no mapping, or networks that are no chains.
        ValueError: for no or unequal widths, too few networks, a width that is not above them, and
            networks of several kinds.
    """
    if not isinstance(networks, Mapping):
        kind = type(networks).__name__
        raise TypeError(f"{argument} must map widths to networks, got {kind}")
    widths = sorted(networks)
    if not widths or integer("width", width) < 2 * widths[-1]:
        raise ValueError(f"width must be at least twice those of {argument}, {widths}, got {width}")
    model = None if like is None else affine_chain(evaluation_mode(like))
    for n in widths:
        for k, network in enumerate(networks[n]):
            if (found := hidden_width(network)) != n:
                raise ValueError(
                    f"{argument}[{n}][{k}] must have hidden layers of that width, got {found}"
                )
            model = model or affine_chain(network)
            _require_one_kind(model, affine_chain(network), f"{argument}[{n}][{k}]")
        needed = 2 * UNIONS if n == widths[-1] else UNIONS
        if len(networks[n]) < needed:
            which = f"the widest, {n}" if n == widths[-1] else f"width {n}"
            raise ValueError(
                f"{argument} must hold {needed} or more of {which}, got {len(networks[n])}"
            )
    return widths


def _require_one_kind(model: AffineChain, other: AffineChain, name: str) -> None:
    if len(set(other.activations)) != 1:
        raise ValueError(f"{name} must have one activation, got {_described(other)}")
    ends = [(chain.weights[0].shape[1], chain.weights[-1].shape[0]) for chain in (model, other)]
    if ends[0] != ends[1] or model.activations != other.activations:
        raise ValueError(
            f"{name} must differ from the others in width alone, which have {_described(model)}, "
            f"got {_described(other)}"
        )


def _described(chain: AffineChain) -> str:
    hidden = ", ".join(sigma.name for sigma in chain.activations)
    return (
        f"{chain.weights[0].shape[1]} inputs, hidden layers of {hidden}, "
        f"{chain.weights[-1].shape[0]} outputs"
    )
