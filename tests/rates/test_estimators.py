"""One contract for every estimator of dimension, on data of known dimension."""

import re

import numpy as np
import pytest

from lmctheory.rates.empirical import dimension as module
from lmctheory.rates.empirical import neighbour_dimension as neighbour_module
from lmctheory.rates.empirical.curve import Curve
from lmctheory.rates.empirical.monte_carlo import Estimate

POINTS = {
    "two-NN": module.two_nn_dimension,
    "maximum likelihood": module.maximum_likelihood_dimension,
    "correlation": module.correlation_dimension,
}


def covariance(points):
    return np.cov(points.T)


SPECTRAL = {
    "participation ratio": lambda x: module.participation_ratio(covariance(x)),
    "stable rank": lambda x: module.stable_rank(covariance(x)),
    "entropy rank": lambda x: module.entropy_rank(covariance(x)),
    "principal components (95 %)": lambda x: module.principal_components(covariance(x)),
}


def rotated(points, d=12, seed=9):
    rotation = np.linalg.qr(np.random.default_rng(seed).standard_normal((d, d)))[0]
    return points @ rotation[: points.shape[1]]


def data(name, m=1200):
    rng = np.random.default_rng(0)
    flat = rng.random((m, 3))
    round_ = rng.standard_normal((m, 3))
    t = 1 + rng.random(m)
    return {
        "line": rotated(flat[:, :1]),
        "plane": rotated(flat[:, :2]),
        "solid": rotated(flat),
        # a curved surface, whose covariance fills three directions
        "sphere": rotated(round_ / np.linalg.norm(round_, axis=1, keepdims=True)),
        "spiral": rotated(np.stack([t * np.cos(9 * t), t * np.sin(9 * t)], axis=1)),
        # noise far below the distance of neighbours
        "noisy plane": rotated(flat[:, :2]) + 1e-5 * rng.standard_normal((m, 12)),
        "clustered plane": rotated(0.1 * flat[:, :2] + 5 * rng.integers(0, 3, (m, 1))),
    }[name]


INTRINSIC = {
    "line": 1, "plane": 2, "solid": 3, "sphere": 2, "spiral": 1, "noisy plane": 2,
    "clustered plane": 2,
}  # fmt: skip
LINEAR = {"line": 1, "plane": 2, "solid": 3, "sphere": 3, "spiral": 2, "noisy plane": 2}


@pytest.mark.parametrize("estimator", POINTS)
@pytest.mark.parametrize("name", INTRINSIC)
def test_distances_see_the_intrinsic_dimension(estimator, name):
    assert POINTS[estimator](data(name)) == pytest.approx(INTRINSIC[name], rel=0.15)


@pytest.mark.parametrize("estimator", SPECTRAL)
@pytest.mark.parametrize("name", LINEAR)
def test_spectra_see_the_linear_hull(estimator, name):
    assert SPECTRAL[estimator](data(name)) == pytest.approx(LINEAR[name], rel=0.15)


@pytest.mark.parametrize("estimator", [*POINTS.values(), *SPECTRAL.values()])
def test_no_estimate_depends_on_units_place_or_order(estimator):
    x = data("sphere", 300)
    value = estimator(x)
    assert np.isfinite(value)
    for other in (1e-8 * x, 1e8 * x, x + 3.0, x[::-1], rotated(x, seed=4)):
        assert estimator(other) == pytest.approx(value, rel=1e-5)


def test_the_table_has_every_estimator():
    x = data("plane", 400)
    table = module.compare_dimensions(x)
    assert table == pytest.approx({name: f(x) for name, f in (SPECTRAL | POINTS).items()})


@pytest.mark.parametrize("estimator", POINTS.values())
def test_duplicates_count_once(estimator):
    x = data("plane", 300)
    assert estimator(np.repeat(x, 3, axis=0)) == pytest.approx(estimator(x))


