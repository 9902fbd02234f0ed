"""Formulas of T, D and P: as printed, as evaluated, and as the package computes them."""

import numpy as np
import pytest
from printed import value

from lmctheory.activations import KNOWN
from lmctheory.matching import chord_barrier, chord_distance, orbit_error, sagitta
from lmctheory.measures import Empirical, Gaussian, Laplace, TruncatedNormal, UniformCube
from lmctheory.rates import deviation, upper_bound
from lmctheory.theorems import registry
from lmctheory.widths import (
    OutputLaw,
    activation_gap_bound,
    coherent_error_bound,
    common_law_from_cost,
    coupling_bound,
    crossover_width,
    data_error_bound,
    dropout_bound,
    entezari_two_layer,
    ferbach_deep,
    ferbach_two_layer,
    flow_lipschitz,
    gaussian_parts,
    kink_bound,
    low_dimensional_bound,
    neuron,
    neuron_gap_bound,
    neuron_with_fixed_output,
    non_gaussian_cost,
    relu_gap,
    simulated,
    squared_loss_barrier,
)
from lmctheory.widths.deep import bound_from_costs, ensemble, error_bound
from lmctheory.widths.fixed_outputs import neuron_on_data
from lmctheory.widths.high_probability import _largest_norm, quantile_from_costs
from lmctheory.widths.simulated import simulated_layers
from lmctheory.widths.two_layer import error_bound as two_layer_error_bound
from lmctheory.widths.two_layer import required_width

SMOOTH = ("tanh", "sigmoid", "softplus", "gelu", "erf")


def numbers(key, left, **given):
    """The formula of a theorem with that left-hand side, printed and evaluated."""
    (formula,) = (one for one in registry()[key].formulas if one.left == left)
    evaluated = formula.value(**given)
    assert value(formula, **given) == pytest.approx(evaluated, rel=1e-9)
    return evaluated


def huber(key, b, H):
    """B_{b,H}, as a function."""
    return lambda d: b * d if np.isinf(H) else numbers(key, "B_{b,H}(d)", b=b, H=H, d=d)


def near(expected):
    return pytest.approx(expected, rel=1e-9)


@pytest.fixture(params=range(2))
def rng(request):
    return np.random.default_rng(request.param)


def test_t1_is_neuron_gap_bound(rng):
    d, t, K, H = rng.uniform(0.1, 3, 4) * [1, 1 / 3, 1, 1]
    left = registry()["T1"].formulas[0].left
    found = numbers("T1", left, t=t, d=d, B=huber("T1", 2 * K, H))
    assert found == near(neuron_gap_bound(d, t, lipschitz=K, curvature=H))
    kinked = numbers("T1", left, t=t, d=d, B=huber("T1", 2 * K, np.inf))
    assert kinked == near(neuron_gap_bound(d, t, lipschitz=K))


@pytest.mark.parametrize("name", [*SMOOTH, "relu"])
def test_t1b_is_activation_gap_bound(rng, name):
    t, (alpha, beta), h = rng.random(), KNOWN[name].slopes, KNOWN[name].curvature
    left = registry()["T1b"].formulas[0].left
    for d in (0.3, 9.0):
        found = numbers("T1b", left, t=t, d=d, B=huber("T1b", beta - alpha, h))
        assert found == near(activation_gap_bound(d, t, name))
        most = numbers("T1b", r"B_{\beta-\alpha,h}(d)", alpha=alpha, beta=beta, d=d)
        assert t * (1 - t) * most >= found * (1 - 1e-9)
        if name == "relu":
            assert t * (1 - t) * most == near(found)


def test_t1b_is_relu_gap(rng):
    z, z_prime = -rng.exponential(), rng.exponential()
    left = registry()["T1b"].formulas[-1].left
    found = numbers("T1b", left, z=z, z_prime=z_prime)
    assert found == near(relu_gap(np.array(z), np.array(z_prime)))


