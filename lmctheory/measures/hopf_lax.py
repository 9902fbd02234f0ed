"""The constant of R6b, for laws that are uniform on a flat or round space."""

__all__ = ["hopf_lax_constant"]


def hopf_lax_constant(n: int) -> float:
    """c_n of W_2^2(f mu, mu) <= c_n ||f - 1||^2_{H^-1}: (e+1)/(1 + (e/4) 4^{-1/e}), e = 2(n-1)/3.

    Holds for uniform laws on flat tori, convex bodies and spheres of dimension n; the proof is in
    `lmctheory.rates.upper.semigroup`. c_1 = 1, and c_n increases to 4.

    Args:
        n: dimension of the space that carries the law, >= 1.

    Reference:
        theory key R6b; derived.

    Example:
        >>> [round(hopf_lax_constant(n), 2) for n in (1, 2, 3, 5)]
        [1.0, 1.63, 2.09, 2.63]
    """
    if n == 1:
        return 1.0
    e = 2 * (n - 1) / 3
    return float((e + 1) / (1 + e / 4 * 4 ** (-1 / e)))
