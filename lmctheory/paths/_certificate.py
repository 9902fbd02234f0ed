"""Certificates C1, C1', C2, C3 of two networks: the public functions and what they return.

The bounds themselves, with their derivation, are in `lmctheory.paths.deviation`, what can be
certified in `lmctheory.paths.reading`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import nn

from lmctheory.measures.arguments import array
from lmctheory.networks import AffineChain, Examples
from lmctheory.paths.certified_losses import require_certified
from lmctheory.paths.deviation import Bounds, bounds, features, points
from lmctheory.paths.interpolation import blocks, require_stacks
from lmctheory.paths.linear_maps import Dense
from lmctheory.paths.pair_program import Program, chain_program
from lmctheory.paths.reading import program_of
from lmctheory.results import Result

__all__ = ["Certificate", "Norms", "certificate", "certificates", "operator_norms"]

Norms: TypeAlias = Sequence[Sequence[float]]
"""Operator norms of the weights of a stack of networks, ``[pairs][layers]``."""

_CHUNK_BYTES = 2**26
_TENSORS_PER_NODE = 8
"""Tensors of a node's size that are alive at one time, at most: sizes a chunk of examples."""


@dataclass(frozen=True, eq=False, repr=False)
class Certificate(Result):
    """Upper bounds on what happens at theta_t, for every example on its own.

    The leading dimensions `...` are those of t: none for a number, ``[points]`` for a grid.

    Attributes:
        t: where on the segment; t = 1 is A.
        function_error_c1: ``[..., n]`` bound C1 on |f_t - f-bar|.
        function_error_c2: ``[..., n]`` bound C2 on |f_t - f-bar|.
        function_error: ``[..., n]`` bound C1' on |f_t - f-bar| (C1 if it was not asked for).
        feature_error: ``[L, ..., n]`` bounds s_l of C1 on |phi_l^t - phi-bar_l|, l = 1..L, for all
            activations and maxima over windows.
        weak_additivity: ``[L, ..., n]`` the gaps J_l = |j_l|, l = 1..L.
        commutativity: ``[layers, ..., n]`` the residuals |c_l|, l = 2..L+1 in a chain, else of all
            layers with parameters whose inputs differ between A and B.
        example_loss: ``[..., n]`` bound C3 on the loss at theta_t.
        certified: ``[..., n]`` whether theta_t provably classifies the example as labelled; never
            where labels are values and not classes.
        example_chord: ``[..., n]`` t loss(A) + (1-t) loss(B) of the example.
    """

    t: Float[np.ndarray, "*t"]
    function_error_c1: Float[np.ndarray, "*t n"]
    function_error_c2: Float[np.ndarray, "*t n"]
    function_error: Float[np.ndarray, "*t n"]
    feature_error: Float[np.ndarray, "L *t n"]
    weak_additivity: Float[np.ndarray, "L *t n"]
    commutativity: Float[np.ndarray, "layers *t n"]
    example_loss: Float[np.ndarray, "*t n"]
    certified: Bool[np.ndarray, "*t n"]
    example_chord: Float[np.ndarray, "*t n"]

    @property
    def loss(self) -> np.float64 | Float[np.ndarray, "*t"]:
        """Certified mean loss at theta_t (C3)."""
        return self.example_loss.mean(-1)

    @property
    def barrier(self) -> np.float64 | Float[np.ndarray, "*t"]:
        """Certified loss(theta_t) - [t loss(A) + (1-t) loss(B)]."""
        return self.loss - self.example_chord.mean(-1)

    @property
    def accuracy(self) -> np.float64 | Float[np.ndarray, "*t"]:
        """Certified accuracy at theta_t: no smaller than this."""
        return self.certified.mean(-1)

    def __repr__(self) -> str:
        worst = np.argmax(self.loss)
        error, loss, barrier, accuracy = (
            float(np.ravel(values)[worst])
            for values in (self.function_error.mean(-1), self.loss, self.barrier, self.accuracy)
        )
        return (
            f"Certificate(at t={np.ravel(self.t)[worst]:.4g} of {self.t.size}, the largest loss: "
            f"function_error<={error:.4g} in the mean, loss<={loss:.4g}, "
            f"barrier<={barrier:.4g}, accuracy>={accuracy:.4g}; "
            f"{len(self.feature_error)} hidden layers, {self.certified.shape[-1]} examples)"
        )


