"""What checks the steps of proofs; importing it declares all."""

from lmctheory.theorems.checks.steps import training

__all__ = ["training"]