def error_by_distance(constants, sigma, radius, output):
    """E of T2, as a function."""
    alpha, beta = sigma.slopes
    return lambda d: numbers(
        "T2",
        r"\mathcal E(d)",
        A=huber("T2", 2 * constants.lipschitz, constants.curvature),
        B=huber("T2", beta - alpha, sigma.curvature),
        a=output,
        R=radius,
        ell=sigma.lipschitz,
        d=d,
    )


@pytest.mark.parametrize("name", [*SMOOTH, "relu"])
def test_t2_is_neuron(rng, name):
    radius, output, reach = rng.uniform(0.3, 3, 3)
    sigma = KNOWN[name]
    constants = neuron(name, radius=radius, output=output, weight_norm=reach)
    S = max(abs(sigma.function(np.array([-radius * reach, radius * reach]))))
    K = numbers("T2", "K", S=S, a=output, ell=sigma.lipschitz, R=radius)
    assert constants.lipschitz == near(K)
    if name != "relu":
        H = numbers("T2", "H", a=output, h=sigma.curvature, R=radius, ell=sigma.lipschitz)
        assert constants.curvature == near(H)
    error = error_by_distance(constants, sigma, radius, output)
    for d in (0.01, 0.5, 3.0):
        assert constants.function_error(d) == near(error(d))


@pytest.mark.parametrize("name", ["tanh", "relu"])
def test_t2_is_error_bound(name):
    constants, law = neuron(name, radius=1.0, output=0.5, weight_norm=0.5), UniformCube(2)
    error = error_by_distance(constants, KNOWN[name], 1.0, 0.5)
    for N in (3, 300):
        first, second = (upper_bound(law, N, p).value for p in (1.0, 2.0))
        expected = min(constants.lipschitz / 2 * first, error(second**0.5))
        assert two_layer_error_bound(law, N, constants) == near(expected)


def test_t2_with_fixed_outputs(rng):
    a, R, d = rng.uniform(0.3, 3, 3)
    constants, sigma = neuron_with_fixed_output("tanh", radius=R, output=a), KNOWN["tanh"]
    assert constants.function_error(d) == near(a / 4 * huber("T2", 1.0, sigma.curvature)(R * d))


def test_t2k_is_kink_bound(rng):
    rho, A, p = rng.uniform(0.1, 3, 3) + np.array([0, 0, 1])
    assert numbers("T2k", r"\mathbb E\, g(z, z')", rho=rho, A=A, p=p) == near(kink_bound(rho, A, p))


@pytest.mark.parametrize("name", ["relu", "tanh", "gelu"])
def test_t2d_is_data_error_bound(rng, name):
    scales, x = rng.uniform(0.3, 3, 2), rng.standard_normal((9, 2))
    law = Gaussian(covariance=np.diag(scales))
    found = data_error_bound(law, int(rng.integers(2, 10**4)), name, output=1.7, inputs=x)
    (alpha, beta), h = KNOWN[name].slopes, KNOWN[name].curvature
    M, (root, mean, kinks) = found.matching_cost, registry()["T2d"].formulas[:3]
    expected = numbers("T2d", root.left, alpha=alpha, beta=beta, a=1.7, M=M)
    assert found.root_mean_square == near(expected)
    rho = float((2 * np.pi * (x**2 @ scales)) ** -0.5 @ np.ones(9) / 9)
    means = [mean.value(a=1.7, M=M, B=huber("T2d", beta - alpha, h))]
    assert value(mean, a=1.7, M=M, B=huber("T2d", beta - alpha, h)) == near(means[0])
    if name == "relu":
        means.append(kinks.value(a=1.7, M=M, rho=rho))
        assert value(kinks, a=1.7, M=M, rho=rho) == near(means[1])
    assert found.mean == near(min(means))


def test_t3_is_squared_loss_barrier(rng):
    err, R, D, t = rng.uniform(0.1, 1, 4)
    found = numbers("T3", r"\mathrm{barrier}(t)", err=err, R=R, D=D, t=t)
    assert found == near(squared_loss_barrier(err, R, D, t))


