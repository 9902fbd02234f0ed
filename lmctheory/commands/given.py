"""What users give commands, read and checked before any work."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
import typer
from torch import Tensor, nn

from lmctheory.files import build_model, load_network, read_examples, read_loss
from lmctheory.files.checkpoints import CHECKPOINTS, load_network_of_other_width
from lmctheory.networks import AnyExamples
from lmctheory.networks.affine import hidden_width
from lmctheory.networks.losses import ExampleLoss

__all__ = ["examples_of", "narrow_networks_of", "networks_of", "refusals", "unjudged"]

_ANY_LABELS = ExampleLoss(lambda outputs, _: outputs[:, 0])
"""Takes all labels; nothing is judged by it."""


@contextmanager
def refusals() -> Iterator[None]:
    """Within it, what is refused ends the command with its message, and no trace."""
    try:
        yield
    except (ValueError, TypeError, OSError, ImportError) as error:
        raise typer.BadParameter(str(error)) from error


def networks_of(paths: Sequence[Path], model: str, arguments: str, device: str) -> list[nn.Module]:
    """The networks of some checkpoints, on a device."""
    with refusals():
        where = _device(device)
        built = build_model(model, arguments)
        return [load_network(built, path).to(where) for path in paths]


def narrow_networks_of(paths: Sequence[Path], like: nn.Module) -> dict[int, list[nn.Module]]:
    """The networks of checkpoints, or of all checkpoints in folders, by their width.

    Args:
        paths: of files and folders.
        like: of their kind, but of any width.
    """
    found: dict[int, list[nn.Module]] = {}
    with refusals():
        for path in [file for given in paths for file in _checkpoints(given)]:
            network = load_network_of_other_width(like, path)
            try:
                width = hidden_width(network)
            except ValueError as reason:
                raise ValueError(f"{path}: {reason}") from reason
            found.setdefault(width, []).append(network)
    return found


def _checkpoints(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix in CHECKPOINTS)
    if not found:
        raise ValueError(f"{path} holds no checkpoints, which end in {', '.join(CHECKPOINTS)}")
    return found


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        what, *_ = str(error).splitlines()
        raise ValueError(f"device {name!r} cannot be used: {what}") from error
    return device


def examples_of(
    source: str,
    loss: str,
    *,
    split: str = "test",
    data_dir: Path | None = None,
    limit: int | None = None,
    shape: str = "",
) -> AnyExamples:
    """The examples that the options describe."""
    with refusals():
        data = read_examples(source, read_loss(loss), split=split, data_dir=data_dir, limit=limit)
        return data if not shape else replace(data, inputs=_shaped(data, shape))


def unjudged(source: str, *, split: str, data_dir: Path | None, limit: int | None) -> AnyExamples:
    """Examples of which inputs alone are wanted, whatever their labels."""
    return read_examples(source, _ANY_LABELS, split=split, data_dir=data_dir, limit=limit)


def _shaped(data: AnyExamples, shape: str) -> Tensor:
    try:
        sizes = [int(size) for size in shape.split(",")]
    except ValueError:
        raise ValueError(f"input shape must be numbers such as 1,28,28, got {shape!r}") from None
    if not isinstance(data.inputs, Tensor):
        raise ValueError("input shape is for data whose inputs are one tensor")
    if data.inputs[0].numel() != torch.Size(sizes).numel():
        found = list(data.inputs.shape[1:])
        raise ValueError(f"input shape {shape} does not hold inputs of shape {found}")
    return data.inputs.reshape(len(data), *sizes)
