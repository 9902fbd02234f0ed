"""Steps of the proofs on matching costs of any law (R1 to R3, R7 to R12, R20, R21)."""

from collections.abc import Iterator
from itertools import combinations, permutations, product

import numpy as np
import sympy as sp
from scipy.integrate import quad

from lmctheory.rates import optimal_permutation, wasserstein_pow
from lmctheory.theorems._registry import equality, identity, inequality, unchecked
from lmctheory.theorems.checks.steps.draws import Pairs, finite_law, link, printed
from lmctheory.theorems.trial import Trial


@inequality("R10", 1, "what one neuron changes")
def _one_changed(rng: np.random.Generator) -> Iterator[Trial]:
    """Corners of a square of diameter D."""
    while True:
        m, p, D = int(rng.integers(1, 4)), float(rng.uniform(0.5, 3)), float(rng.exponential())
        a, b = D / 2**0.5 * rng.integers(0, 2, (2, m, 2)).astype(float)
        other = a.copy()
        other[0] = D / 2**0.5 * rng.integers(0, 2, 2)
        changed = abs(wasserstein_pow(a, b, p) - wasserstein_pow(other, b, p))
        yield Trial(float(changed), D**p / m)


@identity("R10", 2, "McDiarmid's exponent")
def _mcdiarmid() -> Pairs:
    s, m, D, p = sp.symbols("s m D p", positive=True)
    exponent = -2 * s**2 / (2 * m * (D**p / m) ** 2)
    yield exponent, sp.log(printed("R10", 0, m=m, s=s, D=D, p=p))


def _lipschitz_links(rng: np.random.Generator) -> Iterator[tuple[Trial, ...]]:
    """Every second time all neurons of A move away from those of B in one direction."""
    while True:
        m, p = int(rng.integers(1, 4)), float(rng.uniform(1, 2))
        a, b, c, d = rng.standard_normal((4, m, 2))
        if rng.random() < 0.5:
            push = rng.standard_normal(2)
            b, c, d = a + push, a - push, a + 2 * push
        far, near, own, other = (
            wasserstein_pow(u, v, p) ** (1 / p) for u, v in ((c, d), (a, b), (a, c), (b, d))
        )
        whole = float(np.linalg.norm(np.r_[a - c, b - d]))
        yield (
            Trial(abs(far - near), own + other),
            Trial(own, wasserstein_pow(a, c, 2) ** 0.5),
            Trial(wasserstein_pow(a, c, 2) ** 0.5, float(np.linalg.norm(a - c)) / m**0.5),
            Trial(abs(far - near), (2 / m) ** 0.5 * whole),
        )


inequality("R10", 3, "the triangle inequality")(link(_lipschitz_links, 0))


inequality("R10", 3, "W_p by W_2")(link(_lipschitz_links, 1))


inequality("R10", 3, "W_2 of a sample that moves")(link(_lipschitz_links, 2))


inequality("R10", 3, "the Lipschitz constant")(link(_lipschitz_links, 3))


@identity("R10", 4, "Herbst's exponent")
def _herbst() -> Pairs:
    s, m, C = sp.symbols("s m C", positive=True)
    yield -(s**2) / (2 * C * sp.sqrt(2 / m) ** 2), sp.log(printed("R10", 1, m=m, s=s, C=C))


@identity("R10", 5, "Poincare's variance")
def _poincare() -> Pairs:
    m, C = sp.symbols("m C", positive=True)
    yield C * sp.sqrt(2 / m) ** 2, printed("R10", 2, m=m, C=C)


unchecked("R11", 1, "cited", "each of the bounds")


@equality("R11", 2, "the mean cost of a fixed permutation")
def _fixed(rng: np.random.Generator) -> Pairs:
    """For a law on a few points: over all pairs of neurons."""
    while True:
        x = rng.standard_normal((int(rng.integers(2, 5)), 2))
        costs = [float(((y - z) ** 2).sum()) for y, z in product(x, repeat=2)]
        yield float(np.mean(costs)), 2 * float(np.trace(np.cov(x.T, bias=True)))


