"""How initial weights and learning rates of a perceptron grow with its width.

A parametrisation writes W_l = n^-a_l w_l, draws w_l ~ n^-b_l N(0, 1) and trains w_l by SGD at the
rate eta n^-c_l. The gradient in w_l is n^-a_l times that in W_l, and a step of w_l moves W_l by
n^-a_l times it: so W_l itself, drawn with standard deviation n^-(a_l + b_l) and trained at the rate
eta n^-(c_l + 2 a_l), is the same network. No multiplier n^-a_l appears in ours, therefore, and all
that is known of affine chains holds for them. (By SGD with momentum. Weight decay acts on every
parameter at its own rate: on W_l, not on w_l.)

With n_l the width of a hidden layer l, and 1 for inputs and outputs, whose number stays fixed:

| layer | standard deviation | rate, SGD | rate, Adam |
|---|---|---|---|
| hidden W_l: n_l from n_{l-1} | ~ fan_in^(-1/2) | n_l / n_{l-1} | 1 / n_{l-1} |
| last W | ~ fan_in^-1 | 1 / n_L | 1 / n_L |
| biases | | n_l | 1 |

is "mu", the maximal update parametrisation: every layer's change moves the activations by O(1) in
the width. "standard" has standard deviations ~ fan_in^(-1/2) and the rate 1 everywhere.
"mean_field" is f(x) = 1/n sum_i a_i sigma(w_i x + c_i), each neuron (a_i, w_i, c_i) with a law that
does not depend on n and trained at the rate eta n; written with W_2 = a / n, it is "mu" with one
hidden layer. With more, 1/n before every layer sends all activations to 0 from centred weights,
and from four hidden layers on the limit does not move: it is refused, "mu" is what extends it.

Reference: Yang and Hu 2021 (abc-parametrisations, mu); Yang et al. 2021 (Tensor Programs V, Table
3: widths that differ, Adam); Mei, Misiakiewicz and Montanari 2019 (mean field); Hajjar, Chizat and
Giraud 2021 (mean field in deep networks).
"""

from collections.abc import Sequence
from itertools import pairwise

from lmctheory.choices import require_choice

__all__ = ["PARAMETRISATIONS", "last_layer_factor", "rate_factors", "require_parametrisation"]

PARAMETRISATIONS = ("standard", "mean_field", "mu")


def require_parametrisation(parametrisation: str, widths: Sequence[int]) -> None:
    """Refuses unknown names, and mean field in deep networks.

    Raises:
        ValueError: for both.
    """
    require_choice("parametrisation", parametrisation, PARAMETRISATIONS)
    if parametrisation == "mean_field" and len(widths) != 3:
        raise ValueError(
            f'parametrisation "mean_field" is of one hidden layer, got {len(widths) - 2}: "mu" '
            "extends it to any depth"
        )


def last_layer_factor(parametrisation: str, widths: Sequence[int]) -> float:
    """What the last layer's standard initial weights are multiplied by."""
    return 1.0 if parametrisation == "standard" or len(widths) < 3 else widths[-2] ** -0.5


def rate_factors(
    parametrisation: str, widths: Sequence[int], optimiser: str
) -> list[tuple[float, float]]:
    """For each layer the factors of the learning rates of its weight and its bias.

    Raises:
        ValueError: for an unknown optimiser.
    """
    require_choice("optimiser", optimiser, tuple(_FACTORS))
    if parametrisation == "standard":
        return [(1.0, 1.0)] * (len(widths) - 1)
    return [_FACTORS[optimiser](*fans) for fans in pairwise((1, *widths[1:-1], 1))]


def _by_gradient(fan_in: int, fan_out: int) -> tuple[float, float]:
    return fan_out / fan_in, float(fan_out)


def _by_sign(fan_in: int, _fan_out: int) -> tuple[float, float]:
    return 1 / fan_in, 1.0


_FACTORS = {"sgd": _by_gradient, "adam": _by_sign, "adamw": _by_sign}
"""How fast weight and bias are to learn; Adam's steps are of the size of the rate."""
