"""Wherever a NumPy generator is taken, a seed is too, and means the same."""

import inspect
import pkgutil
from importlib import import_module
from typing import get_args, get_type_hints

import numpy as np
import pytest
import torch

import lmctheory
from lmctheory.layerwise.barriers.selection import random_groups
from lmctheory.matching import match, match_several
from lmctheory.networks import MLP
from lmctheory.widths import sampled_kernels


def _public_functions():
    """Every function that a package names in ``__all__``, once."""
    found = {}
    for module in pkgutil.walk_packages(lmctheory.__path__, "lmctheory."):
        if not module.ispkg or "checks" in module.name:
            continue
        package = import_module(module.name)
        for name in getattr(package, "__all__", ()):
            thing = getattr(package, name)
            if inspect.isfunction(thing) and "rng" in inspect.signature(thing).parameters:
                found[thing] = f"{module.name}.{name}"
    return found


def test_all_that_take_a_numpy_generator_take_a_seed():
    functions = _public_functions()
    assert len(functions) > 20
    for function, name in functions.items():
        hint = get_type_hints(function)["rng"]
        kinds = set(get_args(hint)) or {hint}
        assert np.random.Generator not in kinds or int in kinds, name


A, B = (MLP((4, 8, 3), rng=torch.Generator().manual_seed(seed)) for seed in (0, 1))
CALLS = {
    "match": lambda rng: match(A, B, restarts=2, rng=rng).permutations,
    "match_several": lambda rng: match_several([A, B, A], rng=rng).permutations,
    "random_groups": lambda rng: random_groups("abc", 2, 3, rng=rng),
    "sampled_kernels": lambda rng: sampled_kernels(np.eye(3), (4,), networks=1, rng=rng)[1],
}


@pytest.mark.parametrize("name", CALLS)
def test_a_seed_is_a_new_generator(name):
    call = CALLS[name]
    assert str(call(3)) == str(call(np.random.default_rng(3)))
    with pytest.raises(TypeError, match="rng must be a NumPy generator or a seed, got str"):
        call("3")