def certificate(
    model_a: nn.Module,
    model_b: nn.Module,
    data: Examples,
    t: float | Sequence[float] | Float[np.ndarray, " points"] = 0.5,
    *,
    vector: bool = True,
) -> Certificate:
    """Bounds function error, loss and accuracy at theta_t = t A + (1-t) B from A and B alone.

    With ``s_0 = 0`` and Lip = 1, J = 0 at the output layer,

        C1   s_l = Lip |W_l^t| s_{l-1} + Lip t(1-t) |(W_l^A - W_l^B)(phi^A - phi^B)| + J_l
        C1'  |r_l| <= Lip (|W_l^t j_{l-1} + c_l| + |W_l^t| |r_{l-1}|)
        C2   u_l = Lip (|W_l^t| u_{l-1} + (1-t) |(W_l^A - W_l^B) phi_{l-1}^A + b_l^A - b_l^B|),
             v_l likewise with t and phi^B; |f_t - f-bar| <= t u_{L+1} + (1-t) v_{L+1}
        C3   loss <= log(1 + sum_{j != y} exp(m_j)),
             m_j = g_j - g_y + |w_j^t - w_y^t| radius, w the output rows,
             g = f-bar + c_{L+1}, radius = s_L (from C1), or
             g = f-bar + c_{L+1} + W^t j_L, radius = |r_L| (from C1').

    An example is certified if all its m_j are negative. C3 is stated for the cross-entropy; for the
    binary one and the squared error see `lmctheory.paths.certified_losses`.

    Args:
        model_a: network A, of linear layers, convolutions, BatchNorm, pooling, sums of branches and
            activations, such as `MLP`, `CNN`, `VGG` and `ResNet20`; evaluation mode is used. For
            some layers only see `with_layers_of`.
        model_b: network B of the same architecture, permuted or not.
        data: the examples.
        t: one number in [0, 1], or a grid.
        vector: whether to compute C1' and base C3 on it. It is the tighter form, and costs a
            matrix product per layer and t, as the network at theta_t itself would; without it a
            further t takes elementwise operations only.

    Returns:
        The bounds, one per t and example.

    Raises:
        TypeError: naming an operation without a Lipschitz constant that holds on all inputs, such
            as layer and group norms and attention, or one that is not known.
        ValueError: if t leaves [0, 1], the architectures differ, weights are NaN or infinite, or
            inputs or labels do not fit, or for a loss without certificate.

    Reference:
        Keys C1, C1', C2, C3; the two defects are those of Zhou et al. 2023 (NeurIPS), Theorem 1.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP, Examples
        >>> rng = torch.Generator().manual_seed(0)
        >>> a, b = MLP((4, 8, 3), rng=rng), MLP((4, 8, 3), rng=rng)
        >>> data = Examples(torch.randn(20, 4, generator=rng), torch.arange(20) % 3)
        >>> certificate(a, b, data, t=[0.25, 0.5]).function_error.shape
        (2, 20)
    """
    times = _times(t)
    return _certify(program_of(model_a, model_b, data), data, times, vector)


def certificates(
    chain_a: AffineChain,
    chain_b: AffineChain,
    data: Examples,
    t: float | Sequence[float] | Float[np.ndarray, " points"] = 0.5,
    *,
    vector: bool = True,
    norms: tuple[Norms, Norms] | None = None,
) -> list[Certificate]:
    """`certificate` for every pair of two stacks of networks, weights ``[pairs, m_l, m_{l-1}]``.

    Args:
        chain_a: networks A.
        chain_b: networks B, aligned with A.
        data: the examples.
        t: as for `certificate`.
        vector: as for `certificate`.
        norms: `operator_norms` of both stacks, if they are known. No permutation of neurons changes
            them, so that several alignments of the same networks can share them.
    """
    times = _times(t)
    require_stacks(chain_a, chain_b)
    found = []
    for i in range(len(chain_a.weights[0])):
        known = None if norms is None else list(zip(norms[0][i], norms[1][i], strict=True))
        program = chain_program(chain_a[i], chain_b[i], data, known)
        found.append(_certify(program, data, times, vector))
    return found


def operator_norms(chain: AffineChain) -> Norms:
    """The operator norms of the weights of a stack of networks, ``[pairs][layers]``."""
    require_stacks(chain, chain)
    doubles = chain.to(dtype=torch.float64)
    return [[Dense().norm(W[i]) for W in doubles.weights] for i in range(len(chain.weights[0]))]


def _times(t: float | Sequence[float] | np.ndarray) -> np.ndarray:
    times = array("t", t, finite=False)
    if times.ndim > 1 or times.size == 0 or not ((times >= 0) & (times <= 1)).all():
        raise ValueError(f"t must be a number in [0, 1] or a list of them, got {t}")
    return times


def _certify(program: Program, data: Examples, t: np.ndarray, vector: bool) -> Certificate:
    require_certified(data)
    row_bytes = 8 * _TENSORS_PER_NODE * program.numbers
    along = points(program, np.ravel(t))
    chunks = []
    for rows in blocks(len(data.inputs), max(1, _CHUNK_BYTES // row_bytes)):
        x = data.inputs[rows].to(program.reference)
        labels = data.labels[rows].to(x.device)
        known = features(program, x)
        chunks.append([bounds(program, point, known, labels, data.loss, vector) for point in along])

    def gather(name: str) -> np.ndarray:
        parts = [torch.stack([getattr(bound, name) for bound in chunk], -2) for chunk in chunks]
        whole: np.ndarray = torch.cat(parts, -1).cpu().numpy()
        return whole.reshape(*whole.shape[:-2], *t.shape, whole.shape[-1])

    return Certificate(t, **{field.name: gather(field.name) for field in fields(Bounds)})
