"""A folder as a user has it: a model file, checkpoints, data."""

import numpy as np
import pytest

from lmctheory.files import write_state
from tests.comparison.pairs import finetuned, trained

MODEL = """
from torch import nn

def mlp(widths):
    layers = []
    for i, (m, n) in enumerate(zip(widths, widths[1:])):
        layers += [nn.Linear(m, n), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
"""


def in_sequence(model):
    """The state of an `MLP` by the names that it has in `MODEL`."""
    return {
        f"{2 * int(key.split('.')[1])}.{key.split('.')[2]}": value
        for key, value in model.state_dict().items()
    }


@pytest.fixture
def folder(tmp_path, monkeypatch):
    a, b, digits = trained()
    (tmp_path / "net.py").write_text(MODEL)
    for name, model in (("a", a), ("b", b), ("c", finetuned()[0])):
        write_state(_Holder(in_sequence(model)), tmp_path / f"{name}.safetensors")
    data = digits.test[:80]
    np.savez(tmp_path / "data.npz", inputs=data.inputs.numpy(), labels=data.labels.numpy())
    monkeypatch.chdir(tmp_path)
    return tmp_path


class _Holder:
    def __init__(self, state):
        self.state = state

    def state_dict(self):
        return self.state
