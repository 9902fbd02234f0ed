"""Losses against PyTorch's own, for one network and for several at once."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.networks import MLP, Examples
from lmctheory.networks.losses import (
    LOSSES,
    BinaryCrossEntropy,
    CrossEntropy,
    ExampleLoss,
    SquaredError,
    as_loss,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def means(loss, outputs, labels):
    """Of each network, through `each` and `weight`."""
    return loss.each(outputs, labels).sum(1) / loss.weight(labels)


@pytest.mark.parametrize("networks", [1, 3])
@pytest.mark.parametrize(
    ("loss", "reference"),
    [
        (CrossEntropy(), nn.CrossEntropyLoss()),
        (CrossEntropy(label_smoothing=0.2), nn.CrossEntropyLoss(label_smoothing=0.2)),
        (
            CrossEntropy((0.5, 2.0, 0.0, 1.0), 0.1),
            nn.CrossEntropyLoss(torch.tensor([0.5, 2.0, 0.0, 1.0]), label_smoothing=0.1),
        ),
        (CrossEntropy(ignore_index=2), nn.CrossEntropyLoss(ignore_index=2)),
    ],
)
def test_classes_of_examples_and_of_tokens_are_pytorchs(loss, reference, networks):
    outputs = 3 * torch.randn(networks, 7, 4, generator=generator(), dtype=torch.float64)
    labels = torch.arange(7) % 4
    reference = reference.double()
    expected = torch.stack([reference(each, labels) for each in outputs])
    torch.testing.assert_close(means(loss, outputs, labels), expected)
    torch.testing.assert_close(loss.mean(outputs[0], labels), expected[0])

    tokens = 3 * torch.randn(networks, 5, 6, 4, generator=generator(1), dtype=torch.float64)
    labels = torch.randint(4, (5, 6), generator=generator(2))
    if loss.ignore_index is None:
        labels[0, :3] = labels[3] = -100
    expected = torch.stack([reference(each.flatten(0, 1), labels.flatten()) for each in tokens])
    torch.testing.assert_close(means(loss, tokens, labels), expected)
    right = (tokens.argmax(-1) == labels) & (labels != (loss.ignore_index or -100))
    torch.testing.assert_close(
        loss.hits(tokens, labels).sum(1) / loss.counted(labels),
        right.sum((1, 2)) / loss.counted(labels),
        check_dtype=False,
    )
    assert loss.counted(labels) == float((labels != (loss.ignore_index or -100)).sum())


def test_one_logit_is_pytorchs_and_the_cross_entropy_of_two():
    logits = 3 * torch.randn(2, 9, 1, generator=generator())
    labels = torch.arange(9) % 2
    loss = BinaryCrossEntropy()
    expected = [nn.BCEWithLogitsLoss()(each[:, 0], labels.float()) for each in logits]
    torch.testing.assert_close(means(loss, logits, labels), torch.stack(expected))
    torch.testing.assert_close(
        loss.each(logits[..., 0], labels[:, None]), loss.each(logits, labels)
    )
    pair = nn.functional.pad(logits, (1, 0))
    torch.testing.assert_close(loss.each(logits, labels), CrossEntropy().each(pair, labels))
    torch.testing.assert_close(loss.hits(logits, labels), CrossEntropy().hits(pair, labels))
    soft = torch.rand(9, generator=generator(1))
    expected = [nn.BCEWithLogitsLoss()(each[:, 0], soft) for each in logits]
    torch.testing.assert_close(means(loss, logits, soft), torch.stack(expected))


def test_the_squared_error_is_summed_over_outputs():
    outputs = torch.randn(2, 6, 3, generator=generator())
    values, labels = torch.randn(6, 3, generator=generator(1)), torch.arange(6) % 3
    loss = SquaredError()
    expected = torch.stack([3 * nn.MSELoss()(each, values) for each in outputs])
    torch.testing.assert_close(means(loss, outputs, values), expected)
    torch.testing.assert_close(loss.each(outputs, labels), loss.each(outputs, torch.eye(3)[labels]))
    assert loss.hits(outputs, values).isnan().all()
    torch.testing.assert_close(loss.hits(outputs, labels), (outputs.argmax(-1) == labels).float())
    # a number per example, whether or not it stands in a column
    torch.testing.assert_close(
        loss.each(outputs[..., 0], values[:, 0]), loss.each(outputs[..., :1], values[:, :1])
    )


def test_a_function_of_ones_own_is_a_loss():
    def huber(outputs, values):
        return nn.functional.huber_loss(outputs, values, reduction="none").sum(1)

    loss = as_loss(huber)
    outputs, values = torch.randn(2, 6, 3, generator=generator()), torch.zeros(6, 3)
    torch.testing.assert_close(loss.each(outputs, values)[1], huber(outputs[1], values))
    assert loss == ExampleLoss(huber)
    assert as_loss(loss) is loss
    assert as_loss("squared") is LOSSES["squared"]


def test_losses_of_pytorch_become_those_that_they_are():
    assert as_loss(nn.CrossEntropyLoss()) == CrossEntropy()
    weights = torch.tensor([0.5, 2.0])
    found = as_loss(nn.CrossEntropyLoss(weights, ignore_index=1, label_smoothing=0.5))
    assert found == CrossEntropy((0.5, 2.0), 0.5, 1)
    assert as_loss(nn.BCEWithLogitsLoss()) == BinaryCrossEntropy()
    with pytest.raises(ValueError, match='use "squared", the sum over outputs'):
        as_loss(nn.MSELoss())
    with pytest.raises(ValueError, match="pos_weight"):
        as_loss(nn.BCEWithLogitsLoss(pos_weight=weights))


def test_half_precision_is_judged_in_single():
    outputs = torch.full((1, 1, 2), 6e4, dtype=torch.float16)
    outputs[..., 1] = -6e4
    for loss, labels, expected in (
        (CrossEntropy(), torch.tensor([1]), 119936.0),
        (SquaredError(), torch.tensor([1]), 7195521024.0),
        (BinaryCrossEntropy(), torch.tensor([0]), 59968.0),
    ):
        found = loss.each(outputs if loss != BinaryCrossEntropy() else outputs[..., :1], labels)
        assert found.dtype == torch.float32
        assert float(found) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("labels", "loss", "kind", "message"),
    [
        (torch.zeros(4), "cross_entropy", TypeError, 'loss="squared" if they are values'),
        (torch.zeros(4, 2, 2).long(), "cross_entropy", ValueError, r"\[n, tokens\]"),
        (torch.full((4, 2), -100), "cross_entropy", ValueError, "must not all be -100"),
        (torch.tensor([0, 1, 2, 0]), "binary", ValueError, r"must lie in 0..1, got 0..2"),
        (torch.tensor([0, 1, math.nan, 0]), "binary", ValueError, r"must lie in 0..1"),
        (torch.zeros(4, 2), "binary", ValueError, r"\[n\] or \[n, 1\]"),
        (torch.zeros(4).bool(), "binary", TypeError, "int64 or floating point"),
        (torch.tensor([0, 1, math.nan, 0]), "squared", ValueError, "labels must be finite"),
        (torch.zeros(4, 2).long(), "squared", ValueError, "labels.float"),
        (torch.zeros(4), "hinge", ValueError, r"loss must be one of \['cross_entropy', 'binary'"),
        (torch.zeros(4), 3, TypeError, "a Loss or a function, got int"),
    ],
)
def test_labels_that_a_loss_does_not_take_are_refused(labels, loss, kind, message):
    with pytest.raises(kind, match=message):
        Examples(torch.zeros(4, 2), labels, loss)


@pytest.mark.parametrize(
    ("outputs", "labels", "loss", "message"),
    [
        ((3,), torch.tensor([0, 3]), CrossEntropy(), r"must lie in 0..2, got 0..3"),
        ((3,), torch.tensor([0, -100]), CrossEntropy(), r"got -100..0"),
        ((5, 3), torch.zeros(2, 4).long(), CrossEntropy(), r"\[n, 4, classes\], got \[1, 5, 3\]"),
        ((3,), torch.zeros(2).long(), CrossEntropy((1.0, 1.0)), "class_weights must be 3"),
        ((3,), torch.zeros(2).long(), BinaryCrossEntropy(), "one output, the logit of class 1"),
        ((3,), torch.zeros(2, 4), SquaredError(), "4 outputs per example, as many as labels"),
        ((3,), torch.zeros(2, 3), ExampleLoss(nn.MSELoss()), r"\[n\], got \[\] for one example"),
    ],
)
def test_outputs_that_do_not_go_with_the_labels_are_refused(outputs, labels, loss, message):
    with pytest.raises(ValueError, match=message):
        loss.require_fit(torch.zeros(1, *outputs), labels)


def test_weights_and_smoothing_are_checked():
    with pytest.raises(ValueError, match="class_weights must be >= 0, not all zero"):
        CrossEntropy((0.0, 0.0))
    with pytest.raises(ValueError, match="label_smoothing must lie in"):
        CrossEntropy(label_smoothing=1.5)


def test_rows_and_copies_keep_the_loss():
    data = Examples(torch.zeros(6, 2), torch.arange(6.0), "squared")
    few = data[torch.tensor([1, 4])]
    assert few.labels.tolist() == [1.0, 4.0]
    assert few.loss == data.to(dtype=torch.float64).loss == SquaredError()
    assert np.isclose(len(data[:2]), 2)
    assert MLP((2, 1), rng=generator())(few.inputs).shape == (2, 1)


def test_gradients_of_one_network_lie_as_its_outputs_do():
    """Else products with them are rounded otherwise than in the ordinary loop."""
    leaf = torch.randn(6, 3, generator=generator(), requires_grad=True)
    outputs = leaf * 1
    outputs.register_hook(lambda gradient: strides.append(gradient.stride()))
    strides: list[tuple[int, ...]] = []
    CrossEntropy().each(outputs[None], torch.arange(6) % 3).sum().backward()
    assert strides == [(3, 1)]
    other = leaf.detach().clone().requires_grad_()
    nn.CrossEntropyLoss(reduction="sum")(other, torch.arange(6) % 3).backward()
    assert torch.equal(leaf.grad, other.grad)