@inequality("R11", 3, "costs of blocks of coordinates")
def _blocks(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        a, b = rng.standard_normal((2, int(rng.integers(1, 4)), 3))
        whole = float(wasserstein_pow(a, b, 2))
        blocks = wasserstein_pow(a[:, :1], b[:, :1], 2) + wasserstein_pow(a[:, 1:], b[:, 1:], 2)
        yield Trial(float(blocks), whole)


@equality("R20", 1, "the gradient of a cost")
def _gradient(rng: np.random.Generator) -> Pairs:
    """By central differences, exact as the cost is a square where one matching is optimal."""
    while True:
        m, step = int(rng.integers(1, 4)), 1e-2
        neurons = rng.standard_normal((2, m, 2))
        gradient = np.zeros_like(neurons)
        best = [_optimal(neurons)]
        for place in np.ndindex(neurons.shape):
            ends = []
            for sign in (-1, 1):
                moved = neurons.copy()
                moved[place] += sign * step
                best.append(_optimal(moved))
                ends.append(_square_cost(moved))
            gradient[place] = (ends[1] - ends[0]) / (2 * step)
        if len(set(best)) == 1:
            size = float((gradient**2).sum())
            yield size, 8 * _square_cost(neurons) / m


def _square_cost(neurons: np.ndarray) -> float:
    a, b = neurons
    return float(wasserstein_pow(a, b, 2))


def _optimal(neurons: np.ndarray) -> tuple[int, ...]:
    a, b = neurons
    return min(
        permutations(range(len(a))), key=lambda order: float(((a - b[list(order)]) ** 2).sum())
    )


@identity("R20", 2, "the log-Sobolev inequality for exp(tW/2)")
def _entropy() -> Pairs:
    t, C, m, W = sp.symbols("t C m W", positive=True)
    k = 4 * C / m
    gradient_square = (t / 2) ** 2 * (8 * W / m) * sp.exp(t * W)
    yield 2 * C * gradient_square, k * t**2 * W * sp.exp(t * W)
    # Z = E e^{tW}, whose slope is E W e^{tW}
    Z = sp.Function("Z", positive=True)(t)
    psi = sp.log(Z)
    entropy = t * sp.diff(Z, t) - Z * sp.log(Z)
    yield entropy / Z, t * sp.diff(psi, t) - psi
    yield k * t**2 * sp.diff(Z, t) / Z, k * t**2 * sp.diff(psi, t)


@identity("R20", 3, "the slope of psi (1 - kt) / t")
def _falls() -> Pairs:
    t, k = sp.symbols("t k", positive=True)
    psi = sp.Function("psi")(t)
    room = k * t**2 * sp.diff(psi, t) - (t * sp.diff(psi, t) - psi)
    yield sp.diff(psi * (1 - k * t) / t, t), -room / t**2


@inequality("R20", 3, "psi of a law that obeys step 2")
def _psi(rng: np.random.Generator) -> Iterator[Trial]:
    """W = Z^2 with Z normal: C = 1, m = 1/4 of |grad W|^2 = 4 W, so k = 2, and psi is known."""
    while True:
        t = float(rng.uniform(0, 0.49)) * float(10 ** rng.uniform(-3, 0))
        yield Trial(-np.log(1 - 2 * t) / 2, t / (1 - 2 * t))


@identity("R20", 4, "Chernoff's exponent, on both sides")
def _chernoff() -> Pairs:
    x, M, k, n, C, m = sp.symbols("x M k n C m", positive=True)
    for sign in (1, -1):
        t = sign * (1 - sp.sqrt(M / x)) / k
        exponent = n * (sign * t * M / (1 - sign * k * t) - sign * t * x)
        yield exponent, -n * (sp.sqrt(x) - sp.sqrt(M)) ** 2 / k
    s = sp.symbols("s", positive=True)
    yield sp.log(printed("R20", 0, m=m, n=n, C=C, s=s)), -n * s**2 / (4 * C / m)


def _cost(xi: np.ndarray, other: np.ndarray, variances: np.ndarray) -> float:
    """W_2^2 with these variances of coordinates."""
    root = np.sqrt(variances)
    return float(wasserstein_pow(xi * root, other * root, 2.0))


def _spectra(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both samples and two lists of variances, now and then proportional."""
    d = int(rng.integers(1, 4))
    samples = rng.standard_normal((2, int(rng.integers(1, 6)), d))
    first, second = rng.exponential(size=(2, d))
    return samples, first, first * 2.0 if rng.random() < 0.3 else second


@inequality("R21", 1, "the cost at a matching for other variances")
def _tangent(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        (xi, other), variances, elsewhere = _spectra(rng)
        order = optimal_permutation(xi * np.sqrt(elsewhere), other * np.sqrt(elsewhere))
        c = np.square(xi - other[order]).mean(axis=0)
        yield Trial(_cost(xi, other, variances), float(variances @ c))


@inequality("R21", 2, "costs of parts of the variances")
def _superadditive(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        (xi, other), first, second = _spectra(rng)
        parts = _cost(xi, other, first) + _cost(xi, other, second)
        yield Trial(parts, _cost(xi, other, first + second))


@equality("R21", 3, "the cost in every coordinate", count=20)
def _alike(rng: np.random.Generator) -> Pairs:
    """Two neurons with coordinates -x or 1/x: all samples, matched by two of three coordinates."""
    upper = np.array(list(product((False, True), repeat=6)))
    while True:
        x = float(rng.uniform(0.5, 2))
        chance = np.where(upper, x**2, 1.0).prod(axis=1) / (1 + x**2) ** 6
        xi = np.where(upper, 1 / x, -x).reshape(64, 2, 3)
        straight, crossed = (
            np.square(xi[:, None] - other).mean(axis=2) for other in (xi, xi[:, ::-1])
        )
        saved = (straight - crossed)[..., :2].sum(axis=2)
        share = np.where(np.abs(saved) < 1e-9, 0.5, saved > 0)[..., None]
        chosen = straight + share * (crossed - straight)
        each = np.einsum("a,b,abi->i", chance, chance, chosen)
        least = np.minimum(straight[..., :2].sum(axis=2), crossed[..., :2].sum(axis=2))
        whole = float(chance @ least @ chance)
        yield from zip(each.tolist(), (whole / 2, whole / 2, 2.0), strict=True)


@identity("R21", 4, "variances in layers")
def _layered() -> Pairs:
    x = sp.symbols("x1:5", positive=True)
    for i in range(4):
        yield sum((x[k] - (x[k + 1] if k < 3 else 0) for k in range(i, 4)), sp.Integer(0)), x[i]


@identity("R21", 5, "the share of coordinates")
def _share() -> Pairs:
    j, k = sp.symbols("j k", positive=True, integer=True)
    yield sp.combsimp(sp.binomial(j, k) / sp.binomial(j - 1, k - 1)), j / k


@inequality("R21", 5, "more coordinates by the mean of fewer")
def _more(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        (xi, other), _, _ = _spectra(rng)
        j = xi.shape[1]
        k = int(rng.integers(1, j + 1))
        sets = [np.isin(np.arange(j), chosen) * 1.0 for chosen in combinations(range(j), k)]
        mean = float(np.mean([_cost(xi, other, chosen) for chosen in sets]))
        yield Trial(j / k * mean, _cost(xi, other, np.ones(j)))


@inequality("R3", 1, "the mean over one sample is convex", count=60)
def _one_sample(rng: np.random.Generator) -> Iterator[Trial]:
    """The second sample's mean is a law on a few points, of which every one is drawn m times."""
    while True:
        m, p = int(rng.integers(1, 3)), float(rng.uniform(0.5, 3))
        atoms = rng.standard_normal((2, 1))
        a = atoms if rng.random() < 0.3 else rng.standard_normal((m, 1))
        m = len(a)
        costs = [wasserstein_pow(a, atoms[list(s)], p) for s in product(range(2), repeat=m)]
        # against the law itself, by a sample in which both of its points come m times
        whole = wasserstein_pow(np.repeat(a, 2, axis=0), np.repeat(atoms, m, axis=0), p)
        yield Trial(float(whole), float(np.mean(costs)), 1e-14)


@inequality("R3", 2, "both samples coupled with one neuron")
def _through_one(rng: np.random.Generator) -> Iterator[Trial]:
    """By the plans of both samples to the law, which is uniform on a few points."""
    while True:
        m, k, p = int(rng.integers(1, 4)), int(rng.integers(1, 4)), float(rng.uniform(0.5, 3))
        z, a, b = rng.standard_normal((k, 2)), *rng.standard_normal((2, m, 2))
        plans = []
        for side in (a, b):
            order = optimal_permutation(np.repeat(side, k, axis=0), np.repeat(z, m, axis=0), p)
            plan = np.zeros((m, k))
            np.add.at(plan, (np.arange(m * k) // k, np.asarray(order) // m), 1 / (m * k))
            plans.append(plan)
        coupling = k * plans[0] @ plans[1].T
        cost = float((coupling * np.linalg.norm(a[:, None] - b, axis=2) ** p).sum())
        yield Trial(float(wasserstein_pow(a, b, p)), cost)


def _both_differ(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """A law on a few points of the line, often on two opposite ones, and a power."""
    x = rng.standard_normal(int(rng.integers(1, 4)))
    p = float(rng.uniform(0.3, 4))
    if rng.random() < 0.3:
        x = np.array([-1.0, 1.0])
    elif rng.random() < 0.3:  # nearly all at 0
        x = np.r_[np.zeros(300), 1.0]
    return x, p


def _norms(rng: np.random.Generator) -> Iterator[tuple[Trial, Trial]]:
    """Of f(x) - f(y) for x and y of one law."""
    while True:
        f, _ = _both_differ(rng)
        apart = np.abs(f[:, None] - f)
        yield (
            Trial(float(apart.mean()), 2 * float(np.abs(f).mean())),
            Trial(float(apart.max()), 2 * float(np.abs(f).max())),
        )


inequality("R3", 3, "the norm from L1 to L1")(link(_norms, 0))


inequality("R3", 3, "the norm from L_infinity to L_infinity")(link(_norms, 1))


@equality("R3", 3, "the mean square of a difference")
def _square_difference(rng: np.random.Generator) -> Pairs:
    while True:
        f = rng.standard_normal(int(rng.integers(2, 5)))
        yield (
            float(((f[:, None] - f) ** 2).mean()),
            2 * float((f**2).mean()) - 2 * float(f.mean()) ** 2,
        )


@inequality("R3", 4, "the mean power of a difference")
def _power_of_difference(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        x, p = _both_differ(rng)
        left = float((np.abs(x[:, None] - x) ** p).mean())
        yield Trial(left, max(2.0, 2 ** (p - 1)) * float((np.abs(x) ** p).mean()))


@equality("R9", 1, "the mean power to the nearest, by balls", count=30)
def _nearest(rng: np.random.Generator) -> Pairs:
    """Over all samples of m neurons from a law on a few points."""
    while True:
        x, chance, a = finite_law(rng)
        m, p = int(rng.integers(1, 4)), float(rng.uniform(0.5, 3))
        far = np.linalg.norm(x - a, axis=1)
        mean = sum(
            float(np.prod(chance[list(s)])) * float(far[list(s)].min()) ** p
            for s in product(range(3), repeat=m)
        )
        ends = np.r_[0.0, np.sort(far)] ** p
        masses = [float(chance[far**p <= r].sum()) for r in ends[:-1]]
        yield mean, float((1 - np.array(masses)) ** m @ np.diff(ends))


@inequality("R9", 2, "Jensen over neurons of A")
def _balls(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        masses, m = rng.uniform(size=int(rng.integers(1, 4))), int(rng.integers(1, 6))
        yield Trial(float(1 - masses.mean()) ** m, float(((1 - masses) ** m).mean()))


def _slices(d: int) -> float:
    """Volume of the unit ball, a slice after the other."""
    volume = 1.0
    for k in range(1, d + 1):
        volume *= quad(lambda angle, k=k: np.cos(angle) ** k, -np.pi / 2, np.pi / 2)[0]
    return volume


@equality("R9", 3, "the volume of the ball", count=10)
def _volume(rng: np.random.Generator) -> Pairs:
    while True:
        d = int(rng.integers(1, 9))
        yield _slices(d), float(printed("R9", 2, d=d))


@equality("R9", 3, "the Beta integral, as it is printed", count=20)
def _beta(rng: np.random.Generator) -> Pairs:
    while True:
        d, m, p = (int(rng.integers(1, 5)) for _ in range(3))
        F = float(10 ** rng.uniform(-1, 1))
        ball = _slices(d)
        end = (F * ball) ** (-p / d)

        def power(part: float, d: int = d, m: int = m, p: int = p, end: float = end) -> float:
            # r = end part^p, where masses are polynomials
            return (1 - part**d) ** m * end * p * part ** (p - 1)

        whole, _ = quad(power, 0, 1, epsabs=0, epsrel=1e-12)
        yield whole, float(printed("R9", 1, F=F, v=ball, d=d, m=m, p=p))


@identity("R9", 4, "the tilted density")
def _tilted() -> Pairs:
    """One coordinate: the exponent, and the constant before the density of Y."""
    x, a = sp.symbols("x a", real=True)
    s, lam = sp.symbols("s lambda", positive=True)
    v = lam / (1 + 2 * s * lam)
    gap, mean = x - a, -a / (1 + 2 * s * lam)
    left = -(x**2) / (2 * lam) - s * gap**2
    yield left, -((gap - mean) ** 2) / (2 * v) - s * a**2 / (1 + 2 * s * lam)
    yield sp.sqrt(v / lam) ** 2, 1 / (1 + 2 * s * lam)


@equality("R9", 5, "the characteristic function's modulus", count=30)
def _modulus(rng: np.random.Generator) -> Pairs:
    """Of the square of a centred normal number, by quadrature."""
    while True:
        v, w = float(10 ** rng.uniform(-0.5, 0.5)), float(rng.uniform(-2, 2))
        grid = np.linspace(-12, 12, 20_001) * v**0.5
        density = np.exp(-(grid**2) / (2 * v)) / (2 * np.pi * v) ** 0.5
        value = (np.exp(1j * w * grid**2) * density).sum() * (grid[1] - grid[0])
        yield abs(value), (1 + 4 * w**2 * v**2) ** -0.25


def _ranks(rng: np.random.Generator) -> Iterator[tuple[Trial, ...]]:
    while True:
        q = rng.exponential(size=int(rng.integers(1, 6)))
        if rng.random() < 0.3:
            q[:] = 1.0
        q = q / q.sum()
        square, entropy = float((q**2).sum()), -float(q @ np.log(q))
        k = int(rng.integers(1, len(q) + 1))
        largest = float(np.sort(q)[-k:].sum())
        yield (
            Trial(square, float(q.max())),
            Trial(float(q.max()) ** 2, square),
            Trial(1 / square, float(np.exp(entropy))),
            Trial(float(np.exp(entropy)), float(len(q))),
            Trial(largest, k * float(q.max())),
            Trial(min(1.0, k / len(q)), largest),
        )


@identity("R12", 1, "ranks as they are printed, by shares")
def _shares() -> Pairs:
    lam = sp.symbols("lambda1:4", positive=True)
    q = [each / sum(lam) for each in lam]
    spectrum = {sp.Function("lam")(k + 1): each for k, each in enumerate(lam)}
    largest, square = (printed("R12", line, d=3).doit().subs(spectrum) for line in (0, 1))
    yield largest, 1 / q[0]
    yield square, 1 / sum(each**2 for each in q)


inequality("R12", 2, "the sum of squares by the largest share")(link(_ranks, 0))


inequality("R12", 2, "the square of the largest share")(link(_ranks, 1))


inequality("R12", 2, "r_2 by r_1")(link(_ranks, 2))


inequality("R12", 2, "r_1 by r_0")(link(_ranks, 3))


inequality("R12", 3, "the k largest shares from above")(link(_ranks, 4))


inequality("R12", 3, "the k largest shares from below")(link(_ranks, 5))


@inequality("R1", 1, "couplings by permutations")
def _couplings(rng: np.random.Generator) -> Iterator[Trial]:
    """Mixtures of a few permutation matrices, often of one."""
    while True:
        m, count = int(rng.integers(1, 5)), int(rng.integers(1, 4))
        costs = rng.exponential(size=(m, m))
        weights = rng.dirichlet(np.ones(count))
        orders = [rng.permutation(m) for _ in range(count)]
        S = sum(w * np.eye(m)[order] for w, order in zip(weights, orders, strict=True))
        least = min(costs[range(m), order].mean() for order in permutations(range(m)))
        yield Trial(float(least), float((costs * S).sum()) / m)


unchecked("R2", 1, "definition", "samples without one neuron")


@inequality("R2", 2, "all neurons by all but one")
def _leave_one_out(rng: np.random.Generator) -> Iterator[Trial]:
    """Often neurons are near those of the other network, and all matchings are one."""
    while True:
        m, p = int(rng.integers(2, 5)), float(rng.uniform(0.5, 3))
        a, b = rng.standard_normal((2, m, 2))
        if rng.random() < 0.3:
            b = a + 1e-2 * b
        parts = [wasserstein_pow(np.delete(a, j, 0), np.delete(b, j, 0), p) for j in range(m)]
        yield Trial(float(wasserstein_pow(a, b, p)), float(np.mean(parts)))


unchecked("R2", 3, "argument", "neurons of one law")


@equality("R7", 1, "sorted neurons against every permutation")
def _sorted(rng: np.random.Generator) -> Pairs:
    while True:
        a, b = np.sort(rng.standard_normal((2, int(rng.integers(1, 5)))))
        p = float(rng.uniform(1, 3))
        every = (np.abs(a - b[list(o)]) ** p for o in permutations(range(len(a))))
        yield float(min(each.mean() for each in every)), float((np.abs(a - b) ** p).mean())


def _order_statistics(rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """All sorted samples of a few neurons from a law on three points."""
    m, x = int(rng.integers(1, 4)), rng.standard_normal(3)
    return np.sort([x[list(sample)] for sample in product(range(3), repeat=m)], axis=1), m


@equality("R7", 2, "the mean cost by variances", count=30)
def _variances(rng: np.random.Generator) -> Pairs:
    while True:
        samples, m = _order_statistics(rng)
        apart = (samples[:, None] - samples) ** 2
        variances = samples.var(axis=0)
        given = {sp.Function("v")(i + 1): value for i, value in enumerate(variances)}
        yield float(apart.mean()), float(printed("R7", 0, m=m).doit().subs(given))


@equality("R7", 3, "mean squares of order statistics", count=30)
def _mean_squares(rng: np.random.Generator) -> Pairs:
    while True:
        samples, m = _order_statistics(rng)
        yield float((samples**2).mean(axis=0).sum()), m * float((np.unique(samples) ** 2).mean())


@identity("R8", 1, "variances of the first coordinate leave its cost")
def _first_axis() -> Pairs:
    """A matched pair of first coordinates, in units of its deviation."""
    lam = sp.symbols("lambda", positive=True)
    x, y = sp.symbols("x y", real=True)
    yield (sp.sqrt(lam) * x - sp.sqrt(lam) * y) ** 2, lam * (x - y) ** 2


@equality("R8", 2, "the mean cost matched by one coordinate", count=10)
def _by_one_coordinate(rng: np.random.Generator) -> Pairs:
    """Two neurons of each network; two independent coordinates with a law on two points."""
    while True:
        first, second = rng.standard_normal((2, 2))
        atoms = list(product(first, second))
        draws = [np.array(sample) for sample in product(atoms, repeat=2)]
        whole, one = [], []
        for pair in product(draws, repeat=2):
            # ties are left as they come, by the first coordinate alone
            a, b = (side[np.argsort(side[:, 0], kind="stable")] for side in pair)
            whole.append(((a - b) ** 2).sum(axis=1).mean())
            one.append(((a - b)[:, 0] ** 2).mean())
        yield float(np.mean(whole)), float(np.mean(one)) + 2 * float(second.var())
