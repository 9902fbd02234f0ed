"""Every example in a docstring runs and shows what it says."""

import doctest
import pkgutil
from importlib import import_module

import pytest

import lmctheory
import simulations

MODULES = [
    module.name
    for package in (lmctheory, simulations)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not module.name.endswith("__main__")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_are_true(name):
    failed, _ = doctest.testmod(import_module(name))
    assert not failed


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    found = [example for name in MODULES for example in finder.find(import_module(name))]
    assert sum(bool(test.examples) for test in found) > 100
