"""No call changes what it is given, whatever the network does: every public function, bit for bit.

A call on a network that it cannot take must refuse it in the package's own words, and change
nothing either.
"""

import traceback
import warnings

import numpy as np
import pytest
import torch

from lmctheory import comparison, layerwise, matching, networks, paths
from lmctheory.comparison import compare
from lmctheory.networks import Examples, TrainingConfig
from lmctheory.networks.state import Evaluation
from tests.contracts.awkward import BUILD, built, data, fingerprint, saves, world
from tests.rarely import rarely

SHAPE = (2, 3)


def rng():
    return np.random.default_rng(0)


def generator():
    return torch.Generator().manual_seed(0)


def last(a):
    return layerwise.layers(a)[-1].name


def alpha(a):
    return np.full((1, len(layerwise.layers(a))), 0.5)


CALLS = {
    "affine_chain": lambda a, b, d: networks.affine_chain(a),
    "find_chain": lambda a, b, d: networks.find_chain(a),
    "train_many": lambda a, b, d: networks.train_many(
        [a, b], d, TrainingConfig(epochs=1, batch_size=4, learning_rate=0.01), seeds=(0, 1)
    ),
    "train_many sparse": lambda a, b, d: networks.train_many(
        [a, b],
        d,
        TrainingConfig(epochs=2, batch_size=4, learning_rate=0.01, optimiser="adam"),
        seeds=(0, 1),
        span=(1, 2),
        masks=[networks.magnitude_masks(a, 0.5), networks.random_masks(b, 0.5, rng=rng())],
    ),
    "symmetry": lambda a, b, d: matching.symmetry(a, d.inputs),
    "function_change": lambda a, b, d: matching.function_change(
        a, matching.symmetry(a, d.inputs), d.inputs, rng=rng()
    ),
    "match naive": lambda a, b, d: matching.match(a, b, "naive", d.inputs).apply(b),
    "match weighted": lambda a, b, d: matching.match(a, b, "weighted", d.inputs).apply(b),
    "match activation": lambda a, b, d: matching.match(a, b, "activation", d.inputs).apply(b),
    "match weight": lambda a, b, d: matching.match(a, b, "weight", d.inputs).apply(b),
    "match loss": lambda a, b, d: matching.match(
        a, b, "loss", d, solver="straight_through", rng=rng()
    ).apply(b),
    "match_several": lambda a, b, d: matching.match_several([a, b], data=d.inputs),
    "rotations": lambda a, b, d: matching.rotations(a, d.inputs),
    "rotate": lambda a, b, d: matching.rotate(a, b, d.inputs).pair(a, b),
    "rotate loss": lambda a, b, d: matching.rotate(
        a, b, d, "loss", steps=1, batch_size=2, rng=rng()
    ),
    "folded": lambda a, b, d: matching.folded(a, d.inputs),
    "soft_match": lambda a, b, d: matching.soft_match(a, b),
    "fuse": lambda a, b, d: matching.fuse(a, b),
    "layer_costs": lambda a, b, d: matching.layer_costs(a, b, example=d.inputs),
    "layer_inputs": lambda a, b, d: matching.layer_inputs(a, d.inputs),
    "layer_outputs": lambda a, b, d: matching.layer_outputs(a, d.inputs),
    "second_moments": lambda a, b, d: matching.second_moments(a, d.inputs),
    "compressed_responses": lambda a, b, d: matching.compressed_responses([a, b], d.inputs),
    "repair": lambda a, b, d: matching.repair(a, a, b, d.inputs),
    "rescale": lambda a, b, d: matching.rescale(a, b),
    "redundancy": lambda a, b, d: matching.redundancy(a, d),
    "reduced": lambda a, b, d: matching.reduced(a, d, by_data=True),
    "spread": lambda a, b, d: matching.spread(a, b, d, by_data=True).pair(a, b),
    "reset_batch_norm": lambda a, b, d: matching.reset_batch_norm(a, d.inputs),
    "calibrate_temperature": lambda a, b, d: matching.calibrate_temperature(a, d.inputs, d.labels),
    "interpolate": lambda a, b, d: paths.interpolate(a, b, 0.3),
    "with_layers_of": lambda a, b, d: paths.with_layers_of(a, b, [layerwise.layers(a)[0].name]),
    "barrier": lambda a, b, d: paths.barrier(a, b, d, 3),
    "segment_losses": lambda a, b, d: paths.segment_losses(a, b, d, 3),
    "compare": lambda a, b, d: compare(
        a, b, d, methods=("weight",), points=3, sections=["barriers"]
    ),
    "barrier with reset": lambda a, b, d: paths.barrier(a, b, d, 3, reset_batch_norm=d.inputs),
    "certificate": paths.certificate,
    "certify": lambda a, b, d: paths.certify(a, b, d, nodes=2),
    "decompose": lambda a, b, d: paths.decompose(a, b, d, points=3),
    "certify complete": lambda a, b, d: paths.certify(a, b, d, complete=True, budget=0.2),
    "certified_barrier": lambda a, b, d: paths.certified_barrier(
        a, b, d, tolerance=0.5, budget=0.2
    ),
    "certified_deviation": lambda a, b, d: paths.certified_deviation(
        a, b, d, tolerance=0.5, budget=0.2
    ),
    "least_barrier": lambda a, b, d: paths.least_barrier(a, b, d, tolerance=0.5, budget=0.2),
    "certify_simplex": lambda a, b, d: paths.certify_simplex([a, b, a], d, budget=0.2),
    "certified_simplex_barrier": lambda a, b, d: paths.certified_simplex_barrier(
        [a, b, a], d, tolerance=0.5, budget=0.2
    ),
    "certify_star": lambda a, b, d: paths.certify_star(a, [b], d, budget=0.2),
    "connect": lambda a, b, d: paths.connect(
        a, b, d, TrainingConfig(epochs=1, batch_size=4, learning_rate=0.01)
    ).barrier(d, 3),
    "layers": lambda a, b, d: layerwise.layers(a),
    "groups": lambda a, b, d: layerwise.groups(a),
    "evaluate": lambda a, b, d: layerwise.evaluate(a, b, d, alpha(a)),
    "layer_cube": lambda a, b, d: layerwise.layer_cube(a, b, d, alpha(a), hessian=True),
    "layer_hessian": layerwise.layer_hessian,
    "layer_barriers": lambda a, b, d: layerwise.layer_barriers(a, b, d, points=3),
    "layer_bounds": layerwise.layer_bounds,
    "windows": lambda a, b, d: layerwise.windows(a, b, d, points=3),
    "perturbed": lambda a, b, d: layerwise.perturbed(a, b, rng=generator()),
    "random_directions": lambda a, b, d: layerwise.random_directions(
        a, b, d, draws=1, rng=generator()
    ),
    "shapley": layerwise.shapley,
    "moebius": layerwise.moebius,
    "recommend": lambda a, b, d: layerwise.recommend(a, b, d, d, tolerance=0.1, draws=2, rng=rng()),
    "curvature": lambda a, b, d: layerwise.curvature(a, b, d, 3, evaluations=30),
    "kinks": layerwise.kinks,
    "interaction_matrix": lambda a, b, d: layerwise.interaction_matrix(a, b, d, panels=2),
    "feature_connectivity": layerwise.feature_connectivity,
    "recalibrated_barrier": lambda a, b, d: layerwise.recalibrated_barrier(a, b, d, d),
    "two_layer_convexity": layerwise.two_layer_convexity,
    "stitch": lambda a, b, d: Evaluation(layerwise.stitch(a, b, last(a)))(d.inputs),
    "stitch fitted": lambda a, b, d: Evaluation(layerwise.stitch(a, b, last(a), d.inputs))(
        d.inputs
    ),
    "vanishing": lambda a, b, d: layerwise.vanishing(a, a, b, d.inputs),
}


