"""Order statistics by ball arithmetic: means over F^{i-1} (1 - F)^{m-i} f, from the definition.

The density is log-concave, f being so: what lies beyond a point is bounded by the exponential that
touches it there.

*All ranks at once.* Polynomials of degree k in u go, by u -> E of U_(i:m), to the discrete ones of
degree k in i, orthogonal both: with g_k the coefficients of the quantile function in normalised
Legendre polynomials on [0, 1], sum_k g_k^2 = Var X + g_0^2, and the eigenvalues of Durrmeyer's
operator lambda_k = (m - 1)! m! / ((m - 1 - k)! (m + k)!), 0 for k >= m,

    (1/m) sum_i (E X_(i:m))^2 = sum_k lambda_k g_k^2,     M(m) = 2 sum_k (1 - lambda_k) g_k^2.
"""

from collections.abc import Callable
from dataclasses import dataclass

from flint import acb, arb

from tests.oracle.balls import integral, symmetric

__all__ = ["HALF_NORMAL", "NORMAL", "Law", "matching_cost", "mean", "normal_shares", "variance"]


@dataclass(frozen=True)
class Law:
    """A log-concave law: F(x), 1 - F(x), ln f(x) and the logarithmic slope -x of f."""

    below: Callable[[acb], acb]
    above: Callable[[acb], acb]
    log_density: Callable[[acb], acb]
    positive: bool


def _gauss(x):
    return -x * x / 2 - (2 * arb.pi()).log() / 2


NORMAL = Law(
    lambda x: (-x / arb(2).sqrt()).erfc() / 2,
    lambda x: (x / arb(2).sqrt()).erfc() / 2,
    _gauss,
    False,
)
HALF_NORMAL = Law(
    lambda x: (x / arb(2).sqrt()).erf(),
    lambda x: (x / arb(2).sqrt()).erfc(),
    lambda x: _gauss(x) + arb(2).log(),
    True,
)

_NEGLIGIBLE = -100
"""The logarithm of a density, against the mode, where the integral may stop."""
_MANY = 30


class _Ranked:
    """The law of X_(i:m): F^lower (1 - F)^upper f and a constant."""

    def __init__(self, law: Law, i: float, m: int) -> None:
        self.law, self.lower, self.upper = law, i - 1, m - i
        self.mode = _mode(law, i, m)
        self.constant = arb(m + 1).lgamma() - arb(i).lgamma() - arb(m - i + 1).lgamma()
        # a power that is entire, where a logarithm would be singular at the end of a half-line
        self.power = int(self.lower) if law.positive and self.lower < _MANY else 0
        self.from_end = law.positive and self.lower == self.power

    def log_rest(self, x: acb, analytic: bool = False) -> acb:
        """The logarithm of the density without the power."""
        total = self.law.log_density(x) + self.constant
        if self.lower > self.power:
            total += self.lower * self.law.below(x).log(analytic=analytic)
        if self.upper:
            total += self.upper * self.law.above(x).log(analytic=analytic)
        return total

    def density(self, x: acb, analytic: bool) -> acb:
        exponent = self.log_rest(x, analytic)
        if min(self.lower, self.upper) >= _MANY and exponent.is_finite():
            # large terms whose slopes cancel: the mean value theorem on a ball, which is convex
            middle, slope = x.mid(), _slope(self.law, self.lower, self.upper, x)
            exponent = self.log_rest(middle) + slope * (x - middle)
        value = exponent.exp()
        return value * self.law.below(x) ** self.power if self.power else value

    def height(self, x: arb) -> arb:
        """The logarithm of the density."""
        rest = self.log_rest(acb(x)).real
        return rest + self.power * self.law.below(acb(x)).real.log() if self.power else rest

    def end(self, to: Callable[[arb], arb]) -> arb:
        """A point away from the mode, after growing steps, where the density is negligible."""
        step = arb(2) ** -40
        while (self.height(to(step)) - self.height(self.mode)).mid() > _NEGLIGIBLE:
            step *= arb(5) / 4
        return arb(to(step).mid())

    def beyond(self, end: arb, around: arb) -> arb:
        """The integral beyond an end of (1 + |x| + |around|)^2 e^tangent, above the law."""
        fall = abs(_slope(self.law, self.lower, self.upper, acb(end)).real)
        size = 1 + abs(end) + abs(around)
        return self.height(end).exp() * (size**2 / fall + 2 * size / fall**2 + 2 / fall**3)