@pytest.mark.parametrize(
    ("law", "constants", "slope", "eps"),
    [
        (UniformCube(2), neuron("tanh", radius=1.0, output=0.5, weight_norm=0.5), None, 0.2),
        (UniformCube(2), neuron("relu", radius=1.0, output=0.5, weight_norm=0.5), None, 0.2),
        (
            Gaussian(spectrum=[1.0, 0.5]),
            neuron_with_fixed_output("tanh", radius=1.0, output=1.0),
            0.25,
            0.1,
        ),
    ],
)
def test_t4_is_required_width(law, constants, slope, eps):
    """The condition holds at the width and not at one neuron less."""
    delta = 0.01
    slope = constants.lipschitz / 2 if slope is None else slope

    def error(N):
        given = {
            "D": getattr(law, "diameter", 1e9),
            "C": law.log_sobolev_constant,
            "delta": delta,
            "N": N,
        }
        first, second = (
            numbers("T4", rf"\omega_{p}(N)", U=upper_bound(law, N, float(p)).value, **given)
            for p in (1, 2)
        )
        return min(slope * first, constants.function_error(second))

    N = required_width(eps, law, constants, delta=delta)
    assert error(N) <= eps < error(N - 1)


@pytest.mark.parametrize(
    "law", [Gaussian(spectrum=[1.0, 0.5]), UniformCube(2), Empirical(np.eye(3))], ids=str
)
def test_t4_has_the_deviation_of_r10(law):
    given = {"D": getattr(law, "diameter", 1e9), "C": getattr(law, "log_sobolev_constant", 1e9)}
    for p, N in ((1, 7), (2, 7), (1, 700), (2, 700)):
        found = numbers("T4", rf"\omega_{p}(N)", U=0.3, N=N, delta=0.05, **given)
        assert found**p == near(deviation(law, N, 0.05, float(p)).above(0.3))


def test_t5_is_flow_lipschitz_and_coupling_bound(rng):
    constants = neuron_with_fixed_output("tanh", radius=1.0, output=1.3)
    steps, risks, errors = rng.uniform(0.01, 0.1, 5), rng.uniform(0.1, 2, 5), rng.uniform(0, 1, 5)
    K, H = constants.lipschitz, constants.curvature
    flow = numbers(
        "T5",
        r"\mathrm{Lip}(\Phi)",
        H=H,
        n=5,
        s=lambda k: steps[int(k)],
        R=lambda k: risks[int(k)],
    )
    assert flow == near(flow_lipschitz(H, steps, risks))
    formula, D = registry()["T5"].formulas[-1], 0.0
    for s, risk, err in zip(steps, risks, errors, strict=True):
        r = H * risk**0.5
        given = {"D": D, "s": s, "r": r, "K": K, "err": err, "G": 4 * constants.function_error(D)}
        squares = [formula.value(u=u, **given) for u in np.linspace(0, K * D, 101)]
        assert value(formula, u=K * D, **given) == near(squares[-1])
        D = min(max(squares) ** 0.5, D + 2 * s * (r * D + K * err + K**2 * D))
    # the largest over u is on a grid
    assert coupling_bound(constants, steps, risks, errors) == pytest.approx(D, rel=1e-3)


def recursion(key, networks, costs, t):
    """G_1, ..., G_L and X_L by the formulas of D1."""
    s_w = networks.s_w
    w = numbers(key, "w", t=t)
    G = X = None
    gaps = []
    for layer, M in enumerate(costs, start=1):
        S = networks.contraction(layer)
        if G is None:
            X, G = numbers(key, "X_1", t=t, S=S, M=M), 0.0
        else:
            X = numbers(key, "X_l", w=w, S=S, s_w=s_w, X=X, M=M, t=t, G=G)
        G = numbers(key, "G_l", S=S, M=M, s_w=s_w, G=G)
        gaps.append(G)
    return gaps, X


