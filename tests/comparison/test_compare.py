"""The comparison: its numbers against the functions they come from, and what follows."""

import json
import re

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.comparison import SECTIONS, compare
from lmctheory.layerwise import layer_barriers
from lmctheory.matching import match
from lmctheory.networks import CNN, Examples, ResNet20
from lmctheory.paths import barrier, certified_barrier, certify
from tests.comparison.pairs import Attention, finetuned, permuted, trained

ALL = [section.name for section in SECTIONS]


def first_table(found, section="barriers"):
    return {row[next(iter(row))]: row for row in found.parts[section].tables[0].records}


def test_numbers_are_those_of_the_functions():
    a, b, digits = trained()
    data = digits.test[:40]
    found = compare(a, b, data, methods=("weight",), points=9)
    assert list(found.parts) == ALL[:-1]  # no prediction without narrow networks
    aligned = match(a, b, "weight", data).apply(b)
    rows = first_table(found)
    for name, other in (("unmatched", b), ("weight", aligned)):
        expected = barrier(a, other, data, 9)
        assert rows[name]["barrier at 1/2"] == pytest.approx(expected.midpoint, abs=1e-5)
        assert rows[name]["largest barrier"] == pytest.approx(expected.max, abs=1e-5)
        assert rows[name]["at t"] == expected.t[1 + expected.barrier[1:-1].argmax()]
        assert rows[name]["accuracy lost at 1/2"] == pytest.approx(
            expected.midpoint_accuracy_drop, abs=1e-6
        )
        certified = first_table(found, "certificates")[name]
        whole = certify(a, other, data, complete=True)
        assert certified["accuracy for every t"] == whole.accuracy
        assert certified["accuracy at most"] == whole.attainable
        interval = certified_barrier(a, other, data).max
        assert certified["barrier at least"] == interval.lower
        assert certified["barrier at most"] == interval.upper
    layers = first_table(found, "layers")
    expected = layer_barriers(a, aligned, data, points=3)
    for k, (name,) in enumerate(expected.subsets):
        row = layers[name]
        assert row["barrier against A and B"] == pytest.approx(expected.full.midpoint[0, k])
        assert row["barrier against A and B error"] == pytest.approx(
            expected.full.midpoint_error[0, k]
        )
    for row in first_table(found, "costs").values():
        assert 0 < row["lower bound"] < row["upper bound"] < row["random order"]
        assert row["weight"] < row["unmatched"]


def test_networks_trained_apart_have_a_barrier_that_matching_lowers():
    found = compare(*trained()[:2], trained()[2].test[:150], methods=("weight",)).findings
    seen = r"Without matching there is a barrier at the midpoint: [01]\.\d"
    assert any(re.match(seen, s) for s in found)
    assert any(re.match(r"Matching by \w+ lowers the loss .*% of the barrier", s) for s in found)
    assert any(re.match(r"Certified: the largest barrier over all t \(\w+\) is", s) for s in found)
    assert any(re.match(r"Certified: \S+ % of the examples are classified", s) for s in found)


def test_a_network_and_its_own_permutation_are_told():
    a, b, digits = permuted()
    found = compare(a, b, digits.test, methods=("weight",)).findings
    assert "Every neuron of B has its equal in A: the matching costs nothing." in found
    assert any("linearly connected as far as these examples show" in s for s in found)
    assert not any("A barrier is left" in s for s in found)


def test_networks_with_a_common_past_need_no_matching():
    a, b, digits = finetuned()
    found = compare(a, b, digits.test, methods=("weight",)).findings
    assert any("Without matching no barrier is to be seen" in s or "is better" in s for s in found)
    assert any(s.startswith("No matching lowers the loss") for s in found)
    assert any("lies below L" in s for s in found)


class Summed(nn.Module):
    """An operation that nothing encloses."""

    def forward(self, x):
        return x.cumsum(1)


