"""What users keep in files (weights, code, data): read safely, written whole or not at all."""

from lmctheory.files.checkpoints import load_network, read_state, write_state
from lmctheory.files.code import build_model, load_object
from lmctheory.files.example_files import read_examples, read_loss
from lmctheory.files.writing import writing

__all__ = [
    "build_model",
    "load_network",
    "load_object",
    "read_examples",
    "read_loss",
    "read_state",
    "write_state",
    "writing",
]