@pytest.mark.parametrize("name", ["tanh", "relu"])
def test_t16_is_common_law_from_cost(rng, name):
    x, sigma = rng.standard_normal((6, 2)), KNOWN[name]
    V, omega, M, t, variance, K, beta, R = rng.uniform(0.2, 2, 8) * [1, 1, 1, 0.4, 0.1, 1, 1, 1]
    found = common_law_from_cost(
        M, name, inputs=x, largest_output=V, scale=omega, variance=variance, t=t
    )
    second = np.linalg.norm(x.T @ x / len(x), 2)
    fourth = np.linalg.norm((x.T * np.square(x).sum(axis=1)) @ x / len(x), 2)
    lam, H = sigma.lipschitz * second**0.5, sigma.curvature * fourth**0.5
    b = (sigma.slopes[1] - sigma.slopes[0]) * (fourth**0.25 if np.isfinite(H) else second**0.5)
    by_gap, by_curvature = (line for line in registry()["T16"].formulas if line.left == "c")
    lines = [by_gap.value(V=V, B=huber("T1", b, H), M=M, lam=lam, omega=omega)]
    assert value(by_gap, V=V, B=huber("T1", b, H), M=M, lam=lam, omega=omega) == near(lines[0])
    if np.isfinite(H):
        lines.append(by_curvature.value(V=V, H=H, lam=lam, omega=omega, M=M))
        assert value(by_curvature, V=V, H=H, lam=lam, omega=omega, M=M) == near(lines[1])
    c, tau = min(lines), t * (1 - t)
    assert near(found.curve) == c
    Q = numbers("T16", "Q", c=c, Var=variance, M=M)
    assert near(found.second_moment) == Q
    first, second_line = registry()["T16"].formulas[:2]
    assert near(found.lipschitz_barrier(K)) == first.value(K=K, c=c)
    assert near(found.smooth_barrier(beta, R)) == second_line.value(tau=tau, beta=beta, R=R, Q=Q)


def test_t16_by_hidden_weights_alone_is_coherent_error_bound(rng):
    x = rng.standard_normal((6, 2))
    V, G, s, M, t = rng.uniform(0.2, 2, 5) * [1, 1, 1, 1, 0.4]
    law = OutputLaw(size=V, lipschitz=G, noise=s)
    found = coherent_error_bound(M, 9, "tanh", law, inputs=x, t=t)
    neuron_ = neuron_on_data("tanh", output=1.0, inputs=x)
    bound = numbers(
        "T16", r"\mathbb E \|e_t\|", tau=t * (1 - t), V=V, G=G, s=s, lam=neuron_.lipschitz, Mw=M,
        m=9, B=huber("T1", neuron_.spread, neuron_.curvature),
    )  # fmt: skip
    assert near(found.coherent + found.fluctuation) == bound


def d8(left, **given):
    return numbers("D8", left, **given)


def test_d8_is_error_quantile(rng):
    x, t, widths, delta = rng.standard_normal((8, 3)), float(rng.uniform(0.2, 0.8)), (9, 40), 0.05
    nets = ensemble(x, 2, "tanh", s_w=1.3, s_b=0.2)
    costs, tau = (0.3, 0.2), t * (1 - t)
    h, common = _largest_norm(t, 0.0, 1.0), {"L": 2, "delta": delta}
    nu = [float(nets.laws[0].spectrum.max()) ** 0.5]
    nu.append(
        d8(
            r"\nu_l", **common, l=2, s_w=1.3, ell=1.0, theta=1.69, lam=nets.laws[1].second_moment,
            nu=lambda j: nu[int(j) - 1], m=lambda j: widths[int(j) - 1],
        )
    )  # fmt: skip
    means, J, T = [nets.contraction(1).chord(costs[0], t)], [], 0.0
    means.append(d8(r"\bar x_l", kappa=1.0, s_w=1.3, X=means[0], M=costs[1], tau=tau))
    for l in (1, 2):  # noqa: E741  as printed
        J.append(d8("J_i", h=h, nu=nu[l - 1], tau=tau, ell=1.0, s_w=1.3, T=T))
        steps = [
            d8("a_i", theta=1.69, l=l, i=i, J=J[i - 1], nu=nu[i - 1], tau=tau, ell=1.0)
            for i in range(1, l + 1)
        ]
        given = {"a": lambda i, a=steps: a[int(i) - 1], "m": lambda i: widths[int(i) - 1]}
        T = d8(r"\sqrt{\bar T_l}", **common, l=l, tau=tau, x=means[l - 1], **given) ** 2
    assert near(quantile_from_costs(costs, widths, nets, delta, t=t).hidden) == T


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
def test_d1_is_error_bound(rng, activation):
    nets = ensemble(rng.standard_normal((7, 4)), 3, activation, s_w=rng.uniform(0.5, 2), s_b=0.3)
    t = float(rng.uniform(0.1, 0.9))
    found = error_bound((8, 30, 60), nets, t=t, s_out=1.3, n_out=2)
    gaps, X = recursion("D1", nets, found.matching_cost, t)
    assert found.gap == near(tuple(gaps))
    left = r"\mathbb E |f_t - \bar f|^2"
    assert found.value == near(numbers("D1", left, s_out=1.3, n_out=2, t=t, X=X))


