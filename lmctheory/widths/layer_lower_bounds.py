r"""What no permutation of a given layer can undercut (D2).

If the earlier layers of B were permuted by functions of those layers alone, the rows of W_l are
independent of how their columns were permuted. Given A's layers below, rows of A and B compared
behind A's activations, W phi_{l-1}, are then independent draws from N(0, Lambda), Lambda =
(s_w^2/m_{l-1}) gram(phi_{l-1}) + s_b^2 over the examples, and for every permutation Pi of the rows,
even one chosen after seeing W_l and all other layers,

    (1/m_l) E_x |(W_A - Pi W_B) phi_{l-1}^A + b_A - Pi b_B|^2  >=  L(m_l, spectrum of Lambda)

on average over W_l and b_l (R9). It fails where columns are permuted jointly with W_l, as
coordinate descent does. It bounds the matching cost, not the barrier: networks far apart may have
no barrier.
"""

from collections.abc import Sequence

from jaxtyping import Shaped

from lmctheory.measures import Gaussian, Modulo
from lmctheory.measures.arguments import ArrayLike, array, number
from lmctheory.measures.covariance import eigenvalues
from lmctheory.rates import lower_bound
from lmctheory.widths.ensembles import spectrum_of

__all__ = ["matching_lower_bounds"]


def matching_lower_bounds(
    grams: Sequence[Shaped[ArrayLike, "n n"]],
    widths: Sequence[int],
    *,
    s_w: float = 2**0.5,
    s_b: float = 0.0,
    modulo: Modulo = None,
) -> tuple[float, ...]:
    """L(m_l, Lambda_l) for every hidden layer of one network, from its own activations.

    Args:
        grams: for l = 1..L the Gram matrix (1/m_{l-1}) phi_{l-1} phi_{l-1}^T ``[n, n]`` of the
            activations below, inputs first.
        widths: m_1, ..., m_L.
        s_w: rows of W_l are N(0, (s_w^2 / m_{l-1}) I).
        s_b: standard deviation of the biases.
        modulo: "signs" for a bound of every signed permutation.

    Returns:
        Lower bounds of the matching costs per neuron, squared pre-activations, mean over the data.

    Raises:
        TypeError: for a width that is no integer, or what else is no number.
        ValueError: for unequal numbers of Gram matrices and widths, a width < 1, a Gram matrix
            that is none, up to the rounding of its type, negative s_w or s_b, or an unknown modulo.

    Reference:
        theory keys D2, S1.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).standard_normal((50, 8))
        >>> (bound,) = matching_lower_bounds([x @ x.T / 8], [100])
        >>> 0 < bound < 4
        True
    """
    if len(grams) != len(widths):
        raise ValueError(f"grams and widths must be as many, got {len(grams)} and {len(widths)}")
    for gram in grams:
        eigenvalues("grams", gram)  # refuses what is no covariance
    grams = [array("grams", gram) for gram in grams]
    s_w, s_b = number("s_w", s_w, least=0.0), number("s_b", s_b, least=0.0)
    spectra = [spectrum_of((s_w**2 * gram + s_b**2) / len(gram)) for gram in grams]
    return tuple(
        lower_bound(Gaussian(spectrum=spectrum), m, modulo=modulo).value
        for spectrum, m in zip(spectra, widths, strict=True)
    )
