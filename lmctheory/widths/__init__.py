"""From a tolerance to a number of neurons: two-layer (T) and deep (D) networks."""

from lmctheory.widths import (
    averaging,
    deep,
    dropout,
    ensembles,
    fixed_outputs,
    kernels,
    low_dimension,
    lower,
    mean_field,
    neuron_gap,
    non_gaussian,
    paper_rates,
    simulated,
    two_layer,
)

__all__ = [
    "averaging",
    "deep",
    "dropout",
    "ensembles",
    "fixed_outputs",
    "kernels",
    "low_dimension",
    "lower",
    "mean_field",
    "neuron_gap",
    "non_gaussian",
    "paper_rates",
    "simulated",
    "two_layer",
]
