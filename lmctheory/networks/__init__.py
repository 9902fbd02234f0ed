"""Small networks: activations, architectures, data, and the training of many at once."""

from lmctheory.networks.activations import Activation, activation, activation_of
from lmctheory.networks.chain import (
    AffineChain,
    require_finite,
    require_same_architecture,
    stack_chains,
)
from lmctheory.networks.data import DATASETS, Dataset, Examples, load_dataset, read_idx
from lmctheory.networks.mlp import MLP
from lmctheory.networks.tracing import affine_chain, evaluation_mode
from lmctheory.networks.training import TrainingConfig, seeded_generators, train_many

__all__ = [
    "DATASETS",
    "MLP",
    "Activation",
    "AffineChain",
    "Dataset",
    "Examples",
    "TrainingConfig",
    "activation",
    "activation_of",
    "affine_chain",
    "evaluation_mode",
    "load_dataset",
    "read_idx",
    "require_finite",
    "require_same_architecture",
    "seeded_generators",
    "stack_chains",
    "train_many",
]