def mean(law: Law, i: float, m: int, g: Callable[[acb], acb], around: arb | None = None) -> arb:
    """E g(X_(i:m)) for real ranks i, |g(x)| <= (1 + |x| + |around|)^2."""
    ranked, around = _Ranked(law, i, m), around or arb(0)
    mode = ranked.mode
    high, low = ranked.end(lambda step: mode + step), arb(0)
    rest = ranked.beyond(high, around)
    if not ranked.from_end:
        low = ranked.end(lambda step: mode / (1 + step) if law.positive else mode - step)
        rest += ranked.beyond(low, around)
    return integral(lambda x, a: ranked.density(x, a) * g(x), low, high) + symmetric(rest)


def variance(law: Law, i: float, m: int) -> arb:
    """Var X_(i:m)."""
    centre = arb(_mode(law, i, m).mid())
    first = mean(law, i, m, lambda x: x - centre, centre)
    return mean(law, i, m, lambda x: (x - centre) ** 2, centre) - first**2


def _slope(law: Law, lower: float, upper: float, x: acb) -> acb:
    """Of the logarithm of the density."""
    density = law.log_density(x).exp()
    from_below = lower * density / law.below(x) if lower else 0
    from_above = upper * density / law.above(x) if upper else 0
    return from_below - from_above - x


def _mode(law: Law, i: float, m: int) -> arb:
    low, high = (arb(2) ** -90 if law.positive else arb(-60)), arb(60)
    for _ in range(160):
        middle = arb(((low + high) / 2).mid())
        if _slope(law, i - 1, m - i, acb(middle)).real.mid() > 0:
            low = middle
        else:
            high = middle
    return low


def normal_shares(count: int) -> list[arb]:
    """g_0^2, .., g_(count-1)^2 of the normal law, g_k = sqrt(2k+1) E Z P_k(2 Phi(Z) - 1).

    The trapezoidal rule of step h, whose error is at most 2 M / (e^{2 pi y / h} - 1) for M above
    the integrals of |integrand| along Im x = y and -y: there |erf| <= 1 + d, d = sqrt(2/pi) y
    e^{y^2/2}, and |P_k| <= (1 + d + sqrt(d^2 + 2d))^k.
    """
    y, reach = arb(1) / 3, 13
    d = (2 / arb.pi()).sqrt() * y * (y * y / 2).exp()
    growth = 1 + d + (d * d + 2 * d).sqrt()
    per_unit = int(float(((count * growth.log() + 60) / (2 * arb.pi() * y)).upper())) + 1
    along = growth**count * (y * y / 2).exp() * (1 + y)
    error = 2 * along / ((2 * arb.pi() * y * per_unit).exp() - 1)
    error += 2 * _gauss(arb(reach - 1)).exp()  # what lies beyond the last node
    nodes = [arb(j) / per_unit for j in range(1, reach * per_unit)]
    weights = [2 * x * _gauss(x).exp() / per_unit for x in nodes]  # odd k only
    places = [(x / arb(2).sqrt()).erf() for x in nodes]
    before, now = [arb(1)] * len(nodes), places
    shares = [arb(0)]
    for k in range(1, count):
        total = sum((w * p for w, p in zip(weights, now, strict=True)), arb(0))
        shares.append((2 * k + 1) * (total + symmetric(error)) ** 2 if k % 2 else arb(0))
        following = [
            ((2 * k + 1) * t * p - k * q) / (k + 1)
            for t, p, q in zip(places, now, before, strict=True)
        ]
        before, now = now, following
    return shares


def matching_cost(shares: list[arb], m: int) -> arb:
    """M(m) of a law of mean square 1; what has no share listed lies between lambda_k and 0."""
    total, eigenvalue, left = arb(0), arb(1), 1 - sum(shares, arb(0))
    for k, share in enumerate(shares):
        total += (1 - eigenvalue) * share
        eigenvalue *= arb(max(m - 1 - k, 0)) / (m + k + 1)
    return 2 * (total + left * (1 - eigenvalue).union(arb(1)))