@pytest.mark.parametrize("estimator", [*POINTS.values(), module.compare_dimensions])
def test_few_points_in_many_dimensions_and_constant_columns(estimator):
    x = np.random.default_rng(1).standard_normal((4, 30))
    x[:, 3] = 7.0
    result = estimator(x)
    assert np.isfinite(list(result.values()) if isinstance(result, dict) else result).all()


@pytest.mark.parametrize("estimator", [*POINTS.values(), module.compare_dimensions])
def test_bad_points_are_refused(estimator):
    for points, distinct in ((np.zeros((1, 3)), 1), (np.ones((9, 2)), 1), (np.eye(2), 2)):
        with pytest.raises(ValueError, match=f"at least 3 distinct ones, got {distinct}"):
            estimator(points)
    with pytest.raises(ValueError, match="points must be finite"):
        estimator(np.full((4, 2), np.nan))


def grid(k=10, d=2):
    axes = np.meshgrid(*[np.arange(float(k))] * d)
    return np.stack(axes, axis=-1).reshape(-1, d)


LATTICES = {
    "integers": grid(),
    "of a tenth": 0.1 * grid(),
    "cube": grid(5, 3),
    "float32": (np.float32(0.1) * grid(12)).astype(np.float32),
    "line": grid(50, 1),
    "far away": 0.1 * grid() + 1e4,
    "perturbed": grid() + 1e-12 * np.random.default_rng(0).standard_normal((100, 2)),
    "perturbed more": grid() + 1e-3 * np.random.default_rng(0).standard_normal((100, 2)),
    "repeated": np.repeat(grid(), 2, axis=0),
    "triangle": np.eye(3),
}


@pytest.mark.parametrize("lattice", LATTICES.values(), ids=LATTICES.keys())
@pytest.mark.parametrize("name", ["two-NN", "correlation"])
def test_a_lattice_has_no_dimension_that_ratios_of_distances_would_show(name, lattice):
    for scale in (1e-12, 0.1, 1.0, 3.0, 1e12):
        with pytest.raises(ValueError, match="all neighbours equally near, as on a lattice"):
            POINTS[name]((scale * lattice).astype(lattice.dtype))


def test_the_table_says_nan_where_an_estimator_makes_no_sense():
    table = module.compare_dimensions(grid())
    assert np.isnan([table["two-NN"], table["correlation"]]).all()
    assert table["stable rank"] == pytest.approx(2)
    # beyond the nearest four there are farther neighbours: no noise, the same at every scale
    for scale in (1e-12, 0.1, 3.0, 1e12):
        other = module.compare_dimensions(scale * grid())["maximum likelihood"]
        assert other == pytest.approx(table["maximum likelihood"], rel=1e-9)


@pytest.mark.parametrize("estimator", POINTS.values())
@pytest.mark.parametrize("noise", [0.0, 1e-15, 1e-12, 1e-9])
@pytest.mark.parametrize("copies", [2, 5])
def test_duplicates_with_a_little_noise_count_once(estimator, noise, copies):
    x = data("plane", 300)
    near = np.repeat(x, copies, axis=0)
    near = near + noise * np.random.default_rng(3).standard_normal(near.shape)
    assert estimator(near) == pytest.approx(estimator(x), rel=1e-3)
    rounded = near.astype(np.float32)
    assert estimator(rounded) == pytest.approx(estimator(x), rel=1e-3)


@pytest.mark.parametrize("estimator", POINTS.values())
@pytest.mark.parametrize("levels", [2, 16, 256, 4096])
def test_quantised_points_have_a_sound_dimension_or_none(estimator, levels):
    for d in (1, 2, 4):
        x = np.random.default_rng(d).random((500, d))
        quantised = np.rint(levels * x)
        try:
            value = estimator(quantised)
        except ValueError:
            assert levels**d < 50_000  # only where many of the cells are full
            continue
        assert 0 < value < 4 * d
        for scale in (1e-12, 0.1, 1e12):
            assert estimator(scale * quantised) == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("estimator", [*POINTS.values(), module.compare_dimensions])