def test_what_has_no_certificate_or_no_classes_says_so():
    rng = torch.Generator().manual_seed(0)
    data = Examples(torch.randn(4, 64, generator=rng), torch.randn(4, 10), "squared")
    some = {"methods": (), "points": 5, "sections": ["networks", "barriers", "certificates"]}
    found = compare(Attention(0), Attention(1), data, **some)
    row = first_table(found, "certificates")["unmatched"]
    assert row["function error at 1/2"] is None
    assert 0 <= row["barrier at least"] <= row["barrier at most"]
    sums = (nn.Sequential(nn.Linear(64, 10), Summed(), nn.Linear(10, 10)) for _ in range(2))
    unknown = compare(*sums, data, **some)
    [note] = unknown.parts["certificates"].notes
    assert note.startswith("No certificate: ")
    assert "cumsum" in note
    assert first_table(found)["unmatched"]["accuracy lost at 1/2"] is None
    assert first_table(found, "networks")["network A"]["accuracy"] is None
    cnn = [CNN((1, 8, 8), (3, 4), 10, rng=rng) for _ in range(2)]
    images = Examples(data.inputs.view(-1, 1, 8, 8), data.labels, "squared")
    values = compare(*cnn, images, **some)
    assert first_table(values, "certificates")["unmatched"]["accuracy for every t"] is None
    assert any(s.startswith("Certified: the largest barrier") for s in values.findings)
    assert not any("of the examples are classified" in s for s in values.findings)


@pytest.mark.slow
def test_batch_norm_is_measured_anew_as_well():
    rng = torch.Generator().manual_seed(0)
    a, b = (ResNet20((1, 8, 8), 10, 2, rng=rng) for _ in range(2))
    few = trained()[2].test[:40]
    images = Examples(few.inputs.view(-1, 1, 8, 8), few.labels)
    found = compare(a, b, images, methods=("weight",), points=3, sections=["barriers", "layers"])
    rows = first_table(found)
    assert list(rows) == ["unmatched", "weight", "unmatched, reset", "weight, reset"]
    expected = barrier(a, b, images, 3, reset_batch_norm=images.inputs)
    assert rows["unmatched, reset"]["barrier at 1/2"] == pytest.approx(expected.midpoint, abs=1e-5)
    assert "measured anew" in found.parts["barriers"].tables[0].caption


def test_networks_without_symmetries_are_compared_as_they_are():
    a, b = (nn.Linear(64, 10) for _ in range(2))
    found = compare(a, b, trained()[2].test[:20])
    assert "No neurons of these networks can be permuted." in found.parts["permutable"].notes
    assert list(first_table(found)) == ["unmatched"]
    same = compare(a, a, trained()[2].test[:20], sections=["networks"])
    assert same.findings == ("A and B have the same weights.",)


def test_results_come_in_every_form():
    a, b, digits = trained()
    found = compare(a, b, digits.test[:20], methods=("weight",), points=3)
    plain = json.loads(json.dumps(found.to_dict()))
    assert list(plain) == ALL[:-1]
    assert plain["barriers"]["tables"]["Barriers on the segment"][0]["alignment"] == "unmatched"
    assert r"\begin{tabular}{lrrrrr}" in found.to_latex(label="tab:b")
    assert found.to_frame("costs").shape[0] == 2
    assert "Barriers on the segment" in repr(found)
    for section in ("barriers", "costs", "layers", "features"):
        assert found.plot(section).get_ylabel()
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    assert found.plot("barriers", axes) is axes
    with pytest.raises(ValueError, match="section must be one of"):
        found.plot("networks")
    with pytest.raises(ValueError, match="section must be one of"):
        found.to_frame("nothing")


def test_networks_are_left_as_they_are():
    a, b, digits = trained()
    a.train()
    before = {name: tensor.clone() for name, tensor in a.state_dict().items()}
    state = torch.random.get_rng_state()
    compare(a, b, digits.test[:10], points=3)
    assert a.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in a.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), state)
    a.eval()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"methods": ("best",)}, "methods must be one of"),
        ({"sections": ("all",)}, "sections must be one of"),
        ({"points": 4}, "points must be odd"),
        ({"loss": "hinge"}, "loss must be one of"),
    ],
)
def test_bad_options_are_refused_before_any_work(options, message):
    a, b, digits = trained()
    with pytest.raises(ValueError, match=message):
        compare(a, b, digits.test, **options)


def test_errors_fall_with_the_root_of_the_examples():
    a, b, digits = trained()
    errors = [
        first_table(compare(a, b, digits.train[:n], methods=(), sections=["barriers"], points=3))[
            "unmatched"
        ]["barrier at 1/2 error"]
        for n in (100, 1400)
    ]
    assert np.log(errors[0] / errors[1]) == pytest.approx(0.5 * np.log(14), abs=0.3)
