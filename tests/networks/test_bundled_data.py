"""Tables that scikit-learn holds, and Gaussian mixtures whose Bayes error is known."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes

from lmctheory.networks import (
    DATASETS,
    MLP,
    TrainingConfig,
    load_dataset,
    mixture_bayes_error,
    mixture_dataset,
    seeded_generators,
    train_many,
)
from lmctheory.networks.bundled_tables import standardised
from lmctheory.networks.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from lmctheory.paths import barrier


@pytest.mark.parametrize(
    ("name", "sizes", "classes", "outputs", "loss"),
    [
        ("breast_cancer", (455, 114, 30), 2, 1, BinaryCrossEntropy()),
        ("diabetes", (353, 89, 10), 0, 1, SquaredError()),
        ("mixture", (2048, 1024, 20), 10, 10, CrossEntropy()),
    ],
)
def test_sets_have_their_sizes_losses_and_units(name, sizes, classes, outputs, loss):
    data = load_dataset(name)
    assert (len(data.train), len(data.test), data.train.inputs.shape[1]) == sizes
    assert (data.name, data.classes, data.outputs, data.train.loss) == (
        name,
        classes,
        outputs,
        loss,
    )
    assert data.train.inputs.dtype == data.test.inputs.dtype == torch.float32
    # standardised on the training part, and only there
    assert torch.allclose(data.train.inputs.mean(0), torch.zeros(sizes[2]), atol=1e-5)
    assert torch.allclose(data.train.inputs.std(0, correction=0), torch.ones(sizes[2]), atol=1e-5)
    assert data.test.inputs.mean(0).abs().max() > 1e-3
    if classes:
        assert set(data.train.labels.tolist()) == set(range(classes))
    else:
        assert tuple(data.train.labels.shape) == (353, 1)
        assert float(data.train.labels.std(correction=0)) == pytest.approx(1, abs=1e-5)
    same, other = load_dataset(name), load_dataset(name, split_seed=1)
    assert torch.equal(same.test.inputs, data.test.inputs)
    assert not torch.equal(other.test.inputs, data.test.inputs)


@pytest.mark.parametrize(
    ("name", "load"), [("breast_cancer", load_breast_cancer), ("diabetes", load_diabetes)]
)
def test_no_row_is_lost_or_in_both_parts(name, load):
    rows, targets = load(return_X_y=True)
    data = load_dataset(name)
    inputs = torch.cat([data.train.inputs, data.test.inputs]).double().numpy()
    labels = torch.cat([data.train.labels, data.test.labels]).double().flatten().numpy()
    # an affine map of each column brings the table back, in another order
    found, first = inputs[np.argsort(inputs[:, 3])], rows[np.argsort(rows[:, 3])]
    slope, at_zero = np.polyfit(found[:, 3], first[:, 3], 1)
    assert np.allclose(slope * found[:, 3] + at_zero, first[:, 3], atol=1e-4 * np.ptp(rows[:, 3]))
    both, whole = np.corrcoef(inputs.T, labels), np.corrcoef(rows.T, targets)
    assert np.allclose(both, whole, atol=1e-5)


def test_classes_of_the_table_are_stratified():
    data = load_dataset("breast_cancer")
    shares = [float(part.labels.float().mean()) for part in (data.train, data.test)]
    assert shares[0] == pytest.approx(shares[1], abs=0.01)


def test_columns_that_do_not_vary_are_only_moved():
    train, test = standardised(np.array([[1.0, 2.0], [3.0, 2.0]]), np.array([[2.0, 5.0]]))
    assert train.tolist() == [[-1.0, 0.0], [1.0, 0.0]]
    assert test.tolist() == [[0.0, 3.0]]


@pytest.mark.parametrize(("classes", "separation"), [(2, 1.0), (3, 3.0), (10, 4.0)])
def test_the_nearest_mean_errs_as_often_as_it_must(classes, separation):
    """100,000 draws in the classes' own coordinates; 5 standard errors."""
    rng, n = np.random.default_rng(classes), 100_000
    z = rng.standard_normal((n, classes))
    z[:, 0] += separation / 2**0.5
    found = np.mean(z.argmax(axis=1) != 0)
    known = mixture_bayes_error(classes, separation)
    assert abs(found - known) < 5 * (known * (1 - known) / n) ** 0.5
    assert mixture_bayes_error(classes, 0.0) == pytest.approx(1 - 1 / classes)
    assert mixture_bayes_error(classes, 30.0) == pytest.approx(0, abs=1e-12)


def test_the_bayes_error_is_that_of_the_examples_drawn():
    """The classifier of the nearest class mean, means from many examples."""
    rng = torch.Generator().manual_seed(0)
    data = mixture_dataset(classes=4, inputs=6, separation=2.5, train=40_000, test=40_000, rng=rng)
    x, y = data.train.inputs.double(), data.train.labels
    means = torch.stack([x[y == c].mean(0) for c in range(4)])
    centred = x - means[y]
    inverse = torch.linalg.inv(centred.T @ centred / len(x))
    apart = data.test.inputs.double()[:, None] - means
    nearest = torch.einsum("ncd,de,nce->nc", apart, inverse, apart).argmin(1)
    known = mixture_bayes_error(4, 2.5)
    error = float((nearest != data.test.labels).double().mean())
    assert abs(error - known) < 5 * (known * (1 - known) / 40_000) ** 0.5 + 1e-3
    # all means are as far apart as the separation, in units of the deviation within classes
    for c in range(1, 4):
        gap = means[0] - means[c]
        assert float(gap @ inverse @ gap) ** 0.5 == pytest.approx(2.5, rel=0.03)


@pytest.mark.parametrize("name", ["breast_cancer", "diabetes"])
def test_networks_learn_from_them(name):
    data = load_dataset(name)
    widths = (data.train.inputs.shape[1], 16, data.outputs)
    initial = [MLP(widths, rng=seeded_generators(seed)[0]) for seed in (0, 1)]
    config = TrainingConfig(epochs=20, batch_size=32, learning_rate=0.05)
    a, b = train_many(initial, data.train, config, seeds=[0, 1])
    found = barrier(a, b, data.test)
    before = barrier(*initial, data.test)
    assert found.loss[[0, -1]].mean() < 0.8 * before.loss[[0, -1]].mean()
    assert np.isnan(found.accuracy).all() == (name == "diabetes")


def test_names_are_complete_and_bad_arguments_are_refused():
    assert sorted(DATASETS) == list(DATASETS)
    with pytest.raises(ValueError, match="data_dir is for sets of files, and diabetes has none"):
        load_dataset("diabetes", data_dir=Path())
    rng = torch.Generator().manual_seed(0)
    for options, message in (
        ({"classes": 1}, "classes must"),
        ({"classes": 5, "inputs": 4}, "inputs must"),
        ({"separation": -1.0}, "separation must"),
        ({"train": 1}, "train must"),
        ({"test": 0}, "test must"),
    ):
        with pytest.raises(ValueError, match=message):
            mixture_dataset(rng=rng, **options)
    with pytest.raises(ValueError, match="classes must"):
        mixture_bayes_error(1, 1.0)
