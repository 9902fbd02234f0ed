from collections import OrderedDict, UserDict, namedtuple
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from lmctheory.networks.calling import (
    as_inputs,
    batches,
    call,
    count,
    each,
    output_of,
    rows,
    shapes,
)
from lmctheory.networks.state import Evaluation

IDS, MASK = torch.arange(6).reshape(3, 2), torch.ones(3, 2)
FORMS = {"tensor": IDS, "tuple": (IDS, MASK), "mapping": {"ids": IDS, "mask": MASK}}


class Masked(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, ids, mask=None):
        return self.scale * (ids if mask is None else ids * mask)


@dataclass
class Result:
    hidden: torch.Tensor
    logits: torch.Tensor | None = None


Named = namedtuple("Named", "loss logits")


@pytest.mark.parametrize("form", FORMS)
def test_every_form_reaches_the_arguments_that_it_names(form):
    expected = Masked()(*(FORMS[form] if form == "tuple" else (IDS, MASK)))
    assert torch.equal(call(Masked(), as_inputs(FORMS[form])), expected)
    assert torch.equal(Evaluation(Masked())(FORMS[form]), expected)


def test_arguments_by_name_may_come_in_any_order():
    found = call(Masked(), {"mask": torch.zeros(3, 2), "ids": IDS})
    assert torch.equal(found, torch.zeros(3, 2))


@pytest.mark.parametrize("form", FORMS)
def test_examples_are_taken_out_of_every_tensor(form):
    given = FORMS[form]
    assert count(given) == 3
    found = [call(Masked(), batch) for batch in batches(given, 2)]
    assert [len(batch) for batch in found] == [2, 1]
    assert torch.equal(torch.cat(found), call(Masked(), given))
    assert torch.equal(call(Masked(), rows(given, [2, 0])), call(Masked(), given)[[2, 0]])
    doubled = each(given, lambda tensor: 2 * tensor)
    assert type(doubled) is type(given)


def test_mappings_of_any_kind_become_dicts():
    assert as_inputs(UserDict(ids=IDS)) == {"ids": IDS}


def test_numbers_take_the_type_of_the_network_and_indices_stay():
    given = Evaluation(Masked(), torch.float64).inputs({"ids": IDS, "mask": MASK})
    assert {key: value.dtype for key, value in given.items()} == {
        "ids": torch.int64,
        "mask": torch.float64,
    }


ONE, OTHER = torch.ones(2), torch.zeros(2)


@pytest.mark.parametrize(
    "result",
    [
        ONE,
        {"logits": ONE},
        OrderedDict(loss=OTHER, logits=ONE),
        Result(OTHER, ONE),
        Named(OTHER, ONE),
        (ONE, OTHER),
        [None, ONE, OTHER],
        {"hidden": ONE, "more": OTHER},
        (ONE, (OTHER, OTHER)),
        {"logits": None, "hidden": ONE},
    ],
)
def test_the_output_is_a_tensor_or_logits_or_the_first_tensor(result):
    assert output_of(result) is ONE


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        (None, "NoneType"),
        ("logits", "str"),
        ((), "tuple"),
        ({"a": 1}, "dict"),
        (Result(OTHER), "Result"),
    ],
)
def test_results_without_an_output_are_refused_naming_them(result, kind):
    with pytest.raises(TypeError, match=rf"'logits', or a tensor among others, got {kind}"):
        output_of(result)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ([IDS], TypeError, "data must be a tensor, a tuple of tensors or a mapping .* got list"),
        ({}, ValueError, "data must hold at least one tensor, got none"),
        ((), ValueError, "data must hold at least one tensor, got none"),
        ({1: IDS}, TypeError, "data must be keyed by the names of arguments, got 1"),
        ({"ids": 3}, TypeError, r"data\['ids'\] must be a tensor, got int"),
        ((IDS, None), TypeError, r"data\[1\] must be a tensor, got NoneType"),
        (torch.zeros(0, 3), ValueError, r"data must hold at least one example, got \(0, 3\)"),
        ((IDS, torch.tensor(1)), ValueError, r"data\[1\] must hold at least one example, got \(\)"),
        ({"a": IDS, "b": IDS[:2]}, ValueError, r"as many examples in each tensor, got \[3, 2\]"),
    ],
)
def test_other_inputs_are_refused(given, error, message):
    with pytest.raises(error, match=message):
        as_inputs(given, "data")


def test_shapes_are_given_by_name():
    assert shapes(IDS) == "[3, 2]"
    assert shapes({"ids": IDS, "mask": MASK}) == "'ids' [3, 2], 'mask' [3, 2]"
