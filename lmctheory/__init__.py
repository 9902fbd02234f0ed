"""lmctheory computes, verifies and tests the theory of linear mode connectivity.

Subpackages, each importable as an attribute (`import lmctheory as lmc; lmc.rates...`) and loaded
on first use, so that the theory alone does not import PyTorch:

    measures   laws of one neuron's weights
    rates      how fast the matching cost falls with width (R)
    widths     from a tolerance to a number of neurons (T, D)
    networks   small networks, data, and the training of many networks at once
    matching   the permutation that aligns two networks
    paths      loss barriers, and certificates that bound them (C)
    layerwise  which layers make the barrier, and why (L)
    sweeps     numerical sweeps that resume
    theorems   every statement with its source and a check that could fail

and one function, `lmc.sweep`, which sweeps widths of one's own networks (`lmctheory.sweeps.sweep`).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what `__getattr__` does while programs run, type checkers and editors see here
    from lmctheory import (
        layerwise,
        matching,
        measures,
        networks,
        paths,
        rates,
        sweeps,
        theorems,
        widths,
    )
    from lmctheory.sweeps import sweep
else:
    from importlib import import_module

    def __getattr__(name):
        if name == "sweep":
            return import_module("lmctheory.sweeps").sweep
        if name in __all__:
            return import_module(f"lmctheory.{name}")
        raise AttributeError(f"module 'lmctheory' has no attribute {name!r}")

    def __dir__():
        return [*globals(), *__all__]


__all__ = [
    "layerwise",
    "matching",
    "measures",
    "networks",
    "paths",
    "rates",
    "sweep",
    "sweeps",
    "theorems",
    "widths",
]
__version__ = "0.1.0"