@pytest.mark.parametrize("offset", [0.0, 0.1, 1e8])
def test_constant_points_have_no_dimension_whatever_their_rounding(estimator, offset):
    noise = 1e-16 * offset * np.random.default_rng(0).standard_normal((20, 3))
    for points in (np.full((20, 3), offset), offset + noise):
        with pytest.raises(ValueError, match="points must hold at least 3 distinct ones"):
            estimator(points)


@pytest.mark.parametrize("name", POINTS)
def test_samples_are_not_taken_for_lattices(name):
    """100 samples; each is refused with a chance of 1e-6 at most."""
    rng = np.random.default_rng(5)
    for _ in range(100):
        m, d = int(rng.integers(4, 60)), int(rng.integers(1, 6))
        assert np.isfinite(POINTS[name](rng.random((m, d))))


def test_regularity_is_judged_by_the_number_of_points():
    assert neighbour_module._plausible(1.0, 0.1, 2, 4) == 10
    with pytest.raises(ValueError, match="more regular than any sample in 2 dimensions"):
        neighbour_module._plausible(1.0, 0.1, 2, 1000)


def test_two_nn_agrees_with_its_definition():
    x = data("solid", 200)
    ratios = []
    for point in x:
        near = np.sort(np.linalg.norm(x - point, axis=1))
        ratios.append(near[2] / near[1])
    empirical = np.arange(1, 201) / 201
    logs, height = np.log(np.sort(ratios))[:180], -np.log(1 - empirical[:180])
    slope = np.linalg.lstsq(logs[:, None], height)[0][0]
    assert module.two_nn_dimension(x) == pytest.approx(slope)


def test_spectral_ranks_of_known_spectra():
    spectrum = np.array([1.0, 4.0, 3.0, 0.0])
    assert module.stable_rank(spectrum) == 2
    assert module.stable_rank(np.diag(spectrum)) == pytest.approx(2)
    q = spectrum[:3] / 8
    assert module.entropy_rank(spectrum) == pytest.approx(np.prod(q**-q))
    assert [module.principal_components(spectrum, f) for f in (0.4, 0.5, 0.51, 0.9, 1.0)] == [
        1, 1, 2, 3, 3,
    ]  # fmt: skip


def test_the_wasserstein_dimension_inverts_the_exponent():
    widths = (10, 100, 1000)
    curve = Curve(widths, tuple(Estimate(np.full(3, m**-0.25)) for m in widths), 2.0)
    assert module.wasserstein_dimension(curve) == pytest.approx(8)
    flat = Curve(widths, tuple(Estimate(np.full(3, m**0.25)) for m in widths), 2.0)
    with pytest.raises(ValueError, match=re.escape("curve must fall with the width")):
        module.wasserstein_dimension(flat)


def test_a_cost_that_falls_by_no_more_than_its_error_has_no_dimension():
    widths, rng = (10, 100, 1000), np.random.default_rng(0)
    for draws in (np.ones(3), 1 + 0.1 * rng.standard_normal(3)):
        curve = Curve(widths, (Estimate(draws),) * 3, 2.0)  # a slope of rounding
        with pytest.raises(ValueError, match="curve must fall with the width, beyond its errors"):
            module.wasserstein_dimension(curve)


def test_arguments_out_of_range_are_refused():
    x = data("plane", 50)
    for fraction in (0.0, 1.1):
        with pytest.raises(ValueError, match=re.escape("fraction must lie in (0, 1]")):
            module.principal_components(np.eye(2), fraction)
        with pytest.raises(ValueError, match=re.escape("fraction must lie in (0, 1]")):
            module.correlation_dimension(x, fraction)
    with pytest.raises(ValueError, match="neighbours must be >= 2, got 1"):
        module.maximum_likelihood_dimension(x, 1)
    with pytest.raises(ValueError, match="memory_limit must be >= 9800 bytes here, got 9799"):
        module.correlation_dimension(x, memory_limit=9799)
    for rank in (module.stable_rank, module.entropy_rank, module.principal_components):
        with pytest.raises(ValueError, match="S must not be zero"):
            rank(np.zeros(3))
