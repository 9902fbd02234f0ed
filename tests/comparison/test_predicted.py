"""What narrower networks predict, as a section of the comparison."""

import numpy as np
import pytest
import torch

from lmctheory.comparison import compare
from lmctheory.matching import match
from lmctheory.networks import MLP, TrainingConfig, load_dataset, seeded_generators, train_many
from lmctheory.paths import barrier, interpolate
from lmctheory.prediction import predict_barrier

DIGITS = load_dataset("digits")
DATA = DIGITS.test[:100]


def trained(width, count, first=0):
    seeds = range(first, first + count)
    initial = [MLP((64, width, 10), rng=seeded_generators(seed)[0]) for seed in seeds]
    return train_many(initial, DIGITS.train, TrainingConfig(epochs=3), seeds=seeds)


def untrained(widths, activation="relu"):
    rng = torch.Generator().manual_seed(0)
    return [MLP(widths, activation, rng=rng) for _ in range(6)]


@pytest.fixture(scope="module")
def networks():
    return trained(16, 2, 50), {width: trained(width, 6) for width in (4, 8)}


@pytest.fixture(scope="module")
def found(networks):
    pair, narrow = networks
    sections = ["barriers", "prediction"]
    return compare(
        *pair, DATA, methods=("weight", "loss"), points=5, sections=sections, narrow=narrow
    )


def test_numbers_are_those_of_the_functions(networks, found):
    (a, b), narrow = networks
    # the loss needs labels: not predicted
    row, error = found.parts["prediction"].tables[0].records
    expected = predict_barrier(narrow, 16, DATA, method="weight", points=5, rng=0)
    assert row["alignment"] == "weight"
    assert (row["predicted"], row["at least"], row["at most"]) == (
        *(expected.max, *expected.interval),
    )
    aligned = match(a, b, "weight", DATA).apply(b)
    assert row["this pair"] == pytest.approx(barrier(a, aligned, DATA, 5).barrier[1:-1].max())
    assert (error["predicted"], error["at least"], error["at most"]) == (
        *(expected.function_error, *expected.function_error_interval),
    )
    with torch.no_grad():
        outputs = [model(DATA.inputs) for model in (a, aligned, interpolate(a, aligned, 0.5))]
    apart = outputs[2] - (outputs[0] + outputs[1]) / 2
    assert error["this pair"] == pytest.approx(float(apart.square().sum(1).mean().sqrt()), rel=1e-4)
    [sentence] = found.parts["prediction"].findings
    within = expected.interval[0] <= row["this pair"] <= expected.interval[1]
    assert ("lies within" in sentence) == within


def test_the_picture_shows_both_curves(found):
    axes = found.plot("prediction")
    pair, predicted = axes.lines
    assert pair.get_xdata().tolist() == predicted.get_xdata().tolist()
    assert predicted.get_label() == "weight, predicted"
    assert np.abs(predicted.get_ydata()[[0, -1]]).max() < 1e-9
    row, _ = found.parts["prediction"].tables[0].records
    [band] = axes.collections
    assert band.get_paths()[0].vertices[:, 1].max() == pytest.approx(row["at most"])


def test_what_cannot_be_predicted_says_so(networks):
    (a, b), narrow = networks
    same = {m: [narrow[m][0]] * 6 for m in narrow}  # without a barrier
    part = compare(a, b, DATA, methods=("weight",), sections=["prediction"], narrow=same).parts
    assert part["prediction"].notes[0].startswith("Nothing is predicted after weight matching: ")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"sections": ["prediction"]}, "narrow networks must be given"),
        ({"narrow": {16: []}}, "width"),
        ({"narrow": {8: []}}, "narrow must hold 6 or more of the widest, 8, got 0"),
        ({"narrow": {8: untrained((64, 8, 10))}}, r"networks of two widths or more, .*got \[8\]"),
        ({"narrow": {8: untrained((64, 8, 8, 10))}}, r"narrow\[8\]\[0\] must differ .* relu, relu"),
        ({"narrow": {8: untrained((64, 8, 10), "tanh")}}, "in width alone, .* tanh, 10 outputs"),
        ({"narrow": {8: untrained((60, 8, 10))}}, "got 60 inputs"),
    ],
)
def test_bad_input_is_named_before_any_work(networks, changes, named):
    with pytest.raises(ValueError, match=named):
        compare(*networks[0], DATA, **changes)


def test_pairs_that_nothing_is_predicted_for_are_refused():
    rng = torch.Generator().manual_seed(0)
    uneven = [MLP((64, 16, 12, 10), rng=rng) for _ in range(2)]
    with pytest.raises(ValueError, match="narrow networks: hidden layers must be of one width"):
        compare(*uneven, DATA, narrow={8: untrained((64, 8, 8, 10))})