@pytest.mark.parametrize("below", [0.0, 0.01])
def test_d1s_is_simulated_layers(below, monkeypatch):
    """With what is taken off set by hand."""
    nets, t = ensemble(np.random.default_rng(0).standard_normal((7, 4)), 2, "tanh"), 0.3

    def layers_with(taken):
        monkeypatch.setattr(simulated, "_mean_below", lambda draws, share: taken)
        rng = np.random.default_rng(1)
        return simulated_layers((8, 16), nets, times=(t,), repeats=64, delta=0.1, rng=rng)

    layers, U = layers_with(below), layers_with(0.0).costs
    assert layers.costs[1] == near(numbers("D1s", r"\hat M_l", U=U[1], C=below, s_w=nets.s_w))
    S = nets.contraction(1)
    given = {"S": S.best(U[0]), "M": U[0], "V": below}
    assert layers.first[t][0] == pytest.approx(numbers("D1s", r"\hat G_1", **given), rel=0.01)
    X = numbers("D1s", r"\hat X_1", t=t, **{**given, "S": S})
    # lines are the best at another cost
    assert layers.first[t][1] == pytest.approx(X, rel=0.01)
    options = {"s_out": 1.3, "n_out": 2}
    found = bound_from_costs(layers.costs, nets, t=t, first=layers.first[t], **options)
    w, G = numbers("D1", "w", t=t), layers.first[t][0]
    step = {"S": nets.contraction(2), "M": layers.costs[1], "s_w": nets.s_w, "G": G}
    X = numbers("D1", "X_l", w=w, X=layers.first[t][1], t=t, **step)
    left = r"\mathbb E |f_t - \bar f|^2"
    assert found.value == near(numbers("D1s", left, t=t, X=X, **options))


def test_d3_is_the_towers(rng):
    eps, m_0, T = 0.5, 5, rng.uniform(1, 1.2, 2)
    first = numbers("D3", r"\tilde m_l", T=T[0], eps=eps, m=m_0)
    second = numbers("D3", r"\tilde m_l", T=T[1], eps=eps, m=first)
    assert [float(m) for m in ferbach_deep(eps, m_0, 2, T)] == near([first, second])
    ferbach, entezari = registry()["D3"].formulas[1:]
    for formula, tower in (
        (ferbach, ferbach_two_layer(eps, m_0)),
        (entezari, entezari_two_layer(eps, m_0)),
    ):
        assert value(formula, eps=eps, m_0=m_0) == near(formula.value(eps=eps, m_0=m_0))
        assert float(tower) == near(formula.value(eps=eps, m_0=m_0))


def test_d4_is_low_dimensional_bound(rng):
    law, m, eta = Gaussian(spectrum=[1.0, 0.4]), int(rng.integers(2, 500)), rng.uniform(0.01, 1)
    M = upper_bound(law, m).value
    for formula, independent in zip(registry()["D4"].formulas, (False, True), strict=True):
        found = low_dimensional_bound(law, m, eta, independent=independent)
        assert found == near(formula.value(M=M, eta=eta))
        assert found == near(value(formula, M=M, eta=eta))


def test_d4_has_its_crossover_where_both_parts_are_equal():
    law, (_, independent) = Gaussian(spectrum=[1.0, 0.4]), registry()["D4"].formulas
    m, eta = crossover_width(law, 0.5), 0.5
    before, at = (upper_bound(law, k).value for k in (m - 1, m))
    assert independent.value(M=at, eta=eta) <= 4 * eta**2 < independent.value(M=before, eta=eta)


