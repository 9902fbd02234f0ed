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
    prediction barriers of wide networks from narrow ones (P)
    sweeps     numerical sweeps that resume
    files      checkpoints, models' code and data of users
    comparison two networks compared by all of these, and the report
    theorems   every statement with its source and a check that could fail

and two functions about one's own networks: `lmc.compare`, all that can be said of two of them
(`lmctheory.comparison`), and `lmc.sweep`, which sweeps their widths (`lmctheory.sweeps`).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what `__getattr__` does while programs run, type checkers and editors see here
    from lmctheory import (
        comparison,
        files,
        layerwise,
        matching,
        measures,
        networks,
        paths,
        prediction,
        rates,
        sweeps,
        theorems,
        widths,
    )
    from lmctheory.comparison import compare
    from lmctheory.sweeps import sweep
else:
    from importlib import import_module

    _FUNCTIONS = {"compare": "comparison", "sweep": "sweeps"}

    def __getattr__(name):
        if name in _FUNCTIONS:
            return getattr(import_module(f"lmctheory.{_FUNCTIONS[name]}"), name)
        if name in __all__:
            return import_module(f"lmctheory.{name}")
        raise AttributeError(f"module 'lmctheory' has no attribute {name!r}")

    def __dir__():
        return [*globals(), *__all__]


__all__ = [
    "compare",
    "comparison",
    "files",
    "layerwise",
    "matching",
    "measures",
    "networks",
    "paths",
    "prediction",
    "rates",
    "sweep",
    "sweeps",
    "theorems",
    "widths",
]
__version__ = "0.1.0"
