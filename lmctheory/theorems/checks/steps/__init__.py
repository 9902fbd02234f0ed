"""What checks the steps of proofs; importing it declares all."""

from lmctheory.theorems.checks.steps import lower, training, two_layer

__all__ = ["lower", "training", "two_layer"]