def test_d5_is_non_gaussian_cost():
    law, m = Gaussian(spectrum=[1.0, 0.2]), 300
    for marginal in (Laplace(), TruncatedNormal(cut=1.0)):
        ((s_squared, v),) = gaussian_parts(marginal)
        given = {"s": s_squared**0.5, "v": v, "trace": 1.2, "m": m}
        found = numbers("D5", "M(m)", F=lambda m: upper_bound(law, int(m)).value, **given)
        assert non_gaussian_cost(marginal)(law, m) == near(min(found, 2.4))


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_d6_is_dropout_bound(rng, activation):
    nets = ensemble(rng.standard_normal((7, 4)), 3, activation, s_w=rng.uniform(0.5, 2))
    widths, Y = (8, 30, 60), 0.0
    for layer, m in enumerate(widths, start=1):
        M = upper_bound(nets.laws[layer - 1], m // 2).value
        Y = numbers("D6", "Y_l", S=nets.contraction(layer), s_w=nets.s_w, Y=Y, M=M)
    found = dropout_bound(widths, nets, s_out=1.3, n_out=2).value
    assert found == near(numbers("D6", r"\mathbb E |\tilde f - f|^2", s_out=1.3, n_out=2, Y=Y))


@pytest.mark.parametrize("name", ["relu", "erf"])
def test_p1_is_coherent_error_bound(rng, name):
    M, Mx, V, G, s, D, R, t = rng.uniform(0.1, 1, 8) * [1, 0.05, 1, 1, 1, 1, 1, 1]
    x, N, sigma = rng.standard_normal((9, 3)), int(rng.integers(1, 99)), KNOWN[name]
    law = OutputLaw(size=V, lipschitz=G, noise=s)
    found = coherent_error_bound(M, N, name, law, inputs=x, data_cost=Mx, t=t)
    fourth = np.linalg.norm((x * np.square(x).sum(1, keepdims=True)).T @ x / 9, 2)
    alpha, beta = sigma.slopes
    b, H = (beta - alpha) * fourth**0.25, sigma.curvature * fourth**0.5
    constants = neuron_on_data(name, output=1.0, inputs=x)
    assert (constants.spread, constants.curvature) == near((b, H))
    tau, ell = numbers("P1", r"\tau", t=t), sigma.lipschitz
    c = numbers("P1", "c", tau=tau, V=V, B=huber("T1", b, H), M=M, Mx=Mx, G=G, ell=ell)
    noise = {"s": s, "ell": ell, "Mx": Mx, "N": N, "tau": tau}
    assert found.coherent == near(c)
    fluctuation = numbers("P1", r"\mathbb E \|e_t - \mathbb E e_t\|^2", **noise)
    assert found.fluctuation**2 == near(fluctuation)
    barrier = numbers("P1", r"\mathbb E\,\mathrm{barrier}(t)", D=D, R=R, c=c, **noise)
    assert found.squared_loss_barrier(R, D) == near(barrier)


# ---- S6, S7


def test_s6_is_chord_distance_chord_barrier_and_sagitta(rng):
    K, t, G, beta, kappa, ell = rng.uniform(0.1, 1, 6)
    distance, rise, arc = registry()["S6"].formulas
    delta = numbers("S6", distance.left, K=K, t=t)
    assert chord_distance(K, t) == near(delta)
    risen = numbers("S6", rise.left, G=G, delta=delta, beta=beta)
    assert chord_barrier(K, beta, t, slope=G) == near(risen)
    assert sagitta(kappa, ell) == near(numbers("S6", arc.left, kappa=kappa, ell=ell))


def test_s7_is_orbit_error(rng):
    s, u, phi = rng.standard_normal((3, 4))
    t = float(rng.random())
    given = {name: lambda k, x=x: x[int(k) - 1] for name, x in (("s", s), ("u", u), ("phi", phi))}
    found = orbit_error(np.diag(np.exp(s)), phi[None], u[None], t)
    assert float(found[0, 0]) == near(numbers("S7", "f_t - f", t=t, m=4, **given))
