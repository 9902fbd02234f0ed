"""Small networks: activations, architectures, data, and the training of many at once."""

from lmctheory.networks.activations import Activation, activation, activation_of
from lmctheory.networks.affine import affine_chain, evaluation_mode, find_chain, find_chains
from lmctheory.networks.agreement import (
    require_fit,
    require_inputs_fit,
    require_labels,
    require_same_state,
    require_segment,
)
from lmctheory.networks.chain import (
    AffineChain,
    require_finite,
    require_same_architecture,
    stack_chains,
)
from lmctheory.networks.cnn import CNN, VGG
from lmctheory.networks.data import DATASETS, Dataset, Examples, load_dataset, read_idx
from lmctheory.networks.data_order import seeded_generators
from lmctheory.networks.losses import hits, wide
from lmctheory.networks.mlp import MLP
from lmctheory.networks.resnet import ResNet20
from lmctheory.networks.state import Evaluation, copied, in_type_of, placed, slots
from lmctheory.networks.training import TrainingConfig, train_many
from lmctheory.networks.vit import ViT

__all__ = [
    "CNN",
    "DATASETS",
    "MLP",
    "VGG",
    "Activation",
    "AffineChain",
    "Dataset",
    "Evaluation",
    "Examples",
    "ResNet20",
    "TrainingConfig",
    "ViT",
    "activation",
    "activation_of",
    "affine_chain",
    "copied",
    "evaluation_mode",
    "find_chain",
    "find_chains",
    "hits",
    "in_type_of",
    "load_dataset",
    "placed",
    "read_idx",
    "require_finite",
    "require_fit",
    "require_inputs_fit",
    "require_labels",
    "require_same_architecture",
    "require_same_state",
    "require_segment",
    "seeded_generators",
    "slots",
    "stack_chains",
    "train_many",
    "wide",
]
