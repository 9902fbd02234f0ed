"""Examples from pairs, mappings, data sets and loaders."""

import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset
from torch.utils.data import Dataset as TorchDataset

from lmctheory.networks import Examples, as_examples
from lmctheory.networks.losses import SquaredError

X, Y = torch.arange(20.0).view(10, 2), torch.arange(10) % 3


class Named(TorchDataset):
    def __len__(self):
        return 10

    def __getitem__(self, i):
        return {"input_ids": X[i].long(), "mask": X[i] > 3, "label": Y[i]}


class Stream(IterableDataset):
    def __iter__(self):
        yield X[:4], Y[:4]
        yield X[4:], Y[4:]
        raise AssertionError("read too far")


def named_batches():
    return [{"inputs": X[:6], "targets": Y[:6]}, {"inputs": X[6:], "targets": Y[6:]}]


@pytest.mark.parametrize(
    "data",
    [
        Examples(X, Y),
        (X, Y),
        [X, Y],
        {"inputs": X, "labels": Y},
        TensorDataset(X, Y),
        DataLoader(TensorDataset(X, Y), batch_size=3),
        named_batches(),
        (batch for batch in named_batches()),
    ],
)
def test_every_source_gives_the_same_examples(data):
    found = as_examples(data)
    assert torch.equal(found.inputs, X)
    assert torch.equal(found.labels, Y)


def test_named_inputs_keep_their_names():
    for data in (Named(), DataLoader(Named(), batch_size=4)):
        found = as_examples(data, limit=7)
        assert found.inputs.keys() == {"input_ids", "mask"}
        assert torch.equal(found.inputs["mask"], X[:7] > 3)
        assert torch.equal(found.labels, Y[:7])


def test_nothing_beyond_the_limit_is_loaded():
    assert len(as_examples(Stream(), limit=9)) == 9


def test_the_loss_is_the_examples_own_or_the_one_given():
    squared = Examples(X, Y, "squared")
    assert as_examples(squared).loss == SquaredError()
    assert as_examples((X, Y), "squared").loss == SquaredError()
    assert as_examples(squared, "cross_entropy", limit=2).loss != SquaredError()


@pytest.mark.parametrize(
    ("data", "kind", "message"),
    [
        (X, TypeError, "a Dataset or a DataLoader, got Tensor"),
        (3, TypeError, "got int"),
        ([X], TypeError, r"must give pairs \(inputs, labels\) or mappings of tensors, got Tensor"),
        (
            {"inputs": X},
            ValueError,
            r"under one of \['labels', 'targets', .*got \['inputs'\]",
        ),
        ({"x": X, "labels": Y, "targets": Y}, ValueError, "labels under one of"),
        ([], ValueError, "at least one example"),
        ((X, Y[:3]), ValueError, "10 inputs do not match 3 labels"),
        ({"x": X, "y": X[:3], "labels": Y}, ValueError, "as many examples in each"),
    ],
)
def test_what_holds_no_examples_is_refused(data, kind, message):
    with pytest.raises(kind, match=message):
        as_examples(data)


@pytest.mark.usefixtures("as_users_call")
def test_a_limit_is_a_whole_number_of_examples():
    for limit in (0, -1):
        with pytest.raises(ValueError, match=f"limit must be >= 1, got {limit}"):
            as_examples(Stream(), limit=limit)
    with pytest.raises(TypeError, match=r"limit must be an integer, got 2\.5"):
        as_examples(Stream(), limit=2.5)
