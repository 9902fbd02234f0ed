"""Data from files, functions and names."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from lmctheory.files import read_examples, read_loss
from lmctheory.networks import load_dataset
from lmctheory.networks.losses import LOSSES, CrossEntropy, ExampleLoss

X, Y = torch.rand(6, 3), torch.arange(6) % 2


def write(path, entries):
    if path.suffix == ".npz":
        np.savez(path, **{name: tensor.numpy() for name, tensor in entries.items()})
    elif path.suffix == ".safetensors":
        save_file({name: tensor.clone() for name, tensor in entries.items()}, path)
    else:
        torch.save(entries, path)
    return str(path)


@pytest.mark.parametrize("suffix", [".npz", ".pt", ".safetensors"])
def test_files_hold_inputs_and_labels_or_targets(suffix, tmp_path):
    found = read_examples(
        write(tmp_path / f"a{suffix}", {"inputs": X, "labels": Y.to(torch.uint8)})
    )
    assert torch.equal(found.inputs, X)
    assert torch.equal(found.labels, Y)
    assert found.loss == CrossEntropy()
    values = write(tmp_path / f"b{suffix}", {"inputs": X, "targets": X[:, :2] * 2})
    few = read_examples(values, read_loss("squared"), limit=4)
    assert torch.equal(few.labels, 2 * X[:4, :2])
    named = {"input_ids": Y[:, None], "attention_mask": torch.ones(6, 1).bool(), "labels": Y}
    several = read_examples(write(tmp_path / f"c{suffix}", named))
    assert several.inputs.keys() == {"input_ids", "attention_mask"}


def test_data_sets_have_names():
    digits = load_dataset("digits")
    assert torch.equal(read_examples("digits").inputs, digits.test.inputs)
    assert len(read_examples("digits", split="train", limit=7)) == 7


def test_functions_give_data_and_losses(tmp_path, monkeypatch):
    (tmp_path / "my_data.py").write_text(
        "import torch\nfrom torch.utils.data import TensorDataset\n"
        "def pairs():\n    return TensorDataset(torch.ones(5, 2), torch.zeros(5).long())\n"
        "def gap(outputs, labels):\n    return outputs[:, 0]\n"
        "smooth = torch.nn.CrossEntropyLoss(label_smoothing=0.1)\n"
    )
    monkeypatch.chdir(tmp_path)
    assert len(read_examples("my_data:pairs")) == 5
    assert isinstance(read_loss("my_data.py:gap"), ExampleLoss)
    assert read_loss("my_data:smooth") == CrossEntropy(label_smoothing=0.1)
    assert read_loss("binary") is LOSSES["binary"]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"inputs": X}, r"must hold inputs and one of \['labels', 'targets'\], got entries"),
        ({"labels": Y}, "must hold inputs and one of"),
        ({"inputs": X, "labels": Y, "targets": Y}, "must hold inputs and one of"),
        ({"inputs": X, "labels": Y[:3]}, "6 inputs do not match 3 labels"),
    ],
)
def test_files_without_examples_are_refused(entries, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_examples(write(tmp_path / "a.npz", entries))


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("cifar", ValueError, r"data must be one of \['breast_cancer', .*\], a file .npz, .pt"),
        ("a.npz", FileNotFoundError, "a.npz is no file"),
        ("math:pi", TypeError, "data must be Examples, a pair"),
        ("math:nothing", ValueError, "data: math has no 'nothing'"),
    ],
)
def test_what_is_no_data_is_refused(source, kind, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind, match=message):
        read_examples(source)
    (tmp_path / "bad.npz").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="is no file of NumPy arrays of numbers"):
        read_examples("bad.npz")
    torch.save([X, Y], "list.pt")
    with pytest.raises(ValueError, match="must hold tensors by name, got list"):
        read_examples("list.pt")
    with pytest.raises(ValueError, match="loss must be one of"):
        read_loss("hinge")


def test_images_of_bytes_are_refused_with_what_to_do(tmp_path):
    images = write(tmp_path / "a.npz", {"inputs": (255 * X).byte(), "labels": Y})
    with pytest.raises(TypeError, match=r"use inputs.float\(\) / 255"):
        read_examples(images)


def test_another_split_is_refused():
    with pytest.raises(ValueError, match=r"split must be one of \['train', 'test'\], got 'valid'"):
        read_examples("digits", split="valid")
