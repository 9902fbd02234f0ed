"""Settings of every test run."""

import sys

import pytest
import torch
from jaxtyping import config

torch.set_num_threads(1)  # the tests run in two processes on two cores


@pytest.fixture(autouse=True)
def _same_numbers_in_every_run():
    """PyTorch's layers draw their first weights from the global generator."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.fixture(autouse=True)
def _no_figure_stays_open():
    """Matplotlib warns of more than 20 in one process, whichever tests it was given."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


@pytest.fixture
def as_users_call():
    """Switches off the check of annotations, which users do not have: our own checks must do."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


LONGEST = (
    "tests/documentation/test_documents.py",
    "tests/documentation/test_site.py",
    "tests/simulations/test_layerwise_study.py",
    "tests/sweeps/test_resume.py",
    "tests/rates/test_bounds_modulo_signs.py",
    "tests/contracts/test_unchanged.py",
    "tests/comparison/test_compare.py",
    "tests/paths/test_simplex.py",
    "tests/rates/test_properties.py",
)
"""Modules that come first: begun last, one of them would keep a single process busy at the end."""


def pytest_collection_modifyitems(items):
    """Longest modules first, all else in order."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.nodeid.split("::")[0], len(LONGEST)))
