"""The formulas of T12 to T15 as they are printed, against what is computed."""

import numpy as np
import pytest
from printed import value

from lmctheory.theorems import registry
from lmctheory.widths.neuron_constants import Neuron
from lmctheory.widths.trained_pair import (
    Growth,
    Schedule,
    Task,
    descend,
    loss_growth,
    mean_coupling,
)
from lmctheory.widths.trained_pair.growth import pair_growth, stability_bound
from lmctheory.widths.trained_pair.norms import StepNorms, propagate
from lmctheory.widths.trained_pair.weighting import uneven_growth

BETA = 2.0
TASK = Task(np.eye(2), np.ones((2, 1)))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def _agree(formula, expected, **given):
    assert formula.value(**given) == pytest.approx(expected, rel=1e-8)
    assert value(formula, **given) == pytest.approx(expected, rel=1e-8)


def _step(rng, neurons=5):
    transfer, curvature, features, gain = rng.uniform(0.5, 1.5, (4, neurons))
    return StepNorms(0.1, 0.9, transfer, curvature, features, gain, *np.zeros((2, neurons)))


def _formula(key, left, number=0):
    return [formula for formula in registry()[key].formulas if formula.left == left][number]


def test_a_step_of_t12(rng):
    step = _step(rng)
    given = {
        "q": step.transfer.max(),
        "L": step.curvature.max(),
        "K": np.square(step.features).mean() ** 0.5,
        "s": 0.1,
        "c": 0.9,
        "beta": BETA,
    }
    _agree(_formula("T12", "M'"), stability_bound([step], 3.0, TASK), M=3.0, **given)


def test_losses_of_t12(rng):
    constants = Neuron(lipschitz=1.1, curvature=0.7, spread=1.0, bend=0.7, mixed=0.0)
    steps, losses, mu = rng.uniform(0.01, 0.1, 4), rng.uniform(0.1, 1, (2, 4)), 0.3
    kappa = [
        _formula("T12", r"\kappa_k").value(
            H=0.7, beta=BETA, l=lambda k, x=x: x, r=lambda k, y=y: y, k=1
        )
        for x, y in losses.T
    ]
    assert kappa == pytest.approx((0.7 * np.sqrt(losses).sum(axis=0)).tolist(), rel=1e-12)
    given = {
        "w": 1.0,
        "n": 4,
        "K": 1.1,
        "beta": BETA,
        "c": lambda k: 1 - mu * steps[int(k) - 1],
        "s": lambda k: steps[int(k) - 1],
        "x": lambda k: kappa[int(k) - 1],
    }
    found = loss_growth(constants, steps, losses, decay=mu)
    _agree(_formula("T12", r"W_2(\text{trained})"), found, **given)


def test_steps_of_t13_and_coefficients_of_t14(rng):
    step, w, later = _step(rng), *rng.uniform(0.5, 2, (2, 5))
    first, second = uneven_growth(step, np.log(w), np.log(later), BETA)
    gain, A = step.gain, step.features
    sizes = {
        "G": (gain**2 / w).mean(),
        "P": (gain**2 * later / w).mean(),
        "X": ((later * A * step.curvature) ** 2 / w).mean() ** 0.5,
        "S": (later * A**2).mean(),
        "W": later.mean(),
        "s": 0.1,
        "c": 0.9,
        "beta": BETA,
    }
    V_1 = ((gain * later) ** 2 / w).mean() ** 0.5
    V_2 = (gain**2 * (later - later.mean()) ** 2 / w).mean() ** 0.5
    for number, (growth, V) in enumerate(((first, V_1), (second, V_2))):
        formula = _formula("T13", "E'", number)
        given = {name: sizes[name] for name in formula.symbols if name in sizes}
        _agree(formula, growth.factor, E=1.0, V=V, **given)
    a = 2 * 0.1 * 0.9 * sizes["W"] / BETA - 0.01 * sizes["S"]
    b = 0.1 * 0.9 * V_2 + 0.01 * sizes["X"]
    given = {"a": a, "b": b, "s": 0.1, "c": 0.9, "W": sizes["W"]}
    for name, coefficient in zip("fgh", second[:3], strict=True):
        formula = _formula("T14", name)
        own = {key: given[key] for key in formula.symbols}
        _agree(formula, coefficient, **own)


def test_the_recursion_of_t14():
    formula, E = registry()["T14"].formulas[0], 0.0
    growths = [(1.1, 0.2, 0.3, 0.05, 0.0), (0.9, 0.1, 0.4, 0.01, 0.2)]
    for f, g, h, left, kick in growths:
        E = formula.value(f=f, g=g, h=h, l=left, x=kick, E=E, v=2.0, N=30)
    found = mean_coupling([[Growth(*growth)] for growth in growths], np.full(2, 2.0), 30)
    assert found**2 == pytest.approx(E, rel=1e-12)
    given = {"f": 1.1, "g": 0.2, "h": 0.3, "l": 0.1, "x": 0.6, "E": 0.4, "v": 2.0, "N": 30}
    _agree(formula, formula.value(**given), **given)


def test_t15(rng):
    x = rng.standard_normal((9, 2))
    task, schedule = Task(x, np.tanh(x[:, :1])), Schedule(np.full(4, 0.05))
    w, v = rng.standard_normal((2, 6, 2))
    a, b = (descend(start, np.ones((6, 1)), task, schedule) for start in (w, w + 0.1 * v))
    found, parts = pair_growth(a, b, task, schedule, t=0.3), propagate(a, b, task, schedule)
    bound, F = registry()["T15"].formulas
    moved = parts.interaction + parts.left
    ones = np.ones((6, 1))
    gaps = [task.outputs(a.weights[k], ones) - task.outputs(b.weights[k], ones) for k in range(4)]
    residuals = [2 * np.square(gap).mean() ** 0.5 for gap in gaps]
    given = {
        "s": lambda k: 0.05,
        "l": lambda k: parts.gains[int(k) - 1] ** 2,
        "u": lambda k: residuals[int(k) - 1],
    }
    _agree(F, moved, K=4, z=parts.left, **given)
    H = np.linalg.norm(x * np.linalg.norm(x, axis=1, keepdims=True), 2) / 3
    H *= task.sigma.curvature
    end = a.weights[-1]
    f, f_1, f_2 = (
        task.outputs(weights, np.ones((6, 1)))
        for weights in (end - 0.7 * parts.images, end, end - parts.images)
    )
    near = np.square(f - 0.3 * f_1 - 0.7 * f_2).mean() ** 0.5
    through = bound.value(e=near, t=0.3, H=H, R=parts.linear, F=moved)
    whole = 0.3 * 0.7 * H * (parts.linear + moved) ** 2 / 2
    assert found.function_error_bound == pytest.approx(min(through, whole), rel=1e-6)
    _agree(bound, through, e=near, t=0.3, H=H, R=parts.linear, F=moved)
