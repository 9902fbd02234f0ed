"""Every public law, with arguments of every type, called as users call it."""

import numpy as np
import pytest

from lmctheory.measures import (
    Empirical,
    Gaussian,
    GaussianMixture,
    Laplace,
    LipschitzImage,
    LowRankPlusNoise,
    RademacherMixture,
    SubGaussianProduct,
    TruncatedNormal,
    Uniform,
    UniformBall,
    UniformCube,
    UniformSphere,
)
from tests.border import BAD, FORMS, PLAIN, refused, same

POINTS = np.array([[0.0, 1.0], [2.0, -1.0], [0.5, 4.0]])
COVARIANCE = np.array([[2.0, 1.0], [1.0, 2.0]])
ONE = Gaussian(spectrum=[1.0, 0.5])

LAWS = {
    "Gaussian": lambda f: Gaussian(spectrum=f.array([0.5, 2.0])),
    "Gaussian, covariance": lambda f: Gaussian(covariance=f.array(COVARIANCE)),
    "LowRankPlusNoise": lambda f: LowRankPlusNoise(f.integer(1), f.integer(3), f.number(0.5)),
    "UniformCube": lambda f: UniformCube(f.integer(3), f.number(0.5)),
    "UniformBall": lambda f: UniformBall(f.integer(3), f.number(0.5)),
    "UniformSphere": lambda f: UniformSphere(f.integer(3), f.number(0.5)),
    "Empirical": lambda f: Empirical(f.array(POINTS)),
    "GaussianMixture": lambda f: GaussianMixture(
        f.array([0.25, 0.75]), f.array(POINTS[:2]), [ONE, ONE]
    ),
    "SubGaussianProduct": lambda f: SubGaussianProduct(Uniform(), f.array([0.5, 2.0])),
    "TruncatedNormal": lambda f: TruncatedNormal(f.number(1.5)),
    "RademacherMixture": lambda f: RademacherMixture(f.number(0.5)),
    "LipschitzImage": lambda f: LipschitzImage(np.tanh, f.number(1.5), ONE),
}


def methods(law):
    """What a law computes, as functions of a form."""
    calls = {}
    if hasattr(law, "sample") and not hasattr(law, "transport"):
        calls["sample"] = lambda f: law.sample(f.integer(4), rng=f.rng(7))
    if hasattr(law, "transport"):
        calls["transport"] = lambda f: law.transport(f.array([-1.0, 0.5]))
        calls["sample"] = lambda f: law.sample((2, 3), rng=f.rng(7))
    for name in ("distance_cdf", "heat_trace", "mean_squared_displacement", "contraction"):
        if hasattr(law, name):
            calls[name] = lambda f, name=name: getattr(law, name)(f.array([0.5, 1.0]))
    if hasattr(law, "nested_partition"):
        calls["nested_partition"] = lambda f: law.nested_partition(f.integer(3))
    if hasattr(law, "split_half"):
        calls["split_half"] = lambda f: law.split_half(rng=f.rng(7))
    return calls


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
@pytest.mark.parametrize("make", LAWS.values(), ids=LAWS.keys())
def test_a_law_is_the_same_in_every_type(make, form, as_users_call):
    law, other = make(PLAIN), make(form)
    assert same(law, other)
    for name in ("spectrum", "second_moment", "diameter", "density_bound", "log_sobolev_constant"):
        assert same(getattr(law, name, None), getattr(other, name, None)), name
    for name, call in methods(law).items():
        assert same(call(PLAIN), methods(other)[name](form)), name


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
@pytest.mark.parametrize("make", [*LAWS.values(), lambda f: Laplace()], ids=[*LAWS, "Laplace"])
def test_bad_arguments_are_refused_by_name(make, bad, as_users_call):
    refused(make, bad)
    law = make(PLAIN)
    for name, call in methods(law).items():
        if name != "transport" or bad is not BAD["arrays with NaN"]:
            refused(call, bad)


def test_other_laws_arguments_are_refused_by_name(as_users_call):
    with pytest.raises(TypeError, match="base must be a law of neurons, got ndarray"):
        LipschitzImage(np.tanh, 1.0, POINTS)
    with pytest.raises(TypeError, match="F must be a function, got float"):
        LipschitzImage(1.0, np.tanh, UniformBall(2))
    for marginal in (Uniform, "uniform"):
        with pytest.raises(TypeError, match="marginal must be a law on the line, got"):
            SubGaussianProduct(marginal, [1.0])
    ball = UniformBall(POINTS.shape[1])
    for component, kind in (("Gaussian", "str"), (ball, "UniformBall")):
        with pytest.raises(TypeError, match=f"components must be Gaussians, .* type {kind}"):
            GaussianMixture([1.0], POINTS[:1], [component])
