"""Settings of every test run."""

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


@pytest.fixture
def as_users_call():
    """Switches off the check of annotations, which users do not have: our own checks must do."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)
