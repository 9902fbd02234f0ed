"""The two ways of training."""

import pytest

from lmctheory.networks.training import stacking


@pytest.fixture(params=["stacked", "one after another"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Runs a test on networks that are trained as one program, and one after another."""
    if request.param == "one after another":
        monkeypatch.setattr(stacking, "_WIDE", 0)
    return request.param