def test_every_public_function_of_networks_is_called():
    named = {name.split()[0] for name in CALLS}
    takes_no_network = {
        *("cumulative", "moving_windows", "random_groups", "single_layers", "proof"),
        "principal_angles",  # of matrices
        "permute",  # by `apply`
        *("singular_alignment", "lowest_pass", "minima_components", "orientations"),  # of weights
        *("chord_barrier", "chord_distance", "orbit_acceleration", "orbit_error", "sagitta"),
        *("barriers", "certificates", "operator_norms"),  # of chains, which are tensors
    }
    for package in (matching, paths, layerwise, comparison):
        functions = {name for name in package.__all__ if name[0].islower()}
        assert functions - named <= takes_no_network


def attempt(function, *arguments):
    """Calls it; what the package refuses is no failure, what a library below it raises is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a match in which nothing can move
        try:
            function(*arguments)
        except (TypeError, ValueError) as error:
            *_, last = traceback.extract_tb(error.__traceback__)
            if "/lmctheory/" not in last.filename:
                raise


RARE = (
    *("alias", "bfloat16", "detaching", "frozen", "half precision", "keeping", "new weight norm"),
    *("noisy", "old weight norm", "pruned", "stateful", "tied"),
)
"""Networks for which all calls are tried among the slow tests."""


@pytest.mark.parametrize("name", rarely(BUILD, RARE))
@pytest.mark.usefixtures("as_users_call")
@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")
def test_no_call_changes_its_arguments(name):
    a, b, examples = built(name, 0), built(name, 1), data()
    inputs, labels = examples.inputs.clone(), examples.labels.clone()
    before = fingerprint(a), fingerprint(b), world()
    for call, function in CALLS.items():
        attempt(function, a, b, examples)
        after = fingerprint(a), fingerprint(b), world()
        for was, now, which in zip(before, after, ("a", "b", "the world"), strict=True):
            changed = [key for key in {**was, **now} if was.get(key) != now.get(key)]
            assert not changed, (call, which, changed)
        assert torch.equal(examples.inputs, inputs), call
        assert torch.equal(examples.labels, labels), call
    assert saves(a)
    assert saves(b)


@pytest.mark.parametrize("name", rarely(BUILD, RARE))
@pytest.mark.usefixtures("as_users_call")
@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")
def test_no_number_depends_on_the_calls_before_it(name):
    a, b, examples = built(name, 0), built(name, 1), data()
    if name in ("spectral norm", "assigning"):
        return  # both are refused
    first = paths.barrier(a, b, examples, 5)
    layerwise.windows(a, b, examples, points=3)
    again = paths.barrier(a, b, examples, 5)
    np.testing.assert_array_equal(first.loss, again.loss)
    blocks = [Examples(examples.inputs[i : i + 4], examples.labels[i : i + 4]) for i in (0, 4, 8)]
    if name != "noisy":  # what these compute depends on the batch
        parts = np.mean([paths.barrier(a, b, block, 5).loss for block in blocks], axis=0)
        np.testing.assert_allclose(parts, first.loss, rtol=2e-2 if "half" in name else 1e-3)
