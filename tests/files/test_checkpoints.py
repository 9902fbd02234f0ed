"""Checkpoints as training loops write them, and those that are none."""

import os
import pickle
import signal
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from lmctheory.files import load_network, read_state, write_state
from lmctheory.files.checkpoints import load_network_of_other_width


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))


def equal(found, expected):
    assert found.keys() == expected.keys()
    for name, tensor in found.items():
        assert torch.equal(tensor, expected[name]), name


WRAPPINGS = {
    "bare": lambda state: state,
    "state_dict": lambda state: {"epoch": 3, "state_dict": state, "optimizer": {"lr": 0.1}},
    "model": lambda state: {"model": state, "best": 0.5},
    "nested": lambda state: {"model": {"state_dict": state}},
    "parallel": lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
    "compiled": lambda state: {f"_orig_mod.{name}": tensor for name, tensor in state.items()},
    "both": lambda state: {"model": {f"module._orig_mod.{n}": t for n, t in state.items()}},
    "parts": lambda state: {f"{n[0]}._orig_mod{n[1:]}": tensor for n, tensor in state.items()},
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".ckpt"])
def test_state_dicts_are_found_in_whatever_holds_them(wrapping, suffix, tmp_path):
    state = network().state_dict()
    torch.save(WRAPPINGS[wrapping](state), tmp_path / f"net{suffix}")
    equal(read_state(tmp_path / f"net{suffix}"), state)


def test_files_of_safetensors_and_those_written_here(tmp_path):
    state = network().state_dict()
    save_file(state, tmp_path / "a.safetensors")
    equal(read_state(tmp_path / "a.safetensors"), state)
    for name in ("b.safetensors", "b.pt"):
        write_state(network(), tmp_path / name)
        equal(read_state(tmp_path / name), state)


def test_networks_take_the_weights_and_their_type(tmp_path):
    write_state(network(1).double(), tmp_path / "net.pt")
    model = network(0).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = load_network(model, tmp_path / "net.pt")
    equal(found.state_dict(), network(1).double().state_dict())
    assert found[0].weight.dtype == torch.float64
    assert not found.training
    equal(dict(model.state_dict()), before)
    assert model.training


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.head = nn.Embedding(5, 3), nn.Linear(3, 5, bias=False)
        self.head.weight = self.table.weight


def test_what_is_tied_need_not_be_saved_twice(tmp_path):
    save_file({"table.weight": torch.full((5, 3), 2.0)}, tmp_path / "net.safetensors")
    found = load_network(Tied(), tmp_path / "net.safetensors")
    assert found.head.weight is found.table.weight
    assert (found.head.weight == 2).all()
    write_state(found, tmp_path / "again.safetensors")
    equal(load_network(Tied(), tmp_path / "again.safetensors").state_dict(), found.state_dict())


def test_every_entry_that_does_not_fit_is_named(tmp_path):
    state = network().state_dict()
    state["0.weight"] = torch.zeros(4, 5)
    state["9.weight"] = state.pop("3.bias")
    torch.save(state, tmp_path / "net.pt")
    with pytest.raises(ValueError, match=r"net.pt does not fit Sequential; missing: 3.bias; ") as e:
        load_network(network(), tmp_path / "net.pt")
    assert "unexpected: 9.weight; of another shape: 0.weight [4, 5] for [4, 3]" in str(e.value)


class Opaque:
    """An object whose class must be imported to load it."""


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (Opaque(), "net.pt", r"holds an object of .*Opaque, to load which is to run code.*trust"),
        (network(), "net.pt", "to load which is to run code"),
        ({"epoch": 3, "lr": 0.1}, "net.pt", "these are no tensors: epoch, lr"),
        ({"weight": torch.ones(1), "epoch": 3}, "net.pt", "these are no tensors: epoch"),
        ({}, "net.pt", "got nothing"),
        (torch.ones(3), "net.pt", "got a Tensor"),
        (network().state_dict(), "net.h5", "must be a checkpoint, .safetensors or one of"),
    ],
)
def test_what_holds_no_state_dict_is_refused(content, name, message, tmp_path):
    torch.save(content, tmp_path / name)
    with pytest.raises(ValueError, match=message):
        read_state(tmp_path / name)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", pickle.dumps({"a": 1})[:-2]])
@pytest.mark.parametrize("name", ["net.pt", "net.safetensors"])
def test_files_of_another_kind_are_refused(content, name, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name} is no"):
        read_state(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"other.pt is no file"):
        read_state(tmp_path / "other.pt")


def test_nothing_half_written_is_left_behind(tmp_path):
    with pytest.raises(ValueError, match=r"must end in .safetensors, .pt or .pth"):
        write_state(network(), tmp_path / "net.h5")
    with pytest.raises(FileNotFoundError, match=r"is no folder to write net.pt to"):
        write_state(network(), tmp_path / "missing" / "net.pt")
    (tmp_path / "net.pt").write_text("before")
    program = (
        "import os, signal, torch\nfrom torch import nn\nfrom lmctheory.files import write_state\n"
        "def killed(state, path):\n    path.write_bytes(b'half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "torch.save = killed\n"
        f"write_state(nn.Linear(2, 2), {str(tmp_path / 'net.pt')!r})"
    )
    ran = subprocess.run([sys.executable, "-c", program], check=False, env=os.environ)
    assert ran.returncode == -signal.SIGKILL
    assert (tmp_path / "net.pt").read_text() == "before"
    write_state(network(), tmp_path / "net.pt")
    equal(read_state(tmp_path / "net.pt"), network().state_dict())
    assert (tmp_path / "net.pt").stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def chain(width):
    return nn.Sequential(nn.Flatten(), nn.Linear(3, width), nn.ReLU(), nn.Linear(width, 2))


def test_a_chain_takes_the_width_of_its_weights(tmp_path):
    torch.manual_seed(0)
    narrow, wide = chain(4).double(), chain(9)
    write_state(narrow, tmp_path / "net.pt")
    found = load_network_of_other_width(wide, tmp_path / "net.pt")
    x = torch.randn(5, 3, dtype=torch.float64)
    assert torch.equal(found(x), narrow(x))
    assert (found[1].out_features, found[3].in_features, wide[1].out_features) == (4, 4, 9)
    with pytest.raises(TypeError, match="no affine chain"):
        load_network_of_other_width(network(), tmp_path / "net.pt")
    write_state(nn.Sequential(nn.Linear(3, 2)), tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"does not fit Sequential; missing: 1\.weight"):
        load_network_of_other_width(wide, tmp_path / "other.pt")
