"""The study of symmetries: its sequences, networks and records."""

import numpy as np
import pytest
import torch

from lmctheory.matching import function_change, symmetry
from simulations.symmetries.measurement import PLAIN, Task, run
from simulations.symmetries.networks import NETWORKS
from simulations.symmetries.sequences import ALPHABET, grammar, running_sums


def test_the_text_is_in_the_alphabet_and_labels_are_the_letters_after():
    data = grammar()
    assert data.classes == len(ALPHABET)
    inputs, labels = data.train.inputs, data.train.labels
    assert torch.equal(inputs[:, 1:], labels[:, :-1])
    assert torch.equal(inputs[1:, 0], labels[:-1, -1])
    text = "".join(ALPHABET[k] for k in inputs[:2].ravel().tolist())
    assert {"the", "a", "every", "no"} & set(text.split())


def test_the_largest_running_sum_is_the_label():
    data = running_sums()
    weights = 0.8 ** torch.arange(12).flip(0)
    sums = torch.einsum("ntc,t->nc", data.test.inputs, weights)
    assert torch.equal(sums.argmax(1), data.test.labels)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_has_the_symmetry_that_its_name_says(name):
    network = NETWORKS[name]
    data = network.examples("digits", None)
    x = data.test.inputs[:4]
    model = network.build(x[0].numel(), 8, torch.Generator().manual_seed(0)).double().eval()
    found = symmetry(model, x)
    assert bool(found.signed) == ("relu" not in name)
    assert function_change(model, found, x, rng=np.random.default_rng(0)) < 1e-12


def test_larger_groups_are_better_matched():
    task = Task("digits", "tanh 1", 8, 1, 0)
    measured = run(task)
    assert set(measured.pairs) == set(PLAIN)
    (before,), (after,) = (measured.pairs[name] for name in ("unmatched", "signs"))
    assert after.barrier < before.barrier
    assert before.accuracy[0] == after.accuracy[0] > 0.8
