"""What both ways of reading a network share: how it is called, and what their errors say."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jaxtyping
import torch
from torch import nn

from lmctheory.networks.calling import Inputs, entry, filled, returned

__all__ = ["PREFIX", "Root", "told", "untyped"]

PREFIX = "network."
"""Of the names of everything in a network, as its `Root` sees them."""


class Root(nn.Module):
    """Holds a network, so that its own hooks and default arguments take effect.

    It takes all inputs in one argument, and gives the output alone.
    """

    def __init__(self, network: nn.Module, like: Inputs | None, key: str | int | None) -> None:
        super().__init__()
        self.network, self.like, self.key = network, filled(like, lambda _: None), key

    def forward(self, inputs: Any) -> Any:
        """The output."""
        given = filled(self.like, lambda place: inputs if place is None else inputs[place])
        return entry(returned(self.network, given), self.key)


@contextmanager
def untyped() -> Iterator[None]:
    """Suspends jaxtyping's checks, which the symbols that stand for tensors cannot pass."""
    disabled = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", disabled)


_LIBRARIES = (str(Path(torch.__file__).parent), str(Path(__file__).parents[2]))


def told(error: Exception) -> str:
    """What an error says, and the line of the network's own code that it arose from."""
    what = next(iter(str(error).splitlines()), type(error).__name__)
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.line and not frame.filename.startswith(_LIBRARIES)
    ]
    if not own:
        return what
    return (
        f"{what.rstrip('.')} ({Path(own[-1].filename).name}, line {own[-1].lineno}: {own[-1].line})"
    )
