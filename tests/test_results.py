"""Results as plain numbers and words."""

import json
from dataclasses import dataclass, is_dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

import lmctheory as lmc
from lmctheory.networks import MLP, Examples
from lmctheory.results import Result, plain
from lmctheory.tables import as_json


def pair():
    rng = torch.Generator().manual_seed(0)
    a, b = (MLP((4, 5, 5, 3), rng=rng) for _ in range(2))
    return a, b, Examples(torch.randn(12, 4, generator=rng), torch.arange(12) % 3)


CALLS = {
    "barrier": lambda a, b, data: lmc.paths.barrier(a, b, data, 5),
    "certificate": lmc.paths.certificate,
    "certify": lmc.paths.certify,
    "certify complete": lambda a, b, data: lmc.paths.certify(a, b, data, complete=True),
    "certified_barrier": lmc.paths.certified_barrier,
    "certified_deviation": lmc.paths.certified_deviation,
    "least_barrier": lambda a, b, data: lmc.paths.least_barrier(a, b, data, budget=1.0),
    "decompose": lambda a, b, data: lmc.paths.decompose(a, b, data, 3),
    "match": lambda a, b, data: lmc.matching.match(a, b),
    "match_several": lambda a, b, data: lmc.matching.match_several([a, b]),
    "redundancy": lambda a, b, data: lmc.matching.redundancy(a, data),
    "spread": lambda a, b, data: lmc.matching.spread(a, b),
    "singular_alignment": lambda a, b, data: lmc.matching.singular_alignment(
        a.linears[1].weight, b.linears[1].weight, range(5), range(5)
    ),
    "layer_barriers": lmc.layerwise.layer_barriers,
    "layer_bounds": lmc.layerwise.layer_bounds,
    "curvature": lambda a, b, data: lmc.layerwise.curvature(a, b, data, 5),
    "interaction": lmc.layerwise.interaction_matrix,
    "features": lmc.layerwise.feature_connectivity,
    "vanishing": lambda a, b, data: lmc.layerwise.vanishing(a, a, b, data.inputs),
    "bound": lambda a, b, data: lmc.rates.upper_bound(lmc.measures.UniformCube(3), 64),
    "check": lambda a, b, data: lmc.theorems.registry()["T3"].check(
        rng=np.random.default_rng(0), quick=True
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_results_are_json(name):
    found = CALLS[name](*pair())
    assert isinstance(found, Result)
    content = json.loads(json.dumps(as_json(found.to_dict()), allow_nan=False))
    assert content


def test_properties_are_among_them():
    a, b, data = pair()
    found = lmc.paths.barrier(a, b, data, 5)
    content = found.to_dict()
    assert content["loss"] == found.loss.tolist()
    assert content["max"] == found.max
    assert content["midpoint"] == found.midpoint


def test_what_is_not_plain_becomes_words():
    @dataclass(frozen=True)
    class Part:
        size: int

    value = {
        ("a", 1): Part(3),
        2: {
            torch.ones(2),
        },
        "c": (np.float32(0.5), None, float),
    }
    assert plain(value) == {"a, 1": {"size": 3}, "2": [[1.0, 1.0]], "c": [0.5, None, repr(float)]}


def test_all_public_results_have_it():
    """Data classes that functions hand back, and that hold no network, data or configuration."""
    others = {
        "AffineChain",
        "Examples",
        "Dataset",
        "TrainingConfig",
        "Ensemble",
        "Neuron",
        "Study",
        "OutputLaw",
    }
    others |= {
        "Sweep",
        "Activation",
        "CalibratedNetwork",
        "NestedPartition",
        "Layer",
        "Proof",
        "Theorem",
    }
    others |= {"PermutationGroup", "Symmetry", "RotationSymmetry", "Space", "Deviation", "Path"}
    for package in (lmc.rates, lmc.widths, lmc.networks, lmc.matching, lmc.paths, lmc.layerwise):
        for name in package.__all__:
            kind = getattr(package, name)
            if isinstance(kind, type) and is_dataclass(kind) and name not in others:
                assert issubclass(kind, Result), name


def test_the_module_stands_apart():
    source = (Path(lmc.__file__).parent / "results.py").read_text()
    assert "from lmctheory" not in source
